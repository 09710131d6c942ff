"""Which class of the network each class of a labelled set is: by name, by WordNet number, or by number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.check.datasets import LabelledSet, Mark, Marked
from aai.errors import UsageError
from aai.metrics.detection import FoundBoxes, TrueBoxes
from aai.storage import translated

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.image import Array

_WORDNET_LINE = re.compile(r"\s*(n\d{8})\b")
_OTHER_NAMES = {
    "sofa": "couch",
    "tvmonitor": "tv",
    "television": "tv",
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "cellphone": "mobilephone",
    "human": "person",
    "people": "person",
    "pedestrian": "person",
}
"""PASCAL VOC's word -> COCO's, for the classes that both have under different names."""


@dataclass(frozen=True)
class Matching:
    """Classes of a labelled set, as the network's.

    Args:
        classes: (name, number) of the set -> class id of the network.
        left_out: names of the set that the network does not have.
        any_class: the network has one class and the set one name: whatever is found stands for it.
        open_list: the set does not say which classes it has: what was found of any class can be wrong.
    """

    classes: Mapping[tuple[str, int | None, str], int]
    left_out: tuple[str, ...] = ()
    any_class: bool = False
    open_list: bool = False

    def class_id(self, mark: Mark) -> int | None:
        """The class of the network that a mark stands for; None when it has none."""
        return self.classes.get(_key(mark))

    def truth(self, item: Marked) -> TrueBoxes:
        """The boxes of a photo whose class the network has."""
        rows = [(mark.box_xyxy, self.class_id(mark), mark.crowd) for mark in item.marks]
        known = [(box, class_id, crowd) for box, class_id, crowd in rows if box is not None and class_id is not None]
        boxes = np.array([box for box, _, _ in known], np.float64).reshape(-1, 4)
        class_ids = np.array([class_id for _, class_id, _ in known], np.int64)
        return TrueBoxes(boxes, class_ids, np.array([crowd for _, _, crowd in known], bool))

    def found(self, boxes_xyxy: Array, scores: Array, class_ids: Array) -> FoundBoxes:
        """What was found of the classes that the set has; the others can be neither right nor wrong."""
        if self.any_class:
            return FoundBoxes(boxes_xyxy, scores, np.zeros(len(scores), np.int64))
        if self.open_list:
            return FoundBoxes(boxes_xyxy, scores, class_ids)
        wanted = np.isin(class_ids, list(set(self.classes.values())))
        return FoundBoxes(boxes_xyxy[wanted], scores[wanted], class_ids[wanted])


def match_classes(labels: LabelledSet, config: ModelConfig, network: Mapping[int, str]) -> Matching:
    """Finds the class of the network for every class of a labelled set.

    Args:
        labels: the set.
        config: of the model; its label file may have WordNet numbers.
        network: class id -> label, of every class that the network has or has shown; a label that is only the number
            stands for none.

    Raises:
        UsageError: the network has none of them.
    """
    marks = {_key(mark): mark for item in labels.items for mark in item.marks}
    for number, name in labels.names.items():
        mark = Mark(name, number)
        marks.setdefault(_key(mark), mark)
    named = {class_id: label for class_id, label in network.items() if label != str(class_id)}
    if len(marks) == 1 and labels.has_boxes and len(set(network.values())) <= 1:
        (mark,) = marks.values()
        if mark.name and (not named or _Lookup(config, network, named).find(mark) is None):
            return Matching({_key(mark): 0}, any_class=True)
    found, left_out = {}, []
    lookup = _Lookup(config, network, named)
    for key, mark in marks.items():
        class_id = lookup.find(mark)
        if class_id is None:
            left_out.append(mark.name or mark.wordnet or str(mark.number))
        else:
            found[key] = class_id
    if not found:
        raise UsageError(
            f"the network has none of the labelled classes: {', '.join(sorted(left_out)[:5])}",
            str(config.folder),
            "pass labels with the names that the model's label file has",
        )
    return Matching(found, tuple(sorted(set(left_out))), open_list=not labels.names)


class _Lookup:
    def __init__(self, config: ModelConfig, network: Mapping[int, str], named: Mapping[int, str]) -> None:
        self._network, self._named = network, named
        self._whole = _by_name(named)
        self._first = _unique({class_id: label.split(",")[0] for class_id, label in named.items()})
        self._wordnet = _wordnet_lines(config, network)

    def find(self, mark: Mark) -> int | None:
        if mark.wordnet in self._wordnet:
            return self._wordnet[mark.wordnet]
        if mark.name:
            for table, name in ((self._whole, mark.name), (self._first, mark.name.split(",")[0])):
                plain = _plain(name)
                for word in (plain, _OTHER_NAMES.get(plain, plain)):
                    if word in table:
                        return table[word]
        return mark.number if not self._named or not mark.name else None


def _wordnet_lines(config: ModelConfig, network: Mapping[int, str]) -> dict[str, int]:
    """WordNet number -> class id, where the label file has them; the labels themselves are without."""
    path = config.file("label_file")
    if path is None:
        return {}
    with translated(path):
        lines = path.read_bytes().decode("utf-8", errors="replace").splitlines()
    numbers = [match.group(1) for match in map(_WORDNET_LINE.match, lines) if match]
    shift = len(network) - len(numbers) if len(network) - len(numbers) in (0, 1) else 0
    return {number: at + shift for at, number in enumerate(numbers)} if len(numbers) > 1 else {}


def _by_name(named: Mapping[int, str]) -> dict[str, int]:
    found = _unique(named)
    for word, other in _OTHER_NAMES.items():
        if word in found:
            found.setdefault(other, found[word])
    return found


def _unique(named: Mapping[int, str]) -> dict[str, int]:
    """Plain name -> class id, of the names that only one class has."""
    plain = {class_id: _plain(label) for class_id, label in named.items()}
    counts: dict[str, int] = {}
    for name in plain.values():
        counts[name] = counts.get(name, 0) + 1
    return {name: class_id for class_id, name in plain.items() if counts[name] == 1}


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z,]+", "", name.lower())


def _key(mark: Mark) -> tuple[str, int | None, str]:
    return mark.name, mark.number, mark.wordnet
