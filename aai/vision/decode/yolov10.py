"""Networks that choose their boxes themselves: YOLOv10, YOLO26, and Ultralytics' exports with nms=True.

One output [1, N, 6] of rows [x1, y1, x2, y2, score, class], in pixels of the network's input; rows that are not used
have the score 0 (Ultralytics, nn/modules/head.py, Detect.postprocess; engine/exporter.py, NMSModel).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, misfit, single

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The listed boxes whose score is high enough.

    Raises:
        AaiError: not one output of that shape.
    """
    rows = single(outputs, "yolov10", 6)
    if rows.shape[1] != 6:
        raise misfit(outputs, "yolov10")
    rows = rows[at_least(rows[:, 4], request.confidence)].astype(np.float32)
    return Candidates(rows[:, :4], rows[:, 4], class_numbers(rows[:, 5]), suppressed=True)
