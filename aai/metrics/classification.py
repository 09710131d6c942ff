"""How often the right class is among the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

if TYPE_CHECKING:
    from aai.vision.image import Array


@dataclass(frozen=True)
class ClassAccuracy:
    """Shares of images, each from 0 to 1.

    Args:
        top1: whose right class comes first; None when there is no image.
        top5: whose right class is among the first five; of a network with fewer classes, among all of them.
        reciprocal_rank: mean of 1 / place of the right class: finer than `top1` on few images.
        images: how many images were looked at.
        k: how many classes `top5` looked at: 5, or the number of classes when that is less.
    """

    top1: float | None
    top5: float | None
    reciprocal_rank: float | None
    images: int
    k: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them, rounded."""
        figures = {"top1": self.top1, "top5": self.top5, "reciprocal_rank": self.reciprocal_rank}
        rounded = {name: None if value is None else round(value, 6) for name, value in figures.items()}
        return {**rounded, "images": self.images, "k": self.k}


def ranks(scores: Array, class_ids: Sequence[int] | Array) -> Array:
    """(N,) place of the right class of each image, from 0.

    Counting the better ones needs no sorting. Of equal scores the lower class id comes first; a score that is no number
    comes last.

    Args:
        scores: (N, C), the higher the likelier.
        class_ids: (N,) right classes, each in 0..C-1.
    """
    table = np.where(np.isnan(scores), -np.inf, np.asarray(scores, np.float64))
    right = np.asarray(class_ids, np.intp)
    own = table[np.arange(len(right)), right][:, None]
    earlier = np.arange(table.shape[1])[None, :] < right[:, None]
    counted: Array = ((table > own) | ((table == own) & earlier)).sum(axis=1)
    return counted


def class_accuracy(scores: Array, class_ids: Sequence[int] | Array) -> ClassAccuracy:
    """Top-1, top-5 and mean reciprocal rank; see `ranks` for the arguments."""
    classes = int(np.shape(scores)[1]) if np.ndim(scores) == 2 else 0
    if not len(class_ids):
        return ClassAccuracy(None, None, None, 0, min(5, classes))
    places = ranks(scores, class_ids)
    k = min(5, classes)
    top1, topk = float((places < 1).mean()), float((places < k).mean())
    return ClassAccuracy(top1, topk, float((1 / (places + 1.0)).mean()), len(places), k)
