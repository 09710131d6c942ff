"""Ultralytics v8, v9 and 11 detection heads; v10 and 26 where they are exported without their own choice.

One output [1, 4 + C, N]: per anchor cx, cy, w, h in pixels of the network's input, then C class probabilities; no
objectness. `transposed` in the settings: [1, N, 4 + C]; `normalised`: the box in 0..1 of the input, as Ultralytics'
TFLite files have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.best import best_of_rows
from aai.vision.decode.candidates import Candidates, Request, at_least, in_pixels, single

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The best class of each anchor.

    Raises:
        AaiError: not one output of that shape.
    """
    transposed = bool(request.settings.get("transposed", False))
    columns = single(outputs, "yolov8", 5, transposed=not transposed)
    if transposed:
        rows, scores, class_ids = best_of_rows(columns[:, 4:], request.confidence)
        boxes, classes = from_centres(columns[rows]), columns.shape[1] - 4
    else:
        # The row-wise maximum runs over contiguous memory; the class is looked up for the few that pass.
        best = columns[4:].max(axis=0)
        keep = at_least(best, request.confidence)
        chosen = columns[:, keep]
        scores, class_ids = best[keep], np.argmax(chosen[4:], axis=0)
        boxes, classes = from_centres(chosen[:4].T), len(columns) - 4
    return Candidates(in_pixels(boxes, request), scores, class_ids, classes)
