from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aai.core.model_config import InputRecipe
from aai.errors import UsageError
from aai.ports import Quantisation
from aai.vision.preprocess import Placement, Preprocessor, letterbox_window

RNG = np.random.default_rng(3)
FRAMES = {
    name: RNG.integers(0, 256, (*shape, 3), np.uint8)
    for name, shape in (("wide", (90, 160)), ("tall", (200, 31)), ("same", (48, 64)), ("dots", (1, 2)))
}


def _pixels(tensor: np.ndarray) -> np.ndarray:
    """(h, w, C) of a (1, C, h, w) tensor."""
    return np.moveaxis(tensor[0], 0, 2)


@pytest.mark.parametrize("frame", sorted(FRAMES))
@pytest.mark.parametrize("resize", ["stretch", "crop"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"scalefactor": 1 / 255, "swaprb": True},
        {"mean": (104.0, 177.0, 123.0)},
        {"mean": (127.5, 120.0, 100.0), "scalefactor": 1 / 127.5, "swaprb": True},
    ],
    ids=["plain", "0..1 rgb", "means", "-1..1 rgb"],
)
def test_the_tensor_is_the_blob_that_opencv_makes(frame: str, resize: str, values: dict[str, Any]) -> None:
    image = FRAMES[frame]
    recipe = InputRecipe(size=(64, 48), resize=resize, **values)
    blob = cv2.dnn.blobFromImage(
        image, recipe.scalefactor, recipe.size, recipe.mean, recipe.swaprb, resize == "crop", cv2.CV_32F
    )
    tensor, _ = Preprocessor(recipe)(image)
    assert tensor.shape == blob.shape
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor, blob, rtol=1e-5, atol=2e-5)


def test_a_letterbox_in_the_centre_is_the_resized_picture_in_a_border() -> None:
    image = FRAMES["wide"]
    tensor, placement = Preprocessor(InputRecipe(size=(64, 64), resize="letterbox"))(image)
    pixels = _pixels(tensor)
    assert np.array_equal(pixels[14:50], cv2.resize(image, (64, 36)))
    assert (pixels[:14] == 114).all()
    assert (pixels[50:] == 114).all()
    assert (placement.scale_x, placement.scale_y) == (0.4, 0.4)
    assert (placement.offset_x, placement.offset_y) == (0, 14)


@pytest.mark.parametrize(("anchor", "left"), [("top-left", 0), ("center", 48)])
def test_padding_comes_before_the_scaling_where_it_is_asked_for(anchor: str, left: int) -> None:
    image = np.random.default_rng(3).integers(0, 256, (333, 237, 3), dtype=np.uint8)
    recipe = InputRecipe(size=(64, 64), resize="pad", anchor=anchor, pad=7)
    tensor, placement = Preprocessor(recipe)(image)
    square = np.full((333, 333, 3), 7, np.uint8)
    square[:, left : left + 237] = image
    assert np.array_equal(_pixels(tensor), cv2.resize(square, (64, 64)))
    corners = np.array([[0, 0, 237, 333]], np.float32)
    inside = corners * (64 / 333) + [left * 64 / 333, 0, left * 64 / 333, 0]
    np.testing.assert_allclose(placement.to_image(inside.astype(np.float32)), corners, atol=1e-3)


def test_grey_networks_are_padded_too_and_a_strip_does_not_fill_the_memory() -> None:
    grey = InputRecipe(size=(16, 16), resize="pad", channels=1, pad=9, anchor="top-left")
    tensor, _ = Preprocessor(grey)(np.zeros((8, 16, 3), np.uint8))
    assert tensor.shape == (1, 1, 16, 16) and (tensor[0, 0, 9:] == 9).all() and (tensor[0, 0, :7] == 0).all()
    strip = np.full((1, 60_000, 3), 5, np.uint8)
    tensor, placement = Preprocessor(InputRecipe(size=(16, 16), resize="pad", pad=9))(strip)
    assert set(np.unique(tensor)) == {5.0, 9.0} and placement.scale_x == 16 / 60_000


def test_a_letterbox_at_the_top_left_takes_its_own_pad() -> None:
    image = FRAMES["tall"]
    recipe = InputRecipe(size=(64, 48), resize="letterbox", anchor="top-left", pad=0, scalefactor=0.5, mean=(2, 2, 2))
    tensor, placement = Preprocessor(recipe)(image)
    pixels = _pixels(tensor)
    assert np.array_equal(pixels[:, :7], (cv2.resize(image, (7, 48)).astype(np.float32) - 2) * 0.5)
    assert (pixels[:, 7:] == -1).all()
    assert (placement.offset_x, placement.offset_y) == (0, 0)


