"""What Classification gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from aai.vision.image import Array


@dataclass
class ClassificationPrediction:
    """One class of an image.

    Args:
        label: what.
        confidence: in 0..1 when the network gives probabilities.
        index: the class id of the network.
    """

    label: str
    confidence: float
    index: int


class ClassificationResults:
    """The classes of one image, by falling confidence.

    Args:
        scores: (N,) float32, falling.
        class_ids: (N,) integers.
        label: gives the label of a class id.
        duration: from image to results, in seconds.
        image: the image, (H, W, 3) uint8 BGR, or None.
    """

    def __init__(
        self,
        scores: Array,
        class_ids: Array,
        label: Callable[[int], str],
        duration: float,
        image: Array | None = None,
    ) -> None:
        self.scores = scores
        self.class_ids = class_ids
        self.duration = duration
        self.image = image
        self._label = label
        self._predictions: list[ClassificationPrediction] | None = None

    @property
    def predictions(self) -> list[ClassificationPrediction]:
        """The classes, made when they are first asked for; the same list at every access."""
        if self._predictions is None:
            self._predictions = [
                ClassificationPrediction(self._label(class_id), score, class_id)
                for score, class_id in zip(self.scores.tolist(), self.class_ids.tolist())
            ]
        return self._predictions

    def __len__(self) -> int:
        return len(self.scores)

    def as_dict(self) -> dict[str, Any]:
        """{"duration_s", "predictions": [{"label", "index", "confidence"}]}."""
        return {
            "duration_s": round(self.duration, 6),
            "predictions": [
                {"label": self._label(class_id), "index": class_id, "confidence": round(score, 4)}
                for score, class_id in zip(self.scores.tolist(), self.class_ids.tolist())
            ],
        }
