"""Networks that answer with one vector for the whole image."""

from __future__ import annotations

from aai.core.inspect.heads.question import Head, Question, describe, only

_FEATURE_LENGTHS = (64, 128, 256, 512, 2048)


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
