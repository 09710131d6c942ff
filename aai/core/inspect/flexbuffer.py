"""Numbers in a FlexBuffer map, the form in which TFLite's custom operators keep their options.

Source: FlatBuffers, "FlexBuffers" (flatbuffers.dev, internals page): the root is at the end, offsets point back, and a
map is a vector of values with a vector of keys.
"""

from __future__ import annotations

import math
import struct

from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.source import Data

MAX_KEYS = 256
_INT, _UINT, _FLOAT, _MAP, _BOOL = 1, 2, 3, 9, 26
_FORMS = {
    _INT: {1: "<b", 2: "<h", 4: "<i", 8: "<q"},
    _UINT: {1: "<B", 2: "<H", 4: "<I", 8: "<Q"},
    _FLOAT: {2: "<e", 4: "<f", 8: "<d"},
    _BOOL: {1: "<B", 2: "<H", 4: "<I", 8: "<Q"},
}


def read_numbers(data: Data, start: int, end: int) -> dict[str, float]:
    """Key -> value of the finite numbers and truth values in the map that data[start:end] is; others are left out.

    Raises:
        Malformed: not a map, or a place outside.
    """
    buffer = bytes(data[start:end])
    if len(buffer) < 3:
        raise Malformed("options too short for a map")
    width = buffer[-1]
    if width not in (1, 2, 4, 8) or buffer[-2] >> 2 != _MAP:
        raise Malformed("options that are not a map")
    values, value_width = _follow(buffer, len(buffer) - 2 - width, width), 1 << (buffer[-2] & 3)
    count = _unsigned(buffer, values - value_width, value_width)
    if count > MAX_KEYS:
        raise Malformed(f"options with {count:,} keys")
    keys = _follow(buffer, values - 3 * value_width, value_width)
    key_width = _unsigned(buffer, values - 2 * value_width, value_width)
    if key_width not in (1, 2, 4, 8):
        raise Malformed(f"keys of {key_width} bytes")
    numbers: dict[str, float] = {}
    for index in range(count):
        kind = _unsigned(buffer, values + count * value_width + index, 1) >> 2
        form = _FORMS.get(kind, {}).get(value_width)
        if form is not None:
            place = values + index * value_width
            _check(buffer, place, value_width)
            value = struct.unpack_from(form, buffer, place)[0]
            if math.isfinite(value):
                numbers[_key(buffer, keys + index * key_width, key_width)] = value
    return numbers


def _follow(buffer: bytes, place: int, width: int) -> int:
    target = place - _unsigned(buffer, place, width)
    _check(buffer, target, 0)
    return target


def _key(buffer: bytes, place: int, width: int) -> str:
    start = _follow(buffer, place, width)
    end = buffer.find(b"\0", start)
    if end < 0:
        raise Malformed("a key without an end")
    return buffer[start:end].decode("utf-8", "replace")


def _unsigned(buffer: bytes, place: int, width: int) -> int:
    _check(buffer, place, width)
    return int.from_bytes(buffer[place : place + width], "little")


def _check(buffer: bytes, place: int, width: int) -> None:
    if place < 0 or place + width > len(buffer):
        raise Malformed(f"options point to byte {place} of {len(buffer)}")
