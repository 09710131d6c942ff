"""What exporters write into a model file about the model: Ultralytics' names, image size, task and stride.

Source: Ultralytics, `engine/exporter.py`: each value is the text of a Python literal.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import Mapping

from aai.core.inspect.notes import STRING
from aai.core.inspect.report import Fact

MAX_CHARACTERS = 1_000_000
MAX_CARD_CHARACTERS = 300

PURPOSE_OF_TASK = {
    "detect": "ObjectDetection",
    "obb": "ObjectDetection",
    "segment": "InstanceSegmentation",
    "semantic": "SemanticSegmentation",
    "classify": "Classification",
    "pose": "PoseEstimation",
}

_ENTRY = re.compile(rf"""\s*(?:['"]?(\d{{1,6}})['"]?\s*:\s*)?({STRING})\s*(,|\Z)""", re.S)
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs, which are no characters."""
_INTEGERS = re.compile(r"\d{1,6}")


@dataclass(frozen=True)
class ExporterNotes:
    """The notes, each None or "" when the file has none.

    Args:
        labels: names of the classes, in order.
        size: (width, height) that the network was exported for.
        task: "detect", "classify", "segment", "pose", "obb".
        stride: the largest stride of the network.
        key_points: number of key points of a pose, and of values of each, 2 or 3.
        head: the class of the network's last layer, "RTDETRDecoder"; newer releases write it.
        end2end: the network chooses its boxes itself.
        description: "Ultralytics YOLO11n model trained on ...".
    """

    labels: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    task: str = ""
    stride: int | None = None
    head: str = ""
    end2end: bool = False
    description: str = ""
    key_points: tuple[int, int] | None = None

    @property
    def ultralytics(self) -> bool:
        """Whether the notes are of Ultralytics' exporter."""
        return bool(self.task or (self.labels and self.stride))

    @property
    def rtdetr(self) -> bool:
        """Whether the network is Ultralytics' RT-DETR."""
        return self.head == "RTDETRDecoder" or (self.ultralytics and "rtdetr" in self.description.lower())

    def label_facts(self) -> dict[str, Fact]:
        """The labels as a fact, if there are any."""
        return {"labels": Fact(list(self.labels), "metadata names")} if self.labels else {}


def card_facts(metadata: Mapping[str, str]) -> dict[str, Fact]:
    """License and description as facts, where the file has them as one short line of text."""
    facts = {}
    for name in ("license", "description"):
        text = metadata.get(name, "").strip()
        if 0 < len(text) <= MAX_CARD_CHARACTERS and text.isprintable():
            facts[name] = Fact(text, f"metadata {name}")
    return facts


def read_exporter(metadata: Mapping[str, str]) -> ExporterNotes:
    """The notes in a file's metadata. A value that is not of the form it should be counts as absent."""
    size = _integers(metadata.get("imgsz", ""))
    stride = _integers(metadata.get("stride", ""))
    points = _integers(metadata.get("kpt_shape", ""))
    task = metadata.get("task", "").strip().lower()
    return ExporterNotes(
        labels=_names(metadata.get("names", "")),
        # Ultralytics writes height, then width.
        size=(size[-1], size[0]) if 1 <= len(size) <= 2 and min(size) > 0 else None,
        task=task if task in PURPOSE_OF_TASK else "",
        stride=max(stride) if stride else None,
        head=metadata.get("head", "").strip()[:MAX_CARD_CHARACTERS],
        end2end=metadata.get("end2end", "").strip().lower() == "true",
        description=metadata.get("description", "").strip()[:MAX_CARD_CHARACTERS],
        key_points=(points[0], points[1]) if len(points) == 2 and points[0] > 0 and points[1] in (2, 3) else None,
    )


def _integers(text: str) -> list[int]:
    return [int(word) for word in _INTEGERS.findall(text)] if len(text) < 64 else []


def _names(text: str) -> tuple[str, ...] | None:
    """The names in `{0: 'person', 1: 'bicycle'}` or `['person', 'bicycle']`, if they number 0, 1, 2 and so on.

    Names that a label file can't hold, one a line and none empty, count as absent, all of them.
    Only the strings are given to `ast`, one by one: a whole literal from a hostile file may nest without end.
    """
    text = text.strip()
    if len(text) > MAX_CHARACTERS or text[:1] + text[-1:] not in ("{}", "[]"):
        return None
    body, position = text[1:-1].rstrip(), 0
    names: list[str] = []
    while position < len(body):
        entry = _ENTRY.match(body, position)
        if entry is None or (entry.group(1) is not None and int(entry.group(1)) != len(names)):
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                names.append(str(ast.literal_eval(entry.group(2))).strip())
        except (ValueError, SyntaxError):
            return None
        if not names[-1] or _NOT_IN_A_LINE.search(names[-1]):
            return None
        position = entry.end()
    return tuple(names) or None
