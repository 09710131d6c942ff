from __future__ import annotations

import numpy as np
import pytest

from aai.vision.draw import markup_image
from aai.vision.results import BoundingBox, ClassificationPrediction, ObjectDetectionPrediction

FRAME = np.full((200, 300, 3), 128, np.uint8)


def _object(*box: int, label: str = "cat", index: int = 0) -> ObjectDetectionPrediction:
    return ObjectDetectionPrediction(BoundingBox(*box), 0.87, label, index)


def test_boxes_are_drawn_on_a_copy_in_the_colour_of_their_class() -> None:
    marked = markup_image(FRAME, [_object(50, 80, 150, 180, index=1)], colors=[(1, 2, 3), (0, 0, 255)])
    assert (FRAME == 128).all()
    assert marked.shape == FRAME.shape
    assert marked[130, 50].tolist() == [0, 0, 255]
    assert marked[130, 100].tolist() == [128, 128, 128]
    assert marked[70, 60].tolist() != [128, 128, 128]


def test_texts_can_be_left_out() -> None:
    plain = markup_image(FRAME, [_object(50, 80, 150, 180)], show_labels=False, show_confidences=False)
    assert (plain[:75] == 128).all()
    for switches in ({"show_labels": False}, {"show_confidences": False}):
        assert not (markup_image(FRAME, [_object(50, 80, 150, 180)], **switches)[:75] == 128).all()


@pytest.mark.parametrize("box", [(0, 0, 5, 5), (290, 190, 300, 200), (-50, -50, 900, 900), (10, 10, 10, 10)])
def test_texts_stay_inside_the_image(box: tuple[int, int, int, int]) -> None:
    with_text = markup_image(FRAME, [_object(*box, label="a long label")])
    without = markup_image(FRAME, [_object(*box)], show_labels=False, show_confidences=False)
    assert (with_text != without).any(axis=2).sum() > 500


def test_large_images_get_thicker_lines() -> None:
    large = np.zeros((2000, 4000, 3), np.uint8)
    marked = markup_image(large, [_object(1000, 500, 3000, 1500)], False, False, [(255, 255, 255)], line_thickness=2)
    assert 6 <= (marked[1000, :2000, 0] > 0).sum() <= 11


def test_classes_are_written_one_below_the_other() -> None:
    classes = [ClassificationPrediction(label, 0.5, index) for index, label in enumerate(("bee", "ant"))]
    one, two = markup_image(FRAME, classes[:1]), markup_image(FRAME, classes)
    assert (two != FRAME).any(axis=2).any(axis=1).sum() > 1.5 * (one != FRAME).any(axis=2).any(axis=1).sum()


def test_strange_labels_tiny_images_and_no_predictions_are_fine() -> None:
    assert (markup_image(FRAME, []) == FRAME).all()
    for label in ("Käse", "猫", "", "x" * 300, "a\nb", "%s"):
        markup_image(FRAME, [_object(10, 50, 60, 90, label=label)])
    for shape in ((1, 1, 3), (3, 2), (2, 9, 4)):
        assert markup_image(np.zeros(shape, np.uint8), [_object(0, 0, 1, 1)]).shape == (*shape[:2], 3)
