"""The best class of each row of a table of class scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aai.vision.decode.candidates import at_least

if TYPE_CHECKING:
    from aai.vision.image import Array


def best_of_rows(scores: Array, confidence: float) -> tuple[Array, Array, Array]:
    """The rows whose best score is at least `confidence` and over 0.

    Args:
        scores: (N, C) float; a row for each box, a column for each class.
        confidence: the least score.

    Returns:
        (K,) indices of the rows, rising; (K,) float32 scores; (K,) int64 columns.
    """
    # To look for the few scores that are high enough is much quicker than the maximum of every short row.
    enough = scores >= np.float32(confidence) if confidence > 0 else scores > 0
    rows = np.flatnonzero(enough) // max(1, scores.shape[1])
    rows = rows[np.diff(rows, prepend=-1) > 0]
    chosen = scores[rows].astype(np.float32, copy=False)
    best = chosen.max(axis=1) if len(rows) else np.zeros(0, np.float32)
    # A row with a value that is no number has no best one.
    keep = at_least(best, confidence)
    return rows[keep], best[keep], chosen[keep].argmax(axis=1)
