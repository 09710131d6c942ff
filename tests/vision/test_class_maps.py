from __future__ import annotations

import numpy as np
import pytest

from aai.core.model_config import InputRecipe
from aai.vision.class_maps import blend, paint, to_image
from aai.vision.image import cv2
from aai.vision.preprocess import Placement, Preprocessor, stretched


def test_a_map_is_enlarged_to_the_nearest_cell() -> None:
    small = np.array([[0, 1], [2, 3]], np.uint8)
    placed = to_image(small, stretched((4, 6), (20, 10)), (20, 10))
    assert placed.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2
    assert placed.dtype == np.uint8


def test_a_map_is_made_smaller_by_the_middle_of_each_pixel() -> None:
    row = np.arange(9, dtype=np.uint8).reshape(1, 9)
    assert to_image(row, stretched((1, 3), (9, 1)), (9, 1)).tolist() == [[1, 4, 7]]


@pytest.mark.parametrize(("resize", "anchor"), [("stretch", ""), ("letterbox", "center"), ("letterbox", "top-left")])
@pytest.mark.parametrize("shape", [(90, 160), (160, 90), (33, 47), (301, 12)])
def test_the_way_of_the_picture_into_the_network_is_undone(resize: str, anchor: str, shape: tuple[int, int]) -> None:
    # What the network sees, thresholded, is the class map; back in the picture it is the picture's own threshold.
    image = np.zeros((*shape, 3), np.uint8)
    image[shape[0] // 3 :, shape[1] // 4 :] = 255
    recipe = InputRecipe((64, 48), resize=resize, anchor=anchor or "center", pad=0)
    tensor, placement = Preprocessor(recipe)(image)
    class_ids = (tensor[0, 0] > 127).astype(np.uint8)
    placed = to_image(class_ids, placement, (64, 48))
    cell = max(1 / placement.scale_x, 1 / placement.scale_y, 1)
    wrong = (placed == 1) != (image[:, :, 0] == 255)
    assert placed.shape == shape
    assert wrong.sum() <= (cell + 1) * sum(shape)


def test_what_a_crop_leaves_out_has_no_class() -> None:
    image = np.full((40, 80, 3), 255, np.uint8)
    recipe = InputRecipe((20, 20), resize="crop")
    tensor, placement = Preprocessor(recipe)(image)
    placed = to_image((tensor[0, 0] > 127).astype(np.uint8), placement, (20, 20))
    assert (placed[:, 20:60] == 1).all() and (placed[:, :20] == 255).all() and (placed[:, 60:] == 255).all()
    wide = to_image(np.ones((20, 20), np.uint16), placement, (20, 20))
    assert wide[0, 0] == 65535


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_a_map_is_painted_in_the_colours_of_its_classes_and_black_elsewhere(dtype: type) -> None:
    colours = [(1, 2, 3), (4, 5, 6)]
    painted = paint(np.array([[0, 1, 2], [255, 1, 0]], dtype), colours)
    assert painted.tolist() == [[[1, 2, 3], [4, 5, 6], [0, 0, 0]], [[0, 0, 0], [4, 5, 6], [1, 2, 3]]]
    assert painted.dtype == np.uint8


def test_class_numbers_beyond_the_colours_are_black() -> None:
    painted = paint(np.array([[300, -1, 0]]), [(9, 9, 9)])
    assert painted.tolist() == [[[0, 0, 0], [0, 0, 0], [9, 9, 9]]]
    many = paint(np.array([[300]]), [(index % 256, 0, 0) for index in range(400)])
    assert many.tolist() == [[[300 - 256, 0, 0]]]
    assert paint(np.zeros((0, 4), np.uint8), []).shape == (0, 4, 3)


def test_paint_covers_by_halves_where_it_should() -> None:
    image, paint_ = np.full((1, 2, 3), 100, np.uint8), np.full((1, 2, 3), 200, np.uint8)
    assert blend(image, paint_, np.array([[True, False]])).tolist() == [[[150] * 3, [100] * 3]]
    assert cv2.addWeighted(image, 0.5, paint_, 0.5, 0)[0, 0, 0] == 150


def test_the_placement_of_a_hook_s_map_is_the_whole_picture() -> None:
    placement = Placement(0.5, 0.5, 0, 0, (8, 4))
    assert to_image(np.arange(2, dtype=np.uint8).reshape(1, 2), placement, (4, 2)).tolist() == [[0] * 4 + [1] * 4] * 4
