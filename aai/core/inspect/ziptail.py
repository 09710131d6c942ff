"""Small files packed behind the weights of another file, as a zip archive that ends with it.

TFLite files carry labels and notes this way. Only the directory at the end and the files asked for are read, each up to
a limit, whatever the archive claims. Source: PKWARE, APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (directory) and
4.3.16 (end of directory).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from aai.core.inspect.source import Data

MAX_FILES = 64
MAX_BYTES = 1 << 20
"""Of one file, unpacked: labels and notes are shorter."""

_END = struct.Struct("<4s4H2IH")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1


@dataclass(frozen=True)
class PackedFile:
    """A file of the archive: its name, how it is packed, and where its local header is in the outer file."""

    name: str
    method: int
    packed_bytes: int
    header: int


def packed_files(data: Data) -> list[PackedFile]:
    """The files of the archive that `data` ends with; none when there is no archive, or a damaged one."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
    if end < 0 or end + _END.size > len(data):
        return []
    _, _, _, _, count, size, offset, _ = _END.unpack_from(data, end)
    directory = end - size
    # Offsets count from the start of the archive, which is wherever the directory's own place says.
    base = directory - offset
    files: list[PackedFile] = []
    place = directory
    while len(files) < min(count, MAX_FILES) and base >= 0 and place + _ENTRY.size <= end:
        entry = _ENTRY.unpack_from(data, place)
        if entry[0] != b"PK\x01\x02":
            break
        flags, method, packed = entry[3], entry[4], entry[8]
        name, extra, comment = entry[10:13]
        start = place + _ENTRY.size
        if not flags & _ENCRYPTED and base + entry[16] < directory:
            text = data[start : start + name].decode("utf-8", "replace")
            files.append(PackedFile(text, method, packed, base + entry[16]))
        place = start + name + extra + comment
    return files


def unpack(data: Data, file: PackedFile) -> bytes:
    """The content of a packed file; b"" for one that is damaged, over MAX_BYTES, or packed in a rare way."""
    if file.header + _LOCAL.size > len(data):
        return b""
    local = _LOCAL.unpack_from(data, file.header)
    start = file.header + _LOCAL.size + local[9] + local[10]
    packed = data[start : start + min(file.packed_bytes, MAX_BYTES)]
    if local[0] != b"PK\x03\x04" or len(packed) != file.packed_bytes:
        return b""
    if file.method == _STORED:
        return packed
    if file.method != _DEFLATED:
        return b""
    engine = zlib.decompressobj(-15)
    try:
        content = engine.decompress(packed, MAX_BYTES)
    except zlib.error:
        return b""
    return b"" if engine.unconsumed_tail else content
