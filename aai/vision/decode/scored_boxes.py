"""Boxes and class scores in two outputs, already decoded: UltraFace, and SSDs exported from PyTorch.

Boxes [1, N, 4] x1, y1, x2, y2 in 0..1 of the network's input, scores [1, N, C + 1] with the background in column 0.
Source: Ultra-Light-Fast-Generic-Face-Detector-1MB, vision/ssd/predictor.py; pytorch-ssd, which jetson-inference trains
with, has the same. Class ids are the columns, so that the first object is 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.best import best_of_rows
from aai.vision.decode.candidates import Candidates, Request, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The best class of each box, the background left out.

    Raises:
        AaiError: not two outputs of that shape.
    """
    scores, boxes = _tables(outputs)
    indices, best, class_ids = best_of_rows(scores[:, 1:], request.confidence)
    pixels = boxes[indices].astype(np.float32) * np.array(request.size * 2, np.float32)
    return Candidates(pixels, best, class_ids + 1, first_class=1)


def _tables(outputs: Mapping[str, Array]) -> tuple[Array, Array]:
    """(N, C + 1) scores and (N, 4) boxes, in whatever order the outputs come."""
    tables = [output[0] for output in outputs.values() if output.ndim == 3 and output.shape[0] == 1]
    if len(tables) == len(outputs) == 2 and len(tables[0]) == len(tables[1]):
        scores, boxes = tables if "box" not in next(iter(outputs)).lower() else tables[::-1]
        if boxes.shape[1] != 4:
            scores, boxes = boxes, scores
        if boxes.shape[1] == 4 and scores.shape[1] > 1:
            return scores, boxes
    raise misfit(outputs, "scored-boxes")
