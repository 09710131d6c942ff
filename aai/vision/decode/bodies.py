"""What comes out of a pose decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Sequence

if TYPE_CHECKING:
    from aai.vision.image import Array


class Bodies(NamedTuple):
    """Poses, before the suppression of those that are found twice.

    Args:
        points: (N, K, 2) float32 x, y in pixels of the network's input; not a number for a point that is missing.
        point_scores: (N, K) float32 in 0..1.
        scores: (N,) float32: of each pose.
        names: of the K key points.
        boxes_xyxy: (N, 4) float32, in pixels of the network's input; None where the network gives none.
        class_ids: (N,) int64: poses of different classes do not suppress each other; None for one class.
        suppressed: True when no pose is found twice.
    """

    points: Array
    point_scores: Array
    scores: Array
    names: Sequence[str]
    boxes_xyxy: Array | None = None
    class_ids: Array | None = None
    suppressed: bool = True
