from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from aai.errors import IntegrityError, UsageError
from aai.package.build import VariantSource, build_package, layer_type
from aai.package.oci import PIECE_BYTES
from aai.package.read import content_bytes, read_index, read_manifest
from aai.ports import Package

SUMMARY = {"framework_type": "onnx", "license": "MIT", "description": "finds things"}


def _files(folder: Path, contents: dict[str, bytes]) -> dict[str, Path]:
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return {path: folder / path for path in contents}


def _build(folder: Path, contents: dict[str, bytes], document: bytes = b"{}\n", **target: str) -> Package:
    source = VariantSource("default", document, _files(folder, contents), target)
    return build_package("acme/model", [source], SUMMARY)


def _manifest(package: Package, position: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(package.documents[read_index(package.index)[position].digest])
    return document


def test_the_manifest_has_the_form_that_modelpack_asks_for(tmp_path: Path) -> None:
    package = _build(tmp_path, {"w.onnx": b"weights", "labels.txt": b"a\n", "README.md": b"hi"}, framework="onnx")
    manifest = _manifest(package)
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    types = {layer["annotations"]["org.cncf.model.filepath"]: layer["mediaType"] for layer in manifest["layers"]}
    assert types == {
        "alwaysai.model.json": "application/vnd.cncf.model.weight.config.v1.raw",
        "README.md": "application/vnd.cncf.model.doc.v1.raw",
        "labels.txt": "application/vnd.cncf.model.weight.config.v1.raw",
        "w.onnx": "application/vnd.cncf.model.weight.v1.raw",
    }
    config = json.loads(package.documents[manifest["config"]["digest"]])
    assert config == {
        "descriptor": {"name": "acme/model", "description": "finds things", "licenses": ["MIT"]},
        "modelfs": {"type": "layers", "diffIds": [layer["digest"] for layer in manifest["layers"]]},
        "config": {"format": "onnx"},
    }


def test_a_layer_is_the_file_itself(tmp_path: Path) -> None:
    package = _build(tmp_path, {"w.onnx": b"weights"})
    (file,) = package.files
    assert file.digest == "sha256:" + hashlib.sha256(b"weights").hexdigest()
    assert file.digest in {layer["digest"] for layer in _manifest(package)["layers"]}


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = {"b/w.onnx": b"weights", "a.txt": b"labels", "c": b""}
    first = _build(tmp_path / "one", contents)
    for path in (tmp_path / "one").rglob("*"):
        os.utime(path, (1, 1))
    second = _build(tmp_path / "two", dict(reversed(list(contents.items()))))
    assert first.index == second.index
    assert first.documents == second.documents


def test_other_bytes_give_another_digest(tmp_path: Path) -> None:
    assert _build(tmp_path, {"w": b"1"}).digest != _build(tmp_path, {"w": b"2"}).digest
    assert _build(tmp_path, {"w": b"1"}).digest != _build(tmp_path, {"v": b"1"}).digest
    assert _build(tmp_path, {"w": b"1"}).digest != _build(tmp_path, {"w": b"1"}, b"[]\n").digest


def test_two_equal_files_are_two_layers_and_one_blob(tmp_path: Path) -> None:
    package = _build(tmp_path, {"a.bin": b"same", "b.bin": b"same"})
    assert len(package.files) == 1
    contents = read_manifest(package.documents[read_index(package.index)[0].digest])
    assert [file.path for file in contents.files] == ["a.bin", "alwaysai.model.json", "b.bin"]
    assert content_bytes(package) == len(b"same") + len(b"{}\n")


def test_a_large_layer_lists_its_pieces(tmp_path: Path) -> None:
    data = os.urandom(1024) * 8200
    package = _build(tmp_path, {"w.onnx": data, "small": b"s"})
    contents = read_manifest(package.documents[read_index(package.index)[0].digest])
    pieces = {file.path: file.pieces for file in contents.files}
    assert pieces["w.onnx"] == tuple(
        "sha256:" + hashlib.sha256(part).hexdigest() for part in (data[:PIECE_BYTES], data[PIECE_BYTES:])
    )
    assert pieces["small"] == ()


def test_the_index_lists_default_first_with_targets(tmp_path: Path) -> None:
    files = _files(tmp_path, {"w": b"w"})
    variants = [
        VariantSource("int8", b"{}", files, {"framework": "onnx"}),
        VariantSource("default", b"{}", files, {"framework": "onnx"}),
        VariantSource("aengine", b"[]", files, {"framework": "tensor-rt", "device": "orin-nano", "cpu": "aarch64"}),
    ]
    package = build_package("acme/model", variants, {})
    assert [entry.key for entry in read_index(package.index)] == ["default", "aengine", "int8"]
    assert dict(read_index(package.index)[1].target) == {
        "cpu": "aarch64",
        "device": "orin-nano",
        "framework": "tensor-rt",
    }
    platforms = [descriptor.get("platform") for descriptor in json.loads(package.index)["manifests"]]
    assert platforms == [None, {"architecture": "arm64", "os": "linux"}, None]
    assert package.summary["variants"] == "default, aengine, int8"
    assert len(package.files) == 1


def test_a_file_in_two_variants_is_read_once(tmp_path: Path) -> None:
    from aai.package.digest import package_file
    from aai.ports import PackageFile

    read = []

    def take(path: str, source: Path) -> PackageFile:
        read.append(source)
        return package_file(path, source)

    files = _files(tmp_path, {"w": b"w"})
    build_package("acme/model", [VariantSource(key, b"{}", files) for key in ("default", "x")], {}, take)
    assert read == [tmp_path / "w"]


@pytest.mark.parametrize("path", ["../w", "/w", "a//b", "a\\b", "./w", "c:w", "a\nb"])
def test_paths_that_no_reader_would_take_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "w").write_bytes(b"w")
    with pytest.raises(IntegrityError):
        build_package("acme/model", [VariantSource("default", b"{}", {path: tmp_path / "w"})], {})


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"w")
    files = {"a": tmp_path / "w", "a/b": tmp_path / "w"}
    with pytest.raises(IntegrityError, match="as a file and as a folder"):
        build_package("acme/model", [VariantSource("default", b"{}", files)], {})


def test_a_version_has_a_variant_and_each_has_its_own_name() -> None:
    with pytest.raises(UsageError):
        build_package("acme/model", [], {})
    with pytest.raises(UsageError):
        build_package("acme/model", [VariantSource("x", b"{}", {}), VariantSource("x", b"{}", {})], {})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LICENSE", "doc"),
        ("LICENSE-MIT", "doc"),
        ("licence.txt", "doc"),
        ("LICENSE-APACHE-2.0", "doc"),
        ("LICENSE-MIT.txt", "doc"),
        ("README.de.txt", "doc"),
        ("docs/CARD.md", "doc"),
        ("licence-plate.onnx", "weight"),
        ("license_plate.txt", "weight.config"),
        ("notices.bin", "weight"),
        ("yolo.cfg", "weight.config"),
        ("coco.names", "weight.config"),
        ("yolo.weights", "weight"),
        ("model.hef", "weight"),
    ],
)
def test_the_layer_type_follows_the_name(name: str, kind: str) -> None:
    assert layer_type(name) == f"application/vnd.cncf.model.{kind}.v1.raw"
