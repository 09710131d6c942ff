"""The engine file: where in it the plan starts, and what its first bytes say. No TensorRT is needed for this."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from aai.errors import BadWeights
from aai_backends._files import check_file

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"ftrt"
_LEAST_BYTES = 28
_MOST_METADATA = 16 << 20
_BUILD = "build it on this machine: aai model convert DIR --to tensor-rt, from the ONNX file that it came from"


class Plan(NamedTuple):
    """A plan in a file.

    Args:
        offset: where it starts: not 0 when Ultralytics put its metadata in front.
        hint: what the header seems to say of the TensorRT that built it, such as "8.6.1"; "" when it says nothing.
    """

    offset: int
    hint: str


def find_plan(path: Path) -> Plan:
    """Where the plan in an engine file starts.

    Ultralytics writes a length (32 bits, little-endian) and as many bytes of JSON in front of it.

    Raises:
        BadWeights: the file is no engine, an engine of a TensorRT that no longer counts, or cut off.
    """
    check_file(path, "model file")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_LEAST_BYTES)
        offset = _offset(head)
        if offset:
            file.seek(offset)
            head = file.read(_LEAST_BYTES)
    if not head.startswith(_MAGIC):
        raise _not_one(path, head, size)
    if len(head) < _LEAST_BYTES:
        raise BadWeights("the engine is cut off in its header", str(path), "copy it again")
    return Plan(offset, _hint(head))


def _offset(head: bytes) -> int:
    if head[4:5] != b"{" or len(head) < 5:
        return 0
    (length,) = struct.unpack_from("<I", head)
    return 4 + int(length) if 0 < length <= _MOST_METADATA else 0


def _not_one(path: Path, head: bytes, size: int) -> BadWeights:
    if len(head) >= 8 and struct.unpack_from("<Q", head)[0] == size:
        return BadWeights("the engine is of TensorRT 5 or older, which no TensorRT of today loads", str(path), _BUILD)
    start = head[:8].hex() or "nothing"
    return BadWeights(
        f'the file is no TensorRT engine: it starts with {start}, where "ftrt" belongs', str(path), _BUILD
    )


def _hint(head: bytes) -> str:
    # Of the bytes 24 to 26, the first is known to be the major version (NVIDIA, TensorRT issue 3073); no promise.
    major, minor, patch = head[24:27]
    return f"{major}.{minor}.{patch}" if 6 <= major <= 30 else ""
