"""Darknet models (.cfg and .weights) on OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.errors import BadWeights
from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend

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
    """Refuses what OpenCV dies of: it divides by the groups and reads anchors by the mask, whatever they are."""
    for section in _sections(structure):
        groups = section.get("groups", "1")
        if not groups.isdecimal() or int(groups) < 1:
            raise BadWeights(
                f'the .cfg has a layer with "groups={groups}"', str(structure), "use a number of 1 or more"
            )
        anchors = len(_numbers(section.get("anchors", ""))) // 2
        if any(not 0 <= anchor < anchors for anchor in _numbers(section.get("mask", ""))):
            raise BadWeights(
                f'the .cfg has a head with "mask={section["mask"]}" and {anchors} anchors',
                str(structure),
                "a mask counts anchors from 0 on; take the .cfg that the weights were trained with",
            )


def _sections(structure: Path) -> list[dict[str, str]]:
    sections: list[dict[str, str]] = [{}]
    for line in structure.read_text(encoding="latin-1").splitlines():
        text = "".join(line.split())
        if text.startswith("["):
            sections.append({})
        elif not text.startswith(("#", ";")):
            key, _, value = text.partition("=")
            sections[-1][key] = value
    return sections


def _numbers(text: str) -> list[float]:
    """The numbers of a comma list; one that is none counts as -1."""
    values = []
    for item in filter(None, text.split(",")):
        try:
            values.append(float(item))
        except ValueError:
            values.append(-1.0)
    return values


def _header_bytes(weights: Path) -> int:
    """16, or 20 from version 0.2 on, where the count of seen images has 64 bits (Darknet, src/parser.c)."""
    with weights.open("rb") as file:
        start = file.read(8)
    major, minor = int.from_bytes(start[:4], "little"), int.from_bytes(start[4:8], "little")
    return 20 if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else 16
