"""Boxes as arrays: forms, overlap, non-maximum suppression. A box is x1, y1, x2, y2 in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aai.vision.image import cv2

if TYPE_CHECKING:
    from aai.vision.image import Array

# OpenCV 4.7 brought it; a Jetson's own OpenCV is older.
_batched_nms = getattr(getattr(cv2, "dnn", None), "NMSBoxesBatched", None)

_SHIFT = 1e6
"""OpenCV keeps classes apart by moving each by the largest coordinate, which fails for coordinates below 0."""

MOST_CANDIDATES = 30_000
"""Boxes that go into the suppression, the best ones: at a confidence of 0 every anchor of a network is a candidate."""


def from_centres(boxes_cxcywh: Array) -> Array:
    """(N, 4) float32 x1, y1, x2, y2 of boxes given as centre x, centre y, width, height in the first four columns."""
    boxes = np.empty((len(boxes_cxcywh), 4), np.float32)
    half = boxes_cxcywh[:, 2:4] * np.float32(0.5)
    np.subtract(boxes_cxcywh[:, 0:2], half, out=boxes[:, 0:2])
    np.add(boxes_cxcywh[:, 0:2], half, out=boxes[:, 2:4])
    return boxes


def area(boxes_xyxy: Array) -> Array:
    """(N,) areas in square pixels; 0 for a box whose corners are in the wrong order."""
    sides = np.maximum(boxes_xyxy[:, 2:4] - boxes_xyxy[:, 0:2], 0)
    product: Array = sides[:, 0] * sides[:, 1]
    return product


def iou(boxes_a: Array, boxes_b: Array) -> Array:
    """(N, M) intersection over union, in 0..1; 0 where both boxes are empty.

    Args:
        boxes_a: (N, 4) x1, y1, x2, y2.
        boxes_b: (M, 4) x1, y1, x2, y2.
    """
    a, b = np.asarray(boxes_a, np.float64), np.asarray(boxes_b, np.float64)
    corner = np.minimum(a[:, None, 2:4], b[None, :, 2:4]) - np.maximum(a[:, None, 0:2], b[None, :, 0:2])
    sides = np.maximum(corner, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = area(a)[:, None] + area(b)[None, :] - shared
    ratio: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.minimum(ratio, 1.0)


def clip(boxes_xyxy: Array, width: float, height: float) -> Array:
    """(N, 4) boxes inside 0..width, 0..height."""
    return np.clip(boxes_xyxy, 0, np.array([width, height, width, height], boxes_xyxy.dtype))


def nms(boxes_xyxy: Array, scores: Array, class_ids: Array, overlap: float) -> Array:
    """Indices of the boxes that stay after non-maximum suppression, the highest score first.

    Of two boxes of a class whose IoU is over `overlap` the one with the higher score stays.

    Args:
        boxes_xyxy: (N, 4) float.
        scores: (N,) float, over 0.
        class_ids: (N,) integers; boxes of different classes do not suppress each other.
        overlap: IoU in 0..1.

    Returns:
        (K,) integers.
    """
    if len(scores) > MOST_CANDIDATES:
        best = np.sort(np.argpartition(-scores, MOST_CANDIDATES)[:MOST_CANDIDATES])
        kept: Array = best[nms(boxes_xyxy[best], scores[best], class_ids[best], overlap)]
        return kept
    if len(scores) < 2:
        return np.arange(len(scores))
    corner_and_size = boxes_xyxy.astype(np.float64)
    corner_and_size[:, 2:4] -= corner_and_size[:, 0:2]
    if _batched_nms is not None:
        corner_and_size[:, 0:2] += _SHIFT
        order = _batched_nms(corner_and_size, scores, class_ids.astype(np.int32), 0.0, overlap)
    else:
        order = _nms_side_by_side(corner_and_size, scores, class_ids, overlap)
    return np.asarray(order, np.intp).reshape(-1)


def _nms_side_by_side(corner_and_size: Array, scores: Array, class_ids: Array, overlap: float) -> Any:
    """Suppression for an OpenCV that knows no classes: those of each class are moved to a place of their own."""
    corners = corner_and_size[:, 0:2]
    step = np.ptp(corners) + corner_and_size[:, 2:4].max() + 1
    corners[:, 0] += class_ids * step
    # OpenCV 4.5 takes lists twice as fast as arrays.
    return cv2.dnn.NMSBoxes(corner_and_size.tolist(), scores.tolist(), 0.0, overlap)
