"""Label and colour files, and the well-known label lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from aai.core.inspect.source import read_error
from aai.errors import Finding

MAX_BYTES = 8 * 1024 * 1024
_BACKGROUND = ("", "background", "__background__", "_background_", "bg", "unlabeled", "unlabelled", "none", "???")
"""First lines of label files for class 0 where it is what is none of the others."""
PLACEHOLDERS = ("n/a", "???", "unused", "none", "-")
"""Lines that stand for a class number that the data set does not use; any number of classes may have them."""

_LISTS = Path(__file__).resolve().parents[2] / "data" / "labels"
_SEPARATORS = re.compile(r"[\s,;]+")


@dataclass(frozen=True)
class LabelFile:
    """The labels of a file.

    Args:
        labels: as they stand, without blanks around them; the place in the list is the class number.
        findings: what is wrong with the file.
    """

    labels: list[str]
    findings: list[Finding]


@dataclass(frozen=True)
class ColorsFile:
    """The colours of a file: (x, y, z) of each class, 0 to 255, in the file's own order, and what is wrong with it."""

    colors: list[tuple[int, int, int]]
    findings: list[Finding]


@dataclass(frozen=True)
class KnownList:
    """A well-known label list.

    Args:
        name: for people: "COCO, 80 classes".
        labels: one for each class.
    """

    name: str
    labels: tuple[str, ...]


def read_labels(path: Path) -> LabelFile:
    """The labels of a file with one a line: UTF-8 with or without a mark in front, UTF-16 with one, else Latin-1.

    Blanks around a label, CR LF line ends and empty lines at the end are no fault. An empty line between labels is an
    error, a label that stands twice is a warning.

    Raises:
        NotFound: the file is not there.
        NotAllowed: the rights forbid reading it.
    """
    text, findings = _read(path, "labels")
    labels = _lines(text)
    if not labels and not findings:
        findings.append(Finding("error", "the label file holds no label", str(path), "write one label a line"))
    empty = [number for number, label in enumerate(labels, 1) if not label]
    if empty:
        findings.append(
            Finding(
                "error",
                f"the label file has an empty line before its end: line {_some(empty)}",
                f"{path}, line {empty[0]}",
                "take the line out, or write what the class is called: each line is one class",
            )
        )
    twice = _repeated(labels)
    if twice:
        names = ", ".join(f'"{name}"' for name in twice[:5])
        findings.append(
            Finding("warning", f"more than one class is called {names}", str(path), "give each class its own label")
        )
    return LabelFile(labels, findings)


def read_colors(path: Path) -> ColorsFile:
    """The colours of a file with one `x,y,z` a line, each 0 to 255; blanks around them and empty lines at the end pass.

    Raises:
        NotFound: the file is not there.
        NotAllowed: the rights forbid reading it.
    """
    text, findings = _read(path, "colours")
    colors = []
    bad = []
    for number, line in enumerate(_lines(text), 1):
        color = _color(line)
        if color is None:
            bad.append(number)
        else:
            colors.append(color)
    if bad:
        findings.append(
            Finding(
                "error",
                f"not three numbers from 0 to 255: line {_some(bad)}",
                f"{path}, line {bad[0]}",
                "write one colour a line, such as 255,0,0",
            )
        )
    elif not colors and not findings:
        findings.append(Finding("error", "the colour file holds no colour", str(path), "write one x,y,z a line"))
    return ColorsFile(colors, findings)


def check_labels(labels: Sequence[str], classes: int, where: str = "label_file") -> list[Finding]:
    """What is wrong with a list of labels for a network of that many classes.

    Args:
        labels: in class order.
        classes: number of classes of the network.
        where: file and key, for the finding.
    """
    count = len(labels)
    if count == classes:
        return []
    what = (
        f"the label file has {count} {_plural(count, 'label')}, the network has {classes} {_plural(classes, 'class')}"
    )
    fix = "pass the right file: aai model configure --label_file FILE"
    if count == classes + 1 and is_background(labels[0]):
        what += f': its first line, "{labels[0]}", is skipped, and class 0 is "{labels[1]}"'
        return [Finding("warning", what, where, "take the first line out of the label file")]
    elif count == classes - 1 and not (labels and is_background(labels[0])):
        fix = f'add the missing label (if class 0 of the network is the background: "background" as line 1), or {fix}'
    elif count < classes:
        missing = classes - count
        fix = f"add the {missing} missing {_plural(missing, 'label')}, or {fix}"
    return [Finding("error", what, where, fix)]


