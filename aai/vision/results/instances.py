"""What InstanceSegmentation gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from aai.vision.results.bounding_box import BoundingBox
from aai.vision.results.detection import ObjectDetectionPrediction
from aai.vision.results.export import category_id, corner_and_size, supervision

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.masks import Cutout
    from aai.vision.results.export import CategoryIds


@dataclass
class InstanceSegmentationPrediction(ObjectDetectionPrediction):
    """One object and its pixels.

    Args:
        box: where, in pixels of the image.
        confidence: in 0..1.
        label: what; applications may change it.
        index: the class id of the network.
        cutout: the mask, as what is inside of the box.
    """

    cutout: Cutout

    @property
    def mask(self) -> Array:
        """(H, W) bool, in pixels of the image; made at each access, from what is kept of the box."""
        return self.cutout.mask


class InstanceSegmentationResults:
    """The objects in one image with their pixels, by falling confidence.

    Args:
        boxes_xyxy: (N, 4) float32, in pixels of the image, clipped to it.
        scores: (N,) float32, falling.
        class_ids: (N,) integers.
        cutouts: the mask of each object.
        label: gives the label of a class id.
        duration: from image to results, in seconds.
        image: the image, (H, W, 3) uint8 BGR, or None.
    """

    def __init__(
        self,
        boxes_xyxy: Array,
        scores: Array,
        class_ids: Array,
        cutouts: Sequence[Cutout],
        label: Callable[[int], str],
        duration: float,
        image: Array | None = None,
    ) -> None:
        self.boxes_xyxy = boxes_xyxy
        self.scores = scores
        self.class_ids = class_ids
        self.cutouts = list(cutouts)
        self.duration = duration
        self.image = image
        self._label = label
        self._predictions: list[InstanceSegmentationPrediction] | None = None

    @property
    def predictions(self) -> list[InstanceSegmentationPrediction]:
        """The objects, made when they are first asked for; the same list at every access."""
        if self._predictions is None:
            self._predictions = [
                InstanceSegmentationPrediction(
                    BoundingBox(*(round(side) for side in box)), score, self._label(class_id), class_id, cutout
                )
                for box, score, class_id, cutout in self._rows()
            ]
        return self._predictions

    def __len__(self) -> int:
        return len(self.scores)

    def as_dict(self) -> dict[str, Any]:
        """{"duration_s", "predictions": [{"label", "index", "confidence", "box", "area", "mask"}]}.

        "box" is x1, y1, x2, y2; "area" the number of the mask's pixels; "mask" COCO's uncompressed run-length encoding.
        """
        return {
            "duration_s": round(self.duration, 6),
            "predictions": [
                {
                    "label": self._label(class_id),
                    "index": class_id,
                    "confidence": round(score, 4),
                    "box": [round(side, 2) for side in box],
                    "area": cutout.area,
                    "mask": cutout.rle(),
                }
                for box, score, class_id, cutout in self._rows()
            ],
        }

    def to_coco(self, image_id: int, category_ids: CategoryIds = None) -> list[dict[str, Any]]:
        """An entry of COCO's results for each object: image_id, category_id, bbox, score and segmentation.

        Args:
            image_id: the image's number in the data set.
            category_ids: category of each class, as a list or a mapping; None where they are the same.
        """
        return [
            {
                "image_id": image_id,
                "category_id": category_id(class_id, category_ids),
                "bbox": corner_and_size(box),
                "score": score,
                "segmentation": cutout.rle(),
            }
            for box, score, class_id, cutout in self._rows()
        ]

    def to_supervision(self) -> Any:
        """A `supervision.Detections` with masks of the whole image.

        Raises:
            BackendUnavailable: the package supervision is not installed.
        """
        sv = supervision()
        masks = np.stack([cutout.mask for cutout in self.cutouts]) if self.cutouts else None
        return sv.Detections(
            xyxy=self.boxes_xyxy.astype(np.float32).reshape(-1, 4),
            mask=masks,
            confidence=self.scores.astype(np.float32),
            class_id=self.class_ids.astype(int),
            data={"class_name": np.array([self._label(class_id) for class_id in self.class_ids.tolist()], str)},
        )

    def _rows(self) -> zip[tuple[list[float], float, int, Cutout]]:
        return zip(self.boxes_xyxy.tolist(), self.scores.tolist(), self.class_ids.tolist(), self.cutouts)
