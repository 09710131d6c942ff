"""Broken and hostile files: nothing but an AaiError may come out, and soon."""

from __future__ import annotations

import errno
import random
import time
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aai.core.inspect import inspect_file, inspect_model
from aai.core.inspect.folder import find_files
from aai.core.inspect.kinds import file_kind
from aai.core.inspect.labels import read_colors, read_labels
from aai.core.inspect.protobuf import Malformed, varint, walk
from aai.core.inspect.source import read_error
from aai.errors import AaiError
from tests.core.inspect.test_inspect_kinds import CONTENTS
from tests.model_maker import CFG, detector_bytes, number, onnx_bytes, part, tensor, value_info, weights_bytes
from tests.model_maker import varint as write_varint

quickly = settings(deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])

SEEDS = [
    detector_bytes(),
    onnx_bytes(
        [value_info("x", ["n", 3, None, 64])],
        [value_info("y", [1, "boxes", 7])],
        tensors=[tensor("w", external={"location": "w.bin", "length": "12"})],
        metadata={"names": "{0: 'a', 1: 'b'}", "imgsz": "[64, 64]", "task": "detect", "stride": "32"},
    ),
]


def survives(read: Callable[[Path], object], path: Path) -> None:
    start = time.process_time()
    try:
        read(path)
    except AaiError as error:
        assert error.what
    assert time.process_time() - start < 2


def damaged(data: bytes, seed: int) -> bytes:
    """`data` with bits flipped, pieces cut out, doubled or overwritten."""
    chance = random.Random(seed)
    out = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(out)) if out else 0
        kind = chance.randrange(4)
        if kind == 0 and out:
            out[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del out[place : place + chance.randint(1, 40)]
        elif kind == 2:
            out[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 12)))
        else:
            out[place : place + 10] = b"\xff" * 10
    return bytes(out)


@quickly
@given(st.sampled_from(SEEDS), st.integers(0, 10**9))
def test_damaged_onnx_files_are_read_or_refused(tmp_path: Path, data: bytes, seed: int) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(damaged(data, seed))
    survives(lambda file: inspect_model("onnx", file), path)


