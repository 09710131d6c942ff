"""FlatBuffers' binary form, walked in place: tables are looked up by field number, nothing is built or copied.

Every place that a file names is checked against its length before it is read. Offsets point forward, and a reader goes
down by the fields of its schema, so that a file can send it neither in circles nor deeper than the schema is.
Source: "FlatBuffers internals" (flatbuffers.dev, internals page).
"""

from __future__ import annotations

import struct
from typing import Iterator

from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.source import Data

MAX_ELEMENTS = 100_000
"""Of one vector of tables or names: more than any file has."""
MAX_TEXT_BYTES = 1 << 16
"""A file may point to one text from many places: what it takes in memory is bounded by this."""

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")


class Table:
    """One table: the fields that are there, by number.

    Args:
        data: the file.
        place: where the table starts.
        stop: where the buffer that it is part of ends.

    Raises:
        Malformed: its place or its vtable is not inside the buffer.
    """

    __slots__ = ("_fields", "_length", "_vtable", "data", "place", "stop")

    def __init__(self, data: Data, place: int, stop: int) -> None:
        if place < 0 or place + 4 > stop:
            raise Malformed(f"a table at byte {place}", place + 4)
        vtable = place - _I32.unpack_from(data, place)[0]
        if vtable < 0 or vtable + 4 > stop:
            raise Malformed(f"the table at byte {place} has its vtable at byte {vtable}", vtable + 4)
        fields = _U16.unpack_from(data, vtable)[0]
        length = _U16.unpack_from(data, vtable + 2)[0]
        if fields < 4 or vtable + fields > stop or place + length > stop:
            raise Malformed(f"the table at byte {place} ends past the file", max(vtable + fields, place + length))
        self.data = data
        self.place = place
        self.stop = stop
        self._vtable = vtable
        self._fields = (fields - 4) >> 1
        self._length = length

    def field(self, number: int, size: int = 4) -> int:
        """Where the field's value starts; 0 when the table does not have it.

        Raises:
            Malformed: a value of `size` bytes would reach out of the table.
        """
        if number >= self._fields:
            return 0
        offset = _U16.unpack_from(self.data, self._vtable + 4 + 2 * number)[0]
        if not offset:
            return 0
        if offset + size > self._length:
            raise Malformed(f"field {number} of the table at byte {self.place} reaches out of it")
        return self.place + int(offset)

    def number(self, number: int, form: str, default: int = 0) -> int:
        """A whole number.

        Args:
            number: the field.
            form: its type, as `struct` calls it: "b", "B", "i", "I", "q", "Q", "h", "H".
            default: the schema's default, for a field that is not there.
        """
        place = self.field(number, struct.calcsize(form))
        return int(struct.unpack_from("<" + form, self.data, place)[0]) if place else default

    def table(self, number: int) -> Table | None:
        """A table that the field points to; None when the field is not there."""
        place = self.field(number)
        return Table(self.data, self._target(place), self.stop) if place else None

    def text(self, number: int) -> str:
        """A string, "" when there is none; bytes that are not UTF-8 are replaced.

        Raises:
            Malformed: it reaches past the buffer, or is longer than MAX_TEXT_BYTES.
        """
        start, length = self.vector(number, 1)
        if length > MAX_TEXT_BYTES:
            raise Malformed(f"a text of {length:,} bytes at byte {start}")
        return self.data[start : start + length].decode("utf-8", "replace")

    def vector(self, number: int, size: int) -> tuple[int, int]:
        """(where the elements start, how many there are) of a vector; (0, 0) when there is none.

        Args:
            number: the field.
            size: bytes of one element.

        Raises:
            Malformed: it reaches past the buffer.
        """
        place = self.field(number)
        if not place:
            return 0, 0
        start = self._target(place)
        if start + 4 > self.stop:
            raise Malformed(f"a vector at byte {start}", start + 4)
        length = int(_U32.unpack_from(self.data, start)[0])
        if start + 4 + length * size > self.stop:
            raise Malformed(f"the vector at byte {start} ends past the file", start + 4 + length * size)
        return start + 4, length

    def numbers(self, number: int, form: str, limit: int) -> tuple[float, ...]:
        """A vector of numbers.

        Raises:
            Malformed: it has more than `limit` elements.
        """
        start, length = self.vector(number, struct.calcsize(form))
        if length > limit:
            raise Malformed(f"a vector of {length:,} numbers at byte {start}, where up to {limit:,} belong")
        return struct.unpack_from(f"<{length}{form}", self.data, start)

    def whole_numbers(self, number: int, form: str, limit: int) -> tuple[int, ...]:
        """A vector of whole numbers; see `numbers`."""
        return tuple(int(value) for value in self.numbers(number, form, limit))

    def count(self, number: int) -> int:
        """Number of tables in a vector of them."""
        return self.vector(number, 4)[1]

    def item(self, number: int, index: int) -> Table | None:
        """The table at a place in a vector of tables; None when the vector is not so long."""
        start, length = self.vector(number, 4)
        if not 0 <= index < length:
            return None
        return Table(self.data, self._target(start + 4 * index), self.stop)

    def tables(self, number: int) -> Iterator[Table]:
        """The tables of a vector of them.

        Raises:
            Malformed: there are more than MAX_ELEMENTS.
        """
        start, length = self.vector(number, 4)
        if length > MAX_ELEMENTS:
            raise Malformed(f"a vector of {length:,} tables at byte {start}")
        for index in range(length):
            yield Table(self.data, self._target(start + 4 * index), self.stop)

    def _target(self, place: int) -> int:
        """Where the offset at `place` points to."""
        return place + int(_U32.unpack_from(self.data, place)[0])


def root(data: Data, start: int, stop: int) -> Table:
    """The table that a buffer is about.

    Raises:
        Malformed: the buffer is too short, or names a place outside.
    """
    if stop - start < 8:
        raise Malformed("a buffer too short for a table", start + 8)
    return Table(data, start + int(_U32.unpack_from(data, start)[0]), stop)
