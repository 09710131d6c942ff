"""The pre-processings that are tried, and how one is put into a configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aai.check.recipes import colour_candidates, is_same, name_of, resize_candidates, set_recipe, swapped
from aai.core.configure import configure
from aai.core.model_config import InputRecipe, load
from aai.ports import Quantisation
from aai.vision.preprocess import Preprocessor
from tests.vision.models import classes_folder

UNIT = InputRecipe((32, 32), scalefactor=1 / 255, swaprb=True)
IMAGE = np.random.default_rng(3).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def _tensor(recipe: InputRecipe) -> np.ndarray:
    return Preprocessor(recipe)(IMAGE)[0].copy()


def test_the_configured_one_is_first_and_no_two_make_the_same_tensor() -> None:
    found = colour_candidates(UNIT)
    assert [candidate.configured for candidate in found] == [True] + [False] * (len(found) - 1)
    assert found[0].recipe is UNIT
    tensors = [_tensor(candidate.recipe) for candidate in found]
    for number, one in enumerate(tensors):
        assert not any(np.allclose(one, other, atol=1e-3) for other in tensors[:number])


def test_the_usual_ones_are_there_in_both_orders() -> None:
    names = {candidate.name for candidate in colour_candidates(UNIT)}
    kinds = ("0 to 1", "0 to 255", "-1 to 1", "ImageNet mean and std", "Caffe means")
    assert names == {f"{kind}, {order}, stretched" for kind in kinds for order in ("RGB", "BGR")}


def test_means_and_deviations_follow_the_order() -> None:
    white = np.full((8, 8, 3), 255, np.uint8)
    rgb, bgr = (
        next(c.recipe for c in colour_candidates(UNIT) if c.name == f"ImageNet mean and std, {order}, stretched")
        for order in ("RGB", "BGR")
    )
    one, other = Preprocessor(rgb)(white)[0][0].copy(), Preprocessor(bgr)(white)[0][0].copy()
    # By hand: (1 - 0.485) / 0.229 for red, which comes first in RGB and last in BGR.
    assert one[0, 0, 0] == pytest.approx((1 - 0.485) / 0.229, abs=1e-3)
    np.testing.assert_allclose(one, other[::-1], atol=1e-5)


def test_swapping_twice_changes_nothing() -> None:
    recipe = replace(UNIT, mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))
    assert swapped(swapped(recipe)) == recipe
    np.testing.assert_allclose(_tensor(swapped(recipe))[0], _tensor(recipe)[0][::-1], atol=1e-5)


def test_what_the_files_tell_comes_second() -> None:
    told = replace(UNIT, mean=(104.0, 177.0, 123.0), scalefactor=1.0, swaprb=False, resize="letterbox")
    second = colour_candidates(UNIT, told)[1].recipe
    assert (second.mean, second.resize) == ((104.0, 177.0, 123.0), "stretch")
    assert len(colour_candidates(UNIT, UNIT)) == len(colour_candidates(UNIT))


def test_a_network_for_pixel_values_leaves_only_the_order_open() -> None:
    raw = InputRecipe((32, 32), dtype="uint8", swaprb=True)
    assert [candidate.name for candidate in colour_candidates(raw)] == [
        "0 to 255, RGB, stretched",
        "0 to 255, BGR, stretched",
    ]
    quantised = replace(raw, dtype="int8", scalefactor=1 / 255, quantisation=Quantisation(1 / 255, -128))
    assert [candidate.recipe.swaprb for candidate in colour_candidates(quantised)] == [True, False]


def test_a_grey_network_has_no_order_and_may_want_white_on_black() -> None:
    found = colour_candidates(InputRecipe((28, 28), (0.0,), 1 / 255, channels=1))
    assert [candidate.name for candidate in found] == [
        "0 to 1, stretched",
        "0 to 255, stretched",
        "-1 to 1, stretched",
        "1 to 0, stretched",
    ]
    white = np.full((8, 8, 3), 255, np.uint8)
    assert Preprocessor(found[3].recipe)(white)[0].max() == pytest.approx(0.0, abs=1e-6)
    assert Preprocessor(found[3].recipe)(white * 0)[0].min() == pytest.approx(1.0, abs=1e-6)


def test_only_classifiers_try_the_centre_crop() -> None:
    with_crop, without = (resize_candidates(UNIT, crop) for crop in (True, False))
    assert {c.recipe.resize for c in with_crop} - {c.recipe.resize for c in without} == {"crop"}
    assert with_crop[0].recipe is UNIT and len({c.name for c in with_crop}) == len(with_crop)


def test_recipes_that_differ_in_rounding_only_are_the_same() -> None:
    assert is_same(UNIT, replace(UNIT, scalefactor=0.00392156862))
    assert is_same(UNIT, replace(UNIT, mean=(0.0,), pad=7.0))  # no border to be padded
    assert not is_same(UNIT, replace(UNIT, scalefactor=1 / 256))
    assert not is_same(UNIT, replace(UNIT, resize="letterbox"))


def test_an_unusual_recipe_is_named_by_its_range() -> None:
    odd = InputRecipe((300, 300), mean=(104.0, 177.0, 123.0))
    assert name_of(odd) == "-104/-177/-123 to 151/78/132, BGR, stretched"


@pytest.mark.parametrize("resize", ["stretch", "crop", "letterbox"])
def test_a_recipe_that_is_set_is_read_back_and_kept_by_configure(tmp_path: Path, resize: str) -> None:
    folder = classes_folder(tmp_path / "net")
    (folder / "alwaysai.model.json").unlink()
    configure(folder, {"id": "acme/net"}).write()
    config = load(folder)
    wanted = replace(config.input_recipe(), mean=(0.0,) * 3, scalefactor=1 / 127.5, std=(), swaprb=False)
    wanted = replace(wanted, resize=resize, anchor="top-left", pad=7.0)
    set_recipe(config, wanted)
    config.write()
    configure(folder, {}).write()
    assert is_same(load(folder).input_recipe(), wanted)
