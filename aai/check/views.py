"""Changes of a photo that should not change what a network finds in it: mirrored, smaller, brighter.

A right pre-processing gives about the same answers for all of them, a wrong one does not. What is found in a view is
put back into pixels of the photo before it is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from aai.check.answers import MAP, Answer
from aai.vision.image import resize_into

if TYPE_CHECKING:
    from aai.vision.image import Array

_SMALLER = 0.85
_GAMMA = 0.75
_SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}


@dataclass(frozen=True)
class View:
    """A changed photo and the way back.

    Args:
        name: "flip", "smaller" or "gamma".
        image: (H, W, 3) uint8 BGR, of the photo's size.
        flipped: whether left and right are exchanged.
        factor: pixels of the view per pixel of the photo.
        offset: (x, y) pixel of the view where the photo begins.
    """

    name: str
    image: Array
    flipped: bool = False
    factor: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)

    def to_photo(self, answer: Answer) -> Answer:
        """An answer for the view in pixels of the photo."""
        width = answer.size[0]
        if answer.kind == MAP:
            return replace(answer, class_map=self._map_back(answer.class_map))
        corners = (answer.boxes_xyxy.reshape(-1, 2) - self.offset) / self.factor
        boxes = corners.reshape(-1, 4).astype(np.float32)
        points = ((answer.points - self.offset) / self.factor).astype(np.float32)
        scores = answer.point_scores
        if self.flipped:
            boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
            points[..., 0] = width - points[..., 0]
            order = [_other_side(answer.point_names, name) for name in answer.point_names]
            points, scores = points[:, order], scores[:, order]
        return replace(answer, boxes_xyxy=boxes, points=points, point_scores=scores)

    def _map_back(self, class_map: Array) -> Array:
        if self.flipped:
            return class_map[:, ::-1]
        height, width = class_map.shape
        rows = (np.arange(height) * self.factor + self.offset[1]).astype(np.intp)
        columns = (np.arange(width) * self.factor + self.offset[0]).astype(np.intp)
        back: Array = class_map[np.minimum(rows, height - 1)][:, np.minimum(columns, width - 1)]
        return back


def views_of(photo: Array, mirror: bool = True) -> list[View]:
    """The views of a photo, (H, W, 3) uint8 BGR.

    Args:
        photo: the photo.
        mirror: whether a mirrored photo still shows the same: not for digits and letters.
    """
    found = [View("flip", np.ascontiguousarray(photo[:, ::-1]), flipped=True)] if mirror else []
    return [*found, _smaller(photo), View("gamma", _brighter(photo))]


def _smaller(photo: Array) -> View:
    """The photo scaled down, its outermost pixels drawn out to the old size: all that was in it still is."""
    height, width = photo.shape[:2]
    inner = (max(1, round(height * _SMALLER)), max(1, round(width * _SMALLER)))
    scaled = np.empty((*inner, 3), np.uint8)
    resize_into(photo, scaled)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    border = ((top, height - inner[0] - top), (left, width - inner[1] - left), (0, 0))
    return View("smaller", np.pad(scaled, border, mode="edge"), factor=_SMALLER, offset=(float(left), float(top)))


def _brighter(photo: Array) -> Array:
    table = np.rint(255 * (np.arange(256) / 255) ** _GAMMA).astype(np.uint8)
    brighter: Array = table[photo]
    return brighter


def _other_side(names: tuple[str, ...], name: str) -> int:
    """Where the point of the other side stands: a mirrored left hand is a right one."""
    for side, other in _SIDES.items():
        swapped = name.replace(side, other) if side in name else ""
        if swapped in names:
            return names.index(swapped)
    return names.index(name)
