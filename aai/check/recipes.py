"""The pre-processings that networks are usually trained with: what a search tries beside the configured one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Sequence

from aai.core.inspect.recipes import IMAGENET_MEAN, IMAGENET_STD, PER_255

if TYPE_CHECKING:
    from aai.core.model_config import InputRecipe, ModelConfig

PIXELS, UNIT, SIGNED, IMAGENET, CAFFE = "0 to 255", "0 to 1", "-1 to 1", "ImageNet mean and std", "Caffe means"
INVERTED = "1 to 0"
_CAFFE_RGB = (123.0, 117.0, 104.0)
_SAME = 1e-4
DEFAULT = "as configured"


@dataclass(frozen=True)
class Candidate:
    """One pre-processing to be tried.

    Args:
        name: for people: "0 to 1, RGB, letterbox center".
        recipe: the pre-processing itself.
        configured: whether it is what the configuration has.
    """

    name: str
    recipe: InputRecipe
    configured: bool = False


def colour_candidates(configured: InputRecipe, told: InputRecipe | None = None) -> list[Candidate]:
    """The configured recipe first, then every usual normalisation in both channel orders, resized in the same way.

    A network that takes whole numbers gets pixel values, or what its quantisation says: there only the order is open.

    Args:
        configured: what the model has now.
        told: what its files tell, which comes second where it is something else.
    """
    found = [Candidate(name_of(configured), configured, True)]
    if told is not None:
        told = replace(told, resize=configured.resize, anchor=configured.anchor, pad=configured.pad)
        if not is_same(told, configured):
            found.append(Candidate(name_of(told), told))
    if configured.dtype in ("uint8", "int8", "int32"):
        values: dict[str, dict[str, Any]] = {"": {}}
    else:
        values = _normalisations(configured.channels)
    for swaprb in (True, False) if configured.channels == 3 else (False,):
        for value in values.values():
            recipe = _ordered(replace(configured, **value), swaprb)
            if not any(is_same(recipe, other.recipe) for other in found):
                found.append(Candidate(name_of(recipe), recipe))
    return found


def swapped(recipe: InputRecipe) -> InputRecipe:
    """The same recipe with red and blue exchanged, means and deviations too."""
    return replace(recipe, swaprb=not recipe.swaprb, mean=recipe.mean[::-1], std=recipe.std[::-1])


def resize_candidates(recipe: InputRecipe, crop: bool) -> list[Candidate]:
    """`recipe` first, then with the other usual ways to bring an image to the network's size.

    Args:
        recipe: where to start from.
        crop: whether to try the centre crop too: what lies outside it is not seen, so it is for classifiers only.
    """
    ways: list[dict[str, Any]] = [
        {"resize": "stretch"},
        {"resize": "letterbox", "anchor": "center", "pad": 114.0},
        {"resize": "letterbox", "anchor": "top-left", "pad": 114.0},
        {"resize": "letterbox", "anchor": "center", "pad": 0.0},
        {"resize": "letterbox", "anchor": "top-left", "pad": 0.0},
    ]
    if crop:
        ways.append({"resize": "crop"})
    found = [Candidate(name_of(recipe), recipe, True)]
    for way in ways:
        other = replace(recipe, **way)
        if not any(is_same(other, seen.recipe) for seen in found):
            found.append(Candidate(name_of(other), other))
    return found


def is_same(one: InputRecipe, other: InputRecipe) -> bool:
    """Whether two recipes make the same tensor of every image, but for rounding."""
    if _resize_key(one) != _resize_key(other) or (one.channels == 3 and one.swaprb != other.swaprb):
        return False
    pairs = [(a, b) for ours, theirs in zip(_affine(one), _affine(other)) for a, b in zip(ours, theirs)]
    return all(abs(a - b) <= _SAME * max(1.0, abs(a), abs(b)) for a, b in pairs)


def _affine(recipe: InputRecipe) -> tuple[list[float], list[float]]:
    """Value of a black and of a white pixel, for each channel."""
    means = list(recipe.mean) * 3 if len(recipe.mean) == 1 else list(recipe.mean or (0, 0, 0))
    stds = list(recipe.std) * 3 if len(recipe.std) == 1 else list(recipe.std or (1, 1, 1))
    ends = [
        [(pixel - mean) * recipe.scalefactor / std for mean, std in zip(means, stds)][: recipe.channels]
        for pixel in (0, 255)
    ]
    return ends[0], ends[1]


def _resize_key(recipe: InputRecipe) -> tuple[Any, ...]:
    if recipe.padded:
        return recipe.resize, recipe.anchor, float(recipe.pad)
    return (recipe.resize,)


def _normalisations(channels: int) -> dict[str, dict[str, Any]]:
    """Name -> mean, scale factor and std in the order R, G, B."""
    zero: tuple[float, ...] = (0.0,) * channels
    found: dict[str, dict[str, Any]] = {
        UNIT: {"mean": zero, "scalefactor": PER_255, "std": ()},
        PIXELS: {"mean": zero, "scalefactor": 1.0, "std": ()},
        SIGNED: {"mean": (127.5,) * channels, "scalefactor": 1 / 127.5, "std": ()},
    }
    if channels == 3:
        found[IMAGENET] = {"mean": IMAGENET_MEAN, "scalefactor": PER_255, "std": IMAGENET_STD}
        found[CAFFE] = {"mean": _CAFFE_RGB, "scalefactor": 1.0, "std": ()}
    else:
        # Dark digits on white paper, for a network that was trained on white on black.
        found[INVERTED] = {"mean": (255.0,), "scalefactor": -PER_255, "std": ()}
    return found


def _ordered(recipe: InputRecipe, swaprb: bool) -> InputRecipe:
    """A recipe whose numbers are in the order R, G, B, for a network that takes RGB (`swaprb`) or BGR."""
    if swaprb:
        return replace(recipe, swaprb=True)
    return replace(recipe, swaprb=False, mean=recipe.mean[::-1], std=recipe.std[::-1])


def name_of(recipe: InputRecipe) -> str:
    """A recipe in words: "0 to 1, RGB, letterbox top-left"."""
    words = [_normalisation_name(recipe)]
    if recipe.channels == 3:
        words.append("RGB" if recipe.swaprb else "BGR")
    if not recipe.padded:
        words.append({"stretch": "stretched", "crop": "centre crop"}.get(recipe.resize, recipe.resize))
    else:
        words.append(f"{recipe.resize} {recipe.anchor} on {recipe.pad:g}")
    return ", ".join(words)


def _normalisation_name(recipe: InputRecipe) -> str:
    if recipe.quantisation is not None:
        return f"{recipe.dtype} as its quantisation says"
    for name, value in _normalisations(recipe.channels).items():
        if is_same(_ordered(replace(recipe, **value), recipe.swaprb or recipe.channels == 1), recipe):
            return name
    low, high = _affine(recipe)
    return f"{_numbers(low)} to {_numbers(high)}"


def _numbers(values: Sequence[float]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:.4g}"
    return "/".join(f"{value:.4g}" for value in values)


def as_dict(recipe: InputRecipe) -> dict[str, Any]:
    """A recipe as it stands in a document, in the words of the configuration."""
    found: dict[str, Any] = {
        "mean": list(recipe.mean),
        "scalefactor": recipe.scalefactor,
        "swaprb": recipe.swaprb,
        "resize": recipe.resize,
    }
    if recipe.std:
        found["std"] = list(recipe.std)
    if recipe.padded:
        found.update({"anchor": recipe.anchor, "pad": recipe.pad})
    return found


def set_recipe(config: ModelConfig, recipe: InputRecipe) -> None:
    """Puts a recipe into a configuration, as values that somebody said: a later `configure` keeps them.

    The way to resize is written even where it is the usual one: an empty section would be filled anew.
    """
    config.set("mean", [float(value) for value in recipe.mean])
    config.set("scalefactor", recipe.scalefactor)
    config.set("swaprb", recipe.swaprb)
    config.set("crop", recipe.resize == "crop")
    section = dict(config.aai)
    given = dict(section.get("input") or {})
    for name in ("resize", "anchor", "pad", "std"):
        given.pop(name, None)
    if given.get("colour") in ("rgb", "bgr"):
        given["colour"] = "rgb" if recipe.swaprb else "bgr"
    given["resize"] = recipe.resize
    if recipe.padded:
        given.update({"anchor": recipe.anchor, "pad": recipe.pad})
    if recipe.std:
        given["std"] = list(recipe.std)
    config.document["aai"] = {**section, "input": given}
