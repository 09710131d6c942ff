"""Average precision of boxes, by COCO's protocol.

Matching, 101-point interpolation and averaging as COCO's own evaluation does them (Lin et al., "Microsoft COCO: Common
Objects in Context", and its reference evaluation): IoU 0.50 to 0.95 in steps of 0.05, the 100 best boxes of an image
and class, all sizes. A class without a truth has no average precision and is left out of the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

import numpy as np

from aai.vision.boxes import area, iou

if TYPE_CHECKING:
    from aai.vision.image import Array

IOU_THRESHOLDS: tuple[float, ...] = tuple(float(t) for t in np.linspace(0.5, 0.95, 10))
MOST_BOXES = 100
_RECALLS = np.linspace(0.0, 1.0, 101)
_EPSILON = float(np.spacing(1))
_NO_MATCH, _MATCH, _CROWD = 0, 1, 2


class TrueBoxes(NamedTuple):
    """The objects in one image, as a person marked them.

    Args:
        boxes_xyxy: (N, 4) in pixels of the image.
        class_ids: (N,) integers.
        crowd: (N,) bool, True for a box around many objects, which counts neither way; None for none.
    """

    boxes_xyxy: Array
    class_ids: Array
    crowd: Array | None = None


class FoundBoxes(NamedTuple):
    """The objects in one image, as a network found them: (N, 4) boxes, (N,) scores, (N,) class ids."""

    boxes_xyxy: Array
    scores: Array
    class_ids: Array


@dataclass(frozen=True)
class BoxAccuracy:
    """Average precision and recall over a set of images.

    Args:
        ap: mean over classes and IoU 0.50 to 0.95 (COCO's mAP); None when no image has a truth.
        ap50: mean over classes at IoU 0.50.
        ap75: mean over classes at IoU 0.75.
        recall: mean over classes and thresholds of the recall that the 100 best boxes reach (COCO's AR).
        by_class: class id -> AP over IoU 0.50 to 0.95, for the classes that have a truth.
        images: how many images were looked at.
        truths: how many truths count, crowds left out.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    recall: float | None
    by_class: dict[int, float]
    images: int
    truths: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them, rounded."""
        figures = {"ap": self.ap, "ap50": self.ap50, "ap75": self.ap75, "recall": self.recall}
        rounded = {name: None if value is None else round(value, 6) for name, value in figures.items()}
        by_class = {str(number): round(value, 6) for number, value in self.by_class.items()}
        return {**rounded, "by_class": by_class, "images": self.images, "truths": self.truths}


def box_accuracy(
    truths: Sequence[TrueBoxes],
    found: Sequence[FoundBoxes],
    one_class: bool = False,
    most_boxes: int = MOST_BOXES,
) -> BoxAccuracy:
    """Average precision of what was found, against the truths.

    Args:
        truths: one for each image.
        found: one for each image, in the same order.
        one_class: rank the boxes of all classes in one list. A box still matches only a truth of its own class. The
            figure is then steadier on few images, where most classes have a truth or two, and it is not COCO's.
        most_boxes: how many boxes count, the best ones, in an image and class.
    """
    if len(truths) != len(found):
        raise ValueError(f"{len(truths)} images have truths, and {len(found)} have answers")
    pooled: dict[int, _Pool] = {}
    for truth, answer in zip(truths, found):
        for class_id in _classes(truth, answer):
            pool = pooled.setdefault(0 if one_class else class_id, _Pool())
            pool.add(_of_class(truth, class_id), _best_of_class(answer, class_id, most_boxes))
    tables = {class_id: pool.curve() for class_id, pool in sorted(pooled.items()) if pool.truths}
    count = sum(pool.truths for pool in pooled.values())
    if not tables:
        return BoxAccuracy(None, None, None, None, {}, len(truths), count)
    precisions = np.array([precision for precision, _ in tables.values()])
    recalls = np.array([recall for _, recall in tables.values()])
    return BoxAccuracy(
        float(precisions.mean()),
        float(precisions[:, 0].mean()),
        float(precisions[:, 5].mean()),
        float(recalls.mean()),
        {class_id: float(precision.mean()) for class_id, (precision, _) in tables.items()},
        len(truths),
        count,
    )


class _Pool:
    """All boxes of one class over the images, each with whether it matched at each threshold."""

    def __init__(self) -> None:
        self.truths = 0
        self._scores: list[Array] = []
        self._outcomes: list[Array] = []

    def add(self, truth: tuple[Array, Array], answer: tuple[Array, Array]) -> None:
        (true_boxes, crowd), (boxes, scores) = truth, answer
        self.truths += int(np.count_nonzero(~crowd))
        self._scores.append(scores)
        self._outcomes.append(_match(boxes, true_boxes, crowd))

    def curve(self) -> tuple[Array, Array]:
        """(10,) average precision and (10,) highest recall, one for each threshold."""
        scores, outcomes = np.concatenate(self._scores), np.concatenate(self._outcomes, axis=1)
        # Merge sort, as COCO's: boxes with equal scores keep the order of the images.
        outcomes = outcomes[:, np.argsort(-scores, kind="mergesort")]
        right = np.cumsum(outcomes == _MATCH, axis=1).astype(np.float64)
        wrong = np.cumsum(outcomes == _NO_MATCH, axis=1).astype(np.float64)
        recall = right / self.truths
        precision = right / (right + wrong + _EPSILON)
        # From the right: the best precision at this recall or a higher one.
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        averages = np.zeros(len(IOU_THRESHOLDS))
        for index in range(len(IOU_THRESHOLDS)):
            at = np.searchsorted(recall[index], _RECALLS, side="left")
            averages[index] = precision[index][at[at < recall.shape[1]]].sum() / len(_RECALLS)
        highest = recall[:, -1] if recall.shape[1] else np.zeros(len(IOU_THRESHOLDS))
        return averages, highest


def _match(boxes: Array, true_boxes: Array, crowd: Array) -> Array:
    """(thresholds, boxes) outcome of each box, which come by falling score: each takes the best truth that is free."""
    outcomes = np.zeros((len(IOU_THRESHOLDS), len(boxes)), np.int8)
    if not len(boxes) or not len(true_boxes):
        return outcomes
    overlaps = _overlaps(boxes, true_boxes, crowd)
    least = np.minimum(np.array(IOU_THRESHOLDS), 1 - 1e-10)
    free = np.ones((len(IOU_THRESHOLDS), len(true_boxes)), bool)
    for row in np.flatnonzero(overlaps.max(axis=1) >= least[0]):
        enough = overlaps[row][None, :] >= least[:, None]
        open_to_it = enough & (free | crowd[None, :])
        for kind, members in ((_MATCH, ~crowd), (_CROWD, crowd)):
            values = np.where(open_to_it & members[None, :], overlaps[row][None, :], -1.0)
            # Of two truths with the same overlap COCO takes the later one.
            best = values.shape[1] - 1 - np.argmax(values[:, ::-1], axis=1)
            taken = (values.max(axis=1) >= 0) & (outcomes[:, row] == _NO_MATCH)
            outcomes[taken, row] = kind
            free[taken, best[taken]] = False
    return outcomes


def _overlaps(boxes: Array, true_boxes: Array, crowd: Array) -> Array:
    """(N, M) IoU; for a crowd, the share of the box that lies in it."""
    overlaps = iou(boxes, true_boxes)
    if crowd.any():
        both = area(boxes)[:, None] + area(true_boxes)[None, crowd]
        shared = overlaps[:, crowd] * both / (1 + overlaps[:, crowd])
        overlaps[:, crowd] = shared / np.maximum(area(boxes)[:, None], _EPSILON)
    return overlaps


def _classes(truth: TrueBoxes, answer: FoundBoxes) -> list[int]:
    return sorted({int(number) for ids in (truth.class_ids, answer.class_ids) for number in ids})


def _of_class(truth: TrueBoxes, class_id: int) -> tuple[Array, Array]:
    members = np.asarray(truth.class_ids) == class_id
    boxes = np.asarray(truth.boxes_xyxy, np.float64).reshape(-1, 4)[members]
    crowd = np.zeros(len(boxes), bool) if truth.crowd is None else np.asarray(truth.crowd, bool)[members]
    return boxes, crowd


def _best_of_class(answer: FoundBoxes, class_id: int, most: int) -> tuple[Array, Array]:
    members = np.flatnonzero(np.asarray(answer.class_ids) == class_id)
    scores = np.asarray(answer.scores, np.float64)[members]
    order = np.argsort(-scores, kind="mergesort")[:most]
    return np.asarray(answer.boxes_xyxy, np.float64).reshape(-1, 4)[members[order]], scores[order]
