"""What Classification gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from aai.vision.results.export import category_id, supervision

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.results.export import CategoryIds


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

    def to_coco(self, image_id: int, category_ids: CategoryIds = None) -> list[dict[str, Any]]:
        """An entry for each class in the manner of COCO's results, which know no classes of whole images.

        Args:
            image_id: the image's number in the data set.
            category_ids: category of each class, as a list or a mapping; None where they are the same.

        Raises:
            UsageError: a class has no category.
        """
        return [
            {"image_id": image_id, "category_id": category_id(class_id, category_ids), "score": score}
            for score, class_id in zip(self.scores.tolist(), self.class_ids.tolist())
        ]

    def to_supervision(self) -> Any:
        """A `supervision.Classifications`.

        Raises:
            BackendUnavailable: the package supervision is not installed.
        """
        return supervision().Classifications(
            class_id=self.class_ids.astype(int), confidence=self.scores.astype(np.float32)
        )
