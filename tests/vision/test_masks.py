from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from aai.vision.image import cv2
from aai.vision.masks import Cutout, cut_out, overlay
from aai.vision.preprocess import Placement, letterbox_window, stretched
from aai.vision.results import rle

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=7))


def runs(mask: Any) -> list[int]:
    """COCO's counts, pixel by pixel, as common/maskApi.h has them: down the columns, the empty pixels first."""
    counts, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel == value:
            counts[-1] += 1
        else:
            counts.append(1)
            value = pixel
    return counts


@given(masks)
def test_runs_are_counted_as_coco_counts_them(mask: Any) -> None:
    encoded = rle.encode(mask)
    assert encoded == {"size": list(mask.shape), "counts": runs(mask)}
    assert rle.decode(encoded).tolist() == mask.tolist()


@given(masks, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_window_has_the_runs_of_the_whole_image(mask: Any, left: int, top: int, right: int, bottom: int) -> None:
    whole = np.pad(mask, ((top, bottom), (left, right)))
    window = Cutout.of_window(mask, (left, top), (whole.shape[1], whole.shape[0]))
    assert window.rle() == {"size": list(whole.shape), "counts": runs(whole)}
    assert window.mask.tolist() == whole.tolist()
    assert window.pixels.tolist() == mask.tolist()
    assert window.area == mask.sum()


@given(masks)
def test_a_mask_is_cut_to_what_is_in_it_and_back(mask: Any) -> None:
    cutout = Cutout.of_mask(mask)
    assert cutout.mask.tolist() == mask.tolist()
    if mask.any():
        pixels = cutout.pixels
        assert pixels.any(axis=0)[[0, -1]].all() and pixels.any(axis=1)[[0, -1]].all()
    else:
        assert cutout.size == (0, 0)


def test_masks_are_interpolated_between_the_cells_of_the_prototypes() -> None:
    # OpenCV's bilinear resize, of the part of the map that the picture lies in, is the other opinion.
    random = np.random.default_rng(5)
    prototypes = random.normal(size=(4, 30, 40)).astype(np.float32)
    weights = random.normal(size=(1, 4)).astype(np.float32)
    logits = np.tensordot(weights[0], prototypes, 1)
    (cutout,) = cut_out(
        weights, prototypes, np.array([[0, 0, 320, 240]]), stretched((240, 320), (160, 120)), (160, 120)
    )
    assert (cutout.mask == (cv2.resize(logits, (320, 240)) > 0)).mean() > 0.999
    assert (cutout.corner, cutout.size) == ((0, 0), (320, 240))


def test_the_border_of_a_letterbox_is_no_part_of_the_mask() -> None:
    # A picture of 80 x 40 in the middle of 80 x 80; its upper half is the object.
    left, top, right, bottom = letterbox_window(80, 40, (80, 80), "center")
    placement = Placement((right - left) / 80, (bottom - top) / 40, left, top, (80, 40))
    prototypes = np.full((1, 20, 20), -1, np.float32)
    prototypes[0, 5:10] = 1
    (cutout,) = cut_out(np.ones((1, 1), np.float32), prototypes, np.array([[10.2, 0, 30, 40]]), placement, (80, 80))
    wanted = np.zeros((40, 80), bool)
    wanted[:20, 11:30] = True
    assert cutout.mask.tolist() == wanted.tolist()


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 9, 5, 5), (200, 200, 300, 300), (-50, -50, -10, -10)])
def test_a_box_without_a_pixel_has_an_empty_mask(box: tuple[int, ...]) -> None:
    prototypes = np.ones((1, 5, 5), np.float32)
    (cutout,) = cut_out(np.ones((1, 1)), prototypes, np.array([box]), stretched((50, 50), (20, 20)), (20, 20))
    assert cutout.area == 0 and not cutout.mask.any()
    assert cutout.rle()["counts"] == [2500]


def test_many_masks_of_a_large_picture_take_an_eighth_of_a_byte_for_a_pixel_of_their_boxes() -> None:
    prototypes = np.ones((1, 160, 160), np.float32)
    boxes = np.tile(np.array([[100, 100, 900, 900]], np.float32), (50, 1))
    placement = stretched((1080, 1920), (640, 640))
    tracemalloc.start()
    cutouts = cut_out(np.ones((50, 1), np.float32), prototypes, boxes, placement, (640, 640))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(cutout.area for cutout in cutouts) == 50 * 800 * 800
    assert kept < 1.1 * 50 * 800 * 800 / 8
    assert peak < kept + 30_000_000


def test_a_mask_is_painted_over_half_and_nothing_else_is() -> None:
    image = np.full((4, 6, 3), 100, np.uint8)
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:5] = True
    painted = overlay(image, [Cutout.of_mask(mask)], [(0, 200, 50)])
    assert painted[mask].tolist() == [[50, 150, 75]] * 6
    assert (painted[~mask] == 100).all() and (image == 100).all()
