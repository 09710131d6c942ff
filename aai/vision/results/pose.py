"""What PoseEstimation gives back."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

import numpy as np

from aai.vision.image import as_bgr
from aai.vision.results.bounding_box import BoundingBox
from aai.vision.results.export import category_id, corner_and_size, supervision
from aai.vision.skeletons import COCO_17, draw_skeletons

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.results.export import CategoryIds

PERSON = 0
"""The class of bodies in COCO's lists of 80 classes."""
COCO_PERSON = 1
"""COCO's own category of persons."""


class KeyPoint(NamedTuple):
    """A point of a body.

    Args:
        x: in whole pixels of the image; -1 where the point is missing.
        y: likewise.
        score: in 0..1.
    """

    x: int
    y: int
    score: float


@dataclass
class Pose:
    """One body.

    Args:
        key_points: by name: "Nose", "Right Shoulder" and so on; each name is there, a missing point is at -1, -1.
        score: in 0..1.
        box: around the body, in pixels of the image; None where the network gives none.
    """

    key_points: dict[str, KeyPoint]
    score: float
    box: BoundingBox | None = None


class PoseEstimationResults:
    """The bodies in one image, by falling score.

    Args:
        points: (N, K, 2) float32 x, y in pixels of the image; -1, -1 for a point that is missing.
        point_scores: (N, K) float32 in 0..1.
        scores: (N,) float32, falling.
        names: of the K key points.
        duration: from image to results, in seconds.
        image: the image, (H, W, 3) uint8 BGR, or None.
        body_boxes_xyxy: (N, 4) float32 in pixels of the image; None where the network gives none.
    """

    def __init__(
        self,
        points: Array,
        point_scores: Array,
        scores: Array,
        names: Sequence[str],
        duration: float,
        image: Array | None = None,
        body_boxes_xyxy: Array | None = None,
    ) -> None:
        self.points = points
        self.point_scores = point_scores
        self.scores = scores
        self.names = tuple(names)
        self.duration = duration
        self.image = image
        self.body_boxes_xyxy = body_boxes_xyxy
        self._poses: list[Pose] | None = None

    @property
    def poses(self) -> list[Pose]:
        """The bodies, made when they are first asked for; the same list at every access."""
        if self._poses is None:
            self._poses = [self._pose(row) for row in range(len(self.scores))]
        return self._poses

    def __len__(self) -> int:
        return len(self.scores)

    def draw_poses(self, image: Array) -> Array:
        """A copy of `image` with the limbs and key points of all bodies.

        Args:
            image: (H, W, 3) uint8 BGR; other forms as `aai.read_image` makes them.

        Returns:
            (H, W, 3) uint8 BGR.

        Raises:
            BadImage: not an image.
        """
        return draw_skeletons(as_bgr(image), self.points, self.names)

    def as_dict(self) -> dict[str, Any]:
        """{"duration_s", "predictions": [{"score", "key_points": {name: {"x", "y", "score"} or None}, "box"}]}.

        "box" is x1, y1, x2, y2, and there only where the network gives boxes.
        """
        return {"duration_s": round(self.duration, 6), "predictions": [self._entry(row) for row in range(len(self))]}

    def to_coco(self, image_id: int, category_ids: CategoryIds = None) -> list[dict[str, Any]]:
        """An entry of COCO's key point results for each body: image_id, category_id, keypoints and score.

        Key points are x, y, 2 for each of COCO's 17 points, 0, 0, 0 for a missing one; a neck, which COCO does not
        have, is left out. Points of something else than COCO's bodies are all there, in the network's order.

        Args:
            image_id: the image's number in the data set.
            category_ids: category of class 0, as a list or a mapping; None for COCO's category of persons, 1.
        """
        order = [self.names.index(name) for name in COCO_17] if set(COCO_17) <= set(self.names) else slice(None)
        points = self.points[:, order]
        there = (points >= 0).all(axis=2, keepdims=True)
        triplets = np.where(there, np.concatenate([points, np.full_like(points[:, :, :1], 2)], axis=2), 0)
        category = COCO_PERSON if category_ids is None else category_id(PERSON, category_ids)
        entries = []
        for row in range(len(self)):
            entry: dict[str, Any] = {"image_id": image_id, "category_id": category}
            entry["keypoints"] = [round(number, 2) for number in triplets[row].ravel().tolist()]
            entry["score"] = float(self.scores[row])
            if self.body_boxes_xyxy is not None:
                entry["bbox"] = corner_and_size(self.body_boxes_xyxy[row].tolist())
            entries.append(entry)
        return entries

    def to_supervision(self) -> Any:
        """A `supervision.KeyPoints`; its missing points are at 0, 0.

        Raises:
            BackendUnavailable: the package supervision is not installed.
        """
        kind = supervision().KeyPoints
        if not len(self):
            return kind.empty()
        there = (self.points >= 0).all(axis=2, keepdims=True)
        given = {
            "xy": np.where(there, self.points, 0).astype(np.float32),
            "class_id": np.full(len(self), PERSON),
            "confidence": self.point_scores.astype(np.float32),
        }
        # Newer versions tell the scores of points from those of bodies.
        if "keypoint_confidence" in signature(kind).parameters:
            given["keypoint_confidence"] = given.pop("confidence")
            given["detection_confidence"] = self.scores.astype(np.float32)
        return kind(**given)

    def _pose(self, row: int) -> Pose:
        points = {
            name: KeyPoint(round(x), round(y), score)
            for name, (x, y), score in zip(self.names, self.points[row].tolist(), self.point_scores[row].tolist())
        }
        box = self.body_boxes_xyxy[row].tolist() if self.body_boxes_xyxy is not None else None
        return Pose(points, float(self.scores[row]), BoundingBox(*(round(side) for side in box)) if box else None)

    def _entry(self, row: int) -> dict[str, Any]:
        points = {
            name: {"x": round(x, 2), "y": round(y, 2), "score": round(score, 4)} if x >= 0 else None
            for name, (x, y), score in zip(self.names, self.points[row].tolist(), self.point_scores[row].tolist())
        }
        entry: dict[str, Any] = {"score": round(float(self.scores[row]), 4), "key_points": points}
        if self.body_boxes_xyxy is not None:
            entry["box"] = [round(side, 2) for side in self.body_boxes_xyxy[row].tolist()]
        return entry
