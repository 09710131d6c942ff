"""The files that go with the weights: structure, labels, colours."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Callable, Sequence

from aai.core.fields import NEEDS_STRUCTURE_FILE
from aai.core.inspect.kinds import content_kind
from aai.core.inspect.labels import read_colors
from aai.core.inspect.listing import Listing, names
from aai.core.inspect.report import Fact, Inspection
from aai.errors import AaiError, NotFound, UsageError

_STRUCTURE_KIND = {
    "darknet": "darknet-cfg",
    "caffe": "prototxt",
    "tensorflow": "pbtxt",
    "dldt": "ir-xml",
    "myriad": "ir-xml",
}
LABELS_NAME = "labels.txt"
"""What `aai model configure` calls a label file that it writes itself."""

_LABEL_NAME = re.compile(r"label|class|names|synset|categor", re.I)
_COLOR_NAME = re.compile(r"colou?rs?|palette", re.I)


def find_structure(listing: Listing, framework: str, model: PurePosixPath) -> Fact | None:
    """The structure file of a model, None when its framework does without.

    Raises:
        NotFound: the framework needs one, and there is none.
        UsageError: several could be meant.
    """
    wanted = _STRUCTURE_KIND.get(framework)
    if wanted is None or (framework == "myriad" and listing.kind(model) == "blob"):
        return None
    files = _nearest_to(model, listing.of_kind(lambda kind: kind == wanted))
    # One by its name alone may be another text: a list of labels, the settings of a training run.
    sure = [file for file in files if content_kind(listing.folder / file) == wanted]
    files = sure or (files if framework in NEEDS_STRUCTURE_FILE else [])
    chosen, why = _narrow_structures(listing, files, model, framework)
    if len(chosen) == 1:
        return Fact(chosen[0].as_posix(), why)
    if framework not in NEEDS_STRUCTURE_FILE:
        return None
    if not chosen:
        raise NotFound(
            f"{model} holds {framework} weights, and their structure file is not there ({wanted})",
            str(listing.folder),
            "put it beside the weights, or name it: --config_file FILE",
        )
    raise UsageError(
        f"the folder has {len(chosen)} files that could be the structure of {model}",
        f"{listing.folder}: {names(chosen)}",
        "say which: --config_file FILE",
    )


def _narrow_structures(
    listing: Listing, files: list[PurePosixPath], model: PurePosixPath, framework: str
) -> tuple[list[PurePosixPath], str]:
    same = [file for file in files if file.stem == model.stem]
    if len(same) == 1:
        return same, f"its name, which is that of {model.name}"
    if len(files) < 2:
        return files, f"the only file of its kind beside {model.name}"
    rules: tuple[tuple[Callable[[PurePosixPath], bool], str], ...] = (
        (lambda file: framework == "caffe" and "deploy" in file.stem.lower(), "the one that is made to be deployed"),
        (lambda file: model.stem.startswith(file.stem), f"the name of {model.name} starts with its own"),
        (lambda file: _fits(listing.folder, framework, model, file), f"the network of {model.name}"),
    )
    for rule, why in rules:
        left = [file for file in files if rule(file)]
        if len(left) == 1:
            return left, why
    return files, ""


def _fits(folder: Path, framework: str, weights: PurePosixPath, structure: PurePosixPath) -> bool:
    """Whether the weights are those of the network that a structure file describes."""
    from aai.core.inspect.caffe import inspect_caffe
    from aai.core.inspect.darknet import inspect_darknet
    from aai.core.inspect.ir import inspect_ir
    from aai.core.inspect.tensorflow import inspect_tensorflow

    readers: dict[str, Callable[[Path, Path], Inspection]] = {
        "darknet": inspect_darknet,
        "caffe": inspect_caffe,
        "tensorflow": inspect_tensorflow,
        "dldt": inspect_ir,
    }
    if framework not in readers:
        return False
    try:
        report = readers[framework](folder / weights, folder / structure)
    except AaiError:
        return False
    return "length" not in report.details


def find_labels(listing: Listing, model: PurePosixPath) -> Fact | None:
    """The label file of a model; the first of several is a guess, unless one has the model's name.

    One that may have been written here, for want of another, comes after the others.
    """
    files = [
        file
        for file in listing.files
        if (file.suffix.lower() in (".names", ".labels") or _is_text_named(file, _LABEL_NAME))
        and not _COLOR_NAME.search(file.stem)
        and content_kind(listing.folder / file) in ("text", "empty")
    ]
    files = sorted(_nearest_to(model, files), key=lambda file: file.name == LABELS_NAME)
    named = [file for file in files if file.stem == model.stem] or files
    if not named:
        return None
    if len(named) == 1:
        return Fact(named[0].as_posix(), "its name, as label files have it")
    return Fact(named[0].as_posix(), f"the first of {len(named)} label files: {names(named)}", certain=False)


def find_colors(listing: Listing, model: PurePosixPath) -> Fact | None:
    """The colour file of a model."""
    files = [file for file in listing.files if _is_text_named(file, _COLOR_NAME) or file.suffix.lower() == ".colors"]
    for file in _nearest_to(model, files):
        if not any(finding.level == "error" for finding in read_colors(listing.folder / file).findings):
            return Fact(file.as_posix(), "its name, as colour files have it, and its lines, each a colour")
    return None


def _is_text_named(file: PurePosixPath, pattern: re.Pattern[str]) -> bool:
    return file.suffix.lower() == ".txt" and pattern.search(file.stem) is not None


def _nearest_to(model: PurePosixPath, files: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """Those beside the model; if there are none, those at the top of the folder; if there are none, all."""
    beside = [file for file in files if file.parent == model.parent]
    return beside or [file for file in files if len(file.parts) == 1] or list(files)
