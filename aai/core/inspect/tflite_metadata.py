"""What TFLite files carry about themselves besides the network: the metadata block, and the files packed behind it.

Field numbers are the order of the fields in metadata_schema.fbs (TensorFlow Lite Support, version 1.1.0).
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass

from aai.core.inspect.flatbuffer import Table, root
from aai.core.inspect.notes import read_notes
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.source import Data
from aai.core.inspect.tflite_file import TfliteFile
from aai.core.inspect.ziptail import MAX_BYTES, packed_files, unpack

BLOCK = "TFLITE_METADATA"
RUNTIME_BLOCK = "min_runtime_version"
_MAX_ITEMS = 64
_NORMALISATION = 1
"""NormalizationOptions in the union ProcessUnitOptions."""
_IMAGE = 2
"""ImageProperties in the union ContentProperties."""
_COLOURS = {1: "rgb", 2: "gray"}
_LABELS = (2, 3)
"""TENSOR_AXIS_LABELS and TENSOR_VALUE_LABELS in the enum AssociatedFileType."""
MAX_LABELS = 100_000


@dataclass(frozen=True)
class Normalisation:
    """Value = (pixel - mean) / std, per channel, or one for all."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class TfliteNotes:
    """The notes of a TFLite file.

    Args:
        texts: name, description, author, license and the like, and what Ultralytics writes.
        normalisation: of the first input; None when there is none.
        colour: of the first input, "rgb" or "gray"; "" when it does not say.
        labels: names of the classes; empty when there are none.
        labels_from: the packed file that they are from.
        min_runtime: the oldest TFLite that runs the file, "" when it does not say.
    """

    texts: dict[str, str]
    normalisation: Normalisation | None = None
    colour: str = ""
    labels: tuple[str, ...] = ()
    labels_from: str = ""
    min_runtime: str = ""


def read_tflite_notes(file: TfliteFile) -> TfliteNotes:
    """The notes in the file's metadata blocks and in the archive behind it; damaged ones count as absent."""
    texts: dict[str, str] = {}
    normalisation, colour, label_file = None, "", ""
    try:
        metadata = _metadata(file)
        if metadata is not None:
            for name, number in (("name", 0), ("description", 1), ("version", 2), ("author", 4), ("license", 5)):
                value = metadata.text(number).strip()
                if value:
                    texts[name] = value
            graph = metadata.item(3, 0)
            image = graph.item(2, 0) if graph else None
            normalisation, colour = _normalisation(image), _colour(image)
            label_file = _label_file(graph)
    except Malformed:
        normalisation, colour, label_file = None, "", ""
    packed = _packed_texts(file.data)
    labels_from = label_file if label_file in packed else _only_labels(packed)
    for text in packed.values():
        texts.update(read_notes(text))
    labels = _labels(packed.get(labels_from, ""))
    return TfliteNotes(texts, normalisation, colour, labels, labels_from if labels else "", _min_runtime(file))


def _metadata(file: TfliteFile) -> Table | None:
    start, end = file.blocks.get(BLOCK, (0, 0))
    return root(file.data, start, end) if end - start >= 8 else None


def _normalisation(tensor: Table | None) -> Normalisation | None:
    """NormalizationOptions of a TensorMetadata."""
    if tensor is None or tensor.count(4) > _MAX_ITEMS:
        return None
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.number(0, "B") != _NORMALISATION or options is None:
            continue
        mean, std = options.numbers(0, "f", _MAX_ITEMS), options.numbers(1, "f", _MAX_ITEMS)
        if mean and std and all(map(math.isfinite, mean + std)) and all(value > 0 for value in std):
            return Normalisation(mean, std)
    return None


def _colour(tensor: Table | None) -> str:
    """The colour space of the image that a TensorMetadata describes."""
    content = tensor.table(3) if tensor is not None else None
    image = content.table(1) if content is not None and content.number(0, "B") == _IMAGE else None
    return _COLOURS.get(image.number(0, "b"), "") if image is not None else ""


def _label_file(graph: Table | None) -> str:
    """The file with the labels of an output, as the metadata names it."""
    if graph is None or graph.count(3) > _MAX_ITEMS:
        return ""
    for tensor in graph.tables(3):
        if tensor.count(6) > _MAX_ITEMS:
            return ""
        for associated in tensor.tables(6):
            if associated.number(2, "b") in _LABELS:
                return associated.text(0)
    return ""


def _packed_texts(data: Data) -> dict[str, str]:
    """The packed files that are text, by name, as far as they are not longer together than such files are."""
    texts: dict[str, str] = {}
    room = MAX_BYTES
    for file in packed_files(data):
        content = unpack(data, file)
        room -= len(content)
        if room < 0:
            break
        with contextlib.suppress(UnicodeDecodeError):
            texts[file.name] = content.decode("utf-8")
    return texts


def _only_labels(packed: dict[str, str]) -> str:
    """The packed file that is a label file by its name, when it is the only one."""
    names = [name for name in packed if "label" in name.lower() and not packed[name].lstrip().startswith("{")]
    return names[0] if len(names) == 1 else ""


def _labels(text: str) -> tuple[str, ...]:
    """One label a line; none at all when a line can't be one."""
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if len(lines) > MAX_LABELS or not all(line and line.isprintable() for line in lines):
        return ()
    return tuple(lines)


def _min_runtime(file: TfliteFile) -> str:
    start, end = file.blocks.get(RUNTIME_BLOCK, (0, 0))
    text = file.data[start : min(end, start + 32)].split(b"\0", 1)[0].decode("ascii", "replace")
    return text if text.isprintable() else ""
