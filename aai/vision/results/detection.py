"""What ObjectDetection gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from aai.vision.results.bounding_box import BoundingBox
from aai.vision.results.export import category_id, corner_and_size, supervision

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.results.export import CategoryIds


@dataclass
class ObjectDetectionPrediction:
    """One object.

    Args:
        box: where, in pixels of the image.
        confidence: in 0..1.
        label: what; applications may change it.
        index: the class id of the network.
    """

    box: BoundingBox
    confidence: float
    label: str
    index: int


class ObjectDetectionResults:
    """The objects in one image, by falling confidence.

    Args:
        boxes_xyxy: (N, 4) float32, in pixels of the image, clipped to it.
        scores: (N,) float32, falling.
        class_ids: (N,) integers.
        label: gives the label of a class id.
        duration: from image to results, in seconds.
        image: the image that the objects were found in, (H, W, 3) uint8 BGR, or None.
    """

    def __init__(
        self,
        boxes_xyxy: Array,
        scores: Array,
        class_ids: Array,
        label: Callable[[int], str],
        duration: float,
        image: Array | None = None,
    ) -> None:
        self.boxes_xyxy = boxes_xyxy
        self.scores = scores
        self.class_ids = class_ids
        self.duration = duration
        self.image = image
        self._label = label
        self._predictions: list[ObjectDetectionPrediction] | None = None

    @property
    def predictions(self) -> list[ObjectDetectionPrediction]:
        """The objects, made when they are first asked for; the same list at every access."""
        if self._predictions is None:
            self._predictions = [
                ObjectDetectionPrediction(
                    BoundingBox(*(round(side) for side in box)), score, self._label(class_id), class_id
                )
                for box, score, class_id in zip(self.boxes_xyxy.tolist(), self.scores.tolist(), self.class_ids.tolist())
            ]
        return self._predictions

    def __len__(self) -> int:
        return len(self.scores)

    def as_dict(self) -> dict[str, Any]:
        """{"duration_s", "predictions": [{"label", "index", "confidence", "box": [x1, y1, x2, y2]}]}."""
        return {
            "duration_s": round(self.duration, 6),
            "predictions": [
                {
                    "label": self._label(class_id),
                    "index": class_id,
                    "confidence": round(score, 4),
                    "box": [round(side, 2) for side in box],
                }
                for box, score, class_id in zip(self.boxes_xyxy.tolist(), self.scores.tolist(), self.class_ids.tolist())
            ],
        }

    def to_coco(self, image_id: int, category_ids: CategoryIds = None) -> list[dict[str, Any]]:
        """An entry of COCO's detection results for each object: image_id, category_id, bbox (x, y, w, h) and score.

        Args:
            image_id: the image's number in the data set.
            category_ids: category of each class, as a list or a mapping; None where they are the same.

        Raises:
            UsageError: a class has no category.
        """
        return [
            {
                "image_id": image_id,
                "category_id": category_id(class_id, category_ids),
                "bbox": corner_and_size(box),
                "score": score,
            }
            for box, score, class_id in zip(self.boxes_xyxy.tolist(), self.scores.tolist(), self.class_ids.tolist())
        ]

    def to_supervision(self) -> Any:
        """A `supervision.Detections`, with the labels as `data["class_name"]`.

        Raises:
            BackendUnavailable: the package supervision is not installed.
        """
        return supervision().Detections(
            xyxy=self.boxes_xyxy.astype(np.float32).reshape(-1, 4),
            confidence=self.scores.astype(np.float32),
            class_id=self.class_ids.astype(int),
            data={"class_name": np.array([self._label(class_id) for class_id in self.class_ids.tolist()], str)},
        )