def check_colors(colors: int, labels: int, where: str = "colors_file") -> list[Finding]:
    """What is wrong with that many colours for that many labels."""
    if colors == labels:
        return []
    have = f"{colors} {_plural(colors, 'colour')}", f"{labels} {_plural(labels, 'label')}"
    what = f"the colour file has {have[0]}, the label file has {have[1]}"
    level = "error" if colors < labels else "warning"
    return [Finding(level, what, where, "write one colour for each label, in the same order")]


def is_background(label: str) -> bool:
    """Whether a label says that a class is the background."""
    return label.strip().lower() in _BACKGROUND


def known_labels(classes: int, framework: str = "", purpose: str = "") -> KnownList | None:
    """The well-known list of that many classes, None when there is none.

    80, 90 or 91 are COCO (91: with the background as class 0), 20 or 21 PASCAL VOC, 1000 or 1001 ImageNet. Darknet has
    its own spelling of COCO's names. Networks for SemanticSegmentation have a background: of these lists, 21 alone.
    """
    if purpose == "SemanticSegmentation" and classes != 21:
        return None
    if classes == 80 and framework == "darknet":
        return KnownList("COCO, 80 classes, Darknet's spelling", _list("coco-darknet"))
    entry = _KNOWN.get(classes)
    if entry is None:
        return None
    name, file, background = entry
    labels = _list(file)
    return KnownList(name, (("background",) if background else ()) + labels)


_KNOWN = {
    80: ("COCO, 80 classes", "coco", False),
    90: ("COCO, 90 classes with the ten unused ones", "coco-paper", False),
    91: ("COCO, background and 90 classes with the ten unused ones", "coco-paper", True),
    20: ("PASCAL VOC, 20 classes", "voc", False),
    21: ("PASCAL VOC, background and 20 classes", "voc", True),
    1000: ("ImageNet, 1000 classes", "imagenet", False),
    1001: ("ImageNet, background and 1000 classes", "imagenet", True),
}


def _list(name: str) -> tuple[str, ...]:
    return tuple((_LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines())


def _read(path: Path, what: str) -> tuple[str, list[Finding]]:
    try:
        size = path.stat().st_size
        data = b"" if size > MAX_BYTES else path.read_bytes()
    except OSError as error:
        raise read_error(error, path) from error
    if size > MAX_BYTES:
        return "", [_not_text(path, f"the file has {size:,} bytes: too many for {what}")]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), []
        except UnicodeDecodeError:
            return "", [_not_text(path, "the file is not text")]
    if b"\0" in data:
        return "", [_not_text(path, "the file is not text")]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        finding = Finding(
            "warning", "the file is not UTF-8, and was read as Latin-1", f"{path}, line {line}", "save it as UTF-8"
        )
        return data.decode("latin-1"), [finding]


def _not_text(path: Path, what: str) -> Finding:
    return Finding("error", what, str(path), "name a text file with one line for each class")


def _lines(text: str) -> list[str]:
    # Not str.splitlines: a label may hold a character that Unicode, but no text editor, takes for a line end.
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _repeated(labels: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for label in labels:
        if label in seen and label and label.lower() not in PLACEHOLDERS:
            twice[label] = None
        seen.add(label)
    return list(twice)


def _color(line: str) -> tuple[int, int, int] | None:
    words = [word for word in _SEPARATORS.split(line) if word]
    if len(words) != 3 or not all(word.isdecimal() and len(word) <= 3 for word in words):
        return None
    red, green, blue = (int(word) for word in words)
    return (red, green, blue) if max(red, green, blue) <= 255 else None


def _plural(count: int, word: str) -> str:
    if count == 1:
        return word
    return word + ("es" if word.endswith("s") else "s")


def _some(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return ", ".join(str(number) for number in numbers[:5]) + more
