"""Protocol Buffers' wire format, walked in place: no message is built, no byte string is copied.

Source: "Encoding", Protocol Buffers documentation.
"""

from __future__ import annotations

from itertools import repeat
from typing import Iterator

from aai.core.inspect.source import Data

VARINT = 0
FIXED64 = 1
LENGTH = 2
FIXED32 = 5
MAX_FIELDS = 500_000
"""More fields than any message of a weight file has: one with more is not read on."""


class Malformed(Exception):
    """Bytes that are not this wire format.

    Args:
        needed: how long the file would have to be, when a part runs past its end; 0 when that is not what is wrong.
    """

    def __init__(self, message: str, needed: int = 0) -> None:
        super().__init__(message)
        self.needed = needed


def walk(data: Data, start: int, stop: int, open_end: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """The fields of the message in data[start:stop]: (field number, wire type, begin, end).

    For a varint, `begin` is its value and `end` where it stops; for the other types they enclose the payload.

    Args:
        data: the file.
        start: where the message starts.
        stop: where it ends.
        open_end: for a message of which only the start is at hand, where it would end: the walk stops without an error
            at a field that reaches from inside `stop` to at most there.

    Raises:
        Malformed: not this format, a field that runs past `stop`, or more than MAX_FIELDS fields.
    """
    position = start
    limit = max(stop, open_end)
    for _ in repeat(None, MAX_FIELDS):
        if position >= stop:
            return
        key = data[position]
        position += 1
        if key > 127:
            key, position = varint(data, position - 1, stop)
        wire = key & 7
        if key < 8:
            raise Malformed(f"field number 0 at byte {position}")
        if wire == LENGTH:
            if position >= stop:
                raise Malformed("a field has no length", position + 1)
            length = data[position]
            position += 1
            if length > 127:
                length, position = varint(data, position - 1, stop)
            begin, position = position, position + length
        elif wire == VARINT:
            begin, position = varint(data, position, stop)
        elif wire == FIXED32:
            begin, position = position, position + 4
        elif wire == FIXED64:
            begin, position = position, position + 8
        else:
            raise Malformed(f"wire type {wire} at byte {position}")
        if position > limit:
            raise Malformed(f"a field runs past byte {limit}", position)
        yield key >> 3, wire, begin, position
    raise Malformed(f"a message of more than {MAX_FIELDS:,} fields")


def varint(data: Data, position: int, stop: int) -> tuple[int, int]:
    """(value, position after it) of the base-128 number at `position`.

    Raises:
        Malformed: it does not end before `stop`, or has more than ten bytes.
    """
    value = 0
    for shift in range(0, 70, 7):
        if position >= stop:
            raise Malformed("a number is cut off", position + 1)
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value, position
    raise Malformed(f"a number of more than ten bytes at byte {position}")


def signed(value: int) -> int:
    """A varint as the int64 that it stands for."""
    return value - (1 << 64) if value >> 63 else value


def text(data: Data, begin: int, end: int) -> str:
    """A string field; bytes that are not UTF-8 are replaced."""
    return data[begin:end].decode("utf-8", "replace")
