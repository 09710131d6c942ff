"""The errors for calls that do not fit the network, in the same words for every engine."""

from __future__ import annotations

from typing import Iterable, Sequence

from aai.errors import AaiError
from aai_backends._shapes import shape_text


def closed_network(where: str) -> AaiError:
    """The error for a network that was closed."""
    return AaiError("the network is closed", where, "load it again")


def wrong_inputs(given: Iterable[str], own: Iterable[str], where: str) -> AaiError:
    """The error for inputs under other names than the network's own."""
    return AaiError(f"the inputs are {sorted(given)}, where {sorted(own)} belong", where)


def no_output(missing: Sequence[str], known: Sequence[str], where: str) -> AaiError:
    """The error for outputs that were asked for and are not there."""
    return AaiError(
        f"the network has no output {', '.join(missing)}",
        f"{where}, output_layer_names",
        f"its outputs are: {', '.join(known)}",
    )


def wrong_input(name: str, dtype: str, shape: Sequence[int | None], given: object, where: str) -> AaiError:
    """The error for an array that is not what an input takes.

    Args:
        name: of the input.
        dtype: that it takes.
        shape: that it takes.
        given: the array, with `dtype` and `shape`.
        where: the model file.
    """
    its = f"{getattr(given, 'dtype', '')} {shape_text(getattr(given, 'shape', ()))}"
    return AaiError(
        f"the input {name} takes {dtype} {shape_text(shape)}, and was given {its}",
        where,
        "let the weights be read again: aai model configure",
    )
