"""Darknet models (.cfg and .weights) on OpenCV."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aai.errors import BadWeights
from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import LoadOptions, ModelFiles

_FLOAT_BYTES = 4
_NO_GROUPS = re.compile(rb"^[ \t]*groups[ \t]*=(?![ \t]*0*[1-9]\d*[ \t\r]*$)(.*)$", re.MULTILINE)
"""A number of groups that is not 1 or more."""


class DarknetBackend(OpencvDnnBackend):
    """A Darknet network; see `OpencvDnnBackend`.

    Args:
        files: .weights and .cfg.
        options: as there.

    Raises:
        BadWeights: also when the weights are not as long as the network of the .cfg needs them.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        if files.config is None:
            raise BadWeights(
                "a Darknet model needs its .cfg", str(files.model), "name it: aai model configure --config_file FILE"
            )
        self._weights = check_file(files.model, "model file")
        structure = check_file(files.config, "structure file")
        _check_structure(structure)
        super().__init__("readNetFromDarknet", (structure, self._weights), options)

    def _check(self) -> None:
        """OpenCV reads past the end of a short file without a word, and the network then finds nothing."""
        super()._check()
        layers = [self._net.getLayer(self._net.getLayerId(name)) for name in self._net.getLayerNames()]
        # The blobs of a head are its anchors, which the .cfg holds.
        needed = sum(blob.size for layer in layers if layer.type != "Region" for blob in layer.blobs) * _FLOAT_BYTES
        length = self._weights.stat().st_size - _header_bytes(self._weights)
        if length != needed:
            raise BadWeights(
                f"the weights are {length} bytes long, and the network of the .cfg needs {needed}",
                self._where,
                "use the .cfg that the weights were trained with, or copy the weights again",
            )


def _check_structure(structure: Path) -> None:
    """OpenCV divides by the number of groups without a look at it, and the process dies."""
    fault = _NO_GROUPS.search(structure.read_bytes())
    if fault:
        line = fault.group().decode("latin-1").strip()
        raise BadWeights(f'the .cfg has a layer with "{line}"', str(structure), "use a number of 1 or more")


def _header_bytes(weights: Path) -> int:
    """16, or 20 from version 0.2 on, where the count of seen images has 64 bits (Darknet, src/parser.c)."""
    with weights.open("rb") as file:
        start = file.read(8)
    major, minor = int.from_bytes(start[:4], "little"), int.from_bytes(start[4:8], "little")
    return 20 if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else 16
