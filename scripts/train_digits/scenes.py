"""Scenes of handwritten digits: scikit-learn's 8x8 digits, drawn large, turned and coloured, on all kinds of paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from sklearn.datasets import load_digits

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SEED = 20240229
PAD = 114
"""Grey of the letterbox bars, as the YOLOv5 recipe has it."""

# The 1797 digits come from 14 filled-in forms, one after the other: the same row of about 130 labels starts anew 13
# times, at 1287 and 1545 too. Whole forms are held out, so that a form seen in training is not met again in the test.
SPLITS = {"train": range(0, 1287), "val": range(1287, 1545), "test": range(1545, 1797)}

ZOOM = 4
MIN_CONTRAST = 80
"""Between ink and paper, in grey levels of 255."""
INK_LEVEL = 0.3
"""A pixel belongs to a digit, and so into its box, from this opacity on."""


@dataclass(frozen=True)
class Scene:
    """A picture and the digits on it.

    Args:
        image: (H, W, 3) uint8, BGR.
        boxes_xyxy: (N, 4) float32, in pixels of `image`; the right and lower edges lie just outside of the ink.
        class_ids: (N,) int64, the digits.
        sources: for each digit its index in scikit-learn's set.
    """

    image: np.ndarray
    boxes_xyxy: np.ndarray
    class_ids: np.ndarray
    sources: tuple[int, ...]


class Digits:
    """The pictures of one split, and scenes made of them.

    Args:
        split: "train", "val" or "test"; no digit is in two of them.
    """

    def __init__(self, split: str) -> None:
        bundle = load_digits()
        self.indices = np.array(SPLITS[split])
        self.images = [_enlarged(image) for image in bundle.images]
        self.labels = bundle.target
        self.stream = sorted(SPLITS).index(split)

    def scene(self, number: int) -> Scene:
        """Scene `number` of this split; the same number always gives the same scene."""
        rng = np.random.default_rng((SEED, self.stream, number))
        size = _scene_size(rng)
        sources = rng.choice(self.indices, int(rng.integers(1, 9)), replace=False)
        return self.compose(rng, size, sources, noise=rng.uniform(0, 12))

    def compose(self, rng: np.random.Generator, size: tuple[int, int], sources: np.ndarray, noise: float) -> Scene:
        """A scene of `size` (width, height) with as many of `sources` as find a free place.

        Args:
            rng: where all that is random comes from.
            size: width and height in pixels.
            sources: indices in scikit-learn's set.
            noise: standard deviation of the sensor's noise, in grey levels.
        """
        canvas = _paper(rng, size)
        ground = np.array(cv2.mean(canvas)[:3])
        ink = _ink(rng, ground)
        boxes: list[np.ndarray] = []
        placed: list[int] = []
        for source in sources:
            if rng.random() < 0.3:
                ink = _ink(rng, ground)
            mask = _mask(rng, self.images[source], max(size) * np.exp(rng.uniform(np.log(0.125), np.log(0.375))))
            extent = _extent(mask > INK_LEVEL)
            corner = _free_place(rng, size, mask.shape, extent, boxes)
            if corner is not None:
                _draw(canvas, mask, corner, ink)
                boxes.append(extent + np.tile(corner, 2))
                placed.append(int(source))
        canvas += noise * rng.standard_normal(canvas.shape[:2], np.float32)[:, :, None]
        return Scene(
            np.clip(canvas + 0.5, 0, 255).astype(np.uint8),
            np.array(boxes, np.float32).reshape(-1, 4),
            self.labels[placed].astype(np.int64),
            tuple(placed),
        )


def letterbox(image: np.ndarray, side: int) -> tuple[np.ndarray, float, tuple[int, int]]:
    """`image` scaled to fit a square, with grey bars on both sides of the short axis.

    Returns:
        (side, side, 3) uint8; the scale; and the offset (x, y) in pixels: point * scale + offset maps into the square.
    """
    height, width = image.shape[:2]
    scale = min(side / width, side / height)
    fit = round(width * scale), round(height * scale)
    left, top = (side - fit[0]) // 2, (side - fit[1]) // 2
    square = np.full((side, side, 3), PAD, np.uint8)
    square[top : top + fit[1], left : left + fit[0]] = cv2.resize(image, fit, interpolation=cv2.INTER_LINEAR)
    return square, scale, (left, top)


def _scene_size(rng: np.random.Generator) -> tuple[int, int]:
    long = int(rng.integers(192, 385))
    short = round(long * rng.uniform(0.6, 1))
    return (long, short) if rng.random() < 0.6 else (short, long)


def _luma(colour: np.ndarray) -> float:
    return float(colour @ np.array([0.114, 0.587, 0.299]))


def _ink(rng: np.random.Generator, paper: np.ndarray) -> np.ndarray:
    """A colour, BGR, that can be read on paper of the colour `paper`."""
    while True:
        ink = rng.uniform(0, 255, 3)
        if abs(_luma(ink) - _luma(paper)) >= MIN_CONTRAST:
            return ink.astype(np.float32)


def _paper(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) float32 BGR: a colour with uneven light and stains, sometimes ruled."""
    columns, rows = int(rng.integers(3, 12)), int(rng.integers(3, 12))
    coarse = rng.normal(0, rng.uniform(0, 12), (rows, columns, 3))
    coarse += np.clip(rng.uniform(0, 255) + rng.uniform(-40, 40, 3), 0, 255)
    coarse += np.linspace(-1, 1, columns)[None, :, None] * rng.normal(0, 18)
    coarse += np.linspace(-1, 1, rows)[:, None, None] * rng.normal(0, 18)
    canvas = cv2.resize(coarse.astype(np.float32), size)
    if rng.random() < 0.5:
        _rule(rng, canvas)
    for _ in range(int(rng.integers(0, 4))):
        _scratch(rng, canvas)
    return canvas


