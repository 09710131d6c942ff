"""TensorRT in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from aai_backends._cudart import open_cuda
from aai_backends._tensor_rt_session import Session, what_runs

if TYPE_CHECKING:
    from pathlib import Path

    Array = np.ndarray[Any, Any]


class LocalEngine:
    """An engine in this process.

    Args:
        path: the engine file.
        offset: where in it the plan starts.
        plugins: shared libraries with further layers.

    Raises:
        Refusal: what TensorRT does not take.
    """

    def __init__(self, path: Path, offset: int, plugins: Sequence[str]) -> None:
        # CUDA first; see `open_cuda`.
        cuda = open_cuda()
        import tensorrt

        with path.open("rb") as file:
            file.seek(offset)
            self._session = Session(tensorrt, cuda, file.read(), plugins)
        self.about = what_runs(tensorrt, cuda)
        self.inputs, self.outputs = self._session.inputs, self._session.outputs
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._out: dict[str, Array] = {}

    def infer(self, tensors: Mapping[str, Array], wanted: Sequence[str]) -> dict[str, Array]:
        """The outputs called `wanted`; overwritten by the next call."""
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != self._shapes:
            self._shapes = {}
            found = self._session.prepare(shapes)
            self._out = {t.name: np.empty(found[t.name], t.dtype) for t in self.outputs if t.name in wanted}
            self._shapes = shapes
        self._session.run(dict(tensors), self._out)
        return dict(self._out)

    def close(self) -> None:
        """Frees the engine and its buffers. Calling it twice is fine."""
        self._session.close()
