"""OpenPose with COCO's 18 key points: a heat map for each, and a field for each limb that points along it.

Two outputs, 19 heat maps (the last one is the background) and 38 maps of part affinity fields, x and y of each of 19
limbs; or one of 57 channels, the heat maps first. [1, C, h, w] or [1, h, w, C]. The key points are the peaks of the
heat maps; two of them belong together when the field between them points from one to the other (Cao, Simon, Wei,
Sheikh: "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", CVPR 2017, sections 2.3 and 2.4).
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.bodies import Bodies
from aai.vision.decode.candidates import Request, misfit
from aai.vision.skeletons import OPENPOSE_18

if TYPE_CHECKING:
    from aai.vision.image import Array

PARTS = len(OPENPOSE_18)
MAPS = PARTS + 1
FIELDS = 38
# Ends of each limb, and the channel of its field's x, as OpenPose numbers them
# (include/openpose/pose/poseParameters.hpp, POSE_COCO_PAIRS and POSE_COCO_MAP_IDX); the last two close circles.
LIMBS = (
    (1, 2, 12),
    (1, 5, 20),
    (2, 3, 14),
    (3, 4, 16),
    (5, 6, 22),
    (6, 7, 24),
    (1, 8, 0),
    (8, 9, 2),
    (9, 10, 4),
    (1, 11, 6),
    (11, 12, 8),
    (12, 13, 10),
    (1, 0, 28),
    (0, 14, 30),
    (14, 16, 34),
    (0, 15, 32),
    (15, 17, 36),
    (2, 16, 18),
    (5, 17, 26),
)
_CLOSING = 2
_PEAK = 0.1
_ALONG = 0.05
_SAMPLES = 10
_ENOUGH_ALONG = 0.8
_LEAST_PARTS = 4
_LEAST_MEAN = 0.4
MOST_PEAKS = 96
"""Of one key point in a picture, the best ones; OpenPose itself stops at 127 people."""


def decode(outputs: Mapping[str, Array], request: Request) -> Bodies:
    """The bodies of at least four key points whose mean score is high enough, the best first.

    Raises:
        AaiError: the outputs are not the heat maps and the fields.
    """
    heat, fields = _maps(outputs)
    peaks = [_peaks(heat[part]) for part in range(PARTS)]
    bodies = _assembled(peaks, [_links(peaks, fields, limb) for limb in LIMBS])
    points = np.full((len(bodies), PARTS, 2), np.nan, np.float32)
    scores = np.zeros((len(bodies), PARTS), np.float32)
    for row, body in enumerate(bodies):
        for part, peak in body.items():
            points[row, part] = peaks[part][peak, :2]
            scores[row, part] = peaks[part][peak, 2]
    height, width = heat.shape[1:]
    points = (points + 0.5) * np.array([request.size[0] / width, request.size[1] / height], np.float32)
    means = scores.sum(axis=1) / np.maximum(1, (scores > 0).sum(axis=1))
    order = np.argsort(-means, kind="stable")
    order = order[means[order] >= np.float32(request.confidence)]
    return Bodies(points[order], scores[order], means[order], OPENPOSE_18)


def _maps(outputs: Mapping[str, Array]) -> tuple[Array, Array]:
    """(19, h, w) heat maps in 0..1 and (38, h, w) fields, float32."""
    found = {}
    for output in outputs.values():
        if output.ndim != 4 or output.shape[0] != 1 or not output.size:
            continue
        for channels, maps in ((output.shape[1], output[0]), (output.shape[3], np.moveaxis(output[0], 2, 0))):
            if channels in (MAPS, FIELDS, MAPS + FIELDS):
                found[channels] = maps
                break
    if MAPS + FIELDS in found:
        both = found[MAPS + FIELDS]
        found = {MAPS: both[:MAPS], FIELDS: both[MAPS:]}
    if MAPS not in found or FIELDS not in found or found[MAPS].shape[1:] != found[FIELDS].shape[1:]:
        raise misfit(outputs, "openpose")
    # A broken network gives numbers beyond all bounds, which differences would turn into no numbers.
    return np.clip(found[MAPS], 0, 1).astype(np.float32), np.clip(found[FIELDS], -2, 2).astype(np.float32)


def _peaks(heat: Array) -> Array:
    """(P, 3) x, y, value of the peaks of a (h, w) map, in cells; placed between the cells by a parabola."""
    height, width = heat.shape
    around = np.pad(heat, 1, mode="edge")
    left, right = around[1:-1, :-2], around[1:-1, 2:]
    above, below = around[:-2, 1:-1], around[2:, 1:-1]
    # Of two equal neighbours one is the peak; in the last column and row the edge stands beside itself.
    open_x, open_y = np.arange(width) == width - 1, (np.arange(height) == height - 1)[:, None]
    tops = (heat > _PEAK) & (heat >= left) & ((heat > right) | open_x) & (heat >= above) & ((heat > below) | open_y)
    y, x = np.nonzero(tops)
    if len(x) > MOST_PEAKS:
        best = np.sort(np.argsort(-heat[y, x], kind="stable")[:MOST_PEAKS])
        y, x = y[best], x[best]
    value = heat[y, x]
    shift_x, rise_x = _parabola(left[y, x], value, right[y, x])
    shift_y, rise_y = _parabola(above[y, x], value, below[y, x])
    return np.stack([x + shift_x, y + shift_y, np.minimum(value + rise_x + rise_y, 1)], axis=1)


def _parabola(before: Array, value: Array, after: Array) -> tuple[Array, Array]:
    """How far from the middle one the top of a parabola through three values is, and how much higher."""
    slope = (after - before) / 2
    bend = 2 * value - before - after
    shift = np.divide(slope, bend, out=np.zeros_like(slope), where=bend > 0)
    shift = np.clip(shift, -0.5, 0.5)
    return shift, slope * shift / 2


def _links(peaks: list[Array], fields: Array, limb: tuple[int, int, int]) -> list[tuple[int, int, float]]:
    """(peak at one end, peak at the other, score) of each pair that belongs together; no peak is in two of them."""
    start, end, channel = limb
    ones, others = peaks[start], peaks[end]
    if not len(ones) or not len(others):
        return []
    scores = _along(fields[channel : channel + 2], ones[:, None, :2], others[None, :, :2])
    rows, columns = np.nonzero(scores > 0)
    order = np.argsort(-scores[rows, columns], kind="stable")
    links = []
    free = np.ones(len(ones), bool), np.ones(len(others), bool)
    for row, column in zip(rows[order].tolist(), columns[order].tolist()):
        if free[0][row] and free[1][column]:
            free[0][row] = free[1][column] = False
            links.append((row, column, float(scores[row, column])))
    return links


def _along(field: Array, starts: Array, ends: Array) -> Array:
    """(A, B) mean of a field along the lines from A to B points, 0 where too little of it points that way.

    A line longer than half the height of the map loses by its length.

    Args:
        field: (2, h, w) x and y.
        starts: (A, 1, 2) x, y in cells.
        ends: (1, B, 2) x, y in cells.
    """
    way = ends - starts
    length = np.maximum(np.sqrt((way * way).sum(axis=2)), 1e-3)
    steps = np.linspace(0, 1, _SAMPLES, dtype=np.float32)[:, None]
    flow = _sampled(field, starts[:, :, None] + way[:, :, None] * steps)
    along = (flow * (way / length[:, :, None])[:, :, None]).sum(axis=3)
    scores = along.mean(axis=2) + np.minimum(0.5 * field.shape[1] / length - 1, 0)
    return np.where((along > _ALONG).sum(axis=2) > _ENOUGH_ALONG * _SAMPLES, scores, 0)


def _sampled(field: Array, places: Array) -> Array:
    """(..., 2) values of a (2, h, w) field at (..., 2) places x, y in cells, bilinear."""
    height, width = field.shape[1:]
    limits = np.array([width - 1, height - 1], np.float32)
    places = np.clip(places, 0, limits)
    low = places.astype(np.intp)
    high = np.minimum(low + 1, limits.astype(np.intp))
    share_x, share_y = np.moveaxis((places - low).astype(np.float32), -1, 0)
    flat = field.reshape(2, -1)
    (left, top), (right, bottom) = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
    upper = flat[:, top * width + left] * (1 - share_x) + flat[:, top * width + right] * share_x
    lower = flat[:, bottom * width + left] * (1 - share_x) + flat[:, bottom * width + right] * share_x
    return np.moveaxis(upper * (1 - share_y) + lower * share_y, 0, -1)


def _assembled(peaks: list[Array], links: list[list[tuple[int, int, float]]]) -> list[dict[int, int]]:
    """Bodies, each {part: peak}, put together limb by limb."""
    owner: dict[tuple[int, int], int] = {}
    bodies: dict[int, dict[int, int]] = {}
    gains: dict[int, float] = {}
    numbers = count()
    for number, (start, end, _) in enumerate(LIMBS):
        for one, other, score in links[number]:
            first, second = owner.get((start, one)), owner.get((end, other))
            if first is None and second is None:
                if number >= len(LIMBS) - _CLOSING:
                    continue
                first = next(numbers)
                bodies[first], gains[first] = {}, 0.0
            elif first is not None and second is not None and first != second:
                if bodies[first].keys() & bodies[second].keys():
                    continue
                gains[first] += gains.pop(second)
                for part, peak in bodies.pop(second).items():
                    bodies[first][part] = peak
                    owner[part, peak] = first
                gains[first] += score
                continue
            body = first if first is not None else second
            assert body is not None
            new = {part: peak for part, peak in ((start, one), (end, other)) if part not in bodies[body]}
            for part, peak in new.items():
                bodies[body][part] = peak
                owner[part, peak] = body
            gains[body] += score if new else 0.0
    return [body for number, body in bodies.items() if _is_body(body, peaks, gains[number])]


def _is_body(body: Mapping[int, int], peaks: list[Array], gain: float) -> bool:
    total = gain + sum(float(peaks[part][peak, 2]) for part, peak in body.items())
    return len(body) >= _LEAST_PARTS and total >= _LEAST_MEAN * len(body)
