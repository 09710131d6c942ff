"""What a service answers for one image, in one form for all purposes, so that answers can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from aai.vision.results import ClassificationResults

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.services import Service

BOXES, CLASSES, MAP, POINTS, VECTOR = "boxes", "classes", "map", "points", "vector"
_THIN_SIDE = 256
CONFIDENCE, OVERLAP = 0.3, 0.45
"""What objects are searched with while answers are compared."""


_Nothing = partial(np.zeros, 0, np.float32)
_NoBoxes = partial(np.zeros, (0, 4), np.float32)
_NoMap = partial(np.zeros, (0, 0), np.int64)
_NoPoints = partial(np.zeros, (0, 0, 2), np.float32)
_NoPointScores = partial(np.zeros, (0, 0), np.float32)


@dataclass(frozen=True)
class Answer:
    """The answer for one image, in pixels of that image.

    Args:
        kind: what of the rest is filled: BOXES, CLASSES, MAP, POINTS or VECTOR.
        size: (width, height) of the image.
        boxes_xyxy: (N, 4) float32, of objects.
        scores: (N,) of objects or poses.
        class_ids: (N,) of objects.
        vector: (C,) a score for each class, or a description of the image.
        class_map: (H, W) class ids.
        points: (N, K, 2) key points of poses.
        point_scores: (N, K) their scores; 0 for one that was not found.
        point_names: names of the K points.
    """

    kind: str
    size: tuple[int, int]
    boxes_xyxy: Array = field(default_factory=_NoBoxes)
    scores: Array = field(default_factory=_Nothing)
    class_ids: Array = field(default_factory=_Nothing)
    vector: Array = field(default_factory=_Nothing)
    class_map: Array = field(default_factory=_NoMap)
    points: Array = field(default_factory=_NoPoints)
    point_scores: Array = field(default_factory=_NoPointScores)
    point_names: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        """How many things were found: objects, poses, classes of pixels beside the commonest; 1 for a vector."""
        if self.kind == MAP:
            return max(0, len(np.unique(self.class_map[self.class_map != not_looked(self.class_map)])) - 1)
        if self.kind in (CLASSES, VECTOR):
            return int(self.vector.size > 0)
        return len(self.scores)

    @property
    def best(self) -> float:
        """The best score; 0 when nothing was found, 1 for a map, which has no scores."""
        if self.kind == MAP:
            return float(self.found > 0)
        scores = self.vector if self.kind in (CLASSES, VECTOR) else self.scores
        return float(scores.max()) if scores.size else 0.0


def not_looked(class_map: Array) -> int:
    """The number that stands in a class map where the network has not looked."""
    return int(np.iinfo(class_map.dtype).max)


def run(service: Service, image: Array, confidence: float = CONFIDENCE, overlap: float = OVERLAP) -> Answer:
    """The answer of a loaded service for an image, (H, W, 3) uint8 BGR.

    Of a classifier it has the scores of all classes, whatever `confidence` says.
    """
    least = 0.0 if service.purpose == "Classification" else confidence
    return answer_of(service.run(image, least, overlap), image)


def answer_of(results: Any, image: Array) -> Answer:
    """The results of any service as an answer. Classes are complete when they were asked for at a confidence of 0."""
    size = (image.shape[1], image.shape[0])
    if isinstance(results, ClassificationResults):
        return Answer(CLASSES, size, vector=_vector(results.scores, results.class_ids))
    if hasattr(results, "boxes_xyxy"):
        return _boxes(results, size)
    if hasattr(results, "class_map"):
        return Answer(MAP, size, class_map=np.asarray(results.class_map))
    if hasattr(results, "point_scores"):
        return _points(results, size)
    return Answer(VECTOR, size, vector=_embedding(results))


def _boxes(results: Any, size: tuple[int, int]) -> Answer:
    boxes = np.asarray(results.boxes_xyxy, np.float32).reshape(-1, 4)
    return Answer(BOXES, size, boxes, np.asarray(results.scores, np.float32), np.asarray(results.class_ids, np.int64))


def _vector(scores: Array, class_ids: Array) -> Array:
    """(C,) score by class id; a class that is not in the results has none that is a number."""
    vector = np.full(int(class_ids.max()) + 1 if len(class_ids) else 0, np.nan, np.float32)
    vector[class_ids] = scores
    return vector


def _points(results: Any, size: tuple[int, int]) -> Answer:
    return Answer(
        POINTS,
        size,
        scores=np.asarray(results.scores, np.float32),
        points=np.asarray(results.points, np.float32),
        point_scores=np.where((results.points >= 0).all(axis=2), results.point_scores, 0).astype(np.float32),
        point_names=tuple(results.names),
    )


def _embedding(results: Any) -> Array:
    for name in ("embedding", "features", "vector"):
        value = getattr(results, name, None)
        if value is not None:
            return np.asarray(value, np.float32).reshape(-1)
    return np.zeros(0, np.float32)


def probabilities(vector: Array, softmax: bool) -> Array:
    """(C,) shares that sum to 1, of scores that are logits (`softmax`) or shares already; all equal where they can't.

    Args:
        vector: (C,) scores by class.
        softmax: whether softmax is to be applied.
    """
    values: Array = np.nan_to_num(vector.astype(np.float64), nan=-1e9, posinf=1e9, neginf=-1e9)
    if softmax and values.size:
        values = np.exp(values - np.max(values))
    values = np.maximum(values, 0)
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / max(1, len(values)))


def are_logits(vectors: Sequence[Array]) -> bool:
    """Whether a classifier's raw outputs are logits: they leave 0..1, or do not sum to 1, for any of the images.

    Independent scores of several labels (sigmoid) leave the sum and not the range; those are no logits.
    """
    sound = [vector for vector in vectors if vector.size and np.isfinite(vector).all()]
    return any(vector.min() < -1e-3 or vector.max() > 1 + 1e-3 for vector in sound)


def thinned(answer: Answer) -> Answer:
    """`answer` with every so many pixels of its class map, so that many photos' answers can be kept."""
    step = -(-max(answer.class_map.shape) // _THIN_SIDE) if answer.kind == MAP else 1
    return replace(answer, class_map=answer.class_map[::step, ::step].copy()) if step > 1 else answer
