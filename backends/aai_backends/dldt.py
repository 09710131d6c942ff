"""OpenVINO's own models (IR, .xml and .bin), versions 10 and 11, on OpenVINO."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aai.errors import BadWeights
from aai_backends._files import check_file
from aai_backends._openvino import OpenvinoBackend, read_model

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import LoadOptions, ModelFiles

_OLDEST = 10
_HEAD_BYTES = 65536


class DldtBackend(OpenvinoBackend):
    """An OpenVINO IR; see `OpenvinoBackend`.

    Args:
        files: model is the .bin, config the .xml; or the .xml alone as model, with its .bin beside it. Which is which
            is told by content.
        options: as there.

    Raises:
        BadWeights: also for an IR of a version before 10.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        structure, weights = _in_order(files)
        _check_version(structure)
        super().__init__(read_model(structure, weights), structure, options)


def _in_order(files: ModelFiles) -> tuple[Path, Path]:
    """The .xml and the .bin, whichever of the two the configuration calls the model."""
    model = check_file(files.model, "model file")
    other = files.config
    if other is None:
        other = model.with_suffix(".bin" if _is_xml(model) else ".xml")
    check_file(other, "file with the weights" if _is_xml(model) else "structure file")
    if _is_xml(model) == _is_xml(other):
        raise BadWeights(
            "neither of the two files is an IR" if not _is_xml(model) else "both files are XML, and one is the weights",
            f"{model} and {other}",
            "name the .xml as config_file and the .bin as model_file",
        )
    return (model, other) if _is_xml(model) else (other, model)


def _is_xml(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<net", b"<!--"))


def _check_version(structure: Path) -> None:
    with structure.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    net = re.search(rb"<net\b[^>]*", head)
    if net is None:
        raise BadWeights("the .xml is not an IR of OpenVINO", str(structure), "name the right file")
    version = re.search(rb'\bversion\s*=\s*["\'](\d{1,4})["\']', net.group())
    if version is not None and int(version.group(1)) < _OLDEST:
        raise BadWeights(
            f"the IR is of version {int(version.group(1))}, which no OpenVINO of today reads",
            str(structure),
            "convert the original model again with OpenVINO 2022.1 or later: ovc MODEL",
        )
