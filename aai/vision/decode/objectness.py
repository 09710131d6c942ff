"""Scores of rows [box (4), objectness, C class probabilities], which several YOLO layouts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aai.vision.decode.candidates import at_least

if TYPE_CHECKING:
    from aai.vision.image import Array


def best_classes(rows: Array, confidence: float) -> tuple[Array, Array, Array]:
    """Indices, scores and class ids of the rows whose best score is at least `confidence`.

    Args:
        rows: (N, 5 + C); objectness and class probabilities in 0..1.
        confidence: the least score.

    Returns:
        (K,) indices into `rows`, (K,) float32 scores, (K,) class ids.
    """
    # Objectness bounds the score from above: the classes are looked at for the few rows that pass.
    likely = at_least(rows[:, 4], confidence)
    chosen = rows[likely]
    class_ids = chosen[:, 5:].argmax(axis=1)
    scores = chosen[:, 4] * chosen[np.arange(len(chosen)), 5 + class_ids]
    keep = at_least(scores, confidence)
    return likely[keep], scores[keep], class_ids[keep]
