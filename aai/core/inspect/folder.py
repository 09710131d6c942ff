"""Which files of a folder are the model."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Callable, Mapping

from aai.core.fields import FILE_FIELDS
from aai.core.inspect.companions import find_colors, find_labels, find_structure
from aai.core.inspect.kinds import (
    FRAMEWORK_OF,
    STRUCTURE_OF,
    WAYS_OUT,
    content_kind,
    file_kind,
    named_as_weights,
    refusal,
    runs_on,
)
from aai.core.inspect.listing import Listing, list_files, names
from aai.core.inspect.report import Fact
from aai.core.names import did_you_mean
from aai.core.paths import check_inside
from aai.errors import AaiError, NotAllowed, NotFound, UsageError

GIVEN = "given"
"""The source of what the user has said."""

_LOOSE_SUFFIXES = {
    "tensor-rt": (".bin", ".engine", ".plan", ".trt"),
    "hailo": (".bin", ".hef"),
    "dldt": (".bin",),
    "myriad": (".bin", ".blob"),
    "enet": (".net", ".t7"),
}
"""Names that are taken for weights when the content shows nothing and the user has named the framework."""


def find_files(folder: Path, given: Mapping[str, str]) -> dict[str, Fact]:
    """The files that make up the model in `folder`.

    Args:
        folder: the model's folder. Sub-folders are looked into, two levels deep, `variants` not among them.
        given: what the user has said, by field name: framework_type, model_file, config_file, label_file, colors_file;
            empty values count as not said.

    Returns:
        Facts for framework_type and model_file, and for config_file, label_file and colors_file where there is one.
        Paths are relative to `folder`, with forward slashes. What the user gave is among them, with the source `GIVEN`.

    Raises:
        NotFound: the folder, a file that was named, or anything that could be a model is not there.
        NotAllowed: the rights forbid reading the folder, or the only file that could be a model.
        UsageError: several files could be meant, a path leaves the folder, or what was said contradicts the content.
        BadWeights: all that is there is of a kind that can't be run; `fix` is the way out.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise NotFound("the model folder is not there", str(folder), "name the folder that holds the weights")
    listing = list_files(folder)
    facts = {name: _given_file(listing, name, given[name]) for name in FILE_FIELDS if given.get(name)}
    framework = given.get("framework_type") or ""
    if "model_file" not in facts:
        facts["model_file"] = _find_model(listing, framework, facts.get("config_file"))
    model = PurePosixPath(facts["model_file"].value)
    facts["framework_type"] = _framework(listing, model, framework)
    framework = facts["framework_type"].value
    companions: dict[str, Callable[[], Fact | None]] = {
        "config_file": lambda: find_structure(listing, framework, model),
        "label_file": lambda: find_labels(listing, model),
        "colors_file": lambda: find_colors(listing, model),
    }
    for name, find in companions.items():
        found = None if name in facts else find()
        if found is not None:
            facts[name] = found
    return facts


def _given_file(listing: Listing, name: str, value: str) -> Fact:
    path = check_inside(listing.folder, value, name)
    if path.is_dir():
        raise UsageError(f"{name} is a folder", str(path), "name the file itself")
    if not path.is_file():
        near = did_you_mean(value, [str(file) for file in listing.files])
        raise NotFound(
            f'{name} "{value}" is not there', str(listing.folder), near or f"name a file of the folder: --{name} FILE"
        )
    return Fact(PurePosixPath(*Path(value).parts).as_posix(), GIVEN)


def _find_model(listing: Listing, framework: str, config: Fact | None) -> Fact:
    wanted = framework or (STRUCTURE_OF.get(listing.kind(PurePosixPath(config.value)), "") if config else "")
    candidates = listing.of_kind(lambda kind: runs_on(kind, wanted) if wanted else kind in FRAMEWORK_OF)
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
            f"{listing.folder}: {names(chosen)}",
            "say which: --model_file FILE",
        )
    return Fact(chosen[0].as_posix(), why)


def _narrow_models(listing: Listing, files: list[PurePosixPath]) -> tuple[list[PurePosixPath], str]:
    """What is left of several candidates, and why the one that is left was taken."""
    if len(files) == 1:
        return files, f"the only weight file in the folder ({listing.kind(files[0])})"
    plain = [file for file in files if not _is_edge_tpu_build(listing, file)] or files
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


def _is_edge_tpu_build(listing: Listing, file: PurePosixPath) -> bool:
    """Whether a file is a TFLite network that was compiled for the Edge TPU."""
    if listing.kind(file) != "tflite":
        return False
    from aai.core.inspect.tflite import is_edge_tpu_build

    return is_edge_tpu_build(listing.folder / file)


def _nothing_found(listing: Listing, framework: str) -> AaiError:
    kinds = {listing.kind(file): file for file in reversed(listing.files) if named_as_weights(file.suffix)}
    for kind in ("git-lfs", "html", "pytorch", "keras", "hdf5", "safetensors", "tar", "empty"):
        if kind in kinds:
            return refusal(listing.folder / kinds[kind], kind)
    closed = [file for file in listing.closed if named_as_weights(file.suffix)]
    if closed:
        path = listing.folder / closed[0]
        fix = f"check its rights: ls -ld {shlex.quote(str(path))}"
        return NotAllowed("the folder has no weight file that may be read", str(path), fix)
    if framework:
        other = next((file for file in listing.files if listing.kind(file) in FRAMEWORK_OF), None)
        has = f": {other} is for {FRAMEWORK_OF[listing.kind(other)]} ({listing.kind(other)})" if other else ""
        return NotFound(
            f"the folder has no {framework} weights{has}", str(listing.folder), "name the file: --model_file FILE"
        )
    return NotFound(
        "the folder has no weight file",
        str(listing.folder),
        "looked for: .onnx, .weights with .cfg, .caffemodel with .prototxt, .pb, .xml with .bin, .tflite, .engine, "
        ".hef, .blob, .net; name the file and what it is: --model_file FILE --framework NAME",
    )


def _framework(listing: Listing, model: PurePosixPath, given: str) -> Fact:
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
        if own is not None and not runs_on(kind, given):
            raise UsageError(
                f"the framework was given as {given}, and {model} is for {own}",
                f"{path}: its content is {kind}",
                f"name the right file, or give the framework as --framework {own}",
            )
        return Fact(given, GIVEN)
    if own is None:
        raise UsageError(
            f"what {model} is can't be told from its content or its name",
            str(path),
            "say which framework it is for: --framework NAME",
        )
    return Fact(own, f"the content of {model} ({kind})" if shown == kind else f"the name of {model}")
