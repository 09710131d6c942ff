"""Ultralytics' pose heads: a box and key points for each body.

One output [1, 4 + C + K * D, N]: per anchor cx, cy, w, h in pixels of the network's input, C class probabilities, then
K key points of x, y and, where D is 3, a score in 0..1. With the suppression in the graph [1, N, 6 + K * D]: x1, y1,
x2, y2, score, class, key points (Ultralytics, nn/modules/head.py: Pose). `key_points` in the settings is [K, D], COCO's
[17, 3] by default; `names` their names; `transposed` says [1, N, 4 + C + K * D], `end_to_end` the suppressed form,
`normalised` that all places are in 0..1 of the input, as in Ultralytics' TFLite files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.bodies import Bodies
from aai.vision.decode.candidates import Request, at_least, class_numbers, in_pixels, misfit, single
from aai.vision.decode.settings import wrong_setting
from aai.vision.skeletons import names_of

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Bodies:
    """The bodies whose score is high enough, before suppression.

    Raises:
        AaiError: not one output of that shape.
        UsageError: the settings are not those of this layout.
    """
    count, values = _key_points(request.settings)
    names = _names(request.settings, count)
    length = count * values
    if request.settings.get("end_to_end"):
        rows = single(outputs, "yolo-pose", 6 + length)
        if rows.shape[1] != 6 + length:
            raise misfit(outputs, "yolo-pose, end to end")
        rows = rows[at_least(rows[:, 4], request.confidence)].astype(np.float32)
        points, scores = _points(rows[:, 6:], count, values, request)
        boxes = in_pixels(rows[:, :4], request)
        return Bodies(points, scores, rows[:, 4], names, boxes, class_numbers(rows[:, 5]))
    transposed = bool(request.settings.get("transposed", False))
    table = single(outputs, "yolo-pose", 5 + length, transposed=not transposed)
    columns = table.T if transposed else table
    classes = len(columns) - 4 - length
    best = columns[4 : 4 + classes].max(axis=0)
    keep = at_least(best, request.confidence)
    chosen = columns[:, keep]
    points, scores = _points(chosen[4 + classes :].T, count, values, request)
    class_ids = np.argmax(chosen[4 : 4 + classes], axis=0)
    boxes = in_pixels(from_centres(chosen[:4].T), request)
    return Bodies(points, scores, best[keep], names, boxes, class_ids, suppressed=False)


def _points(rows: Array, count: int, values: int, request: Request) -> tuple[Array, Array]:
    """(N, K, 2) places and (N, K) scores out of (N, K * D) rows; of key points without a score it is 1."""
    points = rows.astype(np.float32).reshape(len(rows), count, values)
    scores: Array = points[:, :, 2] if values > 2 else np.ones(points.shape[:2], np.float32)
    places = points[:, :, :2]
    if request.settings.get("normalised", False):
        places *= np.array(request.size, np.float32)
    return places, scores


def _key_points(settings: Mapping[str, Any]) -> tuple[int, int]:
    """(K, D) of the settings."""
    given = settings.get("key_points") or (17, 3)
    if (
        isinstance(given, (list, tuple))
        and len(given) == 2
        and all(type(number) is int for number in given)
        and 0 < given[0] <= 1000
        and given[1] in (2, 3)
    ):
        return given[0], given[1]
    raise wrong_setting("key_points", given, "the number of key points, and 2 or 3 values for each: [17, 3]")


def _names(settings: Mapping[str, Any], count: int) -> Sequence[str]:
    given = settings.get("names")
    if not given:
        return names_of(count)
    if isinstance(given, list) and all(isinstance(name, str) for name in given) and len(set(given)) == count:
        return given
    raise wrong_setting("names", given, f"a list of {count} names, all different")
