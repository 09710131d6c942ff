"""How an image becomes the input of a TFLite network: pixels as they are, shifted, or quantised by the file's scale.

Whole numbers stand for real ones by scale and zero point. Where the real range is that of 0 to 255, 0 to 1 or -1 to 1,
a network that was trained on pixels in that range takes the pixel itself (uint8), or the pixel less 128 (int8):
normalising and quantising undo each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence

from aai.core.inspect.heads import describe
from aai.core.inspect.recipes import IMAGENET_MEAN, IMAGENET_STD, PER_255
from aai.core.inspect.report import Fact
from aai.core.inspect.tflite_metadata import Normalisation
from aai.ports import Quantisation, TensorSpec

_RANGES = {"uint8": (0, 255), "int8": (-128, 127)}
_USUAL = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
"""Real ranges in which networks are trained, one for all channels."""
_TOLERANCE = 0.06
"""Share of a range by which its ends may be off: 1/128 in place of 1/127.5, or a calibration short of the last step."""
_STEPS = 4
"""Steps by which a pixel may miss the number that stands for it."""
_IMAGENET_RANGE = (-2.118, 2.64)
"""Of ImageNet's normalisation, over all channels."""


@dataclass(frozen=True)
class InputPlan:
    """What the file says of the image input.

    Args:
        spec: the input as it should be read by the recipes: in real values, where the file has a scale of its own.
        facts: what goes over the recipe's facts.
        section: what goes over the recipe's "input" section.
    """

    spec: TensorSpec
    facts: dict[str, Fact]
    section: dict[str, Any]


def plan_input(spec: TensorSpec, channels: int, norm: Normalisation | None) -> InputPlan:
    """How to make the image input.

    Args:
        spec: the input.
        channels: 3, or 1.
        norm: of the metadata, in pixel units.
    """
    if spec.dtype not in _RANGES:
        facts = _normalisation_facts(norm, channels, "metadata NormalizationOptions") if norm else {}
        return InputPlan(spec, facts, _std_section(norm) if norm else {})
    if spec.quantisation is None or _takes_pixels(spec, norm):
        return InputPlan(spec, _pixel_facts(spec, channels), {})
    return _quantised(spec, spec.quantisation, channels, norm)


def real_range(spec: TensorSpec) -> tuple[float, float] | None:
    """The real values that the lowest and the highest number of a quantised tensor stand for."""
    if spec.quantisation is None or spec.dtype not in _RANGES:
        return None
    scale, zero_point = spec.quantisation
    low, high = _RANGES[spec.dtype]
    return (low - zero_point) * scale, (high - zero_point) * scale


def _takes_pixels(spec: TensorSpec, norm: Normalisation | None) -> bool:
    """Whether the pixel, or the pixel less 128, is the number that stands for its normalised value."""
    span = real_range(spec)
    if span is None or spec.quantisation is None:
        return True
    if norm is not None:
        low, high = _RANGES[spec.dtype]
        scale, zero_point = spec.quantisation
        return all(
            abs((0 - mean) / std / scale + zero_point - low) <= _STEPS
            and abs((255 - mean) / std / scale + zero_point - high) <= _STEPS
            for mean, std in _pairs(norm)
        )
    return any(_about(span, usual) for usual in _USUAL)


def _about(span: tuple[float, float], usual: tuple[float, float]) -> bool:
    room = _TOLERANCE * (usual[1] - usual[0])
    return abs(span[0] - usual[0]) <= room and abs(span[1] - usual[1]) <= room


def _pixel_facts(spec: TensorSpec, channels: int) -> dict[str, Fact]:
    """For int8, 128 is taken off; for uint8 the recipes say it already."""
    if spec.dtype != "int8":
        return {}
    source = f"input {describe(spec)} takes int8: pixel values less 128"
    return {"mean": Fact([128] * channels, source), "scalefactor": Fact(1, source)}


def _quantised(spec: TensorSpec, quantisation: Quantisation, channels: int, norm: Normalisation | None) -> InputPlan:
    """The recipe in real values, and the numbers that stand for them."""
    scale, zero_point = quantisation
    section: dict[str, Any] = {"dtype": spec.dtype, "quantisation": {"scale": scale, "zero_point": zero_point}}
    span = real_range(spec)
    source = f"input {describe(spec)} is quantised"
    facts: dict[str, Fact] = {}
    if norm is None and channels == 3 and span is not None and _about(span, _IMAGENET_RANGE):
        norm = Normalisation(IMAGENET_MEAN, tuple(255 * std for std in IMAGENET_STD))
        source += f" from {span[0]:.3g} to {span[1]:.3g}, the range of ImageNet's normalisation"
        facts = _normalisation_facts(norm, channels, source, certain=False)
    elif norm is not None:
        facts = _normalisation_facts(norm, channels, f"metadata NormalizationOptions; {source}")
    if norm is not None:
        section.update(_std_section(norm))
    return InputPlan(replace(spec, dtype="float32", quantisation=None), facts, section)


def _normalisation_facts(norm: Normalisation, channels: int, source: str, certain: bool = True) -> dict[str, Fact]:
    mean = [_short(value) for value, _ in _pairs(norm)]
    stds = {std for _, std in _pairs(norm)}
    scale = 1 / stds.pop() if len(stds) == 1 else PER_255
    means = (mean * channels)[:channels] if len(mean) == 1 else mean[:channels]
    return {"mean": Fact(means, source, certain), "scalefactor": Fact(scale, source, certain)}


def _std_section(norm: Normalisation) -> dict[str, Any]:
    """Our own section has a standard deviation of its own only where the channels differ; then it is a share of 1."""
    stds = [std for _, std in _pairs(norm)]
    return {"std": [round(std * PER_255, 6) for std in stds]} if len(set(stds)) > 1 else {}


def _pairs(norm: Normalisation) -> Sequence[tuple[float, float]]:
    """(mean, std) per channel; one of them may stand for all."""
    count = max(len(norm.mean), len(norm.std))
    means = norm.mean * count if len(norm.mean) == 1 else norm.mean
    stds = norm.std * count if len(norm.std) == 1 else norm.std
    return list(zip(means, stds))


def _short(value: float) -> float:
    """A float32 with the digits that it was written with."""
    short = float(f"{value:.7g}")
    return int(short) if short.is_integer() else short
