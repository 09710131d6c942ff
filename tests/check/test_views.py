"""A view and the way back: what lies under a point of the photo lies under the same point of the view."""

from __future__ import annotations

import numpy as np
import pytest

from aai.check.answers import BOXES, MAP, POINTS, Answer
from aai.check.views import View, views_of


@pytest.fixture()
def photo() -> np.ndarray:
    """A dark picture with a bright field at x 60..80, y 20..40."""
    image = np.zeros((100, 120, 3), np.uint8)
    image[20:40, 60:80] = 255
    return image


FIELD = np.array([[60.0, 20, 80, 40]], np.float32)


def _bright_box(image: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(image[:, :, 0] > 127)
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)


@pytest.mark.parametrize("number", range(3))
def test_what_is_found_in_a_view_comes_back_to_its_place(photo: np.ndarray, number: int) -> None:
    view = views_of(photo)[number]
    assert view.image.shape == photo.shape
    seen = _bright_box(view.image)
    answer = Answer(BOXES, (120, 100), seen, np.ones(1, np.float32), np.zeros(1, np.int64))
    np.testing.assert_allclose(view.to_photo(answer).boxes_xyxy, FIELD, atol=1.0)


@pytest.mark.parametrize("number", range(3))
def test_a_map_comes_back_to_its_place(photo: np.ndarray, number: int) -> None:
    view = views_of(photo)[number]
    answer = Answer(MAP, (120, 100), class_map=(view.image[:, :, 0] > 127).astype(np.uint8))
    back = view.to_photo(answer).class_map
    there = (photo[:, :, 0] > 127).astype(np.uint8)
    assert np.count_nonzero(back != there) <= 80  # a seam of a pixel around the field


def test_all_of_the_photo_is_in_the_smaller_view(photo: np.ndarray) -> None:
    (smaller,) = (view for view in views_of(photo) if view.name == "smaller")
    photo[0, 0] = 255
    assert (smaller.factor, smaller.image.shape) == (0.85, photo.shape)
    corners = np.array([[0, 0], [120, 100]]) * smaller.factor + smaller.offset
    assert (corners >= 0).all() and (corners <= [120, 100]).all()


def test_digits_are_not_mirrored(photo: np.ndarray) -> None:
    assert [view.name for view in views_of(photo, mirror=False)] == ["smaller", "gamma"]


def test_a_mirrored_left_hand_is_a_right_one() -> None:
    names = ("Nose", "Left Hand", "Right Hand", "Tail")
    points = np.array([[[50, 0], [20, 5], [80, 5], [-1, -1]]], np.float32)
    scores = np.array([[0.9, 0.8, 0.7, 0.0]], np.float32)
    answer = Answer(POINTS, (100, 10), scores=np.ones(1), points=points, point_scores=scores, point_names=names)
    back = View("flip", np.zeros((10, 100, 3), np.uint8), flipped=True).to_photo(answer)
    # The view's right hand, at 80, is the photo's left one, at 20.
    np.testing.assert_allclose(back.points[0, :3], [[50, 0], [20, 5], [80, 5]])
    np.testing.assert_allclose(back.point_scores[0, :3], [0.9, 0.7, 0.8])


def test_brighter_is_brighter_and_keeps_black_and_white() -> None:
    steps = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    (view,) = (view for view in views_of(steps) if view.name == "gamma")
    assert (view.image >= steps).all() and view.image[0, 128, 0] > 140
    assert view.image[0, 0, 0] == 0 and view.image[0, 255, 0] == 255
