"""Which files of a folder are the model: the weights, their structure file, the labels and the colours."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Callable, Mapping, Sequence

from aai.core.fields import NEEDS_STRUCTURE_FILE
from aai.core.inspect.kinds import FRAMEWORK_OF, STRUCTURE_OF, WAYS_OUT, content_kind, file_kind, refusal
from aai.core.inspect.report import Fact
from aai.core.names import did_you_mean
from aai.core.paths import check_inside, why_outside
from aai.errors import AaiError, NotFound, UsageError
from aai.storage import storage_error

MAX_DEPTH = 2
"""Levels of sub-folders that are looked into."""
MAX_FILES = 50_000
NOT_LOOKED_INTO = ("variants", "models", "node_modules", "venv", "__pycache__")
FILE_FIELDS = ("model_file", "config_file", "label_file", "colors_file")

_STRUCTURE_KIND = {
    "darknet": "darknet-cfg",
    "caffe": "prototxt",
    "tensorflow": "pbtxt",
    "dldt": "ir-xml",
    "myriad": "ir-xml",
}
_LOOSE_SUFFIXES = {
    "tensor-rt": (".bin", ".engine", ".plan", ".trt"),
    "hailo": (".bin", ".hef"),
    "dldt": (".bin",),
    "myriad": (".bin", ".blob"),
    "enet": (".net", ".t7"),
}
"""Names that are taken for weights when the content shows nothing and the user has named the framework."""
_TEXTS = (".txt", ".md", ".rst", ".json", ".yaml", ".yml", ".py", ".ipynb", ".csv", ".log", ".names", ".labels")
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".mp4", ".avi")
_LABEL_NAME = re.compile(r"label|class|names|synset|categor", re.I)
_COLOR_NAME = re.compile(r"colou?rs?|palette", re.I)


@dataclass
class _Listing:
    """The files of a folder, its sub-folders' after its own, by path relative to it."""

    folder: Path
    files: list[PurePosixPath] = field(default_factory=list)
    kinds: dict[PurePosixPath, str] = field(default_factory=dict)

    def kind(self, file: PurePosixPath) -> str:
        if file not in self.kinds:
            skip = file.suffix.lower() in _TEXTS + _PICTURES
            self.kinds[file] = "text" if skip else file_kind(self.folder / file)
        return self.kinds[file]

    def of_kind(self, wanted: Callable[[str], bool]) -> list[PurePosixPath]:
        return [file for file in self.files if wanted(self.kind(file))]


