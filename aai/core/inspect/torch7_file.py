"""Torch7's serialised objects, in their binary form: tables and modules; the numbers in tensors are passed over.

Source: torch7's `File.lua` (readObject), `Tensor.lua` and `generic/Storage.c`. All words are little-endian, as on the
machines that such files come from; a long has eight bytes.
"""

from __future__ import annotations

import struct
from itertools import repeat
from typing import Any, Mapping

from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.source import Data

MAX_DEPTH = 200
MAX_VALUES = 400_000
MAX_AXES = 16
MAX_KINDS = 1000

_NIL, _NUMBER, _STRING, _TABLE, _OBJECT, _BOOLEAN = range(6)
_FUNCTIONS = (6, 7, 8)
_VERSION = b"\x03\0\0\0V "
"""How the version of a class starts, which has one digit: a text of three characters."""

_BYTES = {b"Byte": 1, b"Char": 1, b"Short": 2, b"Half": 2, b"Int": 4, b"Float": 4, b"Long": 8, b"Double": 8}
_int = struct.Struct("<i").unpack_from
_two_ints = struct.Struct("<ii").unpack_from
_long = struct.Struct("<q").unpack_from
_AXES = [struct.Struct(f"<{axes}q").unpack_from for axes in range(MAX_AXES + 1)]
_double = struct.Struct("<d").unpack_from
_NO_FIELDS: Mapping[Any, Any] = {}


class TorchObject:
    """An instance of a class, such as a module of a network.

    Args:
        kind: name of its class: "nn.SpatialConvolution", "torch.FloatTensor".
        fields: those of a module, by name; texts are bytes.
        shape: of a tensor.
    """

    __slots__ = ("fields", "kind", "shape")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.fields: Mapping[Any, Any] = _NO_FIELDS
        self.shape: tuple[int, ...] = ()

    def whole(self, name: bytes) -> int | None:
        """A whole number from 1 to 2**31 among the fields; None when it is something else."""
        value = self.fields.get(name)
        return int(value) if isinstance(value, float) and 1 <= value < 1 << 31 and value == int(value) else None

    @property
    def modules(self) -> list[TorchObject]:
        """The modules inside a container, in order."""
        inside = self.fields.get(b"modules")
        if not isinstance(inside, dict):
            return []
        places = sorted(key for key in inside if isinstance(key, float))
        return [inside[place] for place in places if isinstance(inside[place], TorchObject)]


def read_torch7(data: Data) -> TorchObject:
    """The object in a file.

    Raises:
        Malformed: not this format, cut off, nested too deep, with too many values, or with a function in it.
    """
    parser = _Parser(data)
    try:
        value, end = parser.value(0, 0)
    except struct.error as error:
        raise Malformed("it ends inside a value", len(data) + 1) from error
    if end > len(data):
        raise Malformed("it ends inside a value", end)
    if not isinstance(value, TorchObject):
        raise Malformed("it holds no network")
    return value


