"""Darknet models (.cfg and .weights) on OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2

from aai.errors import BadWeights
from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend, check_version

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import LoadOptions, ModelFiles

_FLOAT_BYTES = 4


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
        weights = check_file(files.model, "model file")
        structure = check_file(files.config, "structure file")
        check_version()
        super().__init__(weights, lambda: _read(structure, weights), options)


def _read(structure: Path, weights: Path) -> Any:
    net = cv2.dnn.readNetFromDarknet(str(structure), str(weights))
    _check_length(net, structure, weights)
    return net


def _check_length(net: Any, structure: Path, weights: Path) -> None:
    """OpenCV reads past the end of a short file without a word, and the network then finds nothing."""
    layers = [net.getLayer(net.getLayerId(name)) for name in net.getLayerNames()]
    # The blobs of a head are its anchors, which the .cfg holds.
    needed = sum(blob.size for layer in layers if layer.type != "Region" for blob in layer.blobs) * _FLOAT_BYTES
    length = weights.stat().st_size - _header_bytes(weights)
    if length != needed:
        raise BadWeights(
            f"the weights are {length} bytes long, and the network of the .cfg needs {needed}",
            f"{weights} and {structure}",
            "use the .cfg that the weights were trained with, or copy the weights again",
        )


def _header_bytes(weights: Path) -> int:
    """16, or 20 from version 0.2 on, where the count of seen images has 64 bits (Darknet, src/parser.c)."""
    with weights.open("rb") as file:
        start = file.read(8)
    major, minor = int.from_bytes(start[:4], "little"), int.from_bytes(start[4:8], "little")
    return 20 if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else 16
