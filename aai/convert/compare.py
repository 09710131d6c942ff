"""Two back ends with the same network: how far apart their answers are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aai.ports import Backend, TensorSpec

_SEED = 1


@dataclass(frozen=True)
class Difference:
    """How far the outputs of two networks are apart on the same input.

    Args:
        largest: of any value, absolute; infinite where one has values that are no numbers, or other shapes.
        share: `largest` over the range of the output that it is in.
    """

    largest: float
    share: float

    def as_dict(self) -> dict[str, float | None]:
        """The difference as `--json` prints it; null for an infinite one."""
        return {name: value if math.isfinite(value) else None for name, value in vars(self).items()}


def difference(first: Backend, second: Backend, shape: tuple[int, ...]) -> Difference:
    """How far `second` is from `first`, on one input of random values in 0..1 (whole numbers: 0..255).

    Args:
        first: the original; its outputs are looked for in `second` by name.
        second: what was made of it.
        shape: of an input that leaves axes open.

    Raises:
        AaiError: one of them does not run.
    """
    spec = first.inputs[0]
    tensor = _tensor(spec, shape)
    expected = {name: array.copy() for name, array in first.infer({spec.name: tensor}).items()}
    found = second.infer({second.inputs[0].name: tensor.astype(second.inputs[0].dtype or tensor.dtype)})
    worst = Difference(0.0, 0.0)
    for name, array in expected.items():
        if name not in found or found[name].shape != array.shape or not np.isfinite(found[name]).all():
            return Difference(math.inf, math.inf)
        largest = float(np.abs(found[name].astype(np.float64) - array.astype(np.float64)).max(initial=0))
        extent = float(array.max(initial=-math.inf) - array.min(initial=math.inf)) if array.size else 0.0
        share = largest / extent if extent > 0 else (math.inf if largest else 0.0)
        worst = max(worst, Difference(largest, share), key=lambda d: d.share)
    return worst


def _tensor(spec: TensorSpec, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    given = shape if len(shape) == len(spec.shape) else ()
    full = [axis if axis is not None else (given[number] if given else 1) for number, axis in enumerate(spec.shape)]
    random = np.random.default_rng(_SEED)
    dtype = np.dtype(spec.dtype or "float32")
    if np.issubdtype(dtype, np.integer):
        return random.integers(0, 128, full).astype(dtype)
    return random.random(full).astype(dtype)
