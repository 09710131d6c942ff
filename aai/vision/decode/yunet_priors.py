"""YuNet face detectors of 2021 and 2022, which have prior boxes.

Outputs `loc` [N, 14], `conf` [N, 2] and `iou` [N, 1]. For each prior, a square: centre = its centre + 0.1 * side *
loc[0:2], width = side * exp(0.1 * loc[2]), height = side * exp(0.2 * loc[3]), score = sqrt(conf[1] * clip(iou, 0, 1)).
The priors lie in the middle of the cells of grids at strides 8, 16, 32 and 64. Source: OpenCV 4.6, objdetect/src/
face_detect.cpp, which has two factors for the sides, and is what these files are run with. The five key points are not
read here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.candidates import Candidates, Request, at_least, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array

_SIDES = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
"""Sides of the priors at each stride, in pixels of the network's input."""
_SIDE_FACTORS = np.array([0.1, 0.2], np.float32)
_COLUMNS = {"loc": 14, "conf": 2, "iou": 1}


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The face of each prior.

    Raises:
        AaiError: an output is missing, or does not have the priors of the input size.
    """
    priors = _priors(request.size)
    try:
        loc, conf, iou = (outputs[name].reshape(-1, columns) for name, columns in _COLUMNS.items())
    except (KeyError, ValueError) as error:
        raise misfit(outputs, "yunet-priors") from error
    if any(len(part) != len(priors) for part in (loc, conf, iou)):
        raise misfit(outputs, f"yunet-priors, which has {len(priors)} priors for {request.size[0]}x{request.size[1]}")
    scores = np.sqrt(np.clip(conf[:, 1], 0, 1) * np.clip(iou[:, 0], 0, 1)).astype(np.float32)
    keep = at_least(scores, request.confidence)
    side = priors[keep, 2:]
    centred = np.empty((len(keep), 4), np.float32)
    centred[:, :2] = priors[keep, :2] + loc[keep, 0:2] * np.float32(0.1) * side
    centred[:, 2:] = side * np.exp(loc[keep, 2:4].astype(np.float32) * _SIDE_FACTORS)
    return Candidates(from_centres(centred), scores[keep], np.zeros(len(keep), np.int64), 1)


@lru_cache(maxsize=4)
def _priors(size: tuple[int, int]) -> Array:
    """(N, 3) float32 centre x, centre y and side of each prior, in pixels of the network's input; read-only."""
    width, height = size
    # Each grid is half of the one before, rounded down; the first is half of half, rounded up.
    columns, rows = (width + 1) // 2 // 2, (height + 1) // 2 // 2
    parts = []
    for stride, sides in _SIDES.items():
        columns, rows = columns // 2, rows // 2
        y, x = np.mgrid[0:rows, 0:columns]
        centres = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride
        squares = np.tile(np.array(sides), len(centres))[:, None]
        parts.append(np.concatenate([np.repeat(centres, len(sides), axis=0), squares], axis=1))
    priors: Array = np.concatenate(parts).astype(np.float32)
    priors.flags.writeable = False
    return priors
