"""What a network is for, and how its outputs are laid out, told from their shapes, names and types.

One module per group of layouts; `READINGS` is the order in which they are tried, the most particular first.
"""

from __future__ import annotations

from aai.core.inspect.heads.accelerated import tensorrt_boxes
from aai.core.inspect.heads.anchored import mediapipe_faces, scored_boxes
from aai.core.inspect.heads.finished import boxes_with_labels, chosen_rows, queries, tf_detection, tflite_detection
from aai.core.inspect.heads.grids import grids, raw_grids
from aai.core.inspect.heads.instances import masks
from aai.core.inspect.heads.maps import class_map
from aai.core.inspect.heads.named import ssd, yunet, yunet_priors
from aai.core.inspect.heads.poses import key_points
from aai.core.inspect.heads.question import UNKNOWN, Head, Question, describe
from aai.core.inspect.heads.vectors import classes, features

__all__ = ["READINGS", "UNKNOWN", "Head", "Question", "describe", "read_head"]

READINGS = (
    yunet,
    yunet_priors,
    tf_detection,
    tensorrt_boxes,
    ssd,
    tflite_detection,
    boxes_with_labels,
    mediapipe_faces,
    queries,
    key_points,
    masks,
    grids,
    scored_boxes,
    chosen_rows,
    raw_grids,
    class_map,
    features,
    classes,
)


def read_head(question: Question) -> Head:
    """The first reading that fits, the most particular layouts tried first; `UNKNOWN` when none does."""
    if not question.outputs:
        return UNKNOWN
    for reading in READINGS:
        head = reading(question)
        if head is not None:
            return head
    return UNKNOWN
