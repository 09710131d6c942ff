"""Photos that a person has labelled, in the forms that are about: COCO, YOLO, a table, a folder for each class.

COCO: a JSON file with `images`, `annotations` and `categories` (https://cocodataset.org/#format-data). YOLO: a folder
with one text file for each image, a line "class x y width height" for each object, the centre and the size as shares
of the image. Table: CSV with a head line; the picture's column is `file`, `image`, `filename` or `path`, the class's
are `label`, `wnid` and `class_id`, one of them is enough.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Sequence

from aai.check.photos import picture_files
from aai.errors import AaiError, Finding, InvalidFiles, NotFound, UsageError
from aai.storage import read_json, translated
from aai.vision.image import EXTENSIONS, read_image

CHOICES = "a COCO JSON file, a CSV table, a folder of YOLO text files, or a folder with a folder for each class"
_FILE_COLUMNS = ("file", "image", "filename", "file_name", "path")
_NAME_COLUMNS = ("label", "class", "name", "class_name")
_NUMBER_COLUMNS = ("class_id", "index", "label_id")
_WORDNET = re.compile(r"n\d{8}(?=$|[_\s-])")
_NAME_FILES = ("classes.txt", "obj.names", "names.txt")
_YAML_FILES = ("data.yaml", "dataset.yaml", "data.yml")
_YAML_NAME = re.compile(r"\s+(?:(\d+)\s*:|-)\s*(.+?)\s*\Z")
_LARGEST_TEXT = 64_000_000


@dataclass(frozen=True)
class Mark:
    """What a person says is in a photo.

    Args:
        name: of the class; "" when only a number is given.
        number: of the class as the labels count; None when only a name is given.
        wordnet: WordNet's number of the class, "n02123159"; "" for none.
        box_xyxy: where, in pixels of the photo; None for the photo as a whole.
        crowd: whether the box is around many.
    """

    name: str = ""
    number: int | None = None
    wordnet: str = ""
    box_xyxy: tuple[float, float, float, float] | None = None
    crowd: bool = False


@dataclass(frozen=True)
class Marked:
    """A labelled photo: its file and what is in it, which may be nothing."""

    path: Path
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class LabelledSet:
    """Labelled photos.

    Args:
        form: "coco", "yolo", "table" or "folders".
        items: the photos, sorted by path.
        names: the names of all classes by their number, where the set has such a list.
    """

    form: str
    items: tuple[Marked, ...]
    names: dict[int, str]

    @property
    def has_boxes(self) -> bool:
        """Whether the labels say where things are."""
        return self.form in ("coco", "yolo")


def read_labels(labels: Path, images: Path | None) -> LabelledSet:
    """The labelled photos that `labels` describes.

    Args:
        labels: one of CHOICES.
        images: the folder of the photos; None where the labels lie beside them.

    Raises:
        NotFound: the file or folder is not there, or none of its photos is.
        InvalidFiles: the labels can't be read; every finding.
        UsageError: a folder that holds no labels.
    """
    with translated(labels):
        is_folder, is_file = labels.is_dir(), labels.is_file()
        size = labels.stat().st_size if is_file else 0
    if size > _LARGEST_TEXT:
        raise UsageError("the file is too large for labels", str(labels), f"pass {CHOICES}")
    if is_file and labels.suffix.lower() == ".json":
        found = _coco(labels, images)
    elif is_file and labels.suffix.lower() in (".csv", ".tsv", ".txt"):
        found = _table(labels, images)
    elif is_folder and any(labels.glob("*.txt")):
        found = _yolo(labels, images)
    elif is_folder:
        found = _folders(labels)
    elif is_file:
        raise UsageError("the file is no list of labels", str(labels), f"pass {CHOICES}")
    else:
        raise NotFound("the labels are not there", str(labels), f"pass {CHOICES}")
    if not found.items:
        raise NotFound(
            "none of the labelled photos is there",
            str(images or labels),
            "pass the folder that holds the photos: --images FOLDER",
        )
    return found


def _coco(path: Path, images: Path | None) -> LabelledSet:
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise _bad(path, "the JSON has no list of images", "pass COCO's instances: images, annotations, categories")
    names: dict[int, str] = {}
    marks: dict[Any, list[Mark]] = {}
    try:
        for category in document.get("categories") or []:
            names[int(category["id"])] = str(category["name"])
        for entry in document.get("annotations") or []:
            number = int(entry["category_id"])
            x, y, width, height = (float(value) for value in entry["bbox"])
            box = (x, y, x + width, y + height)
            if not all(map(math.isfinite, box)):
                raise ValueError(f"a box is {entry['bbox']}")
            mark = Mark(names.get(number, ""), number, "", box, bool(entry.get("iscrowd", 0)))
            marks.setdefault(entry["image_id"], []).append(mark)
        entries = [(str(entry["file_name"]), entry["id"]) for entry in document["images"]]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise _bad(path, f"an entry lacks what COCO's have: {error}", "see cocodataset.org, data format") from error
    finder = _Finder(images or path.parent, path.parent)
    found = [(finder.find(name), marks.get(number, [])) for name, number in entries]
    return LabelledSet("coco", _items(found), names)


def _yolo(folder: Path, images: Path | None) -> LabelledSet:
    pictures = {}
    for place in (
        [images] if images else [folder, folder.parent / "images", Path(str(folder).replace("labels", "images"))]
    ):
        if place.is_dir():
            pictures.update({path.stem: path for path in _pictures(place)})
    names = _yolo_names(folder)
    found: list[tuple[Path | None, list[Mark]]] = []
    findings: list[Finding] = []
    for text in sorted(folder.glob("*.txt")):
        picture = pictures.get(text.stem)
        if picture is None or text.name in _NAME_FILES:
            continue
        height, width = read_image(picture).shape[:2]
        marks = []
        for number, line in enumerate(_text(text).splitlines(), 1):
            if line.strip():
                try:
                    marks.append(_yolo_mark(line, width, height, names))
                except ValueError as error:
                    findings.append(Finding("error", str(error), f"{text}, line {number}", "see --help"))
        found.append((picture, marks))
    if findings:
        raise InvalidFiles("the labels can't be read", findings[:20], str(folder))
    return LabelledSet("yolo", _items(found), names)


def _yolo_mark(line: str, width: int, height: int, names: dict[int, str]) -> Mark:
    """One line: a box; a box and key points of three values each (an odd number); the corners of an outline."""
    words = line.split()
    try:
        number, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        raise ValueError(f'"{line.strip()[:40]}" is no line of numbers') from None
    if len(values) == 4 or (len(values) > 4 and (len(values) - 4) % 3 == 0 and len(values) % 2):
        x, y, w, h = values[:4]
        box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    elif len(values) >= 6 and len(values) % 2 == 0:
        box = (min(values[0::2]), min(values[1::2]), max(values[0::2]), max(values[1::2]))
    else:
        raise ValueError(f"a line has {len(values)} numbers after the class, where 4 belong")
    if not all(-1 <= value <= 2 for value in box):
        raise ValueError(f"a box is {', '.join(f'{value:g}' for value in box)}, where shares of the image belong")
    pixels = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return Mark(names.get(number, ""), number, "", pixels)


def _yolo_names(folder: Path) -> dict[int, str]:
    for place in (folder, folder.parent, folder.parent.parent):
        for name in _NAME_FILES:
            if (place / name).is_file():
                lines = [line.strip() for line in _text(place / name).splitlines()]
                return {number: line for number, line in enumerate(lines) if line}
        for name in _YAML_FILES:
            if (place / name).is_file():
                return _yaml_names(_text(place / name))
    return {}


def _yaml_names(text: str) -> dict[int, str]:
    """The list `names` of an Ultralytics data file, in the three forms that it has; of YAML nothing else is read."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if not line.startswith("names:"):
            continue
        inline = line[len("names:") :].strip()
        if inline.startswith("["):
            whole = inline
            for more in lines[at + 1 :]:
                if "]" in whole:
                    break
                whole += more.strip()
            words = [_unquoted(word) for word in whole.strip("[]").split(",")]
            return {number: word for number, word in enumerate(words) if word}
        names: dict[int, str] = {}
        for entry in lines[at + 1 :]:
            match = _YAML_NAME.match(entry if entry.startswith(" ") else f" {entry}")
            if not match or (not entry.startswith(" ") and not entry.startswith("-")):
                break
            names[int(match.group(1)) if match.group(1) else len(names)] = _unquoted(match.group(2))
        return names
    return {}


