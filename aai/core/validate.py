"""Checks a model folder against itself: every finding at once, each with where and what to do."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Iterator, Sequence

from aai.core.fields import (
    FILE_FIELDS,
    FILE_NAME,
    FRAMEWORKS,
    NEEDS_STRUCTURE_FILE,
    PARAMETERS,
    REQUIRED_PARAMETERS,
    VARIANTS,
)
from aai.core.inspect import inspect_model
from aai.core.inspect.labels import check_colors, check_labels, read_colors, read_labels
from aai.core.inspect.report import Inspection
from aai.core.model_config import ModelConfig, read
from aai.core.names import did_you_mean, parse_id
from aai.core.paths import check_inside
from aai.core.validate_input import input_findings
from aai.core.validate_machine import machine_findings
from aai.core.variants import changed_since
from aai.errors import AaiError, Finding, UsageError

NEEDS_LABELS = ("ObjectDetection", "Classification", "SemanticSegmentation", "InstanceSegmentation")


def validate(folder: Path) -> tuple[ModelConfig, list[Finding]]:
    """The configuration in `folder` and every finding on it and on its variants.

    Raises:
        NotFound: there is no alwaysai.model.json.
        InvalidFiles: it is not JSON.
    """
    config, findings = read(folder)
    findings.extend(validate_config(config, known=findings))
    for path in sorted((folder / VARIANTS).glob(f"*/{FILE_NAME}")):
        variant, more = read(path.parent)
        findings.extend(more)
        findings.extend(validate_config(variant, needs_id=False, known=more))
        findings.extend(_stale(config, variant))
    return config, findings


def _stale(config: ModelConfig, variant: ModelConfig) -> Iterator[Finding]:
    changed = changed_since(config, variant)
    if changed:
        what = f"the variant {variant.folder.name} was converted before the model was changed: {', '.join(changed)}"
        fix = f"convert it again: aai model convert {config.folder} --to {variant.framework}; or remove its folder"
        yield Finding("warning", what, str(variant.folder / FILE_NAME), fix)


def validate_config(
    config: ModelConfig,
    inspection: Inspection | None = None,
    labels: Sequence[str] | None = None,
    needs_id: bool = True,
    known: Sequence[Finding] = (),
) -> list[Finding]:
    """What is wrong with a configuration whose types are right.

    Args:
        config: the configuration; its folder holds the files.
        inspection: what the weights say, when that was read already.
        labels: the labels, when they are not on disk yet.
        needs_id: whether an id belongs here; a variant has its model's.
        known: findings on the types: what is broken is not reported as missing too.
    """
    check = _Check(config, inspection, labels, known)
    if needs_id:
        check.id()
    check.files()
    check.required()
    check.weights()
    check.labels_and_colours()
    check.normalisation()
    return check.findings


def said_otherwise(config: ModelConfig, name: str) -> bool:
    """Whether our own section says what a field of the reference is for.

    The GPU stands for the board, and the decoder for the architecture, which the reference has for detection alone.
    """
    if name == "device":
        target = config.aai.get("target")
        return isinstance(target, dict) and bool(target.get("gpu"))
    return name == "architecture" and (bool(config.decoder) or config.purpose not in ("", "ObjectDetection"))


class _Check:
    def __init__(
        self,
        config: ModelConfig,
        inspection: Inspection | None,
        labels: Sequence[str] | None,
        known: Sequence[Finding],
    ) -> None:
        self.config = config
        self.inspection = inspection
        self.given_labels = labels
        self.findings: list[Finding] = []
        self.file = config.folder / FILE_NAME
        self.broken = {finding.where for finding in known if finding.level == "error"}

    def add(self, level: str, what: str, name: str, fix: str | None = None) -> None:
        place = name if name in ("id", "aai") or name.startswith("aai.") else f"{PARAMETERS}.{name}"
        where = f"{self.file}, {place}"
        if where not in self.broken:
            self.findings.append(Finding(level, what, where, fix))

    def id(self) -> None:
        if not self.config.has_id:
            fix = "give it one: aai model configure --id publisher/name"
            self.add("warning", "the id is the placeholder, and publish refuses it", "id", fix)
            return
        try:
            parse_id(self.config.id)
        except UsageError as error:
            self.add("error", error.what, "id", error.fix)

    def files(self) -> None:
        for name in FILE_FIELDS:
            value = self.config.parameters.get(name)
            if not isinstance(value, str) or not value or (name == "label_file" and self.given_labels is not None):
                continue
            self._file(name, value)
        for value in self.config.aai.get("files") or []:
            self._file("aai.files", value)

    def _file(self, name: str, value: str) -> None:
        try:
            path = check_inside(self.config.folder, value)
        except AaiError as error:
            self.add("error", error.what, name, error.fix)
            return
        if path.is_dir():
            self.add("error", f'{name} "{value}" is a folder', name, "name the file itself")
        elif not path.is_file():
            beside = [p.relative_to(self.config.folder).as_posix() for p in self.config.folder.glob("*") if p.is_file()]
            guess = did_you_mean(value, beside)
            self.add("error", f'{name} "{value}" is not there', name, guess or "copy it into the folder")
        elif path.stat().st_size == 0:
            self.add("error", f'{name} "{value}" is empty', name, "copy it again")

    def required(self) -> None:
        framework = self.config.framework
        if framework not in FRAMEWORKS:
            return
        for name in REQUIRED_PARAMETERS.get(framework, ()):
            if not self.config.parameters.get(name) and not said_otherwise(self.config, name):
                self.add(
                    "error", f"{name} is missing, and {framework} needs it", name, f"aai model configure --{name} ..."
                )
        if framework in NEEDS_STRUCTURE_FILE and not self.config.parameters.get("config_file"):
            self.add(
                "error",
                f"config_file is missing, and {framework} needs it",
                "config_file",
                "aai model configure --config_file FILE",
            )
        if not self.config.parameters.get("size"):
            self.add("error", "size is missing", "size", "aai model configure --size WIDTH HEIGHT")

    def weights(self) -> None:
        if self.inspection is None:
            self.inspection = self._inspect()
        if self.inspection is None or self.inspection.not_read:
            return
        self._size(self.inspection)
        self._outputs(self.inspection)
        self._purpose(self.inspection)
        for level, what, name, fix in (
            *input_findings(self.config, self.inspection),
            *machine_findings(self.config, self.inspection),
        ):
            self.add(level, what, name, fix)

    def _inspect(self) -> Inspection | None:
        if self.config.framework not in FRAMEWORKS or any(
            f.level == "error" and f.where.endswith(("model_file", "config_file")) for f in self.findings
        ):
            return None
        model_file = self.config.file("model_file")
        if model_file is None:
            return None
        try:
            return inspect_model(self.config.framework, model_file, self.config.file("config_file"))
        except AaiError as error:
            self.add("error", error.what, "model_file", error.fix)
            return None

    def _size(self, inspection: Inspection) -> None:
        fact = inspection.facts.get("size")
        size = self.config.parameters.get("size")
        if fact is None or not size or list(fact.value) == list(size):
            return
        said, told = "x".join(map(str, size)), "x".join(map(str, fact.value))
        fix = f"take what the weights say: aai model configure --size {told}"
        if self._size_is_fixed(inspection):
            self.add("error", f"size is {said}, and the network's input is {told} ({fact.source})", "size", fix)
        else:
            self.add("warning", f"size is {said}, and {told} is usual here ({fact.source})", "size", fix)

    def _size_is_fixed(self, inspection: Inspection) -> bool:
        """Whether the file leaves no other size: a Darknet network takes any multiple of its stride."""
        if inspection.framework == "darknet" or not inspection.inputs:
            return False
        shape = inspection.inputs[0].shape
        return len(shape) == 4 and None not in shape[1:]

    def _outputs(self, inspection: Inspection) -> None:
        known = [spec.name for spec in inspection.outputs]
        for name in self.config.output_names:
            if known and name not in known and inspection.framework == "onnx":
                guess = did_you_mean(name, known) or f"the network has: {', '.join(known[:12])}"
                self.add("error", f'the network has no output "{name}"', "output_layer_names", guess)

    def _purpose(self, inspection: Inspection) -> None:
        fact = inspection.facts.get("purpose")
        if fact is not None and self.config.purpose and fact.value != self.config.purpose:
            what = f"purpose is {self.config.purpose}, and the outputs look like {fact.value} ({fact.source})"
            self.add("warning", what, "purpose", f"aai model configure --purpose {fact.value}")

    def labels_and_colours(self) -> None:
        labels = self._labels()
        classes = self._classes()
        if labels is not None and classes is not None:
            self.findings.extend(check_labels(labels, classes, self._place("label_file")))
        elif not self.config.parameters.get("label_file") and self.config.purpose in NEEDS_LABELS:
            fix = "pass the class names, one a line: aai model configure --label_file FILE"
            self.add("warning", "there is no label file: results will show class numbers", "label_file", fix)
        self._colours(labels)

    def _labels(self) -> list[str] | None:
        if self.given_labels is not None:
            return list(self.given_labels)
        path = self._readable("label_file")
        if path is None:
            return None
        try:
            file = read_labels(path)
        except AaiError as error:
            self.add("error", error.what, "label_file", error.fix)
            return None
        self.findings.extend(file.findings)
        return file.labels

    def _classes(self) -> int | None:
        fact = self.inspection.facts.get("classes") if self.inspection is not None else None
        return int(fact.value) if fact is not None else None

    def _colours(self, labels: Sequence[str] | None) -> None:
        path = self._readable("colors_file")
        if path is None:
            return
        try:
            file = read_colors(path)
        except AaiError as error:
            self.add("error", error.what, "colors_file", error.fix)
            return
        self.findings.extend(file.findings)
        if labels is not None:
            self.findings.extend(check_colors(len(file.colors), len(labels), self._place("colors_file")))

    def _readable(self, name: str) -> Path | None:
        value = self.config.parameters.get(name)
        if not value or any(f.level == "error" and f.where.endswith(name) for f in self.findings):
            return None
        return self.config.file(name)

    def _place(self, name: str) -> str:
        return f'{self.file}, {PARAMETERS}.{name} = "{self.config.parameters.get(name)}"'

    def normalisation(self) -> None:
        for level, what, name, fix in _implausible(self.config):
            self.add(level, what, name, fix)
        given: dict[str, Any] = self.config.aai.get("input") or {}
        if given.get("colour") == "rgb" and not self.config.parameters.get("swaprb"):
            what = "aai.input.colour is rgb and swaprb is false: the network will get BGR, swaprb decides"
            self.add("warning", what, "swaprb", "aai model configure --swaprb true")
        if given.get("colour") == "bgr" and self.config.parameters.get("swaprb"):
            what = "aai.input.colour is bgr and swaprb is true: the network will get RGB, swaprb decides"
            self.add("warning", what, "swaprb", "aai model configure --swaprb false")


def _implausible(config: ModelConfig) -> Iterator[tuple[str, str, str, str]]:
    """(level, what, field, fix) for a mean and scale that no trained network is likely to want."""
    recipe = config.input_recipe()
    scale = recipe.scalefactor
    if scale <= 0:
        what = f"scalefactor is {scale:g}, and every pixel would become zero or change its sign"
        yield "error", what, "scalefactor", "set it: aai model configure --scalefactor 1"
        return
    if any(m < 0 or m > 255 for m in recipe.mean):
        what = f"mean is {_list(recipe.mean)}, and pixels go from 0 to 255"
        yield "warning", what, "mean", "give the mean in pixel units, 0 to 255"
    elif any(0 < m < 1 for m in recipe.mean):
        pixels = _list([round(m * 255, 3) for m in recipe.mean])
        yield "warning", f"mean is {_list(recipe.mean)}, which looks like a share of 1", "mean", f"in pixels: {pixels}"
    if any(s > 2 for s in recipe.std) and math.isclose(scale, 1 / 255, rel_tol=0.05):
        what = "aai.input.std is in pixel units and scalefactor is 1/255: the values are scaled twice"
        yield "warning", what, "aai.input.std", "keep one of the two"
    std = recipe.std or (1.0,)
    top = max((255 - m) * scale / s for m, s in zip(recipe.mean, std * len(recipe.mean)))
    if top < 0.2 or top > 600:
        what = f"white becomes {top:.3g} by mean and scalefactor, and networks take something near 1 or 255"
        yield "warning", what, "scalefactor", "check mean and scalefactor"


def _list(values: Sequence[float]) -> str:
    return "[{}]".format(", ".join(f"{v:g}" for v in values))
