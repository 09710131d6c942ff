"""The start of a serialised TensorRT engine: which TensorRT made it, as far as that shows.

NVIDIA documents none of this, so all of it is a hint for people and never decides what is loaded:
- TensorRT 5 and before: the length of the file (u64), then a FlatBuffer. Its fields were told from one file of
  TensorRT 5.0.6.3, whose version, GPU and tensors it shows in full.
- later: "ftrt". Up to 10 a serialisation version stands at byte 8 (NVIDIA/TensorRT, issue 3073, and the versions that
  people's error messages name); from some 8 on, major, minor and patch are the bytes 24 to 26 (the same issue, and
  Autoware, pull request 10320).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aai.core.inspect.flatbuffer import Table, root
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.source import Data
from aai.ports import TensorSpec

MAGIC = b"ftrt"
LEAST_BYTES = 32
_SERIALISATION = {205: "8.2", 213: "8.4", 232: "8.5", 236: "8.6", 237: "10", 238: "10", 239: "10", 240: "10"}
_MAJORS = range(7, 13)
_LAST_MINOR = 30
_MAX_BINDINGS = 256
_MAX_AXES = 8


@dataclass(frozen=True)
class Plan:
    """What shows of a plan.

    Args:
        version: of TensorRT, "8.5" or "5.0.6.3"; "" when nothing shows.
        gpu: name of the GPU that it was built on, "" when it does not show.
        inputs: of the network, with an open batch axis in front; empty when they do not show.
        outputs: likewise.
    """

    version: str = ""
    gpu: str = ""
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


def read_plan(data: Data, start: int = 0) -> Plan | None:
    """What shows of the plan that starts at `start`; None when none starts there.

    Raises:
        Malformed: the plan is too short to be one.
    """
    if data[start : start + 4] == MAGIC:
        if len(data) - start < LEAST_BYTES:
            raise Malformed("the engine is shorter than its header", start + LEAST_BYTES)
        return Plan(_version(data[start : start + LEAST_BYTES]))
    if start or len(data) < 16:
        return None
    (length,) = struct.unpack_from("<Q", data)
    if length == len(data):
        return _read_flat(data)
    if len(data) < length < 2 * len(data) + 64 and _is_flat(data):
        raise Malformed("the engine ends before its length", length)
    return None


def _version(head: bytes) -> str:
    """The version in a header with the mark `ftrt`, "" where the two places say nothing or contradict each other."""
    by_number = _SERIALISATION.get(struct.unpack_from("<I", head, 8)[0], "")
    major, minor, patch = head[24:27]
    plain = f"{major}.{minor}.{patch}" if major in _MAJORS and minor <= _LAST_MINOR and patch <= _LAST_MINOR else ""
    if by_number and plain:
        return plain if plain.split(".")[0] == by_number.split(".")[0] else ""
    return plain or by_number


def _is_flat(data: Data) -> bool:
    try:
        root(data, 8, len(data))
    except Malformed:
        return False
    return True


def _read_flat(data: Data) -> Plan:
    """Fields of the root table: 1 version, 2 GPU, 4 tensors. Of a tensor: 0 name, 2 shape, 5 whether it comes out."""
    try:
        plan = root(data, 8, len(data))
        version, gpu = plan.table(1), plan.table(2)
        numbers = [version.number(field, "I") for field in range(4)] if version else []
        inputs: list[TensorSpec] = []
        outputs: list[TensorSpec] = []
        if plan.count(4) <= _MAX_BINDINGS:
            for table in plan.tables(4):
                (outputs if table.number(5, "B") else inputs).append(_binding(table))
    except Malformed:
        return Plan()
    text = ".".join(map(str, numbers)) if numbers and max(numbers) < 100 else ""
    return Plan(text, gpu.text(0) if gpu else "", tuple(inputs), tuple(outputs))


def _binding(table: Table) -> TensorSpec:
    shape = table.table(2)
    axes = shape.whole_numbers(1, "i", _MAX_AXES) if shape else ()
    return TensorSpec(table.text(0), (None, *(axis if axis > 0 else None for axis in axes)))
