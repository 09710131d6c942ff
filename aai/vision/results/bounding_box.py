"""Boxes as applications handle them: whole pixels of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class BoundingBox:
    """A box in whole pixels of an image; the end is the first pixel outside."""

    start_x: int
    start_y: int
    end_x: int
    end_y: int

    @classmethod
    def from_width_height_center(cls, width: float, height: float, center: tuple[float, float]) -> BoundingBox:
        """The box of that size around `center` (x, y)."""
        x, y = center
        return cls(round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2))

    @property
    def width(self) -> int:
        """In pixels."""
        return self.end_x - self.start_x

    @property
    def height(self) -> int:
        """In pixels."""
        return self.end_y - self.start_y

    @property
    def area(self) -> int:
        """In square pixels; 0 when the corners are in the wrong order."""
        return max(0, self.width) * max(0, self.height)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return (self.start_x + self.end_x) / 2, (self.start_y + self.end_y) / 2

    @property
    def opencv_bbox(self) -> tuple[int, int, int, int]:
        """(x, y, width, height)."""
        return self.start_x, self.start_y, self.width, self.height

    def get_intersection(self, other: BoundingBox) -> BoundingBox:
        """The box that both share; of area 0 when they share none."""
        start_x, start_y = max(self.start_x, other.start_x), max(self.start_y, other.start_y)
        end_x, end_y = min(self.end_x, other.end_x), min(self.end_y, other.end_y)
        return BoundingBox(start_x, start_y, max(start_x, end_x), max(start_y, end_y))

    def compute_iou(self, other: BoundingBox) -> float:
        """Intersection over union, in 0..1; 0 when both are empty."""
        shared = self.get_intersection(other).area
        union = self.area + other.area - shared
        return shared / union if union else 0.0

    def compute_overlap(self, other: BoundingBox) -> float:
        """The share of this box that lies in `other`, in 0..1; 0 when this box is empty."""
        return self.get_intersection(other).area / self.area if self.area else 0.0

    def compute_distance(self, other: BoundingBox) -> float:
        """Between the centres, in pixels."""
        return math.hypot(self.center[0] - other.center[0], self.center[1] - other.center[1])

    def scale(self, scale_x: float, scale_y: float | None = None) -> BoundingBox:
        """The box with its coordinates multiplied, as when its image is resized."""
        factor_y = scale_x if scale_y is None else scale_y
        return BoundingBox(
            round(self.start_x * scale_x),
            round(self.start_y * factor_y),
            round(self.end_x * scale_x),
            round(self.end_y * factor_y),
        )

    def scale_about_center(self, scale_x: float, scale_y: float) -> BoundingBox:
        """The box with its sides multiplied, around the same centre."""
        return BoundingBox.from_width_height_center(self.width * scale_x, self.height * scale_y, self.center)

    def __mul__(self, factor: float) -> BoundingBox:
        return self.scale(factor)

    __rmul__ = __mul__
