from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from aai.core.inspect.kinds import FRAMEWORK_OF, STRUCTURE_OF, WAYS_OUT, content_kind, file_kind, refusal
from aai.errors import NotFound
from tests.model_maker import CFG, detector_bytes, number, part, weights_bytes


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.bin"))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


def ultralytics_engine() -> bytes:
    notes = b'{"names": {"0": "cat"}}'
    return struct.pack("<I", len(notes)) + notes + b"ftrt" + bytes(32)


GRAPH_DEF = part(1, part(1, "input") + part(2, "Placeholder")) + part(1, part(1, "conv") + part(2, "Conv2D"))
OLD_CAFFE = part(1, "net") + part(2, part(4, "conv1"))
NEW_CAFFE = part(1, "net") + part(100, part(1, "conv1"))

CONTENTS = {
    "onnx": detector_bytes(),
    "darknet-cfg": b"# made by hand\n\n; and more\n" + CFG.encode(),
    "darknet-weights": weights_bytes(),
    "caffemodel": NEW_CAFFE,
    "prototxt": b'name: "net"\ninput: "data"\ninput_dim: 1\nlayer {\n  name: "conv"\n}\n',
    "tensorflow-pb": GRAPH_DEF,
    "pbtxt": b'node {\n  name: "data"\n}\n',
    "ir-xml": b'<?xml version="1.0"?>\n<net name="n" version="11">\n',
    "tflite": struct.pack("<I", 28) + b"TFL3" + bytes(32),
    "engine": b"ftrt" + bytes(40),
    "hef": b"\x01HEF" + bytes(60),
    "blob": b"\x7felf" + bytes(60),
    "torch7": struct.pack("<iii", 4, 1, 3) + b"V 1" + bytes(20),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(20),
    "keras": zipped("metadata.json", "config.json", "model.weights.h5"),
    "pytorch": zipped("best/data.pkl", "best/data/0"),
    "safetensors": safetensors(),
    "tar": tarred(),
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    "html": b"\n<!DOCTYPE HTML>\n<html>",
    "image": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "text": b"person\nbicycle\n",
    "empty": b"",
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_the_kind_is_told_by_the_content_whatever_the_name(tmp_path: Path, kind: str) -> None:
    for name in ("model", "model.dat", "model.bin"):
        path = tmp_path / name
        path.write_bytes(CONTENTS[kind])
        assert file_kind(path) == kind


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("caffemodel", OLD_CAFFE),
        ("tensorflow-pb", number(1, 1) + part(2, b"x" * 100_000)),
        ("engine", ultralytics_engine()),
        ("engine", struct.pack("<Q", 64) + bytes(56)),
        ("pytorch", pickle.dumps({"a": 1}, protocol=2)),
        ("pytorch", pickle.dumps({"a": 1}, protocol=4)),
        ("tar", gzip.compress(tarred())),
        ("torch7", b"4\n1\n3\nV 1\n13\nnn.Sequential\n"),
        ("image", b"\xff\xd8\xff\xe0" + bytes(20)),
        ("image", b"RIFF\0\0\0\0WEBPVP8 "),
        ("image", b"BM" + struct.pack("<I", 70) + bytes(64)),
        ("html", b"<html lang=en>"),
        ("darknet-weights", weights_bytes(minor=1)),
        ("onnx", detector_bytes()[:60]),
    ],
)
def test_further_forms_of_a_kind_are_known(tmp_path: Path, kind: str, data: bytes) -> None:
    path = tmp_path / "model"
    path.write_bytes(data)
    assert content_kind(path) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.onnx", "onnx"),
        ("a.WEIGHTS", "darknet-weights"),
        ("a.pt", "pytorch"),
        ("a.h5", "hdf5"),
        ("a.trt", "engine"),
        ("a.bin", "unknown"),
        ("a.cfg", "unknown"),
        ("a", "unknown"),
    ],
)
def test_the_extension_decides_where_the_content_shows_nothing(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(bytes(range(255, 0, -1)))
    assert file_kind(path) == kind
    assert content_kind(path) == "unknown"


def test_text_under_the_name_of_a_structure_file_is_one_and_under_that_of_weights_is_not(tmp_path: Path) -> None:
    for name, kind in (
        ("a.prototext", "prototxt"),
        ("a.cfg", "darknet-cfg"),
        ("a.onnx", "text"),
        ("a.weights", "text"),
    ):
        (tmp_path / name).write_text("just words\n")
        assert file_kind(tmp_path / name) == kind


def test_a_bin_file_beside_its_xml_is_of_openvino(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(bytes(range(255, 0, -1)))
    (tmp_path / "m.xml").write_text("<annotation/>")
    assert file_kind(tmp_path / "m.bin") == "unknown"
    (tmp_path / "m.xml").write_bytes(CONTENTS["ir-xml"])
    assert file_kind(tmp_path / "m.bin") == "ir-bin"
    (tmp_path / "m.bin").write_bytes(CONTENTS["hef"])
    assert file_kind(tmp_path / "m.bin") == "hef"


@pytest.mark.parametrize("kind", WAYS_OUT)
def test_each_kind_that_can_not_be_run_has_a_way_out(tmp_path: Path, kind: str) -> None:
    error = refusal(tmp_path / "best.pt", kind)
    assert error.what.startswith("best.pt is ")
    assert error.fix
    assert "{" not in error.fix


def test_every_kind_is_either_run_or_a_structure_or_refused() -> None:
    assert set(CONTENTS) - {"text"} == {*FRAMEWORK_OF, *STRUCTURE_OF, *WAYS_OUT} - {"ir-bin"}


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        file_kind(tmp_path / "none")


def test_every_model_of_the_zoo_is_known_by_its_content(zoo: Path) -> None:
    for entry in json.loads((zoo / "MANIFEST.json").read_text()):
        for name in entry["files"]:
            kind = file_kind(zoo / entry["path"] / name)
            owner = {**FRAMEWORK_OF, **STRUCTURE_OF}.get(kind)
            assert owner == entry["framework"] or (owner is None and kind == "text"), (name, kind)