@pytest.mark.parametrize(("pad", "value"), [(-3, 0), (400, 255), (113.6, 114)])
def test_a_pad_that_no_pixel_can_have_is_the_nearest_that_one_can(pad: float, value: int) -> None:
    tensor, _ = Preprocessor(InputRecipe(size=(8, 8), resize="letterbox", pad=pad))(np.full((1, 8, 3), 9, np.uint8))
    assert np.unique(tensor).tolist() == sorted({9, value})


def test_the_border_is_right_after_frames_of_another_shape() -> None:
    preprocess = Preprocessor(InputRecipe(size=(64, 64), resize="letterbox"))
    first = preprocess(FRAMES["wide"])[0].copy()
    preprocess(FRAMES["tall"])
    assert np.array_equal(preprocess(FRAMES["wide"])[0], first)


def test_each_channel_has_its_mean_and_std_in_the_network_s_order() -> None:
    image = np.full((4, 4, 3), (10, 20, 30), np.uint8)
    recipe = InputRecipe(size=(4, 4), mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0), scalefactor=2.0, swaprb=True)
    tensor, _ = Preprocessor(recipe)(image)
    assert tensor[0, :, 0, 0].tolist() == [(30 - 1) * 2 / 2, (20 - 2) * 2 / 4, (10 - 3) * 2 / 8]


def test_one_mean_stands_for_all_channels() -> None:
    tensor, _ = Preprocessor(InputRecipe(size=(2, 2), mean=(5.0,)))(np.full((2, 2, 3), (10, 20, 30), np.uint8))
    assert tensor[0, :, 0, 0].tolist() == [5, 15, 25]


def test_nhwc_and_uint8_and_grey() -> None:
    image = FRAMES["same"]
    tensor, _ = Preprocessor(InputRecipe(size=(64, 48), layout="NHWC", dtype="uint8", swaprb=True))(image)
    assert tensor.dtype == np.uint8
    assert np.array_equal(tensor[0], image[..., ::-1])
    grey, _ = Preprocessor(InputRecipe(size=(64, 48), channels=1, scalefactor=0.5))(image)
    assert np.array_equal(grey[0, 0], cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) * np.float32(0.5))
    last, _ = Preprocessor(InputRecipe(size=(64, 48), channels=1, layout="NHWC"))(image)
    assert last.shape == (1, 48, 64, 1)
    half, _ = Preprocessor(InputRecipe(size=(64, 48), dtype="float16", scalefactor=1 / 255))(image)
    assert half.dtype == np.float16
    assert abs(float(half[0, 0, 0, 0]) - image[0, 0, 0] / 255) < 1e-3


def test_uint8_elements_are_rounded_and_kept_in_range() -> None:
    recipe = InputRecipe(size=(2, 1), dtype="uint8", scalefactor=1.5, mean=(10.0,))
    tensor, _ = Preprocessor(recipe)(np.array([[[0, 11, 200], [255, 12, 10]]], np.uint8))
    assert tensor[0, :, 0, 0].tolist() == [0, 2, 255]


QUANTISED = [
    ("uint8", 1 / 128, 128, 127.5, 1 / 127.5),
    ("int8", 1 / 255, -128, 0.0, 1 / 255),
    ("int8", float(np.float32(1 / 255)), -128, 0.0, 1 / 255),
    ("int8", 0.02, 3, 104.0, 1 / 64),
    ("uint8", 0.5, 0, 0.0, 1.0),
]


@pytest.mark.parametrize(("dtype", "scale", "zero", "mean", "factor"), QUANTISED)
def test_a_quantised_element_is_the_value_over_the_scale_and_the_zero_point(
    dtype: str, scale: float, zero: int, mean: float, factor: float
) -> None:
    recipe = InputRecipe(
        size=(256, 1), mean=(mean,), scalefactor=factor, dtype=dtype, quantisation=Quantisation(scale, zero)
    )
    pixels = np.arange(256, dtype=np.uint8)
    tensor, _ = Preprocessor(recipe)(np.repeat(pixels[None, :, None], 3, axis=2))
    exact = (pixels.astype(np.float64) - mean) * factor / scale + zero
    limits = np.iinfo(dtype)
    assert tensor.dtype == dtype
    assert np.abs(tensor[0, 0, 0] - np.clip(exact, limits.min, limits.max)).max() <= 0.501


def test_int8_without_a_quantisation_is_the_value_itself_and_floats_are_never_quantised() -> None:
    image = np.array([[[0, 127, 255]]], np.uint8)
    tensor, _ = Preprocessor(InputRecipe(size=(1, 1), dtype="int8"))(image)
    assert tensor.ravel().tolist() == [0, 127, 127]
    real, _ = Preprocessor(InputRecipe(size=(1, 1), quantisation=Quantisation(0.5, 9)))(image)
    assert real.ravel().tolist() == [0, 127, 255]


