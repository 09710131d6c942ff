"""What a Myriad blob tells of its model, read without OpenVINO; the weights are not looked at.

The header is that of OpenVINO's MYRIAD plug-in (vpu/backend/blob_format.hpp): an ELF-like header, then twenty numbers,
of which five are places of sections. Form 5 keeps a tensor's axes beside its name, form 6 in the section of constants
(vpu/blob_reader.cpp).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from aai.core.inspect.compiled import layout_facts, leave_purpose_open
from aai.core.inspect.damage import bad_weights
from aai.core.inspect.kinds import content_kind
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import Data, check_file, mapped
from aai.ports import TensorSpec

MAGIC = b"\x7felf"
_HEADER = struct.Struct("<20I")
_HEADER_PLACE = 52
_NUMBER = 9709
_MAX_TENSORS = 256
_MAX_AXES = 8
_MAX_NAME = 1024
_DTYPES = {0: "float16", 1: "uint8", 2: "int32", 3: "float32", 4: "int8"}
_SHAPE_INPUT = "@shape"
"""In the names of tensors that carry the shape of another one."""


def inspect_blob(model_file: Path, config_file: Path | None = None) -> Inspection:
    """Inputs, outputs and compiler's numbers of a blob, and what they tell of the model.

    Args:
        model_file: the blob; or the weights of an OpenVINO IR, which the same plug-in takes.
        config_file: the structure of such an IR; not used for a blob.

    Raises:
        NotFound: the file is not there.
        BadWeights: not a blob, of a form that is not known, cut off or damaged.
    """
    path = model_file.absolute()
    check_file(path)
    if config_file is not None and content_kind(path) != "blob":
        from aai.core.inspect import inspect_model

        report = inspect_model("dldt", path, config_file)
        report.framework = "myriad"
        return report
    try:
        with mapped(path) as data:
            return _inspect(data, path)
    except Malformed as error:
        raise bad_weights(path, "blob", "a Myriad blob", error) from error


def _inspect(data: Data, path: Path) -> Inspection:
    if data[:4] != MAGIC or len(data) < _HEADER_PLACE + _HEADER.size:
        raise Malformed("it does not have the header of a blob", _HEADER_PLACE + _HEADER.size)
    header = _HEADER.unpack_from(data, _HEADER_PLACE)
    number, size, major, minor, inputs, outputs = header[:6]
    if number != _NUMBER:
        raise Malformed(f"its header has the number {number}, and {_NUMBER} belongs there")
    if size > len(data):
        raise Malformed("it is shorter than its header says", size)
    if max(inputs, outputs) > _MAX_TENSORS:
        raise Malformed(f"{inputs:,} inputs and {outputs:,} outputs")
    report = Inspection("myriad", path)
    report.details.update(_details(header))
    if major not in (5, 6):
        report.not_read = f"its form is {major}.{minor}, and 5 and 6 are known"
        return report
    report.inputs = _tensors(data, header, header[16], inputs)
    report.outputs = _tensors(data, header, header[17], outputs)
    report.facts.update(layout_facts(report.inputs, report.outputs))
    if "swaprb" in report.facts and report.inputs[0].shape[1:2] == (3,):
        report.facts["swaprb"] = Fact(False, "what networks from OpenVINO usually take: BGR", certain=False)
    leave_purpose_open(report)
    return report


def _details(header: tuple[int, ...]) -> dict[str, Any]:
    major, minor, inputs, outputs, stages = header[2:7]
    slices, shaves, hardware = header[11:14]
    details: dict[str, Any] = {
        "blob": f"{major}.{minor}",
        "inputs": inputs,
        "outputs": outputs,
        "stages": stages,
        "shaves": shaves,
        "cmx_slices": slices,
        "batch": header[9],
    }
    if hardware:
        details["chip"] = "Myriad X: some stages are for its neural engine, which Myriad 2 does not have"
    return details


def _tensors(data: Data, header: tuple[int, ...], place: int, count: int) -> tuple[TensorSpec, ...]:
    """The tensors of a section, those that carry shapes left out."""
    found = []
    for index in range(count):
        spec, place = _tensor(data, header, place, index)
        if _SHAPE_INPUT not in spec.name:
            found.append(spec)
    return tuple(found)


def _tensor(data: Data, header: tuple[int, ...], place: int, index: int) -> tuple[TensorSpec, int]:
    """(a tensor, the place after it): index, offset, name, type, order, number of axes, lengths innermost first."""
    own, _, length = _words(data, place, 3)
    if own != index or length > _MAX_NAME:
        raise Malformed(f"tensor {index} has the number {own} and a name of {length:,} bytes")
    place += 12
    _check(data, place + length)
    name = data[place : place + length].split(b"\0", 1)[0].decode("utf-8", "replace")
    kind, _, axes = _words(data, place + length, 3)
    place += length + 12
    if axes > _MAX_AXES:
        raise Malformed(f"a tensor of {axes:,} axes")
    if header[2] == 5:
        lengths, place = _words(data, place, axes), place + 8 * axes
    else:
        _, offset = _words(data, place, 2)
        lengths, place = _words(data, header[19] + offset, axes), place + 16
    return TensorSpec(name, tuple(reversed(lengths)), _DTYPES.get(kind, "")), place


def _words(data: Data, place: int, count: int) -> tuple[int, ...]:
    _check(data, place + 4 * count)
    return struct.unpack_from(f"<{count}I", data, place)


def _check(data: Data, end: int) -> None:
    if end > len(data):
        raise Malformed("a tensor is described past the end", end)
