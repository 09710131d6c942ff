"""Networks that answer with one vector for the whole image."""

from __future__ import annotations

from aai.core.inspect.heads.question import Head, Question, describe, only

_FEATURE_LENGTHS = (64, 128, 256, 512, 1024, 2048)
_NORMALISED = ("Div", "LpNormalization", "L2Normalization", "NormalizeL2", "Normalize", "L2_NORMALIZATION")
"""Operators that bring a vector to a length of 1, which is done to features and not to scores."""


def features(question: Question) -> Head | None:
    """A vector that describes the image: of a usual length, and normalised or of an upright image."""
    spec = question.outputs[0]
    long = [axis for axis in spec.shape[1:] if axis != 1]
    notes = question.notes
    if len(spec.shape) not in (2, 4) or len(long) != 1 or long[0] not in _FEATURE_LENGTHS or notes.labels or notes.task:
        return None
    width, height = question.size
    upright = bool(width and height and height == 2 * width)
    normalised = question.hints.end in _NORMALISED
    if not (upright or normalised) or question.hints.end in ("Softmax", "LogSoftmax", "Sigmoid"):
        return None
    why = "normalised" if normalised else f"of an upright image, {width}x{height}"
    reason = f"output {describe(spec)}: a feature vector of {long[0]} elements, {why}"
    outputs = only(question, spec)
    return Head("ReIdentification", reason, "embedding", {"name": "embedding"}, None, False, outputs)


def classes(question: Question) -> Head | None:
    """A number for each class."""
    spec = question.outputs[0]
    long = [axis for axis in spec.shape[1:] if axis != 1]
    if len(spec.shape) not in (2, 4) or len(long) != 1 or long[0] is None or long[0] < 2:
        return None
    classes = long[0]
    softmax = question.hints.end in ("Softmax", "LogSoftmax")
    labels = len(question.notes.labels or ())
    certain = classes in (1000, 1001) or softmax or labels == classes or question.notes.task == "classify"
    reason = f"output {describe(spec)}: one number for each of {classes} classes"
    if not certain and classes in _FEATURE_LENGTHS:
        reason += " (or a feature vector)"
    outputs = only(question, spec)
    return Head("Classification", reason, "classification", {"name": "classification"}, classes, certain, outputs)