class _Parser:
    """Each method takes the place of a value in the file, and gives the value and the place behind it."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._seen: dict[int, Any] = {}
        self._count = 0
        self._kinds: dict[bytes, str] = {}
        # A trained module is full of buffers without numbers, all alike: they are known by their bytes.
        self._empty = b"no such bytes yet"
        self._no_numbers = TorchObject("torch.Tensor")

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """None, a float, bytes, a bool, a dict or a TorchObject."""
        (kind,) = _int(self._data, at)
        if kind in (_OBJECT, _TABLE):
            (index,) = _int(self._data, at + 4)
            if index in self._seen:
                return self._seen[index], at + 8
            return self._object(at + 8, index, depth) if kind == _OBJECT else self._table(at + 8, index, depth)
        if kind == _NIL:
            return None, at + 4
        if kind == _NUMBER:
            return _double(self._data, at + 4)[0], at + 12
        if kind == _BOOLEAN:
            return _int(self._data, at + 4)[0] == 1, at + 8
        if kind == _STRING:
            return self._text(at + 4)
        if kind in _FUNCTIONS:
            raise Malformed(f"a function at byte {at}: it holds a program beside the network")
        raise Malformed(f"a value of type {kind} at byte {at}")

    def _text(self, at: int) -> tuple[bytes, int]:
        (length,) = _int(self._data, at)
        end = at + 4 + length
        if length < 0 or end > len(self._data):
            raise Malformed(f"a text of {length:,} bytes at byte {at}", end)
        return self._data[at + 4 : end], end

    def _table(self, at: int, index: int, depth: int) -> tuple[dict[Any, Any], int]:
        """A table: its length, then key and value in turn. Nearly all of a file is these, so it is done in place."""
        data, value, two_ints = self._data, self.value, _two_ints
        empty, no_numbers, seen = self._empty, self._no_numbers, self._seen
        table: dict[Any, Any] = {}
        seen[index] = table
        (count,) = _int(data, at)
        self._count += max(0, count)
        if count < 0 or self._count > MAX_VALUES:
            raise Malformed(f"a table of {count:,} values at byte {at}, more than any network has")
        if depth > MAX_DEPTH:
            raise Malformed(f"values are nested deeper than {MAX_DEPTH}")
        at += 4
        for _ in repeat(None, count):
            kind, length = two_ints(data, at)
            if kind == _STRING and length >= 0:
                key: Any = data[at + 8 : at + 8 + length]
                at += 8 + length
            else:
                key, at = value(at, depth + 1)
                if isinstance(key, dict):
                    key = id(key)
            # A table has no nil for a value: there are eight bytes at least.
            kind, number = two_ints(data, at)
            if kind == _NUMBER:
                table[key] = _double(data, at + 4)[0]
                at += 12
            elif kind == _BOOLEAN:
                table[key] = number == 1
                at += 8
            elif kind != _OBJECT:
                table[key], at = value(at, depth + 1)
            elif data[at + 8 : at + 8 + len(empty)] == empty:
                seen[number] = table[key] = no_numbers
                at += 8 + len(empty)
            elif number in seen:
                table[key] = seen[number]
                at += 8
            else:
                table[key], at = self._object(at + 8, number, depth + 1)
        return table, at

    def _object(self, at: int, index: int, depth: int) -> tuple[TorchObject, int]:
        data = self._data
        if depth > MAX_DEPTH:
            raise Malformed(f"values are nested deeper than {MAX_DEPTH}")
        start = at
        # A class of version 0 starts with its name at once.
        if data[at : at + len(_VERSION)] == _VERSION:
            at += len(_VERSION) + 1
        end = at + 4 + _int(data, at)[0]
        name = data[at + 4 : end]
        made = TorchObject(self._kinds.get(name) or self._kind(name, at))
        self._seen[index] = made
        if name.endswith(b"Tensor"):
            made.shape, end = self._tensor(end, depth)
            if not made.shape and end - start < 100:
                self._empty = data[start:end]
        elif name.endswith(b"Storage"):
            end = self._storage(name, end)
        else:
            fields, end = self.value(end, depth + 1)
            if isinstance(fields, dict):
                made.fields = fields
        return made, end

    def _kind(self, name: bytes, at: int) -> str:
        """The name of a class as text, checked when it is met first."""
        if not 0 < len(name) <= 200 or len(self._kinds) > MAX_KINDS:
            raise Malformed(f"no name of a class at byte {at}, or too many of them")
        kind = self._kinds[name] = name.decode("latin-1")
        return kind

    def _tensor(self, at: int, depth: int) -> tuple[tuple[int, ...], int]:
        """Its axes, their strides, an offset, and the storage, which other tensors may share."""
        data = self._data
        (axes,) = _int(data, at)
        if not 0 <= axes <= MAX_AXES:
            raise Malformed(f"a tensor of {axes} axes at byte {at}")
        shape = _AXES[axes](data, at + 4)
        at += 4 + 8 * (2 * axes + 1)
        if _int(data, at)[0] == _NIL:
            return shape, at + 4
        if _int(data, at + 4)[0] in self._seen:
            return shape, at + 8
        return shape, self.value(at, depth + 1)[1]

    def _storage(self, name: bytes, at: int) -> int:
        """The place behind the numbers; their type is in the class's name, and float is CUDA's own."""
        letter = name[len(b"torch.") : -len(b"Storage")].replace(b"Cuda", b"", 1) or b"Float"
        count = int(_long(self._data, at)[0])
        end = at + 8 + count * _BYTES.get(letter, 0)
        if letter not in _BYTES or count < 0 or end > len(self._data):
            raise Malformed(f"a {name[:40].decode('latin-1')} of {count:,} numbers at byte {at}", end)
        return end
