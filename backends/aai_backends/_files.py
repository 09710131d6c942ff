"""What a weight file must pass before a native library is given it."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Mapping, Union

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


VARINT, LENGTH, ANY = 0, 2, -1
"""Wire types (Protocol Buffers, encoding): numbers; texts, lists and messages; and any, for fields of forks."""

_SIZES = {VARINT: 0, 1: 8, LENGTH: 0, 5: 4}
"""Bytes of a value of each wire type, where they are always as many."""

Message = Mapping[int, Union[int, "Message"]]
"""The fields of a message: number -> wire type, or the fields of the message that is there."""


def check_protobuf(path: Path, what: str, kind: str, message: Message) -> Path:
    """`path`, if it holds `message` and ends where the file ends; see `check_file`.

    A runtime that is given something else may print pages about it.

    Args:
        path: the file.
        what: as errors name it: "model file".
        kind: what it should be: "an ONNX model".
        message: its fields; those of the messages inside are looked at as deep as this says.

    Raises:
        BadWeights: also for a file of another kind and one that is cut off.
    """
    check_file(path, what)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            _check_message(data, 0, len(data), message)
        except IndexError as error:
            raise BadWeights(f"the {what} is cut off", str(path), "copy or download it again") from error
        except ValueError as error:
            fix = "name the right file, or export it again"
            raise BadWeights(f"the {what} is not {kind}", str(path), fix) from error
    return path


def _check_message(data: mmap.mmap, place: int, end: int, message: Message) -> None:
    """Raises ValueError for a field that the message does not have, IndexError for one that is cut off."""
    while place < end:
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        expected = message.get(number)
        if expected is None or wire not in _SIZES:
            raise ValueError(f"field {number} of wire type {wire}")
        if expected != ANY and wire != (expected if isinstance(expected, int) else LENGTH):
            raise ValueError(f"field {number} of wire type {wire}")
        size = _SIZES[wire]
        if wire == LENGTH:
            size, place = _varint(data, place)
        elif wire == VARINT:
            _, place = _varint(data, place)
        if place + size > end:
            raise IndexError("a field ends after its message")
        if not isinstance(expected, int):
            _check_message(data, place, place + size, expected)
        place += size
    if place > end:
        raise IndexError("a number ends after its message")


def _varint(data: mmap.mmap, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number of more than ten bytes")
