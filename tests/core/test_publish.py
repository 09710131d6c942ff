from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aai.core.fields import FILE_NAME
from aai.core.model_config import ModelConfig, load
from aai.core.publish import build, collect_files, publish_model
from aai.errors import InvalidFiles, NotFound, UsageError
from aai.package.read import read_index, read_manifest
from aai.ports import Package
from aai.registry.folder import FolderRegistry

PARAMETERS = {"framework_type": "onnx", "purpose": "Classification", "model_file": "w.onnx", "size": [2, 2]}


def _model(folder: Path, parameters: dict[str, Any] | None = None, **top: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = {"id": "acme/model", "model_parameters": {**PARAMETERS, **(parameters or {})}, **top}
    (folder / FILE_NAME).write_text(json.dumps(document))
    (folder / "w.onnx").write_bytes(b"weights of " + folder.name.encode())
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _model(tmp_path / "model")


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    return FolderRegistry(tmp_path / "registry")


def _paths(package: Package, variant: int = 0) -> list[str]:
    entry = read_index(package.index)[variant]
    return [file.path for file in read_manifest(package.documents[entry.digest]).files]


def _document(package: Package, variant: int = 0) -> dict[str, Any]:
    entry = read_index(package.index)[variant]
    files = {file.path: file.digest for file in read_manifest(package.documents[entry.digest]).files}
    document: dict[str, Any] = json.loads(package.documents[files[FILE_NAME]])
    return document


def test_what_the_configuration_names_is_packed_and_nothing_else(tmp_path: Path) -> None:
    folder = _model(
        tmp_path / "model",
        {"config_file": "net/a.cfg", "label_file": "labels.txt", "colors_file": "./colors.txt"},
        aai={"files": ["w.onnx.data"]},
    )
    (folder / "net").mkdir()
    for name in ("net/a.cfg", "labels.txt", "colors.txt", "w.onnx.data", "LICENSE", "README.md", "readme.de.txt"):
        (folder / name).write_text(name)
    for name in ("train.py", ".env", "data.csv", "license-plates.onnx", "README.md~", "net/README.md", "w.onnx.bak"):
        (folder / name).write_text("not this")
    (folder / "licenses").mkdir()
    assert _paths(build(load(folder))) == [
        "LICENSE",
        "README.md",
        FILE_NAME,
        "colors.txt",
        "labels.txt",
        "net/a.cfg",
        "readme.de.txt",
        "w.onnx",
        "w.onnx.data",
    ]


def test_the_document_is_packed_without_its_version_and_in_its_order(tmp_path: Path) -> None:
    folder = _model(tmp_path / "model", version=7, ours={"b": 1, "a": 2})
    document = _document(build(load(folder)))
    assert "version" not in document
    assert list(document) == ["id", "model_parameters", "ours"]
    assert list(document["ours"]) == ["b", "a"]


def test_the_same_folder_elsewhere_has_the_same_digest(tmp_path: Path) -> None:
    digests = {build(load(_model(tmp_path / place / "model"))).digest for place in ("a", "b")}
    assert len(digests) == 1


def test_a_version_number_in_the_file_does_not_change_the_digest(tmp_path: Path) -> None:
    assert (
        build(load(_model(tmp_path / "a" / "m"))).digest == build(load(_model(tmp_path / "b" / "m", version=4))).digest
    )


@pytest.mark.parametrize("path", ["../w.onnx", "/etc/passwd", "C:\\w.onnx", "net/../../w.onnx"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    folder = _model(tmp_path / "model", {"label_file": path})
    (tmp_path / "w.onnx").write_text("outside")
    with pytest.raises(InvalidFiles) as raised:
        collect_files(load(folder))
    assert "label_file" in str(raised.value.where)


@pytest.mark.parametrize("name", ["w.onnx", "README.md"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_text("secret")
    (folder / "w.onnx").unlink()
    (folder / "w.onnx").write_text("w")
    if name == "w.onnx":
        (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidFiles, match="link"):
        build(load(folder))


def test_a_link_inside_the_folder_is_packed_as_the_file(folder: Path) -> None:
    (folder / "labels.txt").symlink_to("w.onnx")
    document = json.loads((folder / FILE_NAME).read_text())
    document["model_parameters"]["label_file"] = "labels.txt"
    (folder / FILE_NAME).write_text(json.dumps(document))
    package = build(load(folder))
    assert _paths(package) == [FILE_NAME, "labels.txt", "w.onnx"]
    assert len(package.files) == 1


def test_all_missing_files_are_reported_at_once(folder: Path) -> None:
    document = json.loads((folder / FILE_NAME).read_text())
    document["model_parameters"].update(label_file="a.txt", colors_file="b.txt")
    document["aai"] = {"files": ["sub"]}
    (folder / FILE_NAME).write_text(json.dumps(document))
    (folder / "sub").mkdir()
    with pytest.raises(InvalidFiles) as raised:
        build(load(folder))
    assert len(raised.value.findings) == 3


def test_publish_gives_numbers_and_says_what_it_did(folder: Path, registry: FolderRegistry) -> None:
    first = publish_model(load(folder), registry, tag="production")
    assert (first.number, first.created, first.tag) == (1, True, "production")
    again = publish_model(load(folder), registry)
    assert (again.number, again.created, again.digest) == (1, False, first.digest)
    assert publish_model(load(folder), registry, force=True).number == 2
    assert registry.resolve("acme/model", "production").number == 1
    assert first.as_dict()["variants"][0]["files"][1]["path"] == "w.onnx"
    assert first.size_bytes == registry.resolve("acme/model").size_bytes


def test_a_b_a_makes_three_versions(folder: Path, registry: FolderRegistry) -> None:
    numbers = []
    for text in ("a", "b", "a"):
        (folder / "w.onnx").write_text(text)
        numbers.append(publish_model(load(folder), registry).number)
    assert numbers == [1, 2, 3]


def test_a_dry_run_says_what_would_happen_and_writes_nothing(folder: Path, registry: FolderRegistry) -> None:
    dry = publish_model(load(folder), registry, dry_run=True)
    assert (dry.number, dry.created) == (1, True)
    assert not registry.root.exists()
    wet = publish_model(load(folder), registry)
    assert {**wet.as_dict(), "dry_run": True} == dry.as_dict()
    same = publish_model(load(folder), registry, dry_run=True)
    assert (same.number, same.created) == (1, False)
    forced = publish_model(load(folder), registry, dry_run=True, force=True)
    assert (forced.number, forced.created) == (2, True)


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_placeholder_id_is_refused(tmp_path: Path, registry: FolderRegistry, dry_run: bool) -> None:
    folder = _model(tmp_path / "model", id="<username>/<modelname>")
    with pytest.raises(InvalidFiles, match="has no id") as raised:
        publish_model(load(folder), registry, dry_run=dry_run)
    assert "--id publisher/name" in str(raised.value.fix)
    assert not registry.root.exists()


@pytest.mark.parametrize("model_id", ["acme", "../../etc/x", "acme/../x", "ac me/x", "acme/x/y", "acme/x@1"])
def test_what_is_no_id_is_refused(tmp_path: Path, registry: FolderRegistry, model_id: str) -> None:
    with pytest.raises(UsageError):
        publish_model(load(_model(tmp_path / "model", id=model_id)), registry)
    assert not registry.root.exists()


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_id_in_another_case_is_refused_and_named(folder: Path, registry: FolderRegistry, dry_run: bool) -> None:
    publish_model(load(folder), registry)
    config = load(folder)
    config.set("id", "Acme/Model")
    with pytest.raises(UsageError, match="acme/model"):
        publish_model(config, registry, dry_run=dry_run)


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_no_tag_is_refused_before_anything_is_read(
    folder: Path, registry: FolderRegistry, dry_run: bool
) -> None:
    (folder / "w.onnx").unlink()
    with pytest.raises(UsageError, match="tag"):
        publish_model(load(folder), registry, tag="12", dry_run=dry_run)


def test_variants_are_packed_with_their_own_document_and_target(folder: Path, registry: FolderRegistry) -> None:
    engine = {"framework_type": "tensor-rt", "device": "orin-nano", "architecture": "yolo"}
    _model(folder / "variants" / "orin", engine, id="<username>/<modelname>", aai={"target": {"cpu": "aarch64"}})
    _model(folder / "variants" / "int8", id="acme/model")
    (folder / "variants" / ".cache").mkdir()
    package = build(load(folder))
    entries = read_index(package.index)
    assert [entry.key for entry in entries] == ["default", "int8", "orin"]
    assert dict(entries[2].target) == {"framework": "tensor-rt", "device": "orin-nano", "cpu": "aarch64"}
    assert _paths(package, 2) == [FILE_NAME, "w.onnx"]
    assert _document(package, 2)["id"] == "acme/model"
    assert publish_model(load(folder), registry).number == 1


def test_a_variant_made_later_is_the_next_version_and_sends_no_file_twice(
    folder: Path, registry: FolderRegistry
) -> None:
    publish_model(load(folder), registry)
    blobs = registry.root / "acme" / "model" / "blobs" / "sha256"
    before = {path.name: path.stat().st_ino for path in blobs.iterdir()}
    _model(folder / "variants" / "int8")
    assert publish_model(load(folder), registry).number == 2
    after = {path.name: path.stat().st_ino for path in blobs.iterdir()}
    assert before.items() <= after.items()


@pytest.mark.parametrize("key", ["default", "Upper", "a b", "-x"])
def test_a_folder_that_can_not_name_a_variant_is_refused(folder: Path, key: str) -> None:
    _model(folder / "variants" / key)
    with pytest.raises(InvalidFiles, match="name of a variant"):
        build(load(folder))


def test_a_variant_without_configuration_or_with_another_id_is_refused(folder: Path) -> None:
    (folder / "variants" / "int8").mkdir(parents=True)
    with pytest.raises(InvalidFiles, match=FILE_NAME):
        build(load(folder))
    _model(folder / "variants" / "int8", id="acme/other")
    with pytest.raises(InvalidFiles, match="acme/other"):
        build(load(folder))


def test_a_variant_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    _model(tmp_path / "other")
    (folder / "variants").mkdir()
    (folder / "variants" / "int8").symlink_to(tmp_path / "other")
    with pytest.raises(InvalidFiles, match="link"):
        build(load(folder))


def test_half_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    folder = _model(tmp_path / "model", description="\ud800")
    with pytest.raises(InvalidFiles, match="surrogate"):
        build(load(folder))


def test_a_file_that_goes_away_while_publishing_leaves_no_version(folder: Path, registry: FolderRegistry) -> None:
    config = load(folder)
    files = collect_files(config)
    (folder / "w.onnx").unlink()
    assert files
    with pytest.raises((InvalidFiles, NotFound)):
        publish_model(config, registry)
    assert registry.list_models() == []


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=6), st.none() | st.integers() | st.text(max_size=6), max_size=4))
def test_building_is_the_same_whatever_unknown_keys_hold(more: dict[str, Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as work:
        folder = _model(Path(work) / "model")
        document = {**json.loads((folder / FILE_NAME).read_text()), "x": more}
        config = ModelConfig(document, folder)
        packages = [build(config), build(ModelConfig(json.loads(json.dumps(document)), folder))]
        assert packages[0].index == packages[1].index
        assert _document(packages[0])["x"] == more
