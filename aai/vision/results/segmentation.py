"""What SemanticSegmentation gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from aai.vision.results.export import category_id, supervision
from aai.vision.results.rle import encode

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.results.export import CategoryIds


class SemanticSegmentationResults:
    """The class of each pixel of one image.

    Args:
        class_map: (H, W) uint8 or uint16 class ids, in pixels of the image. The greatest number of the type (255, or
            65535) stands where the network has not looked: outside of a crop.
        label: gives the label of a class id.
        duration: from image to results, in seconds.
        image: the image, (H, W, 3) uint8 BGR, or None.
    """

    def __init__(
        self, class_map: Array, label: Callable[[int], str], duration: float, image: Array | None = None
    ) -> None:
        self.class_map = class_map
        self.duration = duration
        self.image = image
        self._label = label

    @property
    def class_ids(self) -> Array:
        """(K,) the classes in the image, the one with the most pixels first."""
        return self._areas()[0]

    def __len__(self) -> int:
        return len(self.class_ids)

    def as_dict(self) -> dict[str, Any]:
        """{"duration_s", "predictions": [{"label", "index", "fraction"}]}: the share of the pixels of each class."""
        return {
            "duration_s": round(self.duration, 6),
            "predictions": [
                {"label": self._label(class_id), "index": class_id, "fraction": round(area / self.class_map.size, 4)}
                for class_id, area in zip(*(part.tolist() for part in self._areas()))
            ],
        }

    def to_coco(self, image_id: int, category_ids: CategoryIds = None) -> list[dict[str, Any]]:
        """An entry of COCO's stuff results for each class: image_id, category_id and segmentation, uncompressed RLE.

        Args:
            image_id: the image's number in the data set.
            category_ids: category of each class, as a list or a mapping; None where they are the same.
        """
        return [
            {
                "image_id": image_id,
                "category_id": category_id(class_id, category_ids),
                "segmentation": encode(self.class_map == class_id),
            }
            for class_id in self.class_ids.tolist()
        ]

    def to_supervision(self) -> Any:
        """A `supervision.Detections` with a mask, and the box around it, for each class.

        Raises:
            BackendUnavailable: the package supervision is not installed.
        """
        sv = supervision()
        class_ids = self.class_ids.astype(int)
        masks = self.class_map[None] == class_ids[:, None, None]
        names = np.array([self._label(class_id) for class_id in class_ids.tolist()])
        return sv.Detections(
            xyxy=sv.mask_to_xyxy(masks).astype(np.float32).reshape(-1, 4),
            mask=masks,
            class_id=class_ids,
            data={"class_name": names},
        )

    def _areas(self) -> tuple[Array, Array]:
        """Class ids and their pixels, by falling number of pixels."""
        unseen = int(np.iinfo(self.class_map.dtype).max)
        counts = np.bincount(self.class_map.ravel(), minlength=unseen + 1)
        counts[unseen] = 0
        there = np.flatnonzero(counts)
        order = there[np.argsort(-counts[there], kind="stable")]
        return order, counts[order]
