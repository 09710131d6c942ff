from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from app_lab import LABELS, Lab

from aai.core.app.status import app_status
from aai.core.app.target import Machine
from aai.errors import AaiError, IntegrityError, InvalidFiles, NotAllowed, NotFound, RegistryError, StorageFailed


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def actions(result: Any) -> dict[str, str]:
    return {model.id: model.action for model in result.models}


def blob_of(lab: Lab, data: bytes, model_id: str = "acme/yolo") -> Path:
    """The registry's blob with these bytes."""
    return next(
        path
        for path in (lab.folder / "registry" / model_id / "blobs" / "sha256").iterdir()
        if path.read_bytes() == data
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_install_puts_the_files_and_the_version_where_apps_read_them(lab: Lab) -> None:
    lab.publish(files={"cfg/deep/yolo.cfg": b"[net]"})
    lab.add("acme/yolo")
    result = lab.install()
    assert actions(result) == {"acme/yolo": "install"}
    assert lab.weights() == b"weights"
    assert (lab.place() / "labels.txt").read_bytes() == LABELS
    assert (lab.place() / "cfg/deep/yolo.cfg").read_bytes() == b"[net]"
    assert lab.version() == 1
    assert result.models[0].size_bytes > 0
    assert json.dumps(result.as_dict())


def test_installed_files_are_read_only_links_to_the_store(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    status = (lab.place() / "weights.onnx").stat()
    assert status.st_mode & 0o222 == 0
    blobs = {path.stat().st_ino for path in (lab.folder / "store" / "blobs" / "sha256").iterdir()}
    assert status.st_ino in blobs
    registry = {path.stat().st_ino for path in (lab.folder / "registry").rglob("*")}
    assert status.st_ino not in registry


def test_a_second_install_does_nothing_and_asks_neither_registry_nor_machine(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    before = {path: path.lstat().st_mtime_ns for path in lab.app.rglob("*")}
    lab.registry = None
    lab.machine = None  # type: ignore[assignment]
    result = lab.install(frozen=True)
    assert actions(result) == {"acme/yolo": "none"}
    assert not result.changed
    assert {path: path.lstat().st_mtime_ns for path in lab.app.rglob("*")} == before


def test_an_update_switches_and_leaves_nothing_of_the_old_version(lab: Lab) -> None:
    lab.publish(weights=b"one")
    lab.add("acme/yolo")
    lab.install()
    lab.publish(weights=b"two")
    lab.add("acme/yolo")
    result = lab.install()
    assert (result.models[0].action, result.models[0].before, result.models[0].version) == ("update", 1, 2)
    assert lab.weights() == b"two"
    assert lab.version() == 2
    assert len(list((lab.app / "models/.installed/acme/yolo").iterdir())) == 1


def test_a_reader_sees_the_old_or_the_new_at_every_moment(lab: Lab) -> None:
    for weights in (b"one", b"two"):
        lab.publish(weights=weights)
    lab.add("acme/yolo@1")
    lab.install()
    seen: set[bytes] = set()
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                seen.add(lab.weights())
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(8):
        lab.add(f"acme/yolo@{number % 2 + 1}")
        lab.install()
    stop.set()
    reader.join()
    assert not failures
    assert seen == {b"one", b"two"}


def test_what_is_no_longer_wanted_is_removed_unless_keep(lab: Lab) -> None:
    for name in ("acme/yolo", "acme/faces"):
        lab.publish(name)
    lab.add("acme/yolo", "acme/faces")
    lab.install()
    document = lab.json("alwaysai.app.json")
    del document["models"]["acme/faces"]
    (lab.app / "alwaysai.app.json").write_text(json.dumps(document))
    assert lab.install(keep=True).kept == ("acme/faces",)
    assert lab.weights("acme/faces") == b"weights"
    assert actions(lab.install(dry_run=True))["acme/faces"] == "remove"
    assert lab.weights("acme/faces") == b"weights"
    assert actions(lab.install())["acme/faces"] == "remove"
    assert not os.path.lexists(lab.place("acme/faces"))
    assert not (lab.app / "models/.installed/acme/faces").exists()
    assert lab.weights("acme/yolo") == b"weights"


def test_a_dry_run_tells_what_the_install_then_does_and_writes_nothing(lab: Lab) -> None:
    lab.publish()
    lab.publish("acme/faces", variants={"int8": {"weights": b"a longer one"}})
    lab.add("acme/yolo", "acme/faces", str(lab.model_folder("me/mine")))
    before = tree(lab.folder)
    planned = lab.install(dry_run=True, variant="int8")
    assert tree(lab.folder) == before
    done = lab.install(variant="int8")
    for plan, result in zip(planned.models, done.models):
        assert (plan.id, plan.action, plan.version, plan.variant) == (
            result.id,
            result.action,
            result.version,
            result.variant,
        )
        assert plan.size_bytes > 0
    (faces, _, _) = lab.install(dry_run=True, variant="default").models
    assert (faces.action, faces.variant, faces.variant_reason) == ("update", "default", "asked for")
    assert not lab.install(dry_run=True).changed


def test_a_dry_run_fails_where_the_install_would(lab: Lab) -> None:
    source = lab.model_folder("me/mine")
    lab.publish()
    lab.add("acme/yolo", str(source))
    with pytest.raises(NotFound, match="int9"):
        lab.install(dry_run=True, variant="int9")
    shutil.rmtree(source)
    with pytest.raises(NotFound, match="the model folder of me/mine is not there"):
        lab.install(dry_run=True)


def test_folders_that_were_not_installed_are_left_alone(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    mine = lab.app / "models" / "me" / "mine"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("keep")
    lab.install()
    assert (mine / "notes.txt").read_text() == "keep"


def test_install_refuses_to_replace_a_folder_of_the_user(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.place().mkdir(parents=True)
    (lab.place() / "my-training.txt").write_text("weeks of work")
    with pytest.raises(NotAllowed, match="not installed"):
        lab.install()
    assert (lab.place() / "my-training.txt").read_text() == "weeks of work"


def test_a_folder_that_the_reference_tool_installed_is_replaced(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.place().mkdir(parents=True)
    (lab.place() / "alwaysai.model.json").write_text('{"id": "acme/yolo", "version": 3}')
    lab.install()
    assert lab.weights() == b"weights"
    assert len(list((lab.app / "models/.installed/acme/yolo").iterdir())) == 1


def test_pins_without_a_lock_install_and_write_it(lab: Lab) -> None:
    lab.publish()
    (lab.app / "alwaysai.app.json").write_text('{"models": {"acme/yolo": 1}}')
    result = lab.install()
    assert result.newly_locked == ("acme/yolo",)
    assert lab.json("alwaysai.lock.json")["models"]["acme/yolo"]["digest"] == lab.registry.resolve("acme/yolo").digest


def test_frozen_refuses_a_lock_that_differs_and_changes_nothing(lab: Lab) -> None:
    lab.publish()
    lab.publish("acme/faces")
    lab.add("acme/yolo")
    (lab.app / "alwaysai.app.json").write_text('{"models": {"acme/yolo": 2, "acme/faces": 1}}')
    before = tree(lab.app)
    with pytest.raises(InvalidFiles) as caught:
        lab.install(frozen=True)
    assert len(caught.value.findings) == 2
    assert tree(lab.app) == before


def test_a_corrupted_blob_is_named_and_the_installed_model_stays(lab: Lab) -> None:
    lab.publish(weights=b"one")
    lab.publish("acme/faces", weights=b"face")
    lab.add("acme/yolo", "acme/faces")
    lab.install()
    lab.publish(weights=b"two")
    lab.publish("acme/faces", weights=b"face two")
    lab.add("acme/yolo", "acme/faces")
    blob = blob_of(lab, b"two")
    blob.chmod(0o644)
    blob.write_bytes(b"tw0")
    with pytest.raises(IntegrityError) as caught:
        lab.install()
    assert "weights.onnx of acme/yolo" in str(caught.value.where)
    assert blob.name in str(caught.value)
    assert lab.weights() == b"one"
    assert lab.version() == 1
    assert lab.weights("acme/faces") == b"face two"
    assert not list((lab.folder / "store" / "work").iterdir())
    blob.write_bytes(b"two")
    lab.install()
    assert lab.weights() == b"two"


def test_several_failures_are_all_told_and_the_rest_is_installed(lab: Lab) -> None:
    for name in ("acme/a", "acme/b", "acme/c"):
        lab.publish(name, weights=name.encode())
    lab.add("acme/a", "acme/b", "acme/c")
    for name in ("acme/a", "acme/b"):
        blob = blob_of(lab, name.encode(), name)
        blob.chmod(0o644)
        blob.write_bytes(b"wrong!")
    with pytest.raises(IntegrityError, match=r"acme/a: .*acme/b: "):
        lab.install()
    assert lab.weights("acme/c") == b"acme/c"


def test_a_lock_of_other_bytes_is_not_installed(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lock = lab.json("alwaysai.lock.json")
    lock["models"]["acme/yolo"]["digest"] = "sha256:" + "0" * 64
    (lab.app / "alwaysai.lock.json").write_text(json.dumps(lock))
    with pytest.raises((IntegrityError, RegistryError)):
        lab.install()
    assert not os.path.lexists(lab.place())


@pytest.mark.parametrize(
    "damage", ["edited in place", "replaced", "deleted", "linked", "model file", "receipt", "size in the receipt"]
)
def test_a_changed_installed_file_is_seen_and_repaired(lab: Lab, damage: str) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    weights = lab.place() / "weights.onnx"
    if damage == "edited in place":  # this is the store's own blob
        weights.chmod(0o644)
        weights.write_bytes(b"WEIGHTS")
    elif damage == "replaced":
        weights.unlink()
        weights.write_bytes(b"WEIGHTS")
    elif damage == "deleted":
        weights.unlink()
    elif damage == "linked":
        weights.unlink()
        weights.symlink_to(lab.app / "app.py")
    elif damage == "model file":
        (lab.place() / "alwaysai.model.json").unlink()
        (lab.place() / "alwaysai.model.json").write_text("{}")
    elif damage == "receipt":
        (lab.place() / ".aai-receipt.json").write_text("{")
    else:
        receipt = lab.place() / ".aai-receipt.json"
        document = json.loads(receipt.read_text())
        document["files"][0][2] = "many"
        receipt.write_text(json.dumps(document))
    (model,) = app_status(lab.app).models
    assert not model.healthy
    assert model.reason
    result = lab.install()
    assert actions(result) == {"acme/yolo": "install" if "receipt" in damage else "repair"}
    assert lab.weights() == b"weights"
    assert lab.version() == 1
    assert app_status(lab.app, verify=True).healthy
    assert actions(lab.install()) == {"acme/yolo": "none"}


def test_verify_finds_what_times_hide(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    weights = lab.place() / "weights.onnx"
    status = weights.stat()
    weights.chmod(0o644)
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert actions(lab.install()) == {"acme/yolo": "none"}
    assert actions(lab.install(verify=True)) == {"acme/yolo": "repair"}
    assert lab.weights() == b"weights"


def test_times_lost_in_a_copy_do_no_harm(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    weights = lab.place() / "weights.onnx"
    os.utime(weights)
    assert actions(lab.install()) == {"acme/yolo": "none"}
    copy = lab.folder / "copy"
    shutil.copytree(lab.app, copy, symlinks=True)
    assert app_status(copy).healthy


def test_an_app_installs_offline_what_the_store_has(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    shutil.rmtree(lab.app / "models")
    shutil.rmtree(lab.folder / "registry")
    result = lab.install()
    assert lab.weights() == b"weights"
    assert result.fetched_bytes == 0


def test_a_damaged_store_mends_itself_for_the_next_app(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    shutil.rmtree(lab.app / "models")
    for blob in (lab.folder / "store" / "blobs" / "sha256").iterdir():
        blob.chmod(0o644)
        blob.write_bytes(b"rotten!")
    lab.install()
    assert lab.weights() == b"weights"
    assert app_status(lab.app, verify=True).healthy


def test_versions_of_the_same_bytes_are_told_apart(lab: Lab) -> None:
    for weights in (b"A", b"B", b"A"):
        lab.publish(weights=weights)
    lab.add("acme/yolo@1")
    lab.install()
    lab.add("acme/yolo@3")
    assert actions(lab.install()) == {"acme/yolo": "update"}
    assert lab.version() == 3


# --- variants


def publish_variants(lab: Lab) -> None:
    lab.publish(
        variants={
            "orin": {"framework": "tensor-rt", "device": "orin-nano", "weights": b"orin"},
            "int8": {"weights": b"int8"},
        }
    )
    lab.add("acme/yolo")


def test_the_default_variant_is_taken_where_it_runs(lab: Lab) -> None:
    publish_variants(lab)
    (model,) = lab.install().models
    assert (model.variant, lab.weights()) == ("default", b"weights")
    assert model.variant_reason == "the default, which runs here"


def test_a_variant_made_for_the_machine_comes_first(lab: Lab) -> None:
    publish_variants(lab)
    lab.machine = Machine("aarch64", "orin-nano", frozenset({"onnx", "tensor-rt"}))
    (model,) = lab.install().models
    assert (model.variant, lab.weights()) == ("orin", b"orin")
    assert "orin-nano" in model.variant_reason


def test_a_variant_that_is_asked_for_stays_and_another_can_be_asked_for(lab: Lab) -> None:
    publish_variants(lab)
    lab.install(variant="int8")
    assert lab.weights() == b"int8"
    assert actions(lab.install()) == {"acme/yolo": "none"}
    assert lab.weights() == b"int8"
    lab.install(variant={"acme/yolo": "default"})
    assert lab.weights() == b"weights"


def test_an_unknown_variant_is_refused_with_the_known_ones(lab: Lab) -> None:
    publish_variants(lab)
    with pytest.raises(NotFound) as caught:
        lab.install(variant={"acme/yolo": "int9"})
    assert 'did you mean "int8"?' in str(caught.value.fix)
    with pytest.raises(NotFound, match="int9"):
        lab.install(variant="int9")
    assert not os.path.lexists(lab.place())
    lab.install()
    with pytest.raises(NotFound, match="int9"):
        lab.install(variant="int9")


def test_one_variant_name_for_several_models_takes_it_where_there_is_one(lab: Lab) -> None:
    publish_variants(lab)
    lab.publish("acme/faces", weights=b"face")
    lab.add("acme/faces")
    lab.install(variant="int8")
    assert (lab.weights(), lab.weights("acme/faces")) == (b"int8", b"face")
    assert actions(lab.install(variant="int8")) == {"acme/yolo": "none", "acme/faces": "none"}


def test_an_app_that_moves_to_another_machine_gets_its_variant(lab: Lab) -> None:
    publish_variants(lab)
    lab.install()
    lab.machine = Machine("aarch64", "orin-nano", frozenset({"onnx", "tensor-rt"}))
    assert actions(lab.install()) == {"acme/yolo": "update"}
    assert lab.weights() == b"orin"
    lab.machine = Machine("aarch64", "orin-nano", frozenset({"onnx", "tensor-rt", "darknet"}))
    assert actions(lab.install()) == {"acme/yolo": "none"}
    assert lab.weights() == b"orin"


# --- local models


def test_a_local_model_is_copied_and_again_when_it_changes(lab: Lab) -> None:
    folder = lab.model_folder("me/mine", b"first")
    lab.add(str(folder))
    lab.install()
    assert lab.weights("me/mine") == b"first"
    assert lab.version("me/mine") == 0
    assert (folder / "weights.onnx").stat().st_nlink == 1
    assert actions(lab.install()) == {"me/mine": "none"}
    (folder / "weights.onnx").write_bytes(b"second")
    assert "changed" in app_status(lab.app).models[0].reason
    assert actions(lab.install()) == {"me/mine": "update"}
    assert lab.weights("me/mine") == b"second"


def test_a_local_model_outlives_its_folder(lab: Lab) -> None:
    folder = lab.model_folder("me/mine")
    lab.add(str(folder))
    lab.install()
    shutil.rmtree(folder)
    assert actions(lab.install()) == {"me/mine": "none"}
    shutil.rmtree(lab.app / "models")
    with pytest.raises(NotFound, match="folder of me/mine is not there"):
        lab.install()


def test_a_local_model_in_the_very_place_that_apps_read_is_not_touched(lab: Lab) -> None:
    folder = lab.model_folder("me/mine")
    lab.place("me/mine").parent.mkdir(parents=True)
    folder.rename(lab.place("me/mine"))
    lab.add(str(lab.place("me/mine")))
    assert actions(lab.install()) == {"me/mine": "none"}
    assert lab.weights("me/mine") == b"weights"
    assert app_status(lab.app).healthy


def test_an_installed_model_is_not_a_local_one(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    with pytest.raises(AaiError, match="installed model"):
        lab.add(str(lab.place()))


# --- disks and rights


class FullDisk:
    """A registry on a machine whose disk is full."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def fetch(self, model_id: str, digest: str, size_bytes: int, destination: Path) -> None:
        raise OSError(28, "No space left on device", str(destination))


def test_a_full_disk_leaves_the_installed_model(lab: Lab) -> None:
    lab.publish(weights=b"one")
    lab.add("acme/yolo")
    lab.install()
    lab.publish(weights=b"two")
    lab.add("acme/yolo")
    registry, lab.registry = lab.registry, FullDisk(lab.registry)
    with pytest.raises(StorageFailed, match="no space"):
        lab.install()
    assert (lab.weights(), lab.version()) == (b"one", 1)
    lab.registry = registry
    lab.install()
    assert lab.weights() == b"two"


def test_a_models_folder_that_is_a_file_is_told(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    (lab.app / "models").write_text("")
    with pytest.raises(AaiError) as caught:
        lab.install()
    assert str(lab.app / "models") in str(caught.value)


def test_without_hard_links_files_are_copied(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*args: Any, **more: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    lab.publish()
    lab.add("acme/yolo")
    lab.install()
    assert lab.weights() == b"weights"
    assert (lab.place() / "weights.onnx").stat().st_nlink == 1
    assert actions(lab.install()) == {"acme/yolo": "none"}
    assert app_status(lab.app, verify=True).healthy


@pytest.fixture
def no_symlinks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(Path, "symlink_to", refuse)


@pytest.mark.usefixtures("no_symlinks")
def test_without_symlinks_the_folder_itself_is_switched(lab: Lab) -> None:
    lab.publish(weights=b"one")
    lab.add("acme/yolo")
    lab.install()
    assert not lab.place().is_symlink()
    assert actions(lab.install()) == {"acme/yolo": "none"}
    lab.publish(weights=b"two")
    lab.add("acme/yolo")
    lab.install()
    assert (lab.weights(), lab.version()) == (b"two", 2)
    assert not list((lab.app / "models/.installed/acme/yolo").iterdir())
    (lab.app / "alwaysai.app.json").write_text('{"models": {}}')
    lab.install()
    assert not lab.place().exists()


@pytest.mark.usefixtures("no_symlinks")
def test_a_folder_that_a_killed_switch_set_aside_comes_back(lab: Lab) -> None:
    lab.publish(weights=b"one")
    lab.add("acme/yolo")
    lab.install()
    state = lab.app / "models/.installed/acme/yolo"
    lab.place().rename(state / "aside")
    lab.registry = FullDisk(lab.registry)
    assert actions(lab.install()) == {"acme/yolo": "none"}
    assert lab.weights() == b"one"


def test_files_that_differ_in_case_only_are_refused(lab: Lab) -> None:
    lab.publish(files={"a.cfg": b"1", "A.cfg": b"2"})
    lab.add("acme/yolo")
    with pytest.raises(IntegrityError, match="case only"):
        lab.install()


def test_a_file_with_the_name_of_the_receipt_is_refused(lab: Lab) -> None:
    lab.publish(files={".aai-receipt.json": b"{}"})
    lab.add("acme/yolo")
    with pytest.raises(IntegrityError, match="receipt"):
        lab.install()
    assert not os.path.lexists(lab.place())


def test_an_app_without_models_installs_nothing(lab: Lab) -> None:
    result = lab.install()
    assert not result.changed
    assert not (lab.app / "models").exists()


def test_the_lock_is_made_for_the_pins_that_are_left(lab: Lab) -> None:
    lab.publish()
    lab.add("acme/yolo")
    (lab.app / "alwaysai.app.json").write_text('{"models": {}}')
    lab.install()
    assert lab.json("alwaysai.lock.json")["models"] == {}


def test_progress_is_told_and_ends_with_everything(lab: Lab) -> None:
    from aai.core.app.install import install_app

    lab.publish(weights=b"w" * 1000)
    lab.add("acme/yolo")
    calls: list[tuple[int, int]] = []
    install_app(lab.app, lab.registry, lab.store, lambda: lab.machine, None, lambda *call: calls.append(call))
    assert calls[-1][0] == calls[-1][1] > 1000
    assert calls == sorted(calls)
