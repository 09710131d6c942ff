"""Networks that answer for each pixel."""

from __future__ import annotations

from typing import Any

from aai.core.inspect.heads.question import Head, Question, describe, is_integer, only
from aai.ports import TensorSpec

_DECODER = "segmentation"


def class_map(question: Question) -> Head | None:
    """A class number, or a score for each class, for each pixel."""
    spec = question.outputs[0]
    size = question.closed_size
    shape = list(spec.shape)
    outputs = only(question, spec)
    if len(shape) == 3 and is_integer(spec) and _covers(shape[2], shape[1], size):
        reason = f"output {describe(spec)}: a class number for each pixel"
        ids = {"name": _DECODER, "values": "ids"}
        return Head("SemanticSegmentation", reason, "segmentation", ids, outputs=outputs)
    if len(shape) != 4:
        return None
    for (width, height), classes, axis, axes in (
        ((shape[3], shape[2]), shape[1], 1, "class, row, column"),
        ((shape[2], shape[1]), shape[3], 3, "row, column, class"),
    ):
        if classes is not None and _covers(width, height, size) and classes < max(width or 1024, height or 1024):
            reason = f"output {describe(spec)}: a score for each {axes}"
            known = classes if classes > 1 else None
            # One map may be a depth or a mask, three may be a picture.
            certain = classes not in (1, 3)
            decoder: dict[str, Any] = {"name": _DECODER, **_values(question, spec, classes), "axis": axis}
            return Head("SemanticSegmentation", reason, "segmentation", decoder, known, certain, outputs)
    return None


def _values(question: Question, spec: TensorSpec, classes: int) -> dict[str, Any]:
    """What the numbers of a map with an axis for classes are; nothing when that is told by the numbers alone."""
    if is_integer(spec) and classes == 1:
        return {"values": "ids"}
    if classes > 1:
        return {"values": "scores"}
    end = question.hints.end
    return {"values": "probability" if end == "Sigmoid" else "logit"} if end in ("Sigmoid", "Conv") else {}


def _covers(width: int | None, height: int | None, size: tuple[int, int] | None) -> bool:
    """Whether a map of this size lies over the whole input, at a stride of at most 8."""
    if width is None or height is None or size is None:
        return (width or 8) >= 8 and (height or 8) >= 8
    return size[0] <= 8 * width <= 8 * size[0] + 8 and size[1] <= 8 * height <= 8 * size[1] + 8
