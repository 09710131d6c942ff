"""What a .tflite file must pass before a runtime is given it: every table and list inside of the file.

tflite-runtime 2.14 reads past the end of a file that is cut off, and dies. Format: FlatBuffers, internals; TensorFlow
Lite, schema.fbs.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING

from aai.errors import BadWeights

if TYPE_CHECKING:
    from pathlib import Path

EDGE_TPU_OPERATOR = b"edgetpu-custom-op"
_IDENTIFIER = b"TFL3"
_TABLE, _TABLES = "table", "tables"
_ANY = "any"
_FIELDS: dict[str, dict[int, tuple[str, str | int]]] = {
    "model": {1: (_TABLES, "operator code"), 2: (_TABLES, "graph"), 3: ("list", 1), 4: (_TABLES, "buffer")},
    "operator code": {1: ("list", 1)},
    "graph": {0: (_TABLES, "tensor"), 1: ("list", 4), 2: ("list", 4), 3: (_TABLES, "operator"), 4: ("list", 1)},
    "tensor": {0: ("list", 4), 3: ("list", 1), 4: (_TABLE, "quantisation"), 7: ("list", 4)},
    "quantisation": {0: ("list", 4), 1: ("list", 4), 2: ("list", 4), 3: ("list", 8)},
    "operator": {1: ("list", 4), 2: ("list", 4), 4: (_TABLE, _ANY), 5: ("list", 1), 7: ("list", 1), 8: ("list", 4)},
    "buffer": {0: ("list", 1)},
    _ANY: {},
}
"""Of each kind of table, the fields that lead elsewhere: number -> what is there; of a list, bytes an element."""


def check_tflite(path: Path) -> bool:
    """Whether the model in `path` was compiled for an Edge TPU.

    Args:
        path: the file, not empty.

    Raises:
        BadWeights: not a .tflite file, or one that is damaged.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[4:8] != _IDENTIFIER:
            raise BadWeights("the model file is not a TFLite model", str(path), "name the right file")
        try:
            _walk(data)
        except struct.error as error:
            raise BadWeights("the model file is cut off or damaged", str(path), "copy or download it again") from error
        return data.find(EDGE_TPU_OPERATOR) >= 0


def _walk(data: mmap.mmap) -> None:
    """Follows all offsets, each once; struct.error where one leads out of the file."""
    left: list[tuple[int, str]] = [(_offset(data, 0), "model")]
    seen: set[tuple[int, str, str]] = set()
    while left:
        place, kind = left.pop()
        # A table without such fields must be inside too.
        _field(data, place, 0)
        for number, (what, of) in _FIELDS[kind].items():
            field = _field(data, place, number)
            target = _offset(data, field) if field else 0
            if not field or (target, what, str(of)) in seen:
                continue
            # Many tables may share one long list.
            seen.add((target, what, str(of)))
            if what == _TABLE:
                left.append((target, str(of)))
            elif what == _TABLES:
                left.extend((place, str(of)) for place in {_offset(data, e) for e in _entries(data, target, 4)})
            else:
                _entries(data, target, int(of))


def _field(data: mmap.mmap, table: int, number: int) -> int:
    """The place of a table's field, 0 when it is not there."""
    (back,) = struct.unpack_from("<i", data, table)
    layout = table - back
    if layout < 0:
        raise struct.error("a table's layout is before the file")
    layout_bytes, table_bytes = struct.unpack_from("<HH", data, layout)
    if layout + layout_bytes > len(data) or table + table_bytes > len(data):
        raise struct.error("a table ends after the file")
    at = 4 + 2 * number
    if at + 2 > layout_bytes:
        return 0
    (inside,) = struct.unpack_from("<H", data, layout + at)
    return table + inside if inside else 0


def _offset(data: mmap.mmap, place: int) -> int:
    """The place that the offset at `place` leads to."""
    (forward,) = struct.unpack_from("<I", data, place)
    return place + int(forward)


def _entries(data: mmap.mmap, place: int, size_bytes: int) -> range:
    """The places of a list's elements."""
    (count,) = struct.unpack_from("<I", data, place)
    start, end = place + 4, place + 4 + count * size_bytes
    if end > len(data):
        raise struct.error("a list ends after the file")
    return range(start, end, size_bytes)
