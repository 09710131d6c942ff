"""MoveNet: the 17 COCO key points of one body, or of six.

[1, 1, 17, 3]: y, x in 0..1 of the network's input, and score, of each key point. [1, 6, 56]: for each body 17 times
y, x, score, then y1, x1, y2, x2 and the score of the body (TensorFlow Hub, google/movenet, "Outputs").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.bodies import Bodies
from aai.vision.decode.candidates import Request, at_least, misfit
from aai.vision.skeletons import COCO_17

if TYPE_CHECKING:
    from aai.vision.image import Array

_POINTS = len(COCO_17)
_SHOWN = 0.1
"""The score over which a key point counts (tensorflow/examples, lite/examples/pose_estimation/raspberry_pi/data.py)."""


def decode(outputs: Mapping[str, Array], request: Request) -> Bodies:
    """The bodies whose score is high enough; that of the only body is the mean score of the key points that it shows.

    Raises:
        AaiError: no output of either shape.
    """
    for output in outputs.values():
        if output.size == 3 * _POINTS and output.shape[-2:] == (_POINTS, 3):
            return _one(output.reshape(_POINTS, 3), request)
        if output.ndim == 3 and output.shape[0] == 1 and output.shape[2] == 3 * _POINTS + 5:
            return _many(output[0], request)
    raise misfit(outputs, "movenet")


def _one(rows: Array, request: Request) -> Bodies:
    shown = rows[:, 2][rows[:, 2] > _SHOWN]
    score = np.array([shown.mean() if len(shown) else 0], np.float32)
    keep = at_least(score, request.confidence)
    return _bodies(rows[None][keep], score[keep], None, request)


def _many(rows: Array, request: Request) -> Bodies:
    keep = at_least(rows[:, -1], request.confidence)
    rows = rows[keep]
    sides = np.array(request.size * 2, np.float32)
    boxes = rows[:, [-4, -5, -2, -3]].astype(np.float32) * sides
    return _bodies(rows[:, : 3 * _POINTS].reshape(-1, _POINTS, 3), rows[:, -1].astype(np.float32), boxes, request)


def _bodies(points: Array, scores: Array, boxes: Array | None, request: Request) -> Bodies:
    places = points[:, :, 1::-1].astype(np.float32) * np.array(request.size, np.float32)
    return Bodies(places, points[:, :, 2].astype(np.float32), scores, COCO_17, boxes)
