"""Files that are made to take time or memory: small ones that ask for much are done with soon."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Callable

import pytest

from aai.core.inspect import inspect_model
from aai.core.inspect.notes import read_notes
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.ziptail import MAX_BYTES, packed_files, unpack
from aai.errors import AaiError
from tests.compiled_maker import edge, hef_bytes, layer, old_network
from tests.flat_maker import FlatOperator, FlatTensor, classifier_bytes, tflite_bytes
from tests.model_maker import part

SOON_S = 3.0
SOME_BYTES = 100 << 20


def much_from_one(slot: int, count: int) -> bytes:
    """A TFLite file in which a vector of the root table has `count` offsets, all to one small table."""
    data = bytearray(
        tflite_bytes([FlatTensor("a", [1, 8, 8, 3]), FlatTensor("b", [1, 3])], [FlatOperator(3, [0], [1])])
    )
    (root,) = struct.unpack_from("<I", data)
    vtable = root - struct.unpack_from("<i", data, root)[0]
    field = root + struct.unpack_from("<H", data, vtable + 4 + 2 * slot)[0]
    first = field + struct.unpack_from("<I", data, field)[0] + 4
    target = first + struct.unpack_from("<I", data, first)[0]
    # Offsets are unsigned and point forward: the table is copied behind the vector, with its vtable in front of it.
    old = target - struct.unpack_from("<i", data, target)[0]
    fields, length = struct.unpack_from("<HH", data, old)
    vector = len(data)
    struct.pack_into("<I", data, field, vector - field)
    table = vector + 4 + 4 * count + fields
    data += struct.pack("<I", count)
    data += b"".join(struct.pack("<I", table - (vector + 4 + 4 * index)) for index in range(count))
    body = bytearray(data[target : target + length])
    struct.pack_into("<i", body, 0, fields)
    return bytes(data + data[old : old + fields] + body)


def bomb(files: int, text: bytes) -> bytes:
    """A TFLite file with an archive of texts behind it that are far longer than the file."""
    buffer = io.BytesIO(classifier_bytes())
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for index in range(files):
            archive.writestr(f"notes{index}.json", text)
    return buffer.getvalue()


ATTACKS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "operators from one": ("tflite", lambda: much_from_one(1, 400_000)),
    "buffers from one": ("tflite", lambda: much_from_one(4, 90_000)),
    "buffers without end": ("tflite", lambda: much_from_one(4, 2_000_000)),
    "notes in an archive": ("tflite", lambda: bomb(60, b"{" + b"'a': [1,2,3]," * 14_000 + b"}")),
    "brackets in an archive": ("tflite", lambda: bomb(60, b"{'a':" + b"[" * 190_000 + b"}")),
    "labels in an archive": ("tflite", lambda: bomb(3, b"x" * (64 << 20))),
    "one stream many times": (
        "hailo",
        lambda: hef_bytes([old_network("net", [edge(layer("a", (1, 1, 1)))] * 40_000)]),
    ),
    "streams without end": (
        "hailo",
        lambda: hef_bytes([old_network("net", [edge(layer(str(index), (1, 1, 1))) for index in range(20_000)])]),
    ),
    "networks without end": ("hailo", lambda: hef_bytes([b"\x0a\0"] * 300_000)),
    "fields without end": ("hailo", lambda: hef_bytes([part(3, part(2, b"") * 600_000)])),
    "notes in front of an engine": (
        "tensor-rt",
        lambda: struct.pack("<I", 199_998) + b'{"a":' + b"{" * 199_992 + b"}" + b"ftrt" + bytes(60),
    ),
    "quotes in front of an engine": (
        "tensor-rt",
        lambda: struct.pack("<I", 199_999) + b"{" + b'"\\' * 99_998 + b" }" + b"ftrt" + bytes(60),
    ),
    "inputs without end": (
        "myriad",
        lambda: b"\x7felf" + bytes(48) + struct.pack("<20I", 9709, 0, 6, 0, *[2**32 - 1] * 16),
    ),
}


def attempt(folder: Path, name: str) -> None:
    framework, _ = ATTACKS[name]
    try:
        inspect_model(framework, folder / "net.bin")
    except AaiError as error:
        assert error.what


@pytest.mark.parametrize("name", ATTACKS)
def test_small_files_that_ask_for_much_are_done_with_soon(tmp_path: Path, name: str) -> None:
    (tmp_path / "net.bin").write_bytes(ATTACKS[name][1]())
    started = time.process_time()
    attempt(tmp_path, name)
    assert time.process_time() - started < SOON_S


@pytest.mark.slow
@pytest.mark.parametrize("name", ["operators from one", "labels in an archive", "streams without end"])
def test_small_files_that_ask_for_much_get_little_memory(tmp_path: Path, name: str) -> None:
    (tmp_path / "net.bin").write_bytes(ATTACKS[name][1]())
    tracemalloc.start()
    attempt(tmp_path, name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < SOME_BYTES


def test_notes_are_taken_apart_at_their_top_level_alone() -> None:
    assert read_notes("{'a': {'b': [1, '}']}, \"c\": 'it\\'s', 'd': None,}") == {
        "a": "{'b': [1, '}']}",
        "c": "it's",
        "d": "None",
    }
    for text in ("", "[]", "{", "{a: 1}", "{'a' 1}", "{'a': [1}", "{'a': ']'", "{'a': 'b}", "{'a': )}"):
        assert read_notes(text) == {}, text
    assert read_notes("{}") == {}


def test_a_packed_file_is_read_from_where_the_archive_says() -> None:
    buffer = io.BytesIO(b"in front" * 100)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("a.txt", "one")
        archive.writestr("b.txt", "two" * 100, zipfile.ZIP_DEFLATED)
        archive.writestr("c.txt", "x" * (MAX_BYTES + 1), zipfile.ZIP_DEFLATED)
        archive.comment = b"some words"
    data = buffer.getvalue()
    files = packed_files(data)
    assert [file.name for file in files] == ["a.txt", "b.txt", "c.txt"]
    assert [unpack(data, file) for file in files] == [b"one", b"two" * 100, b""]
    assert packed_files(data[:-40]) == []
    assert packed_files(b"PK\x05\x06") == []


def test_a_map_of_options_that_points_outside_is_malformed() -> None:
    from flatbuffers import flexbuffers

    from aai.core.inspect.flexbuffer import read_numbers

    data = bytes(flexbuffers.Dumps({"a": 3, "b": -2, "c": 0.5, "d": True, "e": "text", "f": [1]}))
    assert read_numbers(data, 0, len(data)) == {"a": 3, "b": -2, "c": 0.5, "d": 1}
    for length in range(len(data)):
        try:
            read_numbers(data, length, len(data))
        except Malformed:
            continue
    with pytest.raises(Malformed):
        read_numbers(b"\x28\x01", 0, 2)
