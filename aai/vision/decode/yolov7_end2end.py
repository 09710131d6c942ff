"""YOLOv7 exported with its suppression for onnxruntime (--end2end --max-wh).

One output [N, 7] of rows [image, x1, y1, x2, y2, class, score], in pixels of the network's input (YOLOv7,
models/experimental.py, ONNX_ORT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The boxes of the first image whose score is high enough.

    Raises:
        AaiError: not one output of that shape.
    """
    tables = list(outputs.values())
    if len(tables) != 1 or tables[0].ndim != 2 or tables[0].shape[1] != 7:
        raise misfit(outputs, "yolov7-end2end")
    rows = tables[0][tables[0][:, 0] == 0]
    rows = rows[at_least(rows[:, 6], request.confidence)].astype(np.float32)
    return Candidates(rows[:, 1:5], rows[:, 6], class_numbers(rows[:, 5]), suppressed=True)
