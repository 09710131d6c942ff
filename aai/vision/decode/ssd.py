"""SSD's DetectionOutput: one output [1, 1, N, 7] of rows [image, class, score, x1, y1, x2, y2], the box in 0..1.

Class 0 is the background, which is never listed; an image number below 0 ends the list. The layer has done its own
suppression (Caffe SSD, detection_output_layer.cpp).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The listed boxes whose score is high enough.

    Raises:
        AaiError: no output whose rows have 7 columns.
    """
    tables = [output for output in outputs.values() if output.ndim >= 2 and output.shape[-1] == 7]
    if len(tables) != 1:
        raise misfit(outputs, "ssd")
    rows = tables[0].reshape(-1, 7)
    rows = rows[rows[:, 0] >= 0]
    rows = rows[at_least(rows[:, 2], request.confidence)]
    boxes = rows[:, 3:7] * np.array(request.size * 2, np.float32)
    return Candidates(boxes, rows[:, 2].copy(), class_numbers(rows[:, 1]), first_class=1, suppressed=True)
