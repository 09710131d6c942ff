"""A publisher that is killed leaves a registry that reads as before or as after, and that takes the next publish.

A driver process forks one publisher after the other. Each is killed by itself, with SIGKILL, at its n-th call that
touches the file system (an audit hook counts opens, renames, removals ...), for every n until one gets through; or by
the driver after a random time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

_DRIVER = """
import os, random, signal, sys, time; sys.path[:0] = {paths!r}
from pathlib import Path
from registry_conformance import contents, package_of
from aai.package.build import VariantSource, build_package
from aai.registry.folder import FolderRegistry
import filelock

work, way, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
registry = FolderRegistry(work / "registry")
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "fcntl.flock", "shutil.rmtree")


def text(number):
    return f"version {{number}} " * (1 if way == "each call" else 40_000)


def publish(number):
    source = work / f"{{number}}.onnx"
    source.write_text(text(number))
    with registry.staging("acme/model") as take:
        variant = VariantSource("default", b"{{}}", {{"w.onnx": source}})
        registry.publish(build_package("acme/model", [variant], {{}}, take), tag="newest")


def kill_at(call):
    left = [call]
    def watch(event, arguments):
        if event in EVENTS and str(work) in str(arguments) or event == "fcntl.flock":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)


def child(number, prepare):
    pid = os.fork()
    if pid == 0:
        prepare()
        publish(number)
        os._exit(0)
    return pid


def check(before, number):
    versions = registry.versions("acme/model") if registry.list_models() else []
    assert len(versions) in (before, before + 1), versions
    for version in versions:
        got = contents(registry, "acme/model", work, str(version.number))["w.onnx"]
        assert got in (text(version.number).encode(), text(number).encode()), version
    if versions:
        assert registry.resolve("acme/model", "newest").number == len(versions)
    return len(versions)


def temporary():
    return [str(path) for path in registry.root.rglob(".*") if path.name != ".lock"]


killed, done, call = 0, 0, 0
delays = random.Random(seed)
if way == "random":
    began = time.monotonic()
    os.waitpid(child(1, lambda: None), 0)
    took, done = time.monotonic() - began, check(0, 1)
while call < 200:
    call += 1
    if way == "each call":
        status = os.waitpid(child(done + 1, lambda: kill_at(call)), 0)[1]
    else:
        pid = child(done + 1, lambda: None)
        time.sleep(delays.uniform(0, took))
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    done = check(done, done + 1)
    if os.WIFSIGNALED(status):
        killed += 1
    elif way == "each call":
        break
    if way == "random" and killed == 12:
        break
assert killed >= 12, killed
publish(done + 1)
assert check(done, done + 1) == done + 1
assert temporary() == [], temporary()
print(f"killed {{killed}} times, {{done + 1}} versions")
"""


@pytest.mark.parametrize(("way", "seed"), [("each call", 0), pytest.param("random", 1, marks=pytest.mark.slow)])
def test_a_killed_publisher_leaves_the_registry_as_before_or_after(tmp_path: Path, way: str, seed: int) -> None:
    code = _DRIVER.format(paths=[str(ROOT), str(Path(__file__).parent)])
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), way, str(seed)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.startswith("killed")
