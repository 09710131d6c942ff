"""Ultralytics v5 (and v7) detection heads.

One output [1, N, 5 + C]: per anchor cx, cy, w, h in pixels of the network's input, objectness, then C class
probabilities; score = objectness * probability. `normalised` in the settings: the box in 0..1 of the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from aai.vision.boxes import from_centres
from aai.vision.decode.candidates import Candidates, Request, in_pixels, single
from aai.vision.decode.objectness import best_classes

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The best class of each anchor.

    Raises:
        AaiError: not one output of that shape.
    """
    rows = single(outputs, "yolov5", 6)
    _, chosen, scores, class_ids = best_classes(rows, request.confidence)
    return Candidates(in_pixels(from_centres(chosen), request), scores, class_ids, rows.shape[1] - 5)
