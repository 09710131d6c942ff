"""Installs that are killed, that meet each other, and that have no right to write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest
from app_lab import LABELS, Lab
from kill import killed_at_each_change

from aai.core.app.install import install_app
from aai.core.app.resolve import apply_plan, plan_add
from aai.core.app.status import app_status
from aai.device.store import Store
from aai.errors import NotAllowed

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def assert_whole(lab: Lab, *allowed: tuple[int, bytes]) -> None:
    """What an app reads at this moment is one of `allowed`: version and weights that belong together."""
    assert (lab.version(), lab.weights()) in allowed
    assert (lab.place() / "labels.txt").read_bytes() == LABELS


def with_update_to_install(lab: Lab) -> None:
    lab.publish(weights=b"one")
    lab.add("acme/yolo")
    lab.install()
    lab.publish(weights=b"two")
    lab.add("acme/yolo")


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_an_update_killed_anywhere_leaves_old_or_new_and_the_next_run_ends_it(lab: Lab, step: int) -> None:
    with_update_to_install(lab)
    kills = []
    for number in killed_at_each_change(lab.install, step):
        kills.append(number)
        assert_whole(lab, (1, b"one"), (2, b"two"))
    assert len(kills) > 2
    assert_whole(lab, (2, b"two"))
    assert app_status(lab.app, verify=True).healthy
    assert len(list((lab.app / "models/.installed/acme/yolo").iterdir())) == 1
    assert not lab.install().changed


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_each_kill_is_mended_by_the_very_next_run(lab: Lab, step: int) -> None:
    with_update_to_install(lab)
    before = lab.folder / "before"
    shutil.copytree(lab.app, before, symlinks=True)
    for _ in killed_at_each_change(lab.install, step):
        lab.install()
        assert_whole(lab, (2, b"two"))
        assert app_status(lab.app, verify=True).healthy
        assert len(list((lab.app / "models/.installed/acme/yolo").iterdir())) == 1
        shutil.rmtree(lab.app)
        shutil.rmtree(lab.folder / "store")
        shutil.copytree(before, lab.app, symlinks=True)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_removal_killed_anywhere_is_ended_by_the_next_run(lab: Lab, step: int) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    (lab.app / "alwaysai.app.json").write_text('{"models": {}}')
    for _ in killed_at_each_change(lab.install, step):
        pass
    assert not os.path.lexists(lab.place())
    assert not (lab.app / "models/.installed/acme/yolo").exists()


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_without_symlinks_a_kill_loses_nothing_either(lab: Lab, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(Path, "symlink_to", refuse)
    with_update_to_install(lab)
    aside = lab.app / "models/.installed/acme/yolo/aside"
    for _ in killed_at_each_change(lab.install, step):
        if lab.place().exists():
            assert_whole(lab, (1, b"one"), (2, b"two"))
        else:
            assert (aside / "weights.onnx").read_bytes() == b"one"
    assert_whole(lab, (2, b"two"))
    assert app_status(lab.app, verify=True).healthy


@pytest.mark.parametrize("first", ["acme/yolo", "me/mine"])
def test_an_add_killed_anywhere_has_happened_or_not(lab: Lab, first: str) -> None:
    lab.publish()
    lab.publish(weights=b"two")
    lab.add("acme/yolo@1")
    lab.install()
    reference = "acme/yolo@2" if first == "acme/yolo" else str(lab.model_folder("me/mine"))
    before = lab.json("alwaysai.app.json")["models"]
    plan = plan_add(lab.app, [reference], lab.registry)
    pins = []
    for _ in killed_at_each_change(lambda: apply_plan(plan, lab.registry)):
        pins.append(lab.json("alwaysai.app.json")["models"])
        lab.install()  # mends the lock, whichever of the two was written
        assert app_status(lab.app).healthy
    after = lab.json("alwaysai.app.json")["models"]
    assert len(pins) > 3
    assert all(pin in (before, after) for pin in pins)
    lab.install()
    assert app_status(lab.app).healthy


def test_two_installs_at_once_both_succeed(lab: Lab) -> None:
    for number in range(6):
        lab.publish(f"acme/m{number}", weights=b"same in all" if number % 2 else os.urandom(100_000))
    lab.add(*(f"acme/m{number}" for number in range(6)))
    lines = (
        "import sys; sys.path[:0] = sys.argv[2:]; from pathlib import Path; from app_lab import Lab; import app_lab; "
        "app_lab.configure_app = lambda folder: None; lab = Lab(Path(sys.argv[1])); lab.install()"
    )
    command = [sys.executable, "-W", "error", "-c", lines, str(lab.folder), str(ROOT), str(ROOT / "tests")]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors.decode()
    assert app_status(lab.app, verify=True).healthy
    assert not lab.install().changed


def test_two_apps_that_share_a_store_install_at_once(lab: Lab) -> None:
    lab.publish(weights=os.urandom(3_000_000))
    lab.add("acme/yolo")
    apps = [lab.folder / f"app{number}" for number in range(6)]
    for app in apps:
        shutil.copytree(lab.app, app)
    errors: list[BaseException] = []

    def install(app: Path) -> None:
        try:
            install_app(app, lab.registry, Store(lab.store.folder), lambda: lab.machine)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=install, args=[app]) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(app_status(app, verify=True).healthy for app in apps)
    assert not list((lab.store.folder / "work").iterdir())


def test_two_people_who_add_at_once_both_get_theirs(lab: Lab) -> None:
    names = [f"acme/m{number}" for number in range(8)]
    for name in names:
        lab.publish(name)
    plans = [plan_add(lab.app, [name], lab.registry) for name in names]
    threads = [threading.Thread(target=apply_plan, args=[plan, lab.registry]) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lab.json("alwaysai.app.json")["models"]) == names
    assert sorted(lab.json("alwaysai.lock.json")["models"]) == names


def test_ctrl_c_ends_at_once_and_the_next_run_goes_on(lab: Lab) -> None:
    with_update_to_install(lab)
    lines = """
