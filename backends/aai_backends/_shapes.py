"""Shapes that a file leaves open, closed by the shape that the configuration makes; and shapes for people."""

from __future__ import annotations

from typing import Sequence

_TO_LAST = (0, 2, 3, 1)
_TO_FIRST = (0, 3, 1, 2)
_CHANNELS = (1, 3, 4)


def closed(shape: tuple[int | None, ...], made: Sequence[int]) -> tuple[int | None, ...]:
    """`shape` with its open axes as in `made`, all but the first, which is the batch.

    Where `made` has the channels at another place than `shape`, they are moved; where it does not fit at all, `shape`
    comes back as it is.

    Args:
        shape: of the network's input; None for an open axis.
        made: (1, C, H, W) or (1, H, W, C), or empty.
    """
    if len(shape) != len(made):
        return shape
    orders: list[Sequence[int]] = [range(len(made))]
    if len(made) == 4:
        orders += [_TO_LAST, _TO_FIRST]
    for order in orders:
        wanted = [made[axis] for axis in order]
        if all(there in (None, ours) for there, ours in zip(shape[1:], wanted[1:])):
            return (shape[0], *wanted[1:])
    return shape


def channels_last(made: Sequence[int]) -> tuple[int, ...]:
    """(1, H, W, C) of what is (1, C, H, W) or that already, by which axis has the length of colours; else `made`."""
    if len(made) == 4 and made[1] in _CHANNELS and made[3] not in _CHANNELS:
        return tuple(made[axis] for axis in _TO_LAST)
    return tuple(made)


def fits(shape: tuple[int | None, ...], given: Sequence[int]) -> bool:
    """Whether an array of the shape `given` can be an input of `shape`."""
    return len(shape) == len(given) and all(there in (None, ours) for there, ours in zip(shape, given))


def shape_text(shape: Sequence[int | None]) -> str:
    """1x3x?x?: a shape for people."""
    return "x".join("?" if length is None else str(length) for length in shape)
