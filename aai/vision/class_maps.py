"""Class maps in pixels of the image, and their pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import numpy as np

from aai.vision.image import cv2

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.labels import Colour
    from aai.vision.preprocess import Placement

_BLACK = (0, 0, 0)


def to_image(class_ids: Array, placement: Placement, input_size: tuple[int, int]) -> Array:
    """The class of each pixel of the image: that of the cell which the pixel's centre lies in.

    Args:
        class_ids: (h, w) uint8 or uint16, over the whole of the network's input.
        placement: where the image lies in the network's input.
        input_size: (width, height) of the network's input.

    Returns:
        (H, W) of the same type; its greatest number where the image lies outside of the input.
    """
    height, width = class_ids.shape
    frame_width, frame_height = placement.frame_size
    columns, seen_x = _cells(frame_width, placement.scale_x, placement.offset_x, input_size[0], width)
    rows, seen_y = _cells(frame_height, placement.scale_y, placement.offset_y, input_size[1], height)
    # The columns first: the rows then are whole lines to copy.
    placed: Array = class_ids.take(columns, axis=1).take(rows, axis=0)
    if not (seen_x.all() and seen_y.all()):
        placed[~(seen_y[:, None] & seen_x[None, :])] = np.iinfo(placed.dtype).max
    return placed


def _cells(pixels: int, scale: float, offset: float, side: int, cells: int) -> tuple[Array, Array]:
    """The cell of each pixel along one axis, and whether the pixel lies in the network's input."""
    place = (np.arange(pixels) + 0.5) * scale + offset
    return np.clip(place * (cells / side), 0, cells - 1).astype(np.intp), (place >= 0) & (place < side)


def paint(class_map: Array, colours: Sequence[Colour]) -> Array:
    """(H, W, 3) uint8: each pixel in the colour of its class, black where there is none.

    Args:
        class_map: (H, W) integers.
        colours: (blue, green, red) of each class.
    """
    length = 1 + max(int(class_map.max(initial=0)), 255)
    table = np.zeros((length, 3), np.uint8)
    listed = np.array([*colours, _BLACK], np.uint8)[:-1][:length]
    table[: len(listed)] = listed
    if class_map.dtype == np.uint8 and class_map.size:
        painted: Array = cv2.applyColorMap(np.ascontiguousarray(class_map), table.reshape(256, 1, 3))
        return painted
    inside = np.where((class_map >= 0) & (class_map < length), class_map, length - 1)
    return table.take(inside, axis=0)


def blend(image: Array, painted: Array, covered: Array, opacity: float = 0.5) -> Array:
    """A copy of the image with what is painted laid over it where it is covered.

    Args:
        image: (H, W, 3) uint8.
        painted: (H, W, 3) uint8.
        covered: (H, W) bool.
        opacity: of the paint, in 0..1.
    """
    mixed: Array = cv2.addWeighted(image, 1 - opacity, painted, opacity, 0)
    return np.where(covered[:, :, None], mixed, image)