import sys, time
sys.path[:0] = sys.argv[2:]
from pathlib import Path
import app_lab
app_lab.configure_app = lambda folder: None
lab = app_lab.Lab(Path(sys.argv[1]))
class Slow:
    def __getattr__(self, name):
        return getattr(registry, name)
    def fetch(self, model_id, digest, size_bytes, destination):
        destination.write_bytes(b"half")
        print("fetching", flush=True)
        time.sleep(60)
registry, lab.registry = lab.registry, Slow()
lab.install()
"""
    command = [sys.executable, "-c", lines, str(lab.folder), str(ROOT), str(ROOT / "tests")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    assert child.stdout.readline() == b"fetching\n"
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) != 0
    child.stdout.close()
    assert_whole(lab, (1, b"one"))
    lab.install()
    assert_whole(lab, (2, b"two"))
    assert not list((lab.store.folder / "work").iterdir())


NOBODY = 65534


@pytest.fixture
def ordinary_lab() -> Iterator[Lab]:
    """A lab as somebody whom file rights bind: root becomes nobody while the test runs."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield Lab(folder / "lab")
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


def test_a_models_folder_that_is_read_only_is_told_and_keeps_its_models(ordinary_lab: Lab) -> None:
    lab = ordinary_lab
    with_update_to_install(lab)
    folders = [lab.app / "models", *(path for path in (lab.app / "models").rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        with pytest.raises(NotAllowed) as caught:
            lab.install()
        assert str(lab.app / "models") in str(caught.value.where)
        assert_whole(lab, (1, b"one"))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    lab.install()
    assert_whole(lab, (2, b"two"))


def test_an_installed_app_in_a_read_only_folder_is_healthy_and_installs_nothing(ordinary_lab: Lab) -> None:
    lab = ordinary_lab
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    folders = [lab.app, *(path for path in lab.app.rglob("*") if path.is_dir() and not path.is_symlink())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert not lab.install(frozen=True).changed
        assert app_status(lab.app).healthy
        with pytest.raises(NotAllowed):
            lab.add(str(lab.model_folder("me/mine")))
    finally:
        for folder in folders:
            folder.chmod(0o755)
