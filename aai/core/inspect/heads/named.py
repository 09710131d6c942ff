"""Detectors whose outputs are told by their names or by rows of a fixed form."""

from __future__ import annotations

from aai.core.inspect.heads.question import Head, Question, describe, is_integer, only

_YUNET = {f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)}


def yunet(question: Question) -> Head | None:
    """YuNet: cls, obj, bbox and kps for each stride."""
    if {spec.name for spec in question.outputs} != _YUNET:
        return None
    decoder = {"name": "yunet", "strides": [8, 16, 32]}
    reason = "12 outputs named cls, obj, bbox, kps at strides 8, 16, 32: YuNet, a face detector"
    return Head("ObjectDetection", reason, "yunet", decoder, 1, labels=("face",))


def ssd(question: Question) -> Head | None:
    """SSD's DetectionOutput: rows of seven."""
    for spec in question.outputs:
        if len(spec.shape) == 4 and spec.shape[3] == 7 and spec.shape[0] in (1, None) and spec.shape[1] in (1, None):
            reason = f"output {describe(spec)}: rows of image, class, score and box, as SSD's DetectionOutput has them"
            return Head("ObjectDetection", reason, "ssd", {"name": "ssd"}, outputs=only(question, spec))
    return None


def finished_boxes(question: Question) -> Head | None:
    """A short list of boxes with score and class."""
    spec = question.outputs[0]
    if len(spec.shape) == 3 and spec.shape[2] == 6 and not is_integer(spec) and (spec.shape[1] or 0) <= 1000:
        reason = f"output {describe(spec)}: a short list of boxes with score and class"
        return Head("ObjectDetection", reason, "yolov8", certain=False, outputs=only(question, spec))
    return None
