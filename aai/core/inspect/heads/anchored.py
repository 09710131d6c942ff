"""Detectors with a fixed set of anchors or priors, told by their number."""

from __future__ import annotations

from aai.core.inspect.heads.finished import MOST_ROWS
from aai.core.inspect.heads.question import Head, Question, describe, is_integer
from aai.ports import TensorSpec

_FACES = {
    (128, 896): {"strides": [8, 16], "anchors": [2, 6]},
    (256, 896): {"strides": [16, 32], "anchors": [2, 6]},
    (192, 2304): {"strides": [4], "anchors": [1]},
}
"""Side of the input and number of anchors of MediaPipe's face detectors: short range, back, full range. Source:
MediaPipe, modules/face_detection/*.pbtxt, SsdAnchorsCalculatorOptions."""
_FACE_COLUMNS = 16
_ULTRA_FACE = (4420, 17640)
"""Priors of Ultra-Light-Fast at 320x240 and at 640x480."""
_RAW = ("raw", "encoding", "anchor")
"""Words in the names of outputs that still want their anchors."""


def mediapipe_faces(question: Question) -> Head | None:
    """MediaPipe's face detectors: 16 values and a logit for each anchor."""
    pair = _pair(question, _FACE_COLUMNS, 1)
    if pair is None or question.closed_size is None:
        return None
    boxes, _ = pair
    settings = _FACES.get((question.closed_size[0], boxes.shape[1] or 0))
    if settings is None or question.closed_size[0] != question.closed_size[1]:
        return None
    parts = " + ".join(
        f"{count} x {question.closed_size[0] // stride}x{question.closed_size[0] // stride}"
        for stride, count in zip(settings["strides"], settings["anchors"])
    )
    reason = f"output {describe(boxes)}: {boxes.shape[1]} = {parts}, the anchors of MediaPipe's face detectors"
    decoder = {"name": "mediapipe", **settings}
    return Head("ObjectDetection", reason, "mediapipe", decoder, 1, labels=("face",))


def scored_boxes(question: Question) -> Head | None:
    """Class scores and a finished box for each of many priors: UltraFace, SSDs from PyTorch."""
    pair = _pair(question, 4, None)
    if pair is None or (pair[0].shape[1] or 0) <= MOST_ROWS:
        return None
    boxes, scores = pair
    depth = scores.shape[2] or 0
    reason = f"outputs {describe(scores)} and {describe(boxes)}: scores and a box for each prior"
    if any(word in spec.name.lower() for word in _RAW for spec in pair):
        reason += ", which still want their anchors: export the network with its post-processing"
        return Head("ObjectDetection", reason, "ssd", classes=depth - 1, certain=False)
    decoder = {"name": "scored-boxes"}
    if depth == 2 and boxes.shape[1] in _ULTRA_FACE:
        reason += ", as Ultra-Light-Fast's face detectors have them"
        return Head("ObjectDetection", reason, "ultraface", decoder, 1, labels=("face",))
    reason += ", the background in column 0; a guess: SSD from PyTorch"
    return Head("ObjectDetection", reason, "ultraface", decoder, depth - 1, certain=False)


def _pair(question: Question, columns: int, others: int | None) -> tuple[TensorSpec, TensorSpec] | None:
    """The output [1, N, columns] and the one [1, N, others] of a network that has just these two."""
    if len(question.outputs) != 2 or any(
        len(spec.shape) != 3 or is_integer(spec) or spec.shape[0] not in (1, None) or spec.shape[1] is None
        for spec in question.outputs
    ):
        return None
    first, second = question.outputs
    if first.shape[1] != second.shape[1]:
        return None
    for boxes, scores in ((first, second), (second, first)):
        depth = scores.shape[2]
        if boxes.shape[2] == columns and depth is not None and (depth == others or (others is None and depth > 1)):
            return boxes, scores
    return None
