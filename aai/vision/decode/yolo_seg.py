"""Ultralytics' segmentation heads: boxes with weights, and the prototypes of masks that the weights belong to.

Two outputs. [1, 4 + C + M, N]: per anchor cx, cy, w, h in pixels of the network's input, C class probabilities, M
weights; with the suppression in the graph [1, N, 6 + M]: x1, y1, x2, y2, score, class, weights (`end_to_end` in the
settings). [1, M, h, w], or [1, h, w, M]: the prototypes (Ultralytics, nn/modules/head.py: Segment). `transposed` in the
settings says [1, N, 4 + C + M], `normalised` that boxes are in 0..1 of the input, as in Ultralytics' TFLite files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, NamedTuple

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, in_pixels, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array

LAYOUT = "yolo-seg"


class Instances(NamedTuple):
    """Boxes before suppression, and what their masks are made of.

    Args:
        found: the boxes.
        coefficients: (N, M) float32 weights of the prototypes, for each box.
        prototypes: (M, h, w) float32, over the whole of the network's input.
    """

    found: Candidates
    coefficients: Array
    prototypes: Array


def decode(outputs: Mapping[str, Array], request: Request) -> Instances:
    """The best class of each anchor, and its weights.

    Raises:
        AaiError: not two outputs of those shapes.
    """
    tables = [output for output in outputs.values() if output.ndim == 3 and output.shape[0] == 1]
    maps = [output for output in outputs.values() if output.ndim == 4 and output.shape[0] == 1]
    if len(tables) != 1 or len(maps) != 1 or not maps[0].size:
        raise misfit(outputs, LAYOUT)
    prototypes = _prototypes(maps[0], request.size)
    weights = len(prototypes)
    if request.settings.get("end_to_end"):
        rows = tables[0][0]
        if rows.shape[1] != 6 + weights:
            raise misfit(outputs, f"{LAYOUT}, end to end")
        rows = rows[at_least(rows[:, 4], request.confidence)].astype(np.float32)
        found = Candidates(in_pixels(rows[:, :4], request), rows[:, 4], class_numbers(rows[:, 5]), suppressed=True)
        return Instances(found, rows[:, 6:], prototypes)
    columns = tables[0][0].T if request.settings.get("transposed") else tables[0][0]
    classes = len(columns) - 4 - weights
    if classes < 1:
        raise misfit(outputs, LAYOUT)
    best = columns[4 : 4 + classes].max(axis=0)
    keep = at_least(best, request.confidence)
    chosen = columns[:, keep].astype(np.float32)
    class_ids = np.argmax(chosen[4 : 4 + classes], axis=0)
    found = Candidates(in_pixels(from_centres(chosen[:4].T), request), best[keep], class_ids, classes)
    return Instances(found, chosen[4 + classes :].T, prototypes)


def _prototypes(maps: Array, size: tuple[int, int]) -> Array:
    """(M, h, w) float32: the maps have the proportions of the input."""
    width, height = size
    first = abs(maps.shape[2] * width - maps.shape[3] * height) * maps.shape[1]
    last = abs(maps.shape[1] * width - maps.shape[2] * height) * maps.shape[3]
    return np.ascontiguousarray(maps[0] if first <= last else np.moveaxis(maps[0], 2, 0), np.float32)
