"""The numbers of a Darknet weights file, taken layer by layer in the order in which the file holds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from aai.errors import BadWeights
from aai.storage import translated

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]


class WeightReader:
    """Reads float32 values one after the other; nothing is copied until it is taken.

    Source: Darknet, `parser.c`, load_weights_upto: int32 major, minor, revision, then the images seen as 64 bits from
    version 0.2 on and as 32 bits before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with translated(path):
            data = np.fromfile(path, np.uint8) if path.stat().st_size < 8 else np.memmap(path, np.uint8, "r")
        if len(data) < 16:
            raise BadWeights("the weights are cut off in their header", str(path), "copy or download them again")
        major, minor = np.frombuffer(bytes(data[:8]), "<i4")
        start = 20 if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else 16
        count = (len(data) - start) // 4
        self._values = data[start : start + 4 * count].view("<f4")
        self._position = 0

    def take(self, *shape: int) -> Array:
        """The next values as a float32 array of `shape`.

        Raises:
            BadWeights: the file ends before.
        """
        count = int(np.prod(shape))
        end = self._position + count
        if end > len(self._values):
            raise BadWeights(
                f"the weights end after {len(self._values):,} values, and the cfg describes more",
                str(self._path),
                "bring the weights and the cfg that belong together",
            )
        values = np.array(self._values[self._position : end], np.float32).reshape(shape)
        self._position = end
        return values

    def batch_norm(self, filters: int) -> tuple[Array, Array, Array]:
        """Scales, means and variances of a batch normalisation, (filters,) each."""
        return self.take(filters), self.take(filters), self.take(filters)


def folded(kernel: Array, bias: Array, norm: Sequence[Array]) -> tuple[Array, Array]:
    """Kernel and bias of a layer with its batch normalisation worked in.

    y = scale * (x - mean) / sqrt(variance + 1e-6) + bias, as OpenCV has it (dnn/src/darknet/darknet_io.cpp); Darknet's
    forks put the 1e-6 inside or outside of the root, which differs by less than float32 shows for trained networks.

    Args:
        kernel: (filters, ...) float32.
        bias: (filters,) of the normalisation.
        norm: scales, means, variances, (filters,) each.
    """
    scales, means, variances = (values.astype(np.float64) for values in norm)
    gain = scales / np.sqrt(variances + 1e-6)
    shape = (-1,) + (1,) * (kernel.ndim - 1)
    return (kernel * gain.reshape(shape)).astype(np.float32), (bias - means * gain).astype(np.float32)
