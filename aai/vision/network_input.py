"""What the configuration says of the network's input, against what the loaded network says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Sequence

from aai.errors import UsageError

if TYPE_CHECKING:
    from aai.core.model_config import InputRecipe
    from aai.ports import TensorSpec

_ADOPTED = ("float16", "uint8", "int8", "int32")
"""Input types that are taken from the file where the configuration has the usual float32."""


def fitted_recipe(recipe: InputRecipe, inputs: Sequence[TensorSpec], where: str, layout: str = "") -> InputRecipe:
    """`recipe` with what it leaves open taken from the network, in the axis order that the engine has.

    OpenCV takes NCHW even for a TensorFlow graph, and OpenVINO takes that graph's NHWC: one configuration serves both.

    Args:
        recipe: as the configuration has it.
        inputs: the inputs of the loaded network.
        where: the configuration, for errors.
        layout: `Capabilities.layout` of the back end.

    Raises:
        UsageError: the network has not one image input, or wants another shape than the recipe makes.
    """
    if len(inputs) != 1:
        names = ", ".join(spec.name for spec in inputs) or "none"
        raise UsageError(
            f"the network has {len(inputs)} inputs ({names}), where one image belongs",
            where,
            "export it with one input",
        )
    spec = inputs[0]
    if recipe.dtype == "float32" and spec.dtype in _ADOPTED:
        recipe = replace(recipe, dtype=spec.dtype)
    if recipe.quantisation is None and recipe.dtype == spec.dtype and not _as_they_are(recipe):
        recipe = replace(recipe, quantisation=spec.quantisation)
    recipe = replace(recipe, layout=layout or _layout_of(spec.shape, recipe))
    if len(spec.shape) != 4:
        return recipe
    if min(recipe.size) < 1:
        recipe = replace(recipe, size=_size_of(spec.shape, recipe.layout))
    made = recipe.shape
    # A batch of a fixed size is filled up: see `batches`.
    if made and any(there is not None and there != ours for there, ours in zip(spec.shape[1:], made[1:])):
        raise UsageError(
            f"the network takes {_text(spec.shape)}, and the configuration makes {_text(made)}",
            f"{where}, model_parameters.size and aai.input (input {spec.name})",
            "let the weights be read again: aai model configure; or set --size WIDTH HEIGHT",
        )
    return recipe


def _as_they_are(recipe: InputRecipe) -> bool:
    """Whether the elements are pixel values: what uint8 networks take, whatever they stand for in their file."""
    plain = recipe.scalefactor == 1 and not any(recipe.mean) and all(value == 1 for value in recipe.std)
    return plain and recipe.dtype == "uint8"


def _layout_of(shape: Sequence[int | None], recipe: InputRecipe) -> str:
    """The axis order in which `shape` has the channels of `recipe`; its own where both have, or none."""
    if len(shape) != 4 or (shape[1] == recipe.channels) == (shape[3] == recipe.channels):
        return recipe.layout
    return "NCHW" if shape[1] == recipe.channels else "NHWC"


def _size_of(shape: tuple[int | None, ...], layout: str) -> tuple[int, int]:
    height, width = shape[1:3] if layout == "NHWC" else shape[2:4]
    return width or 0, height or 0


def _text(shape: Sequence[int | None]) -> str:
    return "x".join("?" if length is None else str(length) for length in shape)
