"""Masks of single objects, kept as what is inside of their boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

import numpy as np

from aai.vision.results.rle import encode_window

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.labels import Colour
    from aai.vision.preprocess import Placement


class Cutout(NamedTuple):
    """The mask of one object: the pixels of a window, eight to a byte; outside of the window there are none.

    Args:
        bits: (h, (w + 7) // 8) uint8, the first pixel in the highest bit.
        corner: (x, y) of the window's upper left pixel in the image.
        size: (width, height) of the window.
        image_size: (width, height) of the image.
    """

    bits: Array
    corner: tuple[int, int]
    size: tuple[int, int]
    image_size: tuple[int, int]

    @classmethod
    def of_window(cls, pixels: Array, corner: tuple[int, int], image_size: tuple[int, int]) -> Cutout:
        """The mask whose (h, w) pixels stand at `corner` of an image of `image_size`."""
        height, width = pixels.shape
        return cls(np.packbits(pixels, axis=1), corner, (width, height), image_size)

    @classmethod
    def of_mask(cls, mask: Array) -> Cutout:
        """The (H, W) mask of a whole image, cut to what is in it; what is not 0 belongs to it."""
        inside = np.asarray(mask) != 0
        image_size = (inside.shape[1], inside.shape[0])
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not len(rows):
            return cls.of_window(inside[:0, :0], (0, 0), image_size)
        top, left = int(rows[0]), int(columns[0])
        return cls.of_window(inside[top : rows[-1] + 1, left : columns[-1] + 1], (left, top), image_size)

    @property
    def pixels(self) -> Array:
        """(h, w) bool: the window's own pixels."""
        width, height = self.size
        window: Array = np.unpackbits(self.bits, axis=1)[:height, :width].astype(bool)
        return window

    @property
    def mask(self) -> Array:
        """(H, W) bool: the mask of the whole image."""
        width, height = self.image_size
        whole: Array = np.zeros((height, width), bool)
        whole[self.window] = self.pixels
        return whole

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.pixels))

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window in the image."""
        (x, y), (width, height) = self.corner, self.size
        return slice(y, y + height), slice(x, x + width)

    def rle(self) -> dict[str, Any]:
        """{"size": [height, width], "counts": [...]} of the whole image: COCO's uncompressed run-length encoding."""
        return encode_window(self.pixels, self.corner, self.image_size)


def cut_out(
    coefficients: Array, prototypes: Array, boxes_xyxy: Array, placement: Placement, input_size: tuple[int, int]
) -> list[Cutout]:
    """The mask of each object: where the weighted sum of the prototypes is over 0, inside of its box.

    The sum is taken at the prototypes' own resolution and interpolated between them at each pixel of the image.

    Args:
        coefficients: (N, M) weights.
        prototypes: (M, h, w) over the whole of the network's input.
        boxes_xyxy: (N, 4) in pixels of the image, inside of it.
        placement: where the image lies in the network's input.
        input_size: (width, height) of the network's input.
    """
    count, height, width = prototypes.shape
    frame_width, frame_height = placement.frame_size
    across = _Axis(frame_width, placement.scale_x, placement.offset_x, input_size[0], width)
    down = _Axis(frame_height, placement.scale_y, placement.offset_y, input_size[1], height)
    cutouts = []
    # As with Ultralytics, a box has the pixels whose numbers are from its start on, and before its end.
    for weights, (x1, y1, x2, y2) in zip(coefficients, np.ceil(boxes_xyxy).astype(int).tolist()):
        columns, rows = across.part(x1, x2), down.part(y1, y2)
        logits = np.zeros((0, 0), np.float32)
        if columns.pixels and rows.pixels:
            seen = prototypes[:, rows.first : rows.last + 1, columns.first : columns.last + 1]
            logits = (weights @ seen.reshape(count, -1)).reshape(seen.shape[1:])
            logits = rows.between(columns.between(logits.T).T)
        cutouts.append(Cutout.of_window(logits > 0, (columns.start, rows.start), placement.frame_size))
    return cutouts


class _Axis:
    """Where the pixels of an image lie between the cells of a map, along one axis.

    Args:
        pixels: length of the image.
        scale: network pixels per image pixel.
        offset: network pixel of the image's first edge.
        side: length of the network's input.
        cells: length of the map, which covers the input.
    """

    def __init__(self, pixels: int, scale: float, offset: float, side: int, cells: int) -> None:
        place = ((np.arange(pixels) + 0.5) * scale + offset) * (cells / side) - 0.5
        place = np.clip(place, 0, cells - 1)
        self._low = place.astype(np.intp)
        self._high = np.minimum(self._low + 1, cells - 1)
        self._share = (place - self._low).astype(np.float32)[:, None]
        self._length = pixels

    def part(self, start: int, end: int) -> _Stretch:
        """Pixels `start` up to, not including, `end`, as far as the image has them."""
        start, end = max(0, start), min(self._length, end)
        if end <= start:
            return _Stretch(0, 0, 0, 0, self._low[:0], self._high[:0], self._share[:0])
        first, last = int(self._low[start]), int(self._high[end - 1])
        there = slice(start, end)
        low, high = self._low[there] - first, self._high[there] - first
        return _Stretch(start, end - start, first, last, low, high, self._share[there])


class _Stretch(NamedTuple):
    """Some pixels of an axis: the first one and their number, and the cells that they lie between."""

    start: int
    pixels: int
    first: int
    last: int
    low: Array
    high: Array
    share: Array

    def between(self, values: Array) -> Array:
        """(pixels, n) values, interpolated along the first axis of (cells, n)."""
        # Whole rows are copied, which is why the caller turns the map and does not index its columns.
        values = np.ascontiguousarray(values)
        lower = values.take(self.low, axis=0)
        upper = values.take(self.high, axis=0)
        upper -= lower
        upper *= self.share
        lower += upper
        return lower


def overlay(image: Array, cutouts: Sequence[Cutout], colours: Sequence[Colour], opacity: float = 0.5) -> Array:
    """A copy of the image with each mask laid over it in its colour.

    Args:
        image: (H, W, 3) uint8 BGR, of the size that the masks are of.
        cutouts: the masks.
        colours: (blue, green, red), one for each mask.
        opacity: in 0..1.
    """
    marked: Array = image.copy()
    for cutout, colour in zip(cutouts, colours):
        pixels = cutout.pixels
        window = marked[cutout.window]
        mixed = window[pixels] * (1 - opacity) + np.array(colour) * opacity
        window[pixels] = mixed.astype(np.uint8)
    return marked
