"""Predictions drawn on a copy of the image."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Sequence, Union

from aai.vision.image import as_bgr, cv2
from aai.vision.labels import palette
from aai.vision.results import ClassificationPrediction, ObjectDetectionPrediction

if TYPE_CHECKING:
    from aai.vision.image import Array
    from aai.vision.labels import Colour
    from aai.vision.results import BoundingBox

Prediction = Union[ObjectDetectionPrediction, ClassificationPrediction]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PLAIN_COLOURS = 100
_PLAIN_SIDE = 960
"""Longer side, in pixels, up to which the sizes are taken as given; on larger images they grow in proportion."""


@dataclass(frozen=True)
class _Style:
    line: int
    font: float
    stroke: int
    margin: int


def markup_image(
    image: Any,
    predictions: Sequence[Prediction],
    show_labels: bool = True,
    show_confidences: bool = True,
    colors: Sequence[Colour] | None = None,
    line_thickness: int = 2,
    font_size: float = 0.5,
    font_thickness: int = 1,
) -> Array:
    """A copy of the image with a box for each object and a line of text for each class.

    Args:
        image: (H, W, 3) uint8 BGR; other forms as `aai.read_image` makes them.
        predictions: of `ObjectDetectionResults` or `ClassificationResults`.
        show_labels: whether to write the labels.
        show_confidences: whether to write the confidences, in per cent.
        colors: (blue, green, red) for each class id, such as a service's `colors`; None for well-spread ones.
        line_thickness: of the boxes, in pixels of an image of up to 960 pixels; larger images in proportion.
        font_size: of the text, a factor of OpenCV's font, likewise.
        font_thickness: of the strokes of the text, in pixels, likewise.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        BadImage: not an image.
    """
    marked: Array = as_bgr(image).copy()
    style = _style(max(marked.shape[:2]), line_thickness, font_size, font_thickness)
    paints = list(colors or ()) or palette(_PLAIN_COLOURS)
    objects = [p for p in predictions if isinstance(p, ObjectDetectionPrediction)]
    # The best is drawn last, on top; no box covers a text.
    for found in reversed(objects):
        _draw_box(marked, found.box, _paint(found, paints), style)
    for found in reversed(objects):
        text = _text(found, show_labels, show_confidences)
        _write(marked, text, (found.box.start_x, found.box.start_y), _paint(found, paints), style, above=True)
    y = 0
    for shown in predictions:
        if isinstance(shown, ClassificationPrediction):
            text = _text(shown, show_labels, show_confidences)
            y += _write(marked, text, (0, y), _paint(shown, paints), style, above=False)
    return marked


def _style(longer_side: int, line_thickness: int, font_size: float, font_thickness: int) -> _Style:
    factor = max(1.0, longer_side / _PLAIN_SIDE)
    line, stroke = max(1, round(line_thickness * factor)), max(1, round(font_thickness * factor))
    return _Style(line, font_size * factor, stroke, round(3 * factor))


def _paint(prediction: Prediction, paints: Sequence[Colour]) -> Colour:
    return paints[prediction.index % len(paints)]


def _draw_box(image: Array, box: BoundingBox, paint: Colour, style: _Style) -> None:
    cv2.rectangle(image, (box.start_x, box.start_y), (box.end_x, box.end_y), paint, style.line)


def _text(prediction: Prediction, label: bool, confidence: bool) -> str:
    words = [prediction.label] if label else []
    if confidence:
        words.append(f"{prediction.confidence:.0%}")
    # OpenCV's fonts have ASCII only: "é" is written as "e".
    return unicodedata.normalize("NFKD", " ".join(words)).encode("ascii", "ignore").decode("ascii")


def _write(image: Array, text: str, corner: tuple[int, int], paint: Colour, style: _Style, above: bool) -> int:
    """Writes `text` on a field of the colour `paint`, kept inside the image; gives the field's height in pixels."""
    if not text:
        return 0
    (width, height), baseline = cv2.getTextSize(text, _FONT, style.font, style.stroke)
    width, field = width + 2 * style.margin, height + baseline + 2 * style.margin
    x, y = corner
    left = max(0, min(x, image.shape[1] - width))
    top = y - field if above and y >= field else max(0, min(y, image.shape[0] - field))
    cv2.rectangle(image, (left, top), (left + width, top + field), paint, cv2.FILLED)
    place = (left + style.margin, top + style.margin + height)
    cv2.putText(image, text, place, _FONT, style.font, _readable(paint), style.stroke, cv2.LINE_AA)
    return int(field)


def _readable(paint: Colour) -> Colour:
    """Black on bright colours, white on dark ones (brightness by ITU-R BT.601)."""
    blue, green, red = paint
    return (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 127 else (255, 255, 255)
