from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from app_lab import write_model
from registry_conformance import RegistryConformance, contents, package_of

from aai.core.model_config import load
from aai.core.publish import publish_model
from aai.errors import AaiError, IntegrityError, NotAllowed, RegistryError
from aai.registry import staging
from aai.registry.folder import FolderRegistry
from aai.storage import storage_error

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    return FolderRegistry(tmp_path / "registry")


def _blob(registry: FolderRegistry, digest: str) -> Path:
    return registry.root / "acme" / "model" / "blobs" / "sha256" / digest.partition(":")[2]


def _hidden(registry: FolderRegistry) -> list[str]:
    return sorted(path.name for path in registry.root.rglob(".*") if path.name != ".lock")


class TestFolderRegistry(RegistryConformance):
    """A folder is a registry."""


def test_reading_makes_nothing(registry: FolderRegistry) -> None:
    registry.list_models()
    registry.projects()
    for ask in (lambda: registry.resolve("acme/model"), lambda: registry.set_tag("acme/model", "x", 1)):
        with pytest.raises(AaiError):
            ask()
    assert not registry.root.exists()


def test_publishing_leaves_no_temporary_file(registry: FolderRegistry, tmp_path: Path) -> None:
    registry.publish(package_of(tmp_path, "a"), tag="x")
    with registry.staging("acme/model") as take:
        (tmp_path / "w").write_text("w")
        take("w", tmp_path / "w")
    assert _hidden(registry) == []


def test_a_number_is_not_given_twice_even_when_its_version_has_gone(registry: FolderRegistry, tmp_path: Path) -> None:
    registry.publish(package_of(tmp_path, "a"))
    registry.publish(package_of(tmp_path, "b"))
    path = registry.root / "acme" / "model" / "index.json"
    document = json.loads(path.read_text())
    del document["manifests"][1]
    path.write_text(json.dumps(document))
    assert registry.publish(package_of(tmp_path, "c")).version.number == 3


def test_what_another_tool_wrote_is_read_and_kept(registry: FolderRegistry, tmp_path: Path) -> None:
    registry.publish(package_of(tmp_path, "a"))
    path = registry.root / "acme" / "model" / "index.json"
    document = json.loads(path.read_text())
    first = document["manifests"][0]
    first["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    tag = {**first, "annotations": {"org.opencontainers.image.ref.name": "theirs"}}
    foreign = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "1" * 64, "size": 3}
    path.write_text(json.dumps({"schemaVersion": 2, "manifests": [first, tag, foreign]}))
    assert registry.resolve("acme/model", "theirs").number == 1
    registry.publish(package_of(tmp_path, "b"))
    assert foreign in json.loads(path.read_text())["manifests"]
    assert [version.tags for version in registry.versions("acme/model")] == [("theirs",), ()]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b'{"manifests": 5}', b'{"manifests": [{"annotations": {}}, 7]}', b"{}"]
)
def test_a_damaged_index_is_named_and_never_overwritten(registry: FolderRegistry, tmp_path: Path, data: bytes) -> None:
    registry.publish(package_of(tmp_path, "a"))
    path = registry.root / "acme" / "model" / "index.json"
    path.write_bytes(data)
    for use in (
        registry.list_models,
        lambda: registry.resolve("acme/model"),
        lambda: registry.publish(package_of(tmp_path, "b")),
    ):
        with pytest.raises(RegistryError) as raised:
            use()
        assert raised.value.where == str(path)
        assert raised.value.fix
    assert path.read_bytes() == data


@pytest.mark.parametrize("damage", [b"x", b"A", b"", b"aa"], ids=["flipped", "other", "empty", "longer"])
def test_a_damaged_blob_is_refused_and_named(registry: FolderRegistry, tmp_path: Path, damage: bytes) -> None:
    package = package_of(tmp_path, "a")
    registry.publish(package)
    file = package.files[0]
    _blob(registry, file.digest).write_bytes(damage)
    with pytest.raises(IntegrityError) as raised:
        registry.fetch("acme/model", file.digest, file.size_bytes, tmp_path / "copy")
    assert raised.value.where == str(_blob(registry, file.digest))
    assert not (tmp_path / "copy").exists()


def test_a_damaged_document_is_refused_and_the_next_publish_mends_it(registry: FolderRegistry, tmp_path: Path) -> None:
    package = package_of(tmp_path, "a")
    registry.publish(package)
    _blob(registry, package.digest).write_bytes(b"x" * len(package.index))
    with pytest.raises(IntegrityError):
        registry.document("acme/model", package.digest)
    assert not registry.publish(package).created
    assert registry.document("acme/model", package.digest) == package.index


