"""Masks as runs, the way COCO counts them.

COCO's uncompressed run-length encoding goes down the columns: counts of equal pixels in turn, beginning with those
outside of the mask (cocodataset/cocoapi, common/maskApi.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aai.vision.image import Array


def encode(mask: Array) -> dict[str, Any]:
    """{"size": [height, width], "counts": [...]} of a (H, W) mask; what is not 0 belongs to it."""
    return encode_window(mask, (0, 0), (mask.shape[1], mask.shape[0]))


def encode_window(mask: Array, corner: tuple[int, int], size: tuple[int, int]) -> dict[str, Any]:
    """The runs of a frame that is empty but for a window; the frame itself is not made.

    Args:
        mask: (h, w) of the window.
        corner: (x, y) of the window's upper left pixel in the frame; the window lies inside of it.
        size: (width, height) of the frame.
    """
    width, height = size
    down = np.zeros((mask.shape[1], mask.shape[0] + 2), bool)
    down[:, 1:-1] = mask.T != 0
    # A border of the window's own rows keeps the runs of one column apart from those of the next.
    columns, rows = np.nonzero(down[:, 1:] != down[:, :-1])
    edges = (columns + corner[0]) * height + rows + corner[1]
    # A run to the foot of one column and from the head of the next is one run: its two edges fall together.
    meeting = np.flatnonzero(edges[1:] == edges[:-1])
    edges = np.delete(edges, np.concatenate([meeting, meeting + 1]))
    marks = np.concatenate([[0], edges, [width * height]])
    counts = np.diff(marks)
    if len(edges) and counts[-1] == 0:
        counts = counts[:-1]
    return {"size": [height, width], "counts": counts.tolist()}


def decode(encoded: dict[str, Any]) -> Array:
    """The (H, W) bool mask of `{"size", "counts"}`."""
    height, width = encoded["size"]
    counts = encoded["counts"]
    inside = np.arange(len(counts)) % 2 == 1
    mask: Array = np.repeat(inside, counts).reshape(width, height).T
    return mask