@quickly
@given(st.binary(max_size=300))
@example(b"\x08\x08\x3a\x7f")
def test_random_bytes_are_refused_by_every_reader(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.bin"
    path.write_bytes(data)
    (tmp_path / "m.cfg").write_text(CFG)
    (tmp_path / "random.cfg").write_bytes(data)
    (tmp_path / "m.weights").write_bytes(weights_bytes())
    file_kind(path)
    for framework in ("onnx", "tflite", "hailo", "tensor-rt", "tensorflow", "caffe", "enet", "dldt", "myriad"):
        survives(lambda file, name=framework: inspect_model(name, file), path)  # type: ignore[misc]
    survives(lambda file: inspect_model("darknet", file, tmp_path / "m.cfg"), path)
    survives(lambda file: inspect_model("darknet", tmp_path / "m.weights", file), tmp_path / "random.cfg")
    survives(read_labels, path)
    survives(read_colors, path)
    survives(inspect_file, path)


@quickly
@given(st.integers(0, 10**9))
def test_damaged_cfgs_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    (tmp_path / "m.cfg").write_bytes(damaged(CFG.encode(), seed))
    (tmp_path / "m.weights").write_bytes(weights_bytes())
    survives(lambda file: inspect_model("darknet", tmp_path / "m.weights", file), tmp_path / "m.cfg")


OPTIONS = st.sampled_from(
    ["filters", "size", "stride", "pad", "groups", "layers", "from", "mask", "classes", "num", "output"]
)
KINDS = st.sampled_from(
    ["conv", "route", "shortcut", "yolo", "region", "upsample", "reorg", "local", "connected", "max"]
)
VALUES = st.one_of(
    st.integers(-10, 10).map(str), st.sampled_from(["9" * 30, "1,2,3", "-1,-2", "", "nan", "1e400", "10000000"])
)


@quickly
@given(st.lists(st.tuples(KINDS, st.dictionaries(OPTIONS, VALUES, max_size=4)), max_size=12))
def test_any_mixture_of_layers_is_read_or_refused(tmp_path: Path, layers: list[tuple[str, dict[str, str]]]) -> None:
    text = "[net]\nwidth=64\nheight=64\n"
    for kind, options in layers:
        text += f"[{kind}]\n" + "".join(f"{name}={value}\n" for name, value in options.items())
    (tmp_path / "m.cfg").write_text(text)
    (tmp_path / "m.weights").write_bytes(weights_bytes())
    survives(lambda file: inspect_model("darknet", tmp_path / "m.weights", file), tmp_path / "m.cfg")


def deep(levels: int) -> bytes:
    data = b""
    for _ in range(levels):
        data = part(7, data)
    return data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("deep", deep(2000)),
        ("many nodes", b"\x08\x08" + part(7, b"\x0a\x00" * 600_000)),
        ("endless number", b"\x08" + b"\xff" * 100_000),
        ("length of 2^63", b"\x08\x08\x3a" + write_varint(1 << 63)),
        ("field 0", b"\x00" * 10_000),
        ("group", b"\x08\x08\x3b"),
        ("huge axes", onnx_bytes([value_info("x", [2**62] * 4)], [value_info("y", [1, 2**62, 2**62])])),
        ("axes of 1", onnx_bytes([value_info("x", [1] * 4)], [value_info("y", [1] * 3)])),
        ("many axes", onnx_bytes([value_info("x", [3] * 5000)], [value_info("y", [1] * 5000)])),
        ("no names", onnx_bytes([value_info("", [1, 3, 8, 8])], [value_info("", [1, 9])], [b"", part(1, "")])),
        ("a tensor of many axes", onnx_bytes([], [value_info("y", [1, 9])], tensors=[number(1, 1 << 62) * 200_000])),
        ("opset", number(1, 8) + part(7, part(12, value_info("y", [1, 9]))) + part(8, part(2, "new"))),
        ("bad text", onnx_bytes([value_info("x", [1, 3, 8, 8])], [part(1, b"\xff\xfe") + part(2, b"\xff")])),
        ("metadata", onnx_bytes([], [value_info("y", [1, 9])], metadata={"names": "{" + "0: 'a'," * 99_999 + "}"})),
        ("names", onnx_bytes([], [value_info("y", [1, 9])], metadata={"names": "[" + "'\\" * 99_999 + "]"})),
    ],
)
def test_hostile_onnx_files_are_done_with_soon(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    survives(lambda file: inspect_model("onnx", file), path)
    survives(inspect_file, path)


@pytest.mark.parametrize(
    "text",
    [
        "[net]\n" * 100_000,
        "[net]\nwidth=64\nheight=64\n" + "[upsample]\nstride=10000000\n" * 4000,
        "[net]\nwidth=64\nheight=64\n[route]\nlayers=" + "-1," * 1_000_000,
        "[net]\nwidth=64\nheight=64\n" + "[conv]\n" * 4000 + "[route]\nlayers=" + "0," * 4000 + "\n",
        "[" * 1_000_000,
        "=" * 1_000_000,
        "\n" * 3_000_000,
        "[net]\nwidth=64\nheight=64\n[yolo]\nanchors=" + "1," * 4999,
        "[net]\nwidth=64\nheight=64\n[yolo]\nanchors=nan,1e999",
        "#" * 5_000_000,
    ],
)
def test_hostile_cfgs_are_done_with_soon(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.cfg").write_text(text)
    (tmp_path / "m.weights").write_bytes(weights_bytes())
    file_kind(tmp_path / "m.cfg")
    survives(lambda file: inspect_model("darknet", tmp_path / "m.weights", file), tmp_path / "m.cfg")


@pytest.mark.parametrize(
    "data", [b"\n" * 70_000, b" " * 70_000, b"# \n" * 30_000, b"<!--" * 20_000, b"layer " * 12_000]
)
def test_telling_the_kind_takes_no_time(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m").write_bytes(data)
    survives(file_kind, tmp_path / "m")


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    error = read_error(PermissionError(errno.EACCES, "Permission denied"), tmp_path / "m.onnx")
    assert (error.exit_code, error.what) == (4, "the file or folder can't be read")


def test_cut_files_of_every_kind_are_read_or_refused(tmp_path: Path) -> None:
    for kind, data in CONTENTS.items():
        for length in range(0, len(data), max(1, len(data) // 40)):
            path = tmp_path / f"{kind}.bin"
            path.write_bytes(data[:length])
            survives(inspect_file, path)
            path.unlink()


def test_a_folder_of_many_files_is_looked_through_soon(tmp_path: Path) -> None:
    for count in range(2500):
        (tmp_path / f"{count:05}.txt").write_bytes(b"")
    (tmp_path / "z.onnx").write_bytes(detector_bytes())
    survives(lambda folder: find_files(folder, {}), tmp_path)
    assert find_files(tmp_path, {})["model_file"].value == "z.onnx"


@given(st.integers(0, 2**64 - 1))
def test_a_number_survives_writing_and_reading(value: int) -> None:
    data = write_varint(value)
    assert varint(data, 0, len(data)) == (value, len(data))


@given(st.lists(st.tuples(st.integers(1, 2**28), st.binary(max_size=20)), max_size=8))
def test_fields_are_walked_as_they_were_written(fields: list[tuple[int, bytes]]) -> None:
    data = b"".join(part(field, content) for field, content in fields)
    assert [(field, data[begin:end]) for field, _, begin, end in walk(data, 0, len(data))] == fields


@given(st.binary(max_size=60), st.integers(0, 60))
def test_a_walk_never_leaves_its_message(data: bytes, stop: int) -> None:
    stop = min(stop, len(data))
    try:
        for _, wire, begin, end in walk(data, 0, stop):
            assert end <= stop
            assert wire == 0 or begin <= end
    except Malformed:
        pass
