"""The key points of bodies: what they are called, which of them belong together, and their picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, Sequence

import numpy as np

from aai.vision.image import cv2
from aai.vision.labels import palette

if TYPE_CHECKING:
    from aai.vision.image import Array

COCO_17 = (
    "Nose",
    "Left Eye",
    "Right Eye",
    "Left Ear",
    "Right Ear",
    "Left Shoulder",
    "Right Shoulder",
    "Left Elbow",
    "Right Elbow",
    "Left Wrist",
    "Right Wrist",
    "Left Hip",
    "Right Hip",
    "Left Knee",
    "Right Knee",
    "Left Ankle",
    "Right Ankle",
)
"""In the order of the COCO key point data set."""

OPENPOSE_18 = (
    "Nose",
    "Neck",
    "Right Shoulder",
    "Right Elbow",
    "Right Wrist",
    "Left Shoulder",
    "Left Elbow",
    "Left Wrist",
    "Right Hip",
    "Right Knee",
    "Right Ankle",
    "Left Hip",
    "Left Knee",
    "Left Ankle",
    "Right Eye",
    "Left Eye",
    "Right Ear",
    "Left Ear",
)
"""In the order of OpenPose's COCO model (openpose, include/openpose/pose/poseParameters.hpp: POSE_COCO_BODY_PARTS)."""

_SIDES = ("Left", "Right")
_ONE_SIDE = (
    ("{} Shoulder", "{} Elbow"),
    ("{} Elbow", "{} Wrist"),
    ("{} Hip", "{} Knee"),
    ("{} Knee", "{} Ankle"),
    ("Nose", "{} Eye"),
    ("{} Eye", "{} Ear"),
)
_WITH_NECK = (("Neck", "Nose"), ("Neck", "{} Shoulder"), ("Neck", "{} Hip"))
_WITHOUT_NECK = (
    ("Left Shoulder", "Right Shoulder"),
    ("Left Hip", "Right Hip"),
    ("{} Shoulder", "{} Hip"),
    ("Nose", "{} Shoulder"),
)
_PLAIN_SIDE = 960
_FAR = 30_000
"""Pixels: as far as OpenCV draws, in whole numbers of 16 bits with a sign."""
_COLOURS = 12


def names_of(count: int) -> tuple[str, ...]:
    """The names of COCO's 17 key points or OpenPose's 18; of another number of them "Point 1", "Point 2" and so on."""
    known = {len(COCO_17): COCO_17, len(OPENPOSE_18): OPENPOSE_18}
    return known.get(count) or tuple(f"Point {number}" for number in range(1, count + 1))


def limbs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of key points, as places in `names`, that a line is drawn between; none for names of no body."""
    places: Mapping[str, int] = {name: place for place, name in enumerate(names)}
    pairs = (*(_WITH_NECK if "Neck" in places else _WITHOUT_NECK), *_ONE_SIDE)
    ends = {(one.format(side), other.format(side)): None for one, other in pairs for side in _SIDES}
    return [(places[one], places[other]) for one, other in ends if one in places and other in places]


def draw_skeletons(image: Array, points: Array, names: Sequence[str]) -> Array:
    """A copy of the image with the limbs and key points of each pose.

    Args:
        image: (H, W, 3) uint8 BGR.
        points: (N, K, 2) x, y in pixels of the image; below 0 for a point that is missing.
        names: of the K key points.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    marked: Array = image.copy()
    factor = max(1.0, max(image.shape[:2]) / _PLAIN_SIDE)
    line, radius = max(1, round(2 * factor)), max(2, round(3 * factor))
    colours = palette(_COLOURS)
    for pose in np.rint(np.clip(points, -1, _FAR)).astype(int).tolist():
        for number, (start, end) in enumerate(limbs(names)):
            if min(*pose[start], *pose[end]) >= 0:
                cv2.line(marked, pose[start], pose[end], colours[number % _COLOURS], line, cv2.LINE_AA)
        for place, (x, y) in enumerate(pose):
            if min(x, y) >= 0:
                cv2.circle(marked, (x, y), radius, colours[place % _COLOURS], cv2.FILLED, cv2.LINE_AA)
    return marked
