"""What a network is for, and how its outputs are laid out, told from their shapes, names and types.

One module per group of layouts; `READINGS` is the order in which they are tried, the most particular first.
"""

from __future__ import annotations

from aai.core.inspect.heads.accelerated import tensorrt_boxes
from aai.core.inspect.heads.grids import grids, raw_grids
from aai.core.inspect.heads.instances import masks
from aai.core.inspect.heads.maps import class_map
from aai.core.inspect.heads.named import finished_boxes, ssd, yunet
from aai.core.inspect.heads.poses import key_points
from aai.core.inspect.heads.question import UNKNOWN, Head, Question, describe
from aai.core.inspect.heads.vectors import classes, features

__all__ = ["READINGS", "UNKNOWN", "Head", "Question", "describe", "read_head"]

READINGS = (
    yunet,
    tensorrt_boxes,
    ssd,
    key_points,
    masks,
    grids,
    finished_boxes,
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
