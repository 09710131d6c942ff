"""What the start of a HEF says: that it is one, that it is whole, and the chips that it was compiled for.

Big-endian: magic, version, length of the protobuf part, a section whose length goes by the version, then the protobuf
part, whose first field is the header {1: architecture} (HailoRT, hef_internal.hpp and hef.proto).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from aai.core.chips import HAILO_CHIP, runs_on
from aai.errors import BadWeights
from aai_backends._files import check_file

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\x01HEF"
_FIXED = 12
_SECTIONS = {0: 20, 1: 16, 2: 32, 3: 44}
"""Version -> bytes between the fixed part and the protobuf part."""
_HEAD_BYTES = 128


def check_hef(path: Path) -> Path:
    """`path`, if it is a HEF that is not cut off.

    Raises:
        BadWeights: missing, empty, of another kind, or shorter than its header says.
    """
    check_file(path, "model file")
    with path.open("rb") as file:
        head = file.read(_FIXED)
    if not head.startswith(_MAGIC):
        raise BadWeights(
            "the model file is no HEF, what Hailo's compiler makes", str(path), "see what it is: aai model inspect FILE"
        )
    needed = _FIXED
    if len(head) == _FIXED:
        version, length = struct.unpack_from(">II", head, 4)
        needed += _SECTIONS.get(version, 0) + length
    size = path.stat().st_size
    if size < needed:
        raise BadWeights(
            f"the model file is cut off: it has {size:,} bytes, and needs at least {needed:,}",
            str(path),
            "copy or download it again",
        )
    return path


def compiled_for(path: Path) -> tuple[str, ...]:
    """The chips that run a HEF which passed `check_hef`, the one that it was compiled for first; empty if unknown."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    (version,) = struct.unpack_from(">I", head, 4)
    message = head[_FIXED + _SECTIONS.get(version, 0) :]
    # 0x0a: field 1, a message, whose length is below 128; 0x08: its field 1, a number.
    if len(message) < 4 or message[0] != 0x0A or message[1] > 0x7F:
        return ()
    header = message[2 : 2 + message[1]]
    if header[:1] != b"\x08":
        # A number of 0 is not written.
        return _chips(0)
    return _chips(header[1] if len(header) > 1 else -1)


def _chips(architecture: int) -> tuple[str, ...]:
    chip = HAILO_CHIP.get(architecture)
    return (chip, *sorted(runs_on(chip) - {chip})) if chip else ()