def _unquoted(word: str) -> str:
    return word.strip().strip("\"'").strip()


def _table(path: Path, images: Path | None) -> LabelledSet:
    text = _text(path)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.DictReader(io.StringIO(text, newline=None), delimiter=delimiter)
    try:
        columns = {name.strip().lower(): name for name in reader.fieldnames or [] if name}
    except csv.Error as error:
        raise _bad(path, f"line 1: {error}", "save it as a table with a head line") from error
    file_column = next((columns[name] for name in _FILE_COLUMNS if name in columns), None)
    name_column = next((columns[name] for name in _NAME_COLUMNS if name in columns), None)
    number_column = next((columns[name] for name in _NUMBER_COLUMNS if name in columns), None)
    wordnet_column = columns.get("wnid")
    if file_column is None or not (name_column or number_column or wordnet_column):
        wanted = "give it a head line with file and one of label, wnid, class_id"
        raise _bad(path, f"the table has the columns {', '.join(columns) or 'none'}", wanted)
    finder = _Finder(images or path.parent, path.parent)
    found: list[tuple[Path | None, list[Mark]]] = []
    try:
        for row in reader:
            number = (row.get(number_column) or "").strip() if number_column else ""
            mark = Mark(
                ((row.get(name_column) or "") if name_column else "").strip(),
                int(number) if number else None,
                ((row.get(wordnet_column) or "") if wordnet_column else "").strip(),
            )
            found.append((finder.find((row.get(file_column) or "").strip()), [mark]))
    except (ValueError, csv.Error) as error:
        raise _bad(path, f"line {reader.line_num}: {error}", "mend that line") from error
    return LabelledSet("table", _items(found), {})


