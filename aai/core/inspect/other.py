"""Weight files of the frameworks that have no reader yet: what can be said without one."""

from __future__ import annotations

import struct
from pathlib import Path

from aai.core.inspect.kinds import (
    FRAMEWORK_OF,
    HEAD_BYTES,
    STRUCTURE_OF,
    WAYS_OUT,
    content_kind,
    file_kind,
    refusal,
    runs_on,
)
from aai.core.inspect.report import Inspection
from aai.core.inspect.source import check_file, read_error
from aai.errors import BadWeights

_NAMES = {
    "caffe": "Caffe",
    "tensorflow": "TensorFlow",
    "enet": "Torch7",
    "dldt": "OpenVINO IR",
    "myriad": "Myriad",
    "tensor-rt": "TensorRT engine",
    "hailo": "Hailo HEF",
    "tflite": "TFLite",
}
_HEF_SECTIONS = {0: 20, 1: 16, 2: 32, 3: 44}
"""Version of a HEF -> bytes between its first twelve and its protobuf part."""


def inspect_other(framework: str, model_file: Path, config_file: Path | None = None) -> Inspection:
    """A report that says the file was not read, and why; what shows without a reader is checked.

    Raises:
        NotFound: a file is not there.
        BadWeights: a file is empty, cut off, or of a kind that is not for this framework.
    """
    model_file = model_file.absolute()
    size = check_file(model_file)
    kind = content_kind(model_file)
    if kind in WAYS_OUT:
        raise refusal(model_file, kind)
    belongs_to = {**FRAMEWORK_OF, **STRUCTURE_OF}.get(kind)
    if belongs_to is not None and not runs_on(kind, framework):
        raise BadWeights(
            f"{model_file.name} is not for {framework}: its content is {kind}",
            str(model_file),
            "name the weights with --model_file, and this file with --config_file"
            if kind in STRUCTURE_OF
            else f"configure it as what it is: --framework {belongs_to}",
        )
    _check_length(model_file, kind, size)
    if config_file is not None:
        config_file = config_file.absolute()
        check_file(config_file)
        config_kind = content_kind(config_file)
        if config_kind in WAYS_OUT:
            raise refusal(config_file, config_kind)
    report = Inspection(framework, model_file, config_file)
    known = file_kind(model_file) in FRAMEWORK_OF
    report.not_read = f"there is no reader for {_NAMES.get(framework, framework)} files yet"
    if not known:
        report.not_read += ", and its content is of no kind that is known here"
    return report


def _check_length(path: Path, kind: str, size: int) -> None:
    """Compares a file with the lengths that its header gives, for the kinds that have one."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise read_error(error, path) from error
    needed = _needed(head, kind)
    if needed > size:
        raise BadWeights(
            f"the file is cut off: it has {size:,} bytes, and needs at least {needed:,}",
            str(path),
            "copy or download it again",
        )


def _needed(head: bytes, kind: str) -> int:
    if kind == "hef":
        # Big-endian: magic, version, length of the protobuf part.
        if len(head) < 12:
            return 12
        version, length = struct.unpack_from(">II", head, 4)
        return 12 + int(_HEF_SECTIONS.get(version, 0)) + int(length)
    if kind == "tflite":
        # FlatBuffers: the place of the root table, then the file identifier.
        return int(struct.unpack_from("<I", head)[0]) + 4
    if kind == "engine":
        return 32
    return 0