def test_the_border_of_a_quantised_letterbox_is_quantised_too() -> None:
    recipe = InputRecipe(size=(4, 2), resize="letterbox", pad=0, dtype="int8", quantisation=Quantisation(1.0, -128))
    tensor, _ = Preprocessor(recipe)(np.full((2, 2, 3), 255, np.uint8))
    assert tensor[0, 0, 0].tolist() == [-128, 127, 127, -128]


def test_the_buffers_are_kept_between_frames() -> None:
    preprocess = Preprocessor(InputRecipe(size=(64, 48)))
    assert preprocess(FRAMES["wide"])[0] is preprocess(FRAMES["tall"])[0]


@pytest.mark.parametrize("resize", ["stretch", "crop", "letterbox"])
def test_one_pixel_fills_the_input(resize: str) -> None:
    tensor, placement = Preprocessor(InputRecipe(size=(8, 8), resize=resize))(np.full((1, 1, 3), 9, np.uint8))
    assert (tensor == 9).all()
    assert (placement.scale_x, placement.scale_y, placement.offset_x, placement.offset_y) == (8, 8, 0, 0)


def test_views_and_read_only_frames_work() -> None:
    image = FRAMES["wide"]
    plain = Preprocessor(InputRecipe(size=(64, 48)))(np.ascontiguousarray(image[::-1, ::-1]))[0]
    turned = image[::-1, ::-1]
    turned.flags.writeable = False
    assert np.array_equal(Preprocessor(InputRecipe(size=(64, 48)))(turned)[0], plain)
    assert Preprocessor(InputRecipe(size=(64, 48)))(image[:, :, ::-1])[0].shape == (1, 3, 48, 64)


@pytest.mark.parametrize("shape", [(1, 20000), (20000, 1), (3, 5000)])
@pytest.mark.parametrize("resize", ["stretch", "crop", "letterbox"])
def test_extreme_strips_need_little_memory_and_give_an_input(shape: tuple[int, int], resize: str) -> None:
    tensor, placement = Preprocessor(InputRecipe(size=(224, 224), resize=resize))(np.full((*shape, 3), 7, np.uint8))
    assert tensor.max() <= 114
    assert (tensor == 7).any()
    assert placement.scale_x > 0


@pytest.mark.parametrize("recipe", [InputRecipe(size=(0, 0)), InputRecipe(size=(8, 8), dtype="int64")])
def test_what_can_t_be_made_is_refused_with_a_fix(recipe: InputRecipe) -> None:
    with pytest.raises(UsageError) as caught:
        Preprocessor(recipe)
    assert caught.value.fix


sides = st.integers(1, 2000)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.integers(8, 640), st.integers(8, 640), st.sampled_from(["center", "top-left"]))
def test_a_letterbox_lies_inside_the_input_and_touches_two_of_its_sides(
    width: int, height: int, in_width: int, in_height: int, anchor: str
) -> None:
    left, top, right, bottom = letterbox_window(width, height, (in_width, in_height), anchor)
    assert 0 <= left < right <= in_width
    assert 0 <= top < bottom <= in_height
    slack = 2 if anchor == "top-left" else 1
    assert right - left >= in_width - slack or bottom - top >= in_height - slack


@settings(max_examples=60, deadline=None)
@given(
    st.integers(16, 2000),
    st.integers(16, 2000),
    st.sampled_from(["stretch", "letterbox", "crop"]),
    st.sampled_from(["center", "top-left"]),
    st.tuples(*[st.floats(0, 1)] * 4),
)
def test_a_box_put_into_the_input_and_back_is_the_same_within_a_pixel(
    width: int, height: int, resize: str, anchor: str, corners: tuple[float, ...]
) -> None:
    recipe = InputRecipe(size=(96, 64), resize=resize, anchor=anchor)
    _, placement = Preprocessor(recipe)(np.zeros((height, width, 3), np.uint8))
    box = np.array([corners], np.float32) * (width, height, width, height)
    put = box * ([placement.scale_x, placement.scale_y] * 2) + ([placement.offset_x, placement.offset_y] * 2)
    assert np.abs(placement.to_image(put.astype(np.float32)) - box).max() < 1


def test_boxes_are_clipped_to_the_frame() -> None:
    placement = Placement(0.5, 0.25, 4.0, 2.0, (100, 80))
    boxes = placement.to_image(np.array([[0, 0, 14, 12], [-50, -50, 500, 500]], np.float32))
    assert boxes.tolist() == [[0, 0, 20, 40], [0, 0, 100, 80]]
