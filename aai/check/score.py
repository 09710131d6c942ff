"""How well a pre-processing fits, told without labels: confident answers that hold when the photo changes a little.

Neither half does alone. Confidence is won by pixels that overdrive the network, and constancy by finding nothing, or
the same everywhere; so an empty answer is worth 0, and the two are multiplied. Objects and poses: the best score of the
photo times the agreement over the views. Classes: how far the answer differs from the average of all photos (its part
in the mutual information of photo and class, in nats) times the agreement. Maps of classes: the agreement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import numpy as np

from aai.check.agreement import agreement
from aai.check.answers import CLASSES, MAP, VECTOR, Answer, thinned

if TYPE_CHECKING:
    from aai.vision.image import Array

_TINY = 1e-12


class Seen:
    """What one pre-processing made of one photo.

    Args:
        answer: for the photo itself; of its class map, some pixels are kept.
        views: for its views, in pixels of the photo.
    """

    def __init__(self, answer: Answer, views: Sequence[Answer]) -> None:
        self.answer = thinned(answer)
        agreements = [agreement(answer, view) for view in views]
        self.constancy = float(np.mean(agreements)) if agreements and answer.found else 0.0


def photo_scores(seen: Sequence[Seen]) -> Array:
    """(N,) the worth of each photo's answer; 0 where nothing was found."""
    constancy = np.array([one.constancy for one in seen])
    if not seen or seen[0].answer.kind == MAP:
        return constancy
    if seen[0].answer.kind == VECTOR:
        worth = _apartness([one.answer for one in seen])
    elif seen[0].answer.kind == CLASSES:
        worth = _distinctness([one.answer.vector for one in seen])
    else:
        worth = np.array([one.answer.best for one in seen])
    scores: Array = worth * constancy
    return scores


def _distinctness(vectors: Sequence[Array]) -> Array:
    """(N,) divergence (Kullback and Leibler) of each answer from the mean answer, in nats.

    Its mean is the mutual information of photo and class.
    """
    shares = np.array([vector.astype(np.float64) for vector in vectors])
    mean = shares.mean(axis=0)
    found: Array = (shares * (np.log(shares + _TINY) - np.log(mean + _TINY))).sum(axis=1)
    return np.maximum(found, 0)


def _apartness(answers: Sequence[Answer]) -> Array:
    """(N,) 1 less the mean agreement of each answer with the other photos' answers."""
    alike = np.array([[agreement(one, other) for other in answers] for one in answers])
    others = max(1, len(answers) - 1)
    return np.maximum(0, 1 - (alike.sum(axis=1) - np.diag(alike)) / others)


def same_outcome(one: Sequence[Seen], other: Sequence[Seen]) -> float:
    """Mean agreement of two pre-processings over the photos, from 0 to 1; finding nothing both times is agreement."""
    shares = [agreement(a.answer, b.answer, both_empty=1.0) for a, b in zip(one, other)]
    return float(np.mean(shares)) if shares else 1.0
