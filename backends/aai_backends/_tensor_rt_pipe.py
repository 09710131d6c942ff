"""What the worker of TensorRT and its client say to each other: JSON in frames, and tensors in shared memory.

A frame is "aai1", the length of what follows (32 bits, little-endian), and a JSON object in UTF-8.
No `from __future__ import annotations` here: the worker runs this file under Python 3.6, which does not know it.
"""

import json
import mmap
import struct
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

_MAGIC = b"aai1"
_HEAD = struct.Struct("<4sI")
_MOST_BYTES = 16 << 20
_ALIGNED = 64
"""Bytes: a line of the processor's cache."""


class Unreadable(Exception):
    """Bytes that are no frame."""


class Slot(NamedTuple):
    """Where a tensor lies in shared memory."""

    name: str
    offset: int
    shape: Tuple[int, ...]
    dtype: str


def packed(message: Dict[str, Any]) -> bytes:
    """`message` as a frame."""
    data = json.dumps(message).encode("utf-8")
    return _HEAD.pack(_MAGIC, len(data)) + data


def taken(buffer: bytearray) -> Optional[Dict[str, Any]]:
    """The first message in `buffer`, which loses it; None while it is not whole.

    Raises:
        Unreadable: the bytes are not of this protocol.
    """
    if not _MAGIC.startswith(bytes(buffer[:4])):
        raise Unreadable(f"a frame starts with {bytes(buffer[:16])!r}")
    if len(buffer) < _HEAD.size:
        return None
    _, length = _HEAD.unpack_from(buffer)
    if length > _MOST_BYTES:
        raise Unreadable(f"a frame has {length:,} bytes")
    if len(buffer) < _HEAD.size + length:
        return None
    data = bytes(buffer[_HEAD.size : _HEAD.size + length])
    del buffer[: _HEAD.size + length]
    try:
        message = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unreadable("a frame holds no JSON") from error
    if not isinstance(message, dict):
        raise Unreadable("a frame holds no JSON object")
    return message


def laid_out(tensors: Sequence[Tuple[str, Tuple[int, ...], str]]) -> Tuple[List[Slot], int]:
    """A place for each tensor, (name, shape, dtype), and the bytes that they take together, at least 1."""
    slots = []
    end = 0
    for name, shape, dtype in tensors:
        slots.append(Slot(name, end, tuple(shape), dtype))
        size = int(np.dtype(dtype).itemsize)
        for axis in shape:
            size *= axis
        end += (size + _ALIGNED - 1) // _ALIGNED * _ALIGNED
    return slots, max(1, end)


def views(memory: mmap.mmap, slots: Sequence[Slot]) -> Dict[str, Any]:
    """The tensors in `memory` as arrays, name -> array of the slot's shape and dtype. They keep `memory` open."""
    found = {}
    for slot in slots:
        count = 1
        for axis in slot.shape:
            count *= axis
        flat = np.frombuffer(memory, np.dtype(slot.dtype), count, slot.offset)
        found[slot.name] = flat.reshape(slot.shape)
    return found