def _folders(folder: Path) -> LabelledSet:
    with translated(folder):
        classes = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    found: list[tuple[Path | None, list[Mark]]] = []
    for entry in classes:
        match = _WORDNET.match(entry.name)
        number = int(entry.name) if entry.name.isascii() and entry.name.isdigit() and len(entry.name) < 7 else None
        name = entry.name[9:].strip("_- ") if match and len(entry.name) > 9 else "" if match else entry.name
        mark = Mark("" if number is not None else name, number, match.group(0) if match else "")
        found += [(path, [mark]) for path in _pictures(entry)]
    if not found:
        raise UsageError("the folder holds no labels", str(folder), f"pass {CHOICES}")
    return LabelledSet("folders", _items(found), {})


class _Finder:
    """Finds the photos that labels name: as they stand there, or by their last part."""

    def __init__(self, *folders: Path) -> None:
        self._folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
        self._by_name: dict[str, Path] | None = None

    def find(self, name: str) -> Path | None:
        parts = Path(name.replace("\\", "/")).parts
        if not name or Path(name).is_absolute() or ".." in parts:
            return None
        for folder in self._folders:
            path = folder.joinpath(*parts)
            with contextlib.suppress(OSError, ValueError):
                # A name that no file can have is none that is there.
                if path.is_file():
                    return path
        if self._by_name is None:
            self._by_name = {path.name: path for folder in self._folders for path in _pictures(folder)}
        return self._by_name.get(parts[-1]) if parts else None


def _pictures(folder: Path) -> list[Path]:
    try:
        return [path for path in picture_files(folder, deep=True) if path.suffix.lower() in EXTENSIONS]
    except UsageError:
        return []


def _items(found: Iterable[tuple[Path | None, Sequence[Mark]]]) -> tuple[Marked, ...]:
    """The photos that are there, each once, with all that is said of it."""
    by_path: dict[Path, list[Mark]] = {}
    for path, marks in found:
        if path is not None:
            by_path.setdefault(path, []).extend(marks)
    return tuple(Marked(path, tuple(marks)) for path, marks in sorted(by_path.items()))


def _text(path: Path) -> str:
    with translated(path):
        return path.read_bytes().decode("utf-8-sig", errors="replace")


def _bad(path: Path, what: str, fix: str) -> AaiError:
    return InvalidFiles("the labels can't be read", [Finding("error", what, str(path), fix)], str(path))
