"""Whether the input that a configuration describes is one that the network's file takes."""

from __future__ import annotations

import math
from typing import Iterator, NamedTuple

from aai.core.inspect.layout import image_input
from aai.core.inspect.report import Inspection
from aai.core.model_config import InputRecipe, ModelConfig
from aai.ports import TensorSpec

_WHOLE = ("uint8", "int8")
_READ_AGAIN = "let the weights be read again: aai model configure"
_LEAST_RANGE = 2.0
"""Steps between black and white below which a picture in whole numbers shows next to nothing."""


class Remark(NamedTuple):
    """What a finding is made of: level, sentence, the field it is about, what to do."""

    level: str
    what: str
    name: str
    fix: str


def input_findings(config: ModelConfig, inspection: Inspection) -> Iterator[Remark]:
    """Contradictions between `aai.input` and the input of the file.

    Args:
        config: the configuration.
        inspection: what its weights say.
    """
    image = image_input(inspection.inputs)
    # HailoRT converts on the way in, as `quantize_input` and `input_format` say.
    if image is None or not image.spec.dtype or inspection.framework == "hailo":
        return
    recipe = config.input_recipe()
    spec = image.spec
    yield from _dtype(config, recipe, spec)
    if spec.dtype in _WHOLE:
        yield from _quantisation(recipe, spec)
        yield from _lost_in_steps(recipe, spec)


def _dtype(config: ModelConfig, recipe: InputRecipe, spec: TensorSpec) -> Iterator[Remark]:
    said = (config.aai.get("input") or {}).get("dtype")
    # Without a word in the configuration the type of the file is taken.
    if said is None or said == spec.dtype or (said == "float32" and spec.dtype in (*_WHOLE, "float16")):
        if recipe.quantisation is not None and spec.dtype not in _WHOLE:
            what = f"aai.input.quantisation is given, and the network's input takes {spec.dtype}: it is not used"
            yield Remark("warning", what, "aai.input.quantisation", _READ_AGAIN)
        return
    what = f"aai.input.dtype is {said}, and the network's input {spec.name} takes {spec.dtype}"
    yield Remark("error", what, "aai.input.dtype", _READ_AGAIN)


def _quantisation(recipe: InputRecipe, spec: TensorSpec) -> Iterator[Remark]:
    ours, theirs = recipe.quantisation, spec.quantisation
    if ours is None or theirs is None:
        return
    if not math.isclose(ours.scale, theirs.scale, rel_tol=1e-3) or ours.zero_point != theirs.zero_point:
        what = (
            f"aai.input.quantisation has scale {ours.scale:g} and zero point {ours.zero_point}, and the network's "
            f"input {spec.name} has {theirs.scale:g} and {theirs.zero_point}"
        )
        yield Remark("warning", what, "aai.input.quantisation", _READ_AGAIN)


def _lost_in_steps(recipe: InputRecipe, spec: TensorSpec) -> Iterator[Remark]:
    """Values that are scaled to 0..1 or the like, for an input of whole numbers that has no scale."""
    if recipe.quantisation is not None or spec.quantisation is not None:
        return
    span = 255 * recipe.scalefactor / min(recipe.std or (1.0,))
    if span < _LEAST_RANGE:
        what = (
            f"the network's input {spec.name} takes {spec.dtype}, and by scalefactor {recipe.scalefactor:g} black and "
            f"white are {span:.3g} apart: the picture is lost in whole numbers"
        )
        yield Remark("error", what, "scalefactor", "give it the pixels: aai model configure --scalefactor 1 --mean 0")
