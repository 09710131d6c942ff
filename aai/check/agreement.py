"""How far two answers for the same image agree, from 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aai.check.answers import BOXES, CLASSES, MAP, POINTS, Answer
from aai.vision.boxes import iou

if TYPE_CHECKING:
    from aai.vision.image import Array

_SAME_OBJECT = 0.5
"""IoU from which two boxes show the same object."""
_POINT_SPREAD = 0.1
"""Of a pose's size: at this distance two key points agree by exp(-1/2), about what COCO allows for hips and knees."""
_LEAST_POINT = 0.1
_SMALLEST_REGION = 0.002
"""Share of the pixels under which a class of a map is a speck, and counts neither way."""


def agreement(one: Answer, other: Answer, both_empty: float = 0.0) -> float:
    """How far two answers agree, weighted by their scores.

    Objects: twice the score that both give to pairs of the same class and place, over all score. Classes: the share of
    probability in common. Maps: mean IoU of the classes that either has. Poses: closeness of the key points.

    Args:
        one: an answer.
        other: another one, of the same kind, in pixels of the same image.
        both_empty: what it is worth when neither found anything: 0 where that proves nothing, 1 where it is agreement.
    """
    if not one.found and not other.found:
        return both_empty
    if one.kind == BOXES:
        return _boxes(one, other)
    if one.kind == CLASSES:
        return _shares(one.vector, other.vector)
    if one.kind == MAP:
        return _maps(one.class_map, other.class_map)
    if one.kind == POINTS:
        return _poses(one, other)
    return _cosine(one.vector, other.vector)


def _boxes(one: Answer, other: Answer) -> float:
    total = float(one.scores.sum() + other.scores.sum())
    if total <= 0 or not len(one.scores) or not len(other.scores):
        return 0.0
    overlaps = iou(one.boxes_xyxy, other.boxes_xyxy)
    overlaps[one.class_ids[:, None] != other.class_ids[None, :]] = 0
    shared = 0.0
    for row in np.argsort(-one.scores, kind="stable"):
        column = int(overlaps[row].argmax())
        if overlaps[row, column] >= _SAME_OBJECT:
            shared += float(min(one.scores[row], other.scores[column]))
            overlaps[:, column] = 0
    return 2 * shared / total


def _shares(one: Array, other: Array) -> float:
    length = max(len(one), len(other))
    a, b = (np.pad(np.nan_to_num(v.astype(np.float64)), (0, length - len(v))) for v in (one, other))
    total = max(a.sum(), b.sum())
    return float(np.minimum(a, b).sum() / total) if total > 0 else 0.0


def _maps(one: Array, other: Array) -> float:
    if one.shape != other.shape:
        return 0.0
    pixels = one.size * _SMALLEST_REGION
    overlaps = []
    for class_id in np.union1d(np.unique(one), np.unique(other)):
        a, b = one == class_id, other == class_id
        if max(np.count_nonzero(a), np.count_nonzero(b)) >= pixels:
            overlaps.append(int(np.count_nonzero(a & b)) / int(np.count_nonzero(a | b)))
    return float(np.mean(overlaps)) if overlaps else 0.0


def _poses(one: Answer, other: Answer) -> float:
    total = float(one.scores.sum() + other.scores.sum())
    if total <= 0 or one.point_names != other.point_names:
        return 0.0
    closeness = np.array(
        [[_closeness(one, row, other, column) for column in range(len(other.points))] for row in range(len(one.points))]
    ).reshape(len(one.points), len(other.points))
    shared = 0.0
    for row in np.argsort(-one.scores, kind="stable"):
        if not closeness.shape[1]:
            break
        column = int(closeness[row].argmax())
        shared += float(closeness[row, column] * min(one.scores[row], other.scores[column]))
        closeness[:, column] = 0
    return 2 * shared / total


def _closeness(one: Answer, row: int, other: Answer, column: int) -> float:
    """Like COCO's object key-point similarity, with one spread for all points; the size is that of the points' box."""
    seen = (one.point_scores[row] >= _LEAST_POINT) & (other.point_scores[column] >= _LEAST_POINT)
    either = (one.point_scores[row] >= _LEAST_POINT) | (other.point_scores[column] >= _LEAST_POINT)
    if not seen.any():
        return 0.0
    a, b = one.points[row, seen], other.points[column, seen]
    size = max(float(np.sqrt(np.prod(np.ptp(a, axis=0)))), 0.02 * max(one.size))
    near = np.exp(-((a - b) ** 2).sum(axis=1) / (2 * (_POINT_SPREAD * size) ** 2))
    return float(near.sum() / np.count_nonzero(either))


def _cosine(one: Array, other: Array) -> float:
    if one.shape != other.shape:
        return 0.0
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return max(0.0, float(one @ other) / length) if length > 0 else 0.0
