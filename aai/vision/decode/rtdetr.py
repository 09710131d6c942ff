"""RT-DETR as Ultralytics exports it; no suppression is wanted.

One output [1, Q, 4 + C]: per query cx, cy, w, h in 0..1 of the network's input, then C class probabilities, of which
the best one counts. With `listed` in the settings (releases from 8.4 on) the network has chosen: [1, Q, 6] rows of
cx, cy, w, h, score, class (Ultralytics, nn/modules/head.py, RTDETRDecoder; models/rtdetr/predict.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.best import best_of_rows
from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, misfit, single

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The best class of each query.

    Raises:
        AaiError: not one output of that shape.
    """
    rows = single(outputs, "rtdetr", 5)
    if not request.settings.get("listed", False):
        indices, scores, class_ids = best_of_rows(rows[:, 4:], request.confidence)
        return Candidates(_corners(rows[indices], request), scores, class_ids, rows.shape[1] - 4, suppressed=True)
    if rows.shape[1] != 6:
        raise misfit(outputs, "rtdetr")
    chosen = rows[at_least(rows[:, 4], request.confidence)].astype(np.float32)
    return Candidates(_corners(chosen, request), chosen[:, 4], class_numbers(chosen[:, 5]), suppressed=True)


def _corners(rows: Array, request: Request) -> Array:
    boxes = from_centres(rows)
    boxes *= np.array(request.size * 2, np.float32)
    return boxes