def find_files(folder: Path, given: Mapping[str, str]) -> dict[str, Fact]:
    """The files that make up the model in `folder`.

    Args:
        folder: the model's folder. Sub-folders are looked into, two levels deep, `variants` not among them.
        given: what the user has said, by field name: framework_type, model_file, config_file, label_file, colors_file;
            empty values count as not said.

    Returns:
        Facts for framework_type and model_file, and for config_file, label_file and colors_file where there is one.
        Paths are relative to `folder`, with forward slashes. What the user gave is among them, with the source "given".

    Raises:
        NotFound: the folder, a file that was named, or anything that could be a model is not there.
        UsageError: several files could be meant, a path leaves the folder, or what was said contradicts the content.
        BadWeights: all that is there is of a kind that can't be run; `fix` is the way out.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise NotFound("the model folder is not there", str(folder), "name the folder that holds the weights")
    listing = _list_files(folder)
    facts = {name: _given_file(listing, name, given[name]) for name in FILE_FIELDS if given.get(name)}
    framework = given.get("framework_type") or ""
    if "model_file" not in facts:
        facts["model_file"] = _find_model(listing, framework, facts.get("config_file"))
    model = PurePosixPath(facts["model_file"].value)
    facts["framework_type"] = _framework(listing, model, framework)
    framework = facts["framework_type"].value
    if "config_file" not in facts:
        facts.update(_find_structure(listing, framework, model))
    for name, find in (("label_file", _find_labels), ("colors_file", _find_colors)):
        found = None if name in facts else find(listing, model)
        if found is not None:
            facts[name] = found
    return facts


def _list_files(folder: Path) -> _Listing:
    listing = _Listing(folder)
    level = [PurePosixPath()]
    for _ in range(MAX_DEPTH + 1):
        level = [below for place in level for below in _list_level(listing, place)]
    return listing


def _list_level(listing: _Listing, place: PurePosixPath) -> list[PurePosixPath]:
    """Puts the files of one folder on the list; returns its sub-folders."""
    try:
        entries = sorted(os.scandir(listing.folder / place), key=lambda entry: entry.name)
    except PermissionError:
        if place == PurePosixPath():
            raise storage_error(PermissionError(13, "not readable"), listing.folder) from None
        return []
    except OSError as error:
        raise storage_error(error, listing.folder / place) from error
    below = []
    for entry in entries:
        path = place / entry.name
        if entry.name.startswith(".") or (entry.is_symlink() and why_outside(listing.folder, str(path))):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in NOT_LOOKED_INTO:
                below.append(path)
        elif entry.is_file() and len(listing.files) < MAX_FILES and os.access(entry.path, os.R_OK):
            listing.files.append(path)
    return below


def _given_file(listing: _Listing, name: str, value: str) -> Fact:
    path = check_inside(listing.folder, value, name)
    if path.is_dir():
        raise UsageError(f"{name} is a folder", str(path), "name the file itself")
    if not path.is_file():
        near = did_you_mean(value, [str(file) for file in listing.files])
        raise NotFound(
            f'{name} "{value}" is not there', str(listing.folder), near or f"name a file of the folder: --{name} FILE"
        )
    return Fact(PurePosixPath(*Path(value).parts).as_posix(), "given")


def _find_model(listing: _Listing, framework: str, config: Fact | None) -> Fact:
    wanted = framework or (STRUCTURE_OF.get(listing.kind(PurePosixPath(config.value)), "") if config else "")
    candidates = listing.of_kind(lambda kind: _suits(kind, wanted))
    if not candidates and wanted:
        suffixes = _LOOSE_SUFFIXES.get(wanted, ())
        candidates = [
            file
            for file in listing.of_kind(lambda kind: kind in ("unknown", "text", "ir-bin"))
            if file.suffix.lower() in suffixes
        ]
    if not candidates:
        raise _nothing_found(listing, wanted)
    if config is not None:
        stem = PurePosixPath(config.value).stem
        candidates = [file for file in candidates if file.stem == stem] or candidates
    chosen, why = _narrow_models(listing, candidates)
    if len(chosen) > 1:
        raise UsageError(
            f"the folder has {len(chosen)} files that could be the model",
            f"{listing.folder}: {_names(chosen)}",
            "say which: --model_file FILE",
        )
    return Fact(chosen[0].as_posix(), why)


def _suits(kind: str, framework: str) -> bool:
    own = FRAMEWORK_OF.get(kind)
    return own is not None and (not framework or own == framework or (own, framework) == ("dldt", "myriad"))


def _narrow_models(listing: _Listing, files: list[PurePosixPath]) -> tuple[list[PurePosixPath], str]:
    """What is left of several candidates, and why the one that is left was taken."""
    if len(files) == 1:
        return files, f"the only weight file in the folder ({listing.kind(files[0])})"
    plain = [file for file in files if not _is_edgetpu_twin(file, files)]
    if len(plain) == 1:
        return plain, "the file that runs without an Edge TPU"
    nearest = min(len(file.parts) for file in plain)
    top = [file for file in plain if len(file.parts) == nearest]
    if len(top) == 1:
        return top, "the only weight file at the top of the folder"
    # Darknet's own habit: pre-trained first layers, yolov4.conv.137, have the same form.
    named = [file for file in top if file.suffix.lower() == ".weights"]
    if len(named) == 1 and all(listing.kind(file) == "darknet-weights" for file in top):
        return named, "the only file with the extension .weights"
    return top, ""


def _is_edgetpu_twin(file: PurePosixPath, files: Sequence[PurePosixPath]) -> bool:
    """Whether a TFLite file is the Edge TPU build of another one that is there too."""
    return file.stem.endswith("_edgetpu") and file.with_name(file.name.replace("_edgetpu", "")) in files


def _nothing_found(listing: _Listing, framework: str) -> AaiError:
    kinds = [listing.kind(file) for file in listing.files]
    for refused in ("git-lfs", "html", "pytorch", "keras", "hdf5", "safetensors", "tar", "empty"):
        for file, kind in zip(listing.files, kinds):
            if kind == refused:
                return refusal(listing.folder / file, kind)
    if framework:
        return NotFound(
            f"the folder has no {framework} weights", str(listing.folder), "name the file: --model_file FILE"
        )
    return NotFound(
        "the folder has no weight file",
        str(listing.folder),
        "looked for: .onnx, .weights with .cfg, .caffemodel with .prototxt, .pb, .xml with .bin, .tflite, .engine, "
        ".hef, .blob, .net; name the file and what it is: --model_file FILE --framework NAME",
    )


def _framework(listing: _Listing, model: PurePosixPath, given: str) -> Fact:
    """The framework that the content shows, which must not be another than was given."""
    path = listing.folder / model
    shown = content_kind(path)
    if shown in WAYS_OUT:
        raise refusal(path, shown)
    kind = shown if given else file_kind(path)
    if kind in WAYS_OUT:
        raise refusal(path, kind)
    if kind in STRUCTURE_OF:
        raise UsageError(
            f"{model} describes a network and holds no weights ({kind})",
            str(path),
            f"give it as --config_file {model}, and the weights as --model_file FILE",
        )
    own = FRAMEWORK_OF.get(kind)
    if given:
        if own not in (None, given) and (own, given) != ("dldt", "myriad"):
            raise UsageError(
                f"the framework was given as {given}, and {model} is for {own}",
                f"{path}: its content is {kind}",
                f"name the right file, or give the framework as --framework {own}",
            )
        return Fact(given, "given")
    if own is None:
        raise UsageError(
            f"what {model} is can't be told from its content or its name",
            str(path),
            "say which framework it is for: --framework NAME",
        )
    return Fact(own, f"the content of {model} ({kind})" if shown == kind else f"the name of {model}")


def _find_structure(listing: _Listing, framework: str, model: PurePosixPath) -> dict[str, Fact]:
    wanted = _STRUCTURE_KIND.get(framework)
    if wanted is None or (framework == "myriad" and listing.kind(model) == "blob"):
        return {}
    files = _nearest_to(model, listing.of_kind(lambda kind: kind == wanted))
    chosen, why = _narrow_structures(listing, files, model, framework)
    if len(chosen) == 1:
        return {"config_file": Fact(chosen[0].as_posix(), why)}
    if framework not in NEEDS_STRUCTURE_FILE:
        return {}
    if not chosen:
        raise NotFound(
            f"{model} needs its structure file, and the folder has none ({wanted})",
            str(listing.folder),
            "put it beside the weights, or name it: --config_file FILE",
        )
    raise UsageError(
        f"the folder has {len(chosen)} files that could be the structure of {model}",
        f"{listing.folder}: {_names(chosen)}",
        "say which: --config_file FILE",
    )


def _narrow_structures(
    listing: _Listing, files: list[PurePosixPath], model: PurePosixPath, framework: str
) -> tuple[list[PurePosixPath], str]:
    same = [file for file in files if file.stem == model.stem]
    if len(same) == 1:
        return same, f"has the name of {model.name}"
    if len(files) < 2:
        return files, f"the only file of its kind beside {model.name}"
    rules: tuple[tuple[Callable[[PurePosixPath], bool], str], ...] = (
        (lambda file: framework == "caffe" and "deploy" in file.stem.lower(), "the one that is made to be deployed"),
        (lambda file: model.stem.startswith(file.stem), f"the name of {model.name} starts with its own"),
        (lambda file: framework == "darknet" and _fits(listing.folder, model, file), f"as long as {model.name} is"),
    )
    for rule, why in rules:
        left = [file for file in files if rule(file)]
        if len(left) == 1:
            return left, why
    return files, ""


def _fits(folder: Path, weights: PurePosixPath, cfg: PurePosixPath) -> bool:
    from aai.core.inspect.darknet import inspect_darknet

    try:
        report = inspect_darknet(folder / weights, folder / cfg)
    except AaiError:
        return False
    return "length" not in report.details


def _find_labels(listing: _Listing, model: PurePosixPath) -> Fact | None:
    files = [
        file
        for file in listing.files
        if (file.suffix.lower() in (".names", ".labels") or _is_text_named(file, _LABEL_NAME))
        and not _COLOR_NAME.search(file.stem)
        and content_kind(listing.folder / file) == "text"
    ]
    files = _nearest_to(model, files)
    named = [file for file in files if file.stem == model.stem] or files
    if not named:
        return None
    if len(named) == 1:
        return Fact(named[0].as_posix(), "named as label files are")
    return Fact(named[0].as_posix(), f"the first of {len(named)} label files: {_names(named)}", certain=False)


def _find_colors(listing: _Listing, model: PurePosixPath) -> Fact | None:
    from aai.core.inspect.labels import read_colors

    files = [file for file in listing.files if _is_text_named(file, _COLOR_NAME) or file.suffix.lower() == ".colors"]
    for file in _nearest_to(model, files):
        if not any(finding.level == "error" for finding in read_colors(listing.folder / file).findings):
            return Fact(file.as_posix(), "named as colour files are, and each line is a colour")
    return None


def _is_text_named(file: PurePosixPath, pattern: re.Pattern[str]) -> bool:
    return file.suffix.lower() == ".txt" and pattern.search(file.stem) is not None


def _nearest_to(model: PurePosixPath, files: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """Those beside the model; if there are none, those at the top of the folder; if there are none, all."""
    beside = [file for file in files if file.parent == model.parent]
    return beside or [file for file in files if len(file.parts) == 1] or list(files)


def _names(files: Sequence[PurePosixPath]) -> str:
    more = f" and {len(files) - 10} more" if len(files) > 10 else ""
    return ", ".join(file.as_posix() for file in files[:10]) + more
