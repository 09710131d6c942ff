from __future__ import annotations

from typing import Any

import pytest

from aai.core.model_config import InputRecipe
from aai.errors import UsageError
from aai.ports import Quantisation, TensorSpec
from aai.vision.network_input import fitted_recipe

UNIT = Quantisation(1 / 255, -128)
SHAPE = (1, 8, 6, 3)


def _fitted(network: str, numbers: Quantisation | None = None, **values: Any) -> InputRecipe:
    recipe = InputRecipe(**{"size": (6, 8), "layout": "NHWC", **values})
    return fitted_recipe(recipe, (TensorSpec("x", SHAPE, network, numbers),), "m")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float16"])
def test_the_type_of_the_network_is_taken_where_the_configuration_has_the_usual_one(dtype: str) -> None:
    assert _fitted(dtype).dtype == dtype
    assert _fitted("", dtype=dtype).dtype == dtype
    assert _fitted("int64").dtype == "float32"


def test_a_quantisation_is_taken_from_the_network_unless_the_configuration_has_one() -> None:
    assert _fitted("int8", UNIT, scalefactor=1 / 255).quantisation == UNIT
    own = Quantisation(2.0, 1)
    assert _fitted("int8", UNIT, quantisation=own).quantisation == own
    assert _fitted("float32").quantisation is None


def test_pixel_values_go_into_a_uint8_network_as_they_are_and_into_an_int8_one_by_its_numbers() -> None:
    assert _fitted("uint8", Quantisation(1 / 128, 128)).quantisation is None
    assert _fitted("uint8", Quantisation(1 / 128, 128), mean=(127.5,)).quantisation is not None
    assert _fitted("int8", Quantisation(1.0, -128)).quantisation == (1.0, -128)


def test_the_size_of_the_network_is_taken_when_the_configuration_has_none_and_another_is_refused() -> None:
    assert _fitted("float32", size=(0, 0)).size == (6, 8)
    with pytest.raises(UsageError, match=r"1x8x6x3.*1x6x8x3"):
        _fitted("float32", size=(8, 6))


@pytest.mark.parametrize(
    ("configured", "shape", "engine", "expected"),
    [
        ("NHWC", (), "NCHW", "NCHW"),
        ("NCHW", (1, 32, 64, 3), "", "NHWC"),
        ("NHWC", (1, 3, 32, 64), "", "NCHW"),
        ("NHWC", (None, None, None, 3), "", "NHWC"),
        ("NHWC", (None, None, None, None), "", "NHWC"),
        ("NHWC", (), "", "NHWC"),
    ],
)
def test_the_axis_order_is_the_engine_s_else_the_network_s_else_the_configured_one(
    configured: str, shape: tuple, engine: str, expected: str
) -> None:
    recipe = InputRecipe((64, 32), layout=configured)
    assert fitted_recipe(recipe, (TensorSpec("x", shape, "float32"),), "m", engine).layout == expected


def test_a_network_of_a_fixed_batch_is_no_other_shape() -> None:
    assert fitted_recipe(InputRecipe(size=(6, 8)), (TensorSpec("x", (4, 3, 8, 6), "float32"),), "m").size == (6, 8)
