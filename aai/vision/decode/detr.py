"""DETR and its kin: a fixed number of queries, each of which finds one object or none.

Two outputs: logits [1, Q, C] or [1, Q, C + 1], and boxes [1, Q, 4] cx, cy, w, h in 0..1 of the network's input. With
`softmax` in the settings (DETR, YOLOS) the last column is "no object", and a query has its best class; otherwise (RT-
DETR, D-FINE, Deformable DETR) each logit is a probability under sigmoid, and the Q best of all pairs of query and class
are taken, so that a query may be listed under two classes. No suppression is wanted. Source: Hugging Face Transformers,
image_processing_detr.py and image_processing_rt_detr.py, post_process_object_detection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.activations import sigmoid, softmax
from aai.vision.decode.best import best_of_rows
from aai.vision.decode.candidates import Candidates, Request, at_least, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The objects of all queries.

    Raises:
        AaiError: not two outputs of that shape.
    """
    exclusive = bool(request.settings.get("softmax", False))
    logits, boxes = _tables(outputs, exclusive)
    classes = logits.shape[1] - exclusive
    if exclusive:
        queries, scores, class_ids = best_of_rows(softmax(logits)[:, :-1], request.confidence)
    else:
        queries, scores, class_ids = _best_pairs(sigmoid(logits), request.confidence)
    corners = from_centres(boxes[queries])
    corners *= np.array(request.size * 2, np.float32)
    return Candidates(corners, scores, class_ids, classes, suppressed=True)


def _best_pairs(scores: Array, confidence: float) -> tuple[Array, Array, Array]:
    """(K,) queries, scores and classes of the pairs that are high enough, as many as there are queries at most."""
    flat = scores.ravel()
    pairs = at_least(flat, confidence)
    if len(pairs) > len(scores):
        pairs = pairs[np.argsort(-flat[pairs], kind="stable")[: len(scores)]]
    return pairs // scores.shape[1], flat[pairs], pairs % scores.shape[1]


def _tables(outputs: Mapping[str, Array], exclusive: bool) -> tuple[Array, Array]:
    """(Q, C) logits and (Q, 4) boxes, in whatever order the outputs come."""
    tables = [output[0] for output in outputs.values() if output.ndim == 3 and output.shape[0] == 1]
    if len(tables) == len(outputs) == 2 and len(tables[0]) == len(tables[1]):
        # With four classes the order, or the name, has to tell.
        first, second = tables
        names = [name.lower() for name in outputs]
        swapped = first.shape[1] == 4 and (second.shape[1] != 4 or "box" in names[0])
        logits, boxes = (second, first) if swapped else (first, second)
        if boxes.shape[1] == 4 and logits.shape[1] > exclusive:
            return logits, boxes
    raise misfit(outputs, "detr")
