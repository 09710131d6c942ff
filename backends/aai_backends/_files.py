"""What a weight file must pass before a native library is given it."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Container

from aai.errors import BadWeights

if TYPE_CHECKING:
    from pathlib import Path

_POINTER = b"version https://git-lfs.github.com/"


def check_file(path: Path, what: str) -> Path:
    """`path`, if it is a file with something in it that is not a stand-in for the real one.

    Args:
        path: the file.
        what: as errors name it: "model file".

    Raises:
        BadWeights: missing, a folder, not readable, empty, a git-lfs pointer, or a web page.
    """
    if path.is_dir():
        raise BadWeights(f"the {what} is a folder", str(path), "name the file itself")
    try:
        with path.open("rb") as file:
            start = file.read(256)
    except FileNotFoundError as error:
        raise BadWeights(f"the {what} is not there", str(path), "install the model again, or mend the path") from error
    except OSError as error:
        raise BadWeights(f"the {what} can't be read: {error.strerror}", str(path), f"check: ls -l {path}") from error
    if not start:
        raise BadWeights(f"the {what} is empty", str(path), "copy or download it again")
    if start.startswith(_POINTER):
        raise BadWeights(
            f"the {what} is a git-lfs pointer, not the file itself",
            str(path),
            "fetch it where it was cloned: git lfs pull",
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise BadWeights(f"the {what} is a web page", str(path), "download the file itself, not the page about it")
    return path


def check_protobuf(path: Path, what: str, kind: str, fields: Container[int]) -> Path:
    """`path`, if its outermost message has only `fields` and ends where the file ends; see `check_file`.

    A runtime that is given something else may print pages about it.

    Args:
        path: the file.
        what: as errors name it: "model file".
        kind: what it should be: "an ONNX model".
        fields: the numbers of the message's fields.

    Raises:
        BadWeights: also for a file of another kind and one that is cut off.
    """
    check_file(path, what)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place, length = 0, len(data)
        while place < length:
            tag, place = _varint(data, place)
            number, wire = tag >> 3, tag & 7
            if number not in fields or wire not in _WIRE_BYTES:
                raise BadWeights(f"the {what} is not {kind}", str(path), "name the right file, or export it again")
            size = _WIRE_BYTES[wire]
            if wire == _LENGTH:
                size, place = _varint(data, place)
            elif wire == _VARINT:
                _, place = _varint(data, place)
            place += size
        if place > length:
            raise BadWeights(f"the {what} is cut off", str(path), "copy or download it again")
    return path


_VARINT, _LENGTH = 0, 2
_WIRE_BYTES = {_VARINT: 0, 1: 8, _LENGTH: 0, 5: 4}
"""Wire types and their sizes (Protocol Buffers, encoding), those that are of one size."""


def _varint(data: mmap.mmap, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and the place after it; past the end when it is cut off."""
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place
    return value, len(data) + 1
