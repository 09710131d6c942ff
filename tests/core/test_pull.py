"""A published version, copied into a folder: whole, or nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aai.core.model_config import load
from aai.core.publish import publish_model
from aai.core.pull import pull_model
from aai.errors import AaiError, IntegrityError, UsageError
from aai.registry.folder import FolderRegistry

PARAMETERS = {
    "framework_type": "onnx",
    "purpose": "Classification",
    "model_file": "net/w.onnx",
    "label_file": "labels.txt",
    "size": [2, 2],
}


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """Holds acme/net, version 1."""
    folder = tmp_path / "source"
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "w.onnx").write_bytes(b"weights")
    (folder / "labels.txt").write_text("ant\nbee\n")
    (folder / "alwaysai.model.json").write_text(json.dumps({"id": "acme/net", "model_parameters": PARAMETERS}))
    registry = FolderRegistry(tmp_path / "registry")
    publish_model(load(folder), registry)
    return registry


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["new", "new/below", "empty", "."])
def test_a_version_is_copied_into_a_folder_that_is_new_or_empty(
    tmp_path: Path, registry: FolderRegistry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (here / "empty").mkdir(parents=True)
    if name == ".":
        (here / "empty").rmdir()
    monkeypatch.chdir(here)
    pulled = pull_model(registry, "acme/net@1", Path(name))
    assert files(here / name) == ["alwaysai.model.json", "labels.txt", "net/w.onnx"]
    assert load(Path(name)).version == pulled.number == 1
    assert not list(here.rglob("*.tmp"))


def test_an_empty_folder_stays_the_same_one(tmp_path: Path, registry: FolderRegistry) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    before = folder.stat().st_ino
    pull_model(registry, "acme/net", folder)
    assert folder.stat().st_ino == before


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_left_where_a_file_is_not_the_one_that_was_published(
    tmp_path: Path, registry: FolderRegistry, is_there: bool
) -> None:
    for blob in (tmp_path / "registry").rglob("*"):
        if blob.is_file() and blob.read_bytes() == b"weights":
            blob.chmod(0o644)
            blob.write_bytes(b"WEIGHTS")
    folder = tmp_path / "copies" / "copy"
    (folder if is_there else folder.parent).mkdir(parents=True)
    with pytest.raises(IntegrityError):
        pull_model(registry, "acme/net", folder)
    assert folder.exists() == is_there
    assert not any(path.name != "copy" for path in (tmp_path / "copies").rglob("*"))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, registry: FolderRegistry) -> None:
    with pytest.raises(UsageError, match="holds something"):
        pull_model(registry, "acme/net", tmp_path / "source")


def test_a_variant_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, registry: FolderRegistry) -> None:
    with pytest.raises(AaiError) as caught:
        pull_model(registry, "acme/net", tmp_path / "copy", "int8")
    assert "default" in str(caught.value)
    assert caught.value.where == "acme/net@1"