@pytest.mark.parametrize("damage", ["truncate", "remove"])
def test_publishing_again_mends_a_truncated_or_missing_file(
    registry: FolderRegistry, tmp_path: Path, damage: str
) -> None:
    package = package_of(tmp_path, "a")
    registry.publish(package)
    blob = _blob(registry, package.files[0].digest)
    blob.write_bytes(b"") if damage == "truncate" else blob.unlink()
    registry.publish(package)
    assert contents(registry, "acme/model", tmp_path)["w.onnx"] == b"a"


def test_publishing_again_mends_a_file_whose_bytes_are_damaged(registry: FolderRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_model(folder, "acme/model", "onnx", b"weights")
    publish_model(load(folder), registry)
    (blob,) = (path for path in registry.root.rglob("*") if path.is_file() and path.read_bytes() == b"weights")
    blob.write_bytes(b"WEIGHTS")
    assert not publish_model(load(folder), registry).created
    assert blob.read_bytes() == b"weights"


def test_a_pipe_in_the_place_of_a_blob_is_refused_at_once(registry: FolderRegistry, tmp_path: Path) -> None:
    package = package_of(tmp_path, "a")
    registry.publish(package)
    blob = _blob(registry, package.files[0].digest)
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(RegistryError):
        registry.fetch("acme/model", package.files[0].digest, 1, tmp_path / "copy")


def test_a_file_in_the_place_of_the_registry_is_named(tmp_path: Path) -> None:
    (tmp_path / "registry").write_text("a file")
    registry = FolderRegistry(tmp_path / "registry")
    with pytest.raises(RegistryError):
        registry.list_models()
    with pytest.raises(AaiError) as raised:
        registry.publish(package_of(tmp_path, "a"))
    assert str(tmp_path / "registry") in str(raised.value.where)


def test_files_that_lie_about_in_the_registry_do_not_disturb(registry: FolderRegistry, tmp_path: Path) -> None:
    registry.publish(package_of(tmp_path, "a"))
    (registry.root / "README.txt").write_text("ours")
    (registry.root / "acme" / "notes").write_text("ours")
    (registry.root / "acme" / "empty").mkdir()
    (registry.root / ".git" / "objects").mkdir(parents=True)
    assert [model_id for model_id, _ in registry.list_models()] == ["acme/model"]


def test_a_reader_sees_whole_versions_while_somebody_publishes(registry: FolderRegistry, tmp_path: Path) -> None:
    packages = [package_of(tmp_path, f"text {number}") for number in range(30)]
    registry.publish(packages[0])
    writer = threading.Thread(target=lambda: [registry.publish(package, tag="x") for package in packages])
    writer.start()
    reads = 0
    while writer.is_alive():
        version = registry.resolve("acme/model")
        registry.document("acme/model", version.digest)
        reads += 1
    writer.join()
    assert reads > 10
    assert registry.resolve("acme/model").number == 30


_PUBLISH = """
import sys; sys.path[:0] = {paths!r}
from pathlib import Path
from registry_conformance import package_of
from aai.registry.folder import FolderRegistry
folder, start = Path(sys.argv[1]), int(sys.argv[2])
packages = [package_of(folder / sys.argv[2], f"text {{number}}") for number in range(start, start + 5)]
print("ready", flush=True)
sys.stdin.readline()
for package in packages:
    print(FolderRegistry(folder / "registry").publish(package).version.number, flush=True)
"""


def test_two_processes_that_publish_at_once_get_different_numbers(registry: FolderRegistry, tmp_path: Path) -> None:
    code = _PUBLISH.format(paths=[str(ROOT), str(Path(__file__).parent)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(start)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for start in (0, 100)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sorted(int(number) for answer in answers for number in answer) == list(range(1, 11))
    assert [version.number for version in registry.versions("acme/model")] == list(range(1, 11))


_LIMITED = """
import resource, signal, sys; sys.path[:0] = {paths!r}
from pathlib import Path
from registry_conformance import package_of
from aai.errors import StorageFailed
from aai.package.build import VariantSource, build_package
from aai.registry.folder import FolderRegistry
work, limit = Path(sys.argv[1]), int(sys.argv[2])
registry = FolderRegistry(work / "registry")
package = package_of(work, "b" * 100_000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    if sys.argv[3] == "staged":
        with registry.staging("acme/model") as take:
            variant = VariantSource("default", b"", {{"w": package.files[0].source}})
            registry.publish(build_package("acme/model", [variant], {{}}, take))
    else:
        registry.publish(package)
except StorageFailed as error:
    assert error.where
else:
    raise SystemExit("published")
"""


@pytest.mark.parametrize("way", ["staged", "plain"])
@pytest.mark.parametrize("limit", [10, 50_000, *(pytest.param(limit, marks=pytest.mark.slow) for limit in (0, 300))])
def test_a_disk_that_takes_no_more_leaves_the_registry_as_it_was(
    registry: FolderRegistry, tmp_path: Path, way: str, limit: int
) -> None:
    registry.publish(package_of(tmp_path, "a"))
    code = _LIMITED.format(paths=[str(ROOT), str(Path(__file__).parent)])
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(limit), way], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert _hidden(registry) == []
    assert [version.number for version in registry.versions("acme/model")] == [1]
    assert contents(registry, "acme/model", tmp_path)["w.onnx"] == b"a"
    assert registry.publish(package_of(tmp_path, "b" * 100_000)).version.number == 2


def test_the_staging_of_a_live_publisher_is_not_swept(registry: FolderRegistry, tmp_path: Path) -> None:
    (tmp_path / "w").write_text("w")
    with registry.staging("acme/model") as take:
        taken = take("w", tmp_path / "w")
        registry.publish(package_of(tmp_path, "a"))
        assert taken.source.read_text() == "w"


def test_what_a_dead_publisher_left_is_swept(registry: FolderRegistry, tmp_path: Path) -> None:
    registry.publish(package_of(tmp_path, "a"))
    folder = registry.root / "acme" / "model"
    (folder / f"{staging._PREFIX}dead").mkdir()
    (folder / f"{staging._PREFIX}dead" / "1").write_text("left")
    (folder / ".index.json.abc.tmp").write_text("left")
    (folder / "blobs" / "sha256" / ".abc.tmp").write_text("left")
    registry.publish(package_of(tmp_path, "b"))
    assert _hidden(registry) == []


def test_a_registry_that_can_not_be_written_can_be_read(registry: FolderRegistry, tmp_path: Path) -> None:
    registry.publish(package_of(tmp_path, "a"))
    folders = [registry.root, *(path for path in registry.root.rglob("*") if path.is_dir())]
    locks = list(registry.root.rglob(".lock"))
    for path in [*folders, *locks]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        answer = _as_somebody(
            "from registry_conformance import contents, package_of\n"
            "from aai.errors import NotAllowed\n"
            "assert contents(registry, 'acme/model', work)['w.onnx'] == b'a'\n"
            "assert len(registry.list_models()) == 1\n"
            "for use in (lambda: registry.publish(package_of(work, 'b')), lambda: registry.staging('acme/model'),\n"
            "            lambda: registry.set_tag('acme/model', 'x', 1), lambda: registry.create_project('p')):\n"
            "    try: use()\n"
            "    except NotAllowed as error: assert error.fix\n"
            "    else: raise AssertionError('written')\n",
            registry.root,
            tmp_path / "work",
        )
    finally:
        for path in folders:
            path.chmod(0o755)
    assert answer.returncode == 0, answer.stderr


def _as_somebody(code: str, root: Path, work: Path) -> subprocess.CompletedProcess[str]:
    """Runs `code` as a user whom file rights bind; root gives up its capabilities for that (capset(2))."""
    work.mkdir()
    start = (
        f"import ctypes, os, sys; sys.path[:0] = {[str(ROOT), str(Path(__file__).parent)]!r}\n"
        "if os.getuid() == 0:\n"
        "    header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        "    assert ctypes.CDLL(None).capset(header, nothing) == 0\n"
        "from pathlib import Path\n"
        "from aai.registry.folder import FolderRegistry\n"
        f"registry, work = FolderRegistry(Path({str(root)!r})), Path({str(work)!r})\n"
    )
    return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)


def test_rights_that_forbid_writing_are_their_own_error() -> None:
    assert isinstance(storage_error(PermissionError(13, "denied"), Path("x")), NotAllowed)


def test_rights_are_told_of_a_folder_that_is_there_not_of_a_temporary_file(tmp_path: Path) -> None:
    error = storage_error(PermissionError(13, "denied"), tmp_path / "a b" / ".x.tmp")
    assert error.where == str(tmp_path)
    (tmp_path / "a b").mkdir()
    error = storage_error(PermissionError(13, "denied"), tmp_path / "a b" / ".x.tmp")
    assert error.where == str(tmp_path / "a b")
    assert str(error.fix).endswith(f"ls -ld '{tmp_path / 'a b'}'")


def test_many_models_do_not_slow_down_a_publish_by_more_reading(registry: FolderRegistry, tmp_path: Path) -> None:
    registry.publish(package_of(tmp_path, "a"))
    for number in range(10):
        registry.publish(package_of(tmp_path, f"text {number}", f"other/model{number}"))
    opened: list[str] = []
    watched = {"on": True}

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watched["on"] and event in ("open", "os.scandir", "os.listdir"):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    package = package_of(tmp_path, "b")
    opened.clear()
    registry.publish(package)
    watched["on"] = False
    assert opened
    assert not any("other" in path or path == str(registry.root) for path in opened)
