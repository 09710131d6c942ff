"""Scores of rows [box (4), objectness, C class probabilities], which several YOLO layouts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.vision.decode.candidates import at_least

if TYPE_CHECKING:
    from aai.vision.image import Array


def best_classes(rows: Array, confidence: float) -> tuple[Array, Array, Array, Array]:
    """The rows whose best score is at least `confidence`.

    Args:
        rows: (N, 5 + C); objectness and class probabilities in 0..1.
        confidence: the least score.

    Returns:
        (K,) indices of the rows, (K, 5 + C) a copy of them, (K,) scores, (K,) class ids.
    """
    # Objectness bounds the score from above: the classes are looked at for the few rows that pass.
    indices = at_least(rows[:, 4], confidence)
    chosen = rows[indices]
    probabilities = chosen[:, 5:]
    scores = chosen[:, 4] * probabilities.max(axis=1)
    class_ids = probabilities.argmax(axis=1)
    keep = at_least(scores, confidence)
    if len(keep) < len(indices):
        indices, chosen, scores, class_ids = indices[keep], chosen[keep], scores[keep], class_ids[keep]
    return indices, chosen, scores, class_ids
