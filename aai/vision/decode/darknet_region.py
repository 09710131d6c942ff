"""Darknet's [region] and [yolo] heads as OpenCV returns them.

Each output is (N, 5 + C) rows [cx, cy, w, h, objectness, scores]: the box in 0..1 of the network's input, the class
scores already multiplied by the objectness (OpenCV, modules/dnn/src/layers/region_layer.cpp).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.candidates import Candidates, Request, at_least, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The boxes of all heads.

    Raises:
        AaiError: an output that is no such table, or heads with different numbers of classes.
    """
    widths = {output.shape[-1] if output.ndim >= 2 else 0 for output in outputs.values()}
    if len(widths) != 1 or min(widths) < 6:
        raise misfit(outputs, "darknet-region")
    (width,) = widths
    rows = np.concatenate([_likely(output.reshape(-1, width), request.confidence) for output in outputs.values()])
    scores = rows[:, 5:].max(axis=1)
    keep = at_least(scores, request.confidence)
    if len(keep) < len(rows):
        rows, scores = rows[keep], scores[keep]
    boxes = from_centres(rows)
    boxes *= np.array(request.size * 2, np.float32)
    return Candidates(boxes, scores, rows[:, 5:].argmax(axis=1), width - 5)


def _likely(rows: Array, confidence: float) -> Array:
    # A class score is the objectness times a probability, so that it is never above the objectness.
    likely: Array = rows[at_least(rows[:, 4], confidence)]
    return likely
