"""The cells of a network's output grids, as anchor-free layouts list them, and boxes that are relative to them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.settings import whole_numbers

if TYPE_CHECKING:
    from aai.vision.image import Array

_STRIDES = (8, 16, 32)


def strides_of(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Pixels per cell of each grid: `strides` of a layout's settings, or else the usual 8, 16 and 32.

    Raises:
        UsageError: they are not whole numbers of 1 or more.
    """
    return whole_numbers(settings, "strides", _STRIDES)


def cell_count(size: tuple[int, int], strides: Sequence[int], boxes: Sequence[int] = ()) -> int:
    """Number of cells of all grids, or of boxes where each cell of a grid has as many as `boxes` says."""
    counts = [-(-size[0] // stride) * -(-size[1] // stride) for stride in strides]
    return sum(count * each for count, each in zip(counts, boxes or [1] * len(counts)))


@lru_cache(maxsize=16)
def cells(size: tuple[int, int], strides: tuple[int, ...]) -> tuple[Array, Array]:
    """Corner and stride of each cell, row by row, the first stride first.

    Args:
        size: (width, height) of the network's input, in pixels.
        strides: pixels per cell, one for each grid.

    Returns:
        (N, 2) float32 column and row of each cell; (N, 1) float32 stride. Both read-only.
    """
    corners, steps = [], []
    for stride in strides:
        rows, columns = -(-size[1] // stride), -(-size[0] // stride)
        y, x = np.mgrid[0:rows, 0:columns]
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32))
        steps.append(np.full((rows * columns, 1), stride, np.float32))
    corner, step = np.concatenate(corners), np.concatenate(steps)
    corner.flags.writeable = step.flags.writeable = False
    return corner, step


def from_cells(boxes: Array, corners: Array, strides: Array) -> Array:
    """(N, 4) float32 x1, y1, x2, y2 in pixels; centre = (corner + d) * stride, side = exp(log) * stride.

    Args:
        boxes: (N, 4 or more) dx, dy, log width, log height.
        corners: (N, 2) column and row of each box's cell.
        strides: (N, 1) pixels per cell.
    """
    # Half precision would round to whole pixels beyond 1,024.
    centred = boxes[:, :4].astype(np.float32)
    centred[:, :2] += corners
    np.exp(centred[:, 2:], out=centred[:, 2:])
    centred *= strides
    return from_centres(centred)
