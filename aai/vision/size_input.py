"""Networks with a second input for the size of the picture, to which they scale their boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

if TYPE_CHECKING:
    from aai.ports import Backend, TensorSpec
    from aai.vision.image import Array

_NAME = "orig_target_sizes"
"""As RT-DETR and D-FINE export it: [N, 2] width and height (lyuwenyu/RT-DETR, tools/export_onnx.py)."""


class SizeGiven:
    """A back end that is given the size of its own input with each image, so that the boxes are in pixels of it.

    Args:
        backend: the loaded network.
        image: the input that takes the image.
        size: the input for the size.
    """

    def __init__(self, backend: Backend, image: TensorSpec, size: TensorSpec) -> None:
        self._backend, self._size = backend, size
        self.capabilities, self.engine, self.accelerator = backend.capabilities, backend.engine, backend.accelerator
        self.accelerator_reason = getattr(backend, "accelerator_reason", "")
        self.inputs: tuple[TensorSpec, ...] = (image,)
        self.outputs = backend.outputs

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """See `aai.ports.Backend.infer`; `tensors` has the image alone."""
        (image,) = tensors.values()
        height, width = image.shape[2:4] if image.shape[1] in (1, 3) else image.shape[1:3]
        sizes = np.array([[width, height]] * len(image), self._size.dtype or np.int64)
        return self._backend.infer({**tensors, self._size.name: sizes})

    def close(self) -> None:
        """See `aai.ports.Backend.close`."""
        self._backend.close()


def with_size_given(backend: Backend) -> Backend:
    """`backend`, or one with a single input if the other one of the two wants to know the size of the picture."""
    image = [spec for spec in backend.inputs if len(spec.shape) == 4]
    size = [spec for spec in backend.inputs if spec.name == _NAME]
    return SizeGiven(backend, image[0], size[0]) if len(image) == len(size) == 1 == len(backend.inputs) - 1 else backend
