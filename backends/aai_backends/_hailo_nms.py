"""The boxes that HailoRT gives, in one form whichever of its interfaces and formats they came from.

(N, 6) float32 rows y1, x1, y2, x2, score, class: the box in 0..1 of the network's input, classes counted from 0. Masks
are (N, height, width) uint8, 1 inside, in pixels of the network's input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from aai.errors import AaiError

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

_BOX = 5
"""Numbers of one box by class: y1, x1, y2, x2, score (HailoRT, hailo_bbox_float32_t)."""
_COLUMNS = 6


def rows_by_class(boxes: Sequence[Array]) -> Array:
    """Rows of boxes listed by class, (n, 5) for each class."""
    parts = [_with_class(np.asarray(found, np.float32).reshape(-1, _BOX), number) for number, found in enumerate(boxes)]
    return np.concatenate(parts) if parts else np.zeros((0, _COLUMNS), np.float32)


def rows_of_buffer(buffer: Array, classes: int, where: str) -> Array:
    """Rows of boxes in a flat buffer: for each class a count, then as many times five numbers.

    Args:
        buffer: float32, of any shape.
        classes: number of classes.
        where: file and output, for the error.

    Raises:
        AaiError: a count that the buffer has no room for.
    """
    values = buffer.reshape(-1)
    place, boxes = 0, []
    for _ in range(classes):
        count = values[place] if place < len(values) else math.nan
        end = place + 1 + _BOX * int(count) if 0 <= count <= len(values) else len(values) + 1
        if end > len(values):
            raise AaiError("the boxes that HailoRT gave have no sound count", where, "compile the model again")
        boxes.append(values[place + 1 : end])
        place = end
    return rows_by_class(boxes)


def rows_of_detections(detections: Sequence[Any]) -> Array:
    """Rows of HailoRT's detection objects."""
    rows = [(d.y_min, d.x_min, d.y_max, d.x_max, d.score, d.class_id) for d in detections]
    return np.array(rows, np.float32).reshape(-1, _COLUMNS)


def masks_of_detections(detections: Sequence[Any], height: int, width: int) -> Array:
    """(N, height, width) uint8 masks: HailoRT gives the part inside of each box, row by row.

    Its sides are ceil((y_max - y_min) * height) and ceil((x_max - x_min) * width), and its first pixel lies at
    (y_min * height, x_min * width), rounded up (HailoRT, pyhailort.py, DetectionWithByteMask and its TF format).
    """
    masks = np.zeros((len(detections), height, width), np.uint8)
    for mask, found in zip(masks, detections):
        rows, columns = _pixels(found.y_max - found.y_min, height), _pixels(found.x_max - found.x_min, width)
        inner = np.asarray(found.mask, np.uint8).reshape(-1)
        if inner.size == 0 or inner.size != rows * columns:
            continue
        top, left = _pixels(found.y_min, height), _pixels(found.x_min, width)
        window = mask[top : top + rows, left : left + columns]
        window[...] = inner.reshape(rows, columns)[: window.shape[0], : window.shape[1]]
    return masks


def frame_of(given: Any) -> Any:
    """The answer for one frame, out of the list of frames that HailoRT may have put it into."""
    return given[0] if isinstance(given, list) and len(given) == 1 and isinstance(given[0], list) else given


def _with_class(boxes: Array, number: int) -> Array:
    return np.concatenate([boxes, np.full((len(boxes), 1), number, np.float32)], axis=1)


def _pixels(share: float, length: int) -> int:
    """A share of `length` in whole pixels, rounded up as HailoRT does, in single precision; at least 0."""
    pixels = float(np.float32(share) * np.float32(length))
    return max(0, math.ceil(pixels)) if math.isfinite(pixels) else 0
