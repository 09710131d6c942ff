"""What goes into a detection decoder and what comes out of it, and the checks that all layouts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence

import numpy as np

from aai.errors import AaiError

if TYPE_CHECKING:
    from aai.vision.image import Array


class Request(NamedTuple):
    """What a decoder needs besides the outputs.

    Args:
        size: (width, height) of the network's input, in pixels.
        confidence: the least score, in 0..1.
        settings: the layout's own settings, from `aai.decoder`.
    """

    size: tuple[int, int]
    confidence: float
    settings: Mapping[str, Any] = {}


class Candidates(NamedTuple):
    """Boxes before suppression.

    Args:
        boxes_xyxy: (N, 4) float32, in pixels of the network's input; may reach beyond it.
        scores: (N,) float32, at least the confidence asked for and over 0.
        class_ids: (N,) int64, as the network counts its classes.
        classes: number of classes of the network, None when the outputs do not tell.
        first_class: the lowest class id that stands for an object: 1 where the network keeps 0 for the background.
        suppressed: True when the network has done its own suppression.
    """

    boxes_xyxy: Array
    scores: Array
    class_ids: Array
    classes: int | None = None
    first_class: int = 0
    suppressed: bool = False


def at_least(scores: Array, confidence: float) -> Array:
    """Indices of the scores that are at least `confidence` and over 0; never of one that is not a number."""
    enough = scores >= np.float32(confidence) if confidence > 0 else scores > 0
    indices: Array = enough.nonzero()[0]
    return indices


def in_pixels(boxes_xyxy: Array, request: Request) -> Array:
    """The boxes in pixels of the network's input: multiplied, in place, where the settings say `normalised`."""
    if request.settings.get("normalised", False):
        boxes_xyxy *= np.array(request.size * 2, np.float32)
    return boxes_xyxy


def class_numbers(classes: Array) -> Array:
    """(N,) int64 class ids of a column of floats, as networks list them; -1 for what is no number."""
    finite = np.nan_to_num(classes.astype(np.float64), nan=-1, posinf=-1, neginf=-1)
    numbers: Array = np.clip(np.rint(finite), -1, 1 << 31).astype(np.int64)
    return numbers


def single(outputs: Mapping[str, Array], layout: str, least_columns: int, transposed: bool = False) -> Array:
    """The only output, as (N, columns); or, `transposed`, as (columns, N).

    Raises:
        AaiError: more than one output, a batch, or too few columns for `layout`.
    """
    if len(outputs) == 1:
        (output,) = outputs.values()
        shape = output.shape
        if (len(shape) == 2 or (len(shape) == 3 and shape[0] == 1)) and shape[
            -2 if transposed else -1
        ] >= least_columns:
            table: Array = output if len(shape) == 2 else output[0]
            return table
    raise misfit(outputs, layout)


def misfit(outputs: Mapping[str, Array], layout: str) -> AaiError:
    """The error for outputs that `layout` can't have."""
    found = ", ".join(f"{name or 'output'} {_shape(array.shape)}" for name, array in outputs.items())
    return AaiError(
        f"the outputs of the network do not have the layout {layout}: {found}",
        "alwaysai.model.json, aai.decoder and model_parameters.output_layer_names",
        "let the weights be read again: aai model configure",
    )


def _shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join(str(length) for length in shape) + "]"
