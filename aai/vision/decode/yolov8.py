"""Ultralytics v8 and v11 detection heads.

One output [1, 4 + C, N]: per anchor cx, cy, w, h in pixels of the network's input, then C class probabilities; no
objectness. `transposed` in the settings: [1, N, 4 + C].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.candidates import Candidates, Request, at_least, single

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The best class of each anchor.

    Raises:
        AaiError: not one output of that shape.
    """
    transposed = bool(request.settings.get("transposed", False))
    table = single(outputs, "yolov8", 5, transposed=not transposed)
    columns = table.T if transposed else table
    # The row-wise maximum runs over contiguous memory; the class is looked up for the few that pass.
    best = columns[4:].max(axis=0)
    keep = at_least(best, request.confidence)
    chosen = columns[:, keep]
    return Candidates(from_centres(chosen[:4].T), best[keep], np.argmax(chosen[4:], axis=0), len(columns) - 4)
