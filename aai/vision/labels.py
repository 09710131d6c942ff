"""Label and colour files, and which label belongs to which class of the network."""

from __future__ import annotations

import codecs
import colorsys
import re
from typing import TYPE_CHECKING, Sequence

from aai.core.inspect.labels import is_background, read_colors
from aai.errors import InvalidFiles
from aai.storage import translated

if TYPE_CHECKING:
    from pathlib import Path

    Colour = tuple[int, int, int]

_WORDNET = re.compile(r"n\d{8}\s+(?=\S)")
_IMAGENET_WITH_BACKGROUND = (1001, 1000)
"""TensorFlow's networks count the background as class 0; the usual list of the 1,000 classes does not have it."""
_GOLDEN = 0.618033988749895


def load_labels(path: Path) -> list[str]:
    """The labels in a file, one a line, line 1 being class 0.

    A byte-order mark, blanks at the ends of lines, Windows line ends and empty lines at the end are dropped; a WordNet
    number in front ("n02124075 Egyptian cat") is, too. Text that is neither UTF-8 nor UTF-16 is taken for Latin-1.

    Raises:
        NotFound: the file is not there.
        NotAllowed: the file may not be read.
    """
    lines = [line.strip() for line in _text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if lines and all(_WORDNET.match(line) for line in lines):
        return [_WORDNET.sub("", line, count=1) for line in lines]
    return lines


def load_colours(path: Path) -> list[Colour]:
    """The colours in a file, one "x,y,z" a line, as they stand there: drawn as blue, green, red.

    Raises:
        NotFound: the file is not there.
        InvalidFiles: a line that is not three whole numbers from 0 to 255.
    """
    file = read_colors(path)
    errors = [finding for finding in file.findings if finding.level == "error"]
    if errors:
        raise InvalidFiles("the colours can't be read", errors)
    return file.colors


def palette(count: int) -> list[Colour]:
    """`count` colours (blue, green, red, each 0 to 255) whose hues are far apart; the same ones at every call."""
    colours = []
    for index in range(count):
        red, green, blue = colorsys.hsv_to_rgb((index * _GOLDEN) % 1.0, 0.85, 0.95)
        colours.append((round(blue * 255), round(green * 255), round(red * 255)))
    return colours


class LabelMap:
    """The labels of a model, looked up by the class ids of its network.

    A list may start with a background line that the network does not count, or lack one that it does.

    Args:
        labels: the lines of the label file.
        classes: number of classes of the network, None when it is not known.
        first_class: the lowest class id that stands for an object (1 where the network keeps 0 for the background).
    """

    def __init__(self, labels: Sequence[str], classes: int | None = None, first_class: int = 0) -> None:
        self._labels = labels
        self._shift = _shift(labels, classes, first_class)

    def __call__(self, class_id: int) -> str:
        """The label of a class; its number, as text, when there is none."""
        line = class_id + self._shift
        return self._labels[line] if 0 <= line < len(self._labels) else str(class_id)


def _shift(labels: Sequence[str], classes: int | None, first_class: int) -> int:
    if classes is not None:
        if len(labels) == classes + 1:
            return 1 if is_background(labels[0]) else 0
        return -1 if (classes, len(labels)) == _IMAGENET_WITH_BACKGROUND else 0
    if first_class and labels and not is_background(labels[0]):
        return -first_class
    return 0


def _text(path: Path) -> str:
    with translated(path):
        data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