def _rule(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Draws evenly spaced lines, sometimes a grid."""
    height, width = canvas.shape[:2]
    step = max(6, int(max(width, height) * rng.uniform(0.04, 0.2)))
    shade = rng.normal(0, 25, 3).astype(np.float32)
    thick = max(1, max(width, height) // 300)
    for line in range(thick):
        canvas[int(rng.integers(step)) + line :: step] += shade
    if rng.random() < 0.5:
        for line in range(thick):
            canvas[:, int(rng.integers(step)) + line :: step] += shade


def _scratch(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Draws a straight line or a rectangle, thin or thick: something that is no digit."""
    height, width = canvas.shape[:2]
    colour = np.clip(np.array(cv2.mean(canvas)[:3]) + rng.normal(0, 45, 3), 0, 255).tolist()
    thick = int(rng.integers(1, 2 + max(width, height) // 60))
    start, end = ((int(rng.integers(width)), int(rng.integers(height))) for _ in range(2))
    if rng.random() < 0.7:
        cv2.line(canvas, start, end, colour, thick, cv2.LINE_AA)
    else:
        cv2.rectangle(canvas, start, end, colour, thick, cv2.LINE_AA)


def _enlarged(digit: np.ndarray) -> np.ndarray:
    """The (8, 8) picture, 0 to 16, smoothed to ZOOM times its size, with an empty margin; float32, 0 to 1."""
    bordered = np.pad(digit.astype(np.float32) / 16, 1)
    return cv2.resize(bordered, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)


def _mask(rng: np.random.Generator, digit: np.ndarray, size: float) -> np.ndarray:
    """Opacity of a digit's ink, without empty margins, (h, w) float32 in [0, 1].

    Args:
        rng: turns, leans, stretches and thickens the digit a little.
        digit: as `_enlarged` gives it.
        size: height that the 8 rows of the original are drawn with, in pixels.
    """
    angle, lean = np.deg2rad(rng.uniform(-12, 12)), rng.uniform(-0.15, 0.15)
    stretch = np.exp(rng.uniform(-0.2, 0.2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[stretch, lean], [0, 1 / stretch]]) * size / (8 * ZOOM)
    side = int(size * 1.6)
    shift = (side - 1) / 2 - matrix @ (np.array(digit.shape) - 1) * 0.5
    drawn = cv2.warpAffine(digit, np.column_stack([matrix, shift]), (side, side))
    # 8x8 pictures are blurred strokes; a threshold with a soft edge gives back a pen's line.
    edge, softness = rng.uniform(0.35, 0.5), rng.uniform(0.06, 0.2)
    mask = np.clip((drawn - edge) / (2 * softness) + 0.5, 0, 1)
    x1, y1, x2, y2 = _extent(mask > 0)
    return mask[y1:y2, x1:x2]


def _extent(inside: np.ndarray) -> np.ndarray:
    """The box x1, y1, x2, y2 around the true values of (h, w)."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def _free_place(
    rng: np.random.Generator, size: tuple[int, int], shape: tuple[int, ...], extent: np.ndarray, taken: list[np.ndarray]
) -> np.ndarray | None:
    """The corner (x, y) where a digit of `shape` (h, w) goes; None when 40 tries found no place.

    Args:
        rng: proposes the places.
        size: width and height of the scene.
        shape: of the digit, soft edges included.
        extent: its box, x1, y1, x2, y2, within `shape`.
        taken: boxes of the scene so far.
    """
    room = np.array([size[0] - shape[1], size[1] - shape[0]])
    if room.min() <= 0:
        return None
    for _ in range(40):
        corner = rng.integers(0, room)
        box = extent + np.tile(corner, 2)
        if all(_shared(box, other) <= 0.05 for other in taken):
            return corner
    return None


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    """The part of the smaller box that lies in the other."""
    sides = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    return float(sides.prod() / min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod()))


def _draw(canvas: np.ndarray, mask: np.ndarray, corner: np.ndarray, ink: np.ndarray) -> None:
    (x, y), (height, width) = corner, mask.shape
    part = canvas[y : y + height, x : x + width]
    part += mask[:, :, None] * (ink - part)
