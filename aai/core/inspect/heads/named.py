"""Detectors whose outputs are told by their names or by rows of a fixed form."""

from __future__ import annotations

from aai.core.inspect.heads.question import Head, Question, describe, only

_YUNET = {f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)}


def yunet(question: Question) -> Head | None:
    """YuNet: cls, obj, bbox and kps for each stride."""
    if {spec.name for spec in question.outputs} != _YUNET:
        return None
    decoder = {"name": "yunet", "strides": [8, 16, 32]}
    reason = "12 outputs named cls, obj, bbox, kps at strides 8, 16, 32: YuNet, a face detector"
    return Head("ObjectDetection", reason, "yunet", decoder, 1, labels=("face",))


def yunet_priors(question: Question) -> Head | None:
    """YuNet of 2021 and 2022: loc, conf and iou for all priors."""
    shapes = {spec.name: spec.shape[-1] for spec in question.outputs if spec.shape}
    if shapes != {"loc": 14, "conf": 2, "iou": 1}:
        return None
    reason = "3 outputs named loc, conf, iou: YuNet of 2021 or 2022, a face detector"
    return Head("ObjectDetection", reason, "yunet", {"name": "yunet-priors"}, 1, labels=("face",))


def ssd(question: Question) -> Head | None:
    """SSD's DetectionOutput: rows of seven."""
    for spec in question.outputs:
        if len(spec.shape) == 4 and spec.shape[3] == 7 and spec.shape[0] in (1, None) and spec.shape[1] in (1, None):
            reason = f"output {describe(spec)}: rows of image, class, score and box, as SSD's DetectionOutput has them"
            return Head("ObjectDetection", reason, "ssd", {"name": "ssd"}, outputs=only(question, spec))
    return None
