"""What differs between results that were kept and results of now, in words."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from aai.vision.boxes import iou

CONFIDENCE = 0.3
"""The least that is kept and looked for."""
TOLERANCE: Mapping[str, float] = {"score": 0.05, "iou": 0.9, "fraction": 0.03, "distance": 0.04, "cosine": 0.02}
"""What may differ: a score; the overlap of a box; the share of the pixels of a class; the distance of a key point, as a
share of the image's longer side; the angle of a feature vector, as 1 less its cosine.

Wide enough for another engine in float32, too narrow for a wrong pre-processing."""


def compare(
    kept: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], tolerance: Mapping[str, float], side: int
) -> list[str]:
    """What differs between two lists of predictions, a sentence each.

    A prediction whose score is near the least one may be in one list and not in the other.

    Args:
        kept: as they were.
        found: as they are; those with a lower score than any kept one may be among them.
        tolerance: see `TOLERANCE`.
        side: the image's longer side, in pixels.
    """
    try:
        if kept and "embedding" in kept[0]:
            return _compare_features(kept[0]["embedding"], found[0]["embedding"], tolerance)
        if kept and "fraction" in kept[0]:
            return _compare_maps(kept, found, tolerance)
        if kept and "key_points" in kept[0]:
            return _compare_poses(kept, found, tolerance, side)
        if kept and "box" in kept[0]:
            return _compare_boxes(kept, found, tolerance)
        return _compare_classes(kept, found, tolerance)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return [f"the results have another form than was kept ({error})"]


def _compare_classes(
    kept: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], tolerance: Mapping[str, float]
) -> list[str]:
    scores = {int(entry["index"]): float(entry["confidence"]) for entry in found}
    if not found or int(found[0]["index"]) != int(kept[0]["index"]):
        first, now = kept[0], (found[0] if found else None)
        clear = len(kept) < 2 or float(first["confidence"]) - float(kept[1]["confidence"]) > tolerance["score"]
        if clear:
            return [f"{_named(first)} came first, and now {_named(now) if now else 'nothing'} does"]
    return _score_differences(kept, [scores.get(int(entry["index"]), 0.0) for entry in kept], tolerance["score"])


def _score_differences(kept: Sequence[Mapping[str, Any]], scores: Sequence[float], allowed: float) -> list[str]:
    return [
        f"{_named(entry)} scored {float(entry['confidence']):.3f}, and now {score:.3f}"
        for entry, score in zip(kept, scores)
        if not abs(float(entry["confidence"]) - score) <= allowed
    ]


def _compare_boxes(
    kept: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], tolerance: Mapping[str, float]
) -> list[str]:
    near = CONFIDENCE + tolerance["score"]
    texts = []
    for these, those, verb in ((kept, found, "is no longer found"), (found, kept, "is found, and was not")):
        for entry in these:
            if float(entry["confidence"]) < near or any(_is_same_box(entry, other, tolerance) for other in those):
                continue
            box = ", ".join(f"{float(value):.0f}" for value in entry["box"])
            texts.append(f"{_named(entry)} with {float(entry['confidence']):.2f} at {box} {verb}")
    return texts


def _is_same_box(one: Mapping[str, Any], other: Mapping[str, Any], tolerance: Mapping[str, float]) -> bool:
    overlap = float(iou(np.array([one["box"]], np.float64), np.array([other["box"]], np.float64))[0, 0])
    near = abs(float(one["confidence"]) - float(other["confidence"])) <= tolerance["score"]
    return int(one["index"]) == int(other["index"]) and overlap >= tolerance["iou"] and near


def _compare_maps(
    kept: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], tolerance: Mapping[str, float]
) -> list[str]:
    before = {int(entry["index"]): entry for entry in kept}
    now = {int(entry["index"]): entry for entry in found}
    texts = []
    for index in sorted({*before, *now}):
        old, new = (float(table[index]["fraction"]) if index in table else 0.0 for table in (before, now))
        if not abs(old - new) <= tolerance["fraction"]:
            name = _named(before.get(index) or now[index])
            texts.append(f"{name} covered {old:.1%} of the pixels, and now {new:.1%}")
    return texts


def _compare_poses(
    kept: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], tolerance: Mapping[str, float], side: int
) -> list[str]:
    texts = []
    for number, (old, new) in enumerate(zip(kept, found), 1):
        for name, point in old["key_points"].items():
            there = new["key_points"].get(name)
            if point is None or float(point["score"]) < CONFIDENCE + tolerance["score"]:
                continue
            if there is None:
                texts.append(f"{name} of body {number} is no longer found")
                continue
            moved = float(np.hypot(float(point["x"]) - float(there["x"]), float(point["y"]) - float(there["y"])))
            if not moved <= tolerance["distance"] * side:
                texts.append(f"{name} of body {number} has moved by {moved:.0f} pixels")
    sure = [entry for entry in kept if float(entry["score"]) >= CONFIDENCE + tolerance["score"]]
    if len(found) < len(sure):
        texts.append(f"{len(sure)} bodies were found, and now {len(found)}")
    return texts


def _compare_features(kept: Sequence[float], found: Sequence[float], tolerance: Mapping[str, float]) -> list[str]:
    one, other = np.array(kept, np.float64), np.array(found, np.float64)
    if one.shape != other.shape:
        return [f"the feature vector had {one.size} values, and now {other.size}"]
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    cosine = float(one @ other) / length if length > 0 else 0.0
    return [] if 1 - cosine <= tolerance["cosine"] else [f"the feature vector's cosine to the kept one is {cosine:.3f}"]


def _named(entry: Mapping[str, Any]) -> str:
    return str(entry.get("label") or entry.get("index"))
