"""Segmentation heads: one map of class numbers from scores, from one channel, or from class numbers themselves.

`values` in the settings says what the output holds: "scores" of each class, a "probability" or a "logit" of the one
class that is not background, or "ids", class numbers. `axis` is where the classes are: 1 for [1, C, h, w], 3 for
[1, h, w, C]. Both are told from shape and values where the settings leave them open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

import numpy as np

from aai.vision.decode.candidates import misfit
from aai.vision.decode.settings import choice, no_decoder, wrong_setting

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.decode.candidates import Request
    from aai.vision.image import Array

VALUES = ("scores", "probability", "logit", "ids")
_ROWS = 32
"""Rows that are compared at a time: the running maximum of a strip stays in the processor's cache."""


class ClassMap(NamedTuple):
    """The class of each cell of the network's output.

    Args:
        class_ids: (h, w) uint8, or uint16 where the ids do not fit; over the whole of the network's input.
        classes: number of classes of the network, None when the output does not tell.
    """

    class_ids: Array
    classes: int | None


def decode(outputs: Mapping[str, Array], request: Request) -> ClassMap:
    """The class with the highest score, of equal ones the first, for each cell.

    Raises:
        AaiError: the first output is no map.
        UsageError: the settings are not those of this layout.
    """
    for output in outputs.values():
        kind, axis = _settings(request.settings)
        shape = output.shape
        if output.size and len(shape) in (2, 3, 4) and (len(shape) == 2 or shape[0] == 1):
            if len(shape) == 4:
                axis = axis or _class_axis(shape, request.size)
                scores = output[0] if axis == 1 else np.moveaxis(output[0], 2, 0)
            else:
                scores = output.reshape(1, *shape[-2:])
            return _of_scores(scores) if len(scores) > 1 else _of_one(scores[0], kind)
        break
    raise misfit(outputs, "segmentation")


def segmentation_settings(config: ModelConfig) -> Mapping[str, Any]:
    """The settings of a segmentation model's layout, checked.

    Raises:
        UsageError: the configuration names another layout, or a setting that this one does not have.
    """
    name = config.decoder.get("name", "segmentation")
    if name != "segmentation":
        raise no_decoder(config, "segmentation", ("segmentation",))
    _settings(config.decoder)
    return config.decoder


def _settings(settings: Mapping[str, Any]) -> tuple[str, int]:
    """`values` and `axis`; "" and 0 where they are left open."""
    axis = settings.get("axis") or 0
    if axis not in (0, 1, 3):
        raise wrong_setting("axis", axis, "1 or 3")
    return choice(settings, "values", ("", *VALUES)), int(axis)


def _class_axis(shape: tuple[int, ...], size: tuple[int, int]) -> int:
    """The axis of the classes of [1, a, b, c]: that of length 1, or that which leaves a map of the input's shape."""
    if (shape[1] == 1) != (shape[3] == 1):
        return 1 if shape[1] == 1 else 3
    width, height = size
    first = abs(shape[2] * width - shape[3] * height) * shape[1]
    last = abs(shape[1] * width - shape[2] * height) * shape[3]
    return (1 if shape[1] <= shape[3] else 3) if first == last else (1 if first < last else 3)


def _of_scores(scores: Array) -> ClassMap:
    """The best class of (C, h, w) scores; a score that is no number never wins."""
    count = len(scores)
    kind = np.uint8 if count <= np.iinfo(np.uint8).max else np.uint16
    if count > np.iinfo(kind).max:
        raise misfit({"output": scores}, "segmentation")
    best = np.empty(scores.shape[1:], kind)
    for top in range(0, scores.shape[1], _ROWS):
        strip = slice(top, top + _ROWS)
        _running_argmax(np.ascontiguousarray(scores[:, strip]), best[strip])
    return ClassMap(best, count)


def _running_argmax(scores: Array, best: Array) -> None:
    """Writes the class of the highest score into `best`: seven times as fast as `argmax` along the first axis."""
    highest = np.fmax(scores[0], -np.inf)
    best[...] = 0
    for class_id in range(1, len(scores)):
        higher = scores[class_id] > highest
        np.fmax(highest, scores[class_id], out=highest)
        # Class ids rise, so that a later winner is the greater number.
        np.maximum(best, np.multiply(higher, class_id, dtype=best.dtype), out=best)


def _of_one(values: Array, kind: str) -> ClassMap:
    """Class 1 where one channel says so, or the ids that it holds."""
    kind = kind or _kind_of(values)
    if kind == "ids":
        return ClassMap(_ids(values), None)
    if kind == "scores":
        return ClassMap(np.zeros(values.shape, np.uint8), 1)
    return ClassMap((values > (0.0 if kind == "logit" else 0.5)).astype(np.uint8), 2)


def _kind_of(values: Array) -> str:
    if values.dtype.kind in "iub":
        return "ids"
    numbers = values[~np.isnan(values)]
    low, high = float(numbers.min(initial=0)), float(numbers.max(initial=0))
    if low >= 0 and high > 1 and np.array_equal(values, np.rint(values)):
        return "ids"
    return "probability" if low >= 0 and high <= 1 else "logit"


def _ids(values: Array) -> Array:
    """Class numbers as uint8 or uint16; what is no such number is class 0."""
    if values.dtype == np.uint8:
        own: Array = values.copy()
        return own
    whole = np.rint(values) if values.dtype.kind == "f" else values
    kind = np.uint8 if whole.max() < np.iinfo(np.uint8).max else np.uint16
    ids: Array = np.where((whole >= 0) & (whole < np.iinfo(kind).max), whole, 0).astype(kind)
    return ids
