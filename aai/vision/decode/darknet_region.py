"""Darknet's [region] and [yolo] heads: finished rows, as OpenCV returns them, or raw heads, as a converted network has.

OpenCV gives (N, 5 + C) rows [cx, cy, w, h, objectness, scores] for each head: the box in 0..1 of the network's input,
the class scores already multiplied by the objectness (OpenCV, modules/dnn/src/layers/region_layer.cpp). Raw heads are
[1, A * (5 + C), h, w], with their anchors in the settings: see `darknet_heads`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.candidates import Candidates, Request, at_least, misfit
from aai.vision.decode.darknet_heads import decode_heads

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The boxes of all heads.

    Raises:
        UsageError: raw heads, and the settings lack their anchors.
        AaiError: an output that is neither such a table nor such a head, or heads with different numbers of classes.
    """
    if any(output.ndim == 4 for output in outputs.values()):
        return decode_heads(outputs, request)
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
