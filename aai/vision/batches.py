"""Several frames through a network at once, whatever its batch axis allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

if TYPE_CHECKING:
    from aai.ports import Backend
    from aai.vision.image import Array

    Outputs = Mapping[str, Array]

OPEN = 0
"""What `batch_size` gives for a network that takes any number of images."""


def batch_size(backend: Backend) -> int:
    """How many images the network takes at once; OPEN for any number."""
    spec = backend.inputs[0]
    first = spec.shape[0] if len(spec.shape) == 4 else (OPEN if backend.capabilities.dynamic_batch else 1)
    return first or OPEN


def one_by_one(backend: Backend, name: str, tensor: Array) -> Outputs:
    """The outputs for one image; a network of a fixed batch gets it as often as it wants, and the first answer counts.

    Args:
        backend: the loaded network.
        name: of its input.
        tensor: (1, ...) as the input has it.
    """
    size = batch_size(backend)
    if size <= 1:
        return backend.infer({name: tensor})
    outputs = backend.infer({name: np.repeat(tensor, size, axis=0)})
    return _split(outputs, size)[0] if _has_batch(outputs, size) else outputs


def infer_batch(backend: Backend, name: str, tensors: Array, together: bool = True) -> tuple[list[Outputs], bool]:
    """The outputs for each of N images, copied, each with a first axis of 1; and whether they came together.

    One run for all where the batch axis is open and every output has it too, else as many runs as it takes: SSD's
    DetectionOutput lists the boxes of all images in one table, and is run image by image.

    Args:
        backend: the loaded network.
        name: of its input.
        tensors: (N, ...) as the input has it, without the batch axis.
        together: False where an earlier batch showed that the outputs of several images can't be told apart, so that
            no run is spent on finding it out again.
    """
    size = batch_size(backend)
    if not together or size == 1 or len(tensors) == 1:
        return _in_turn(backend, name, tensors), together
    step = size or len(tensors)
    found: list[Outputs] = []
    for start in range(0, len(tensors), step):
        part = tensors[start : start + step]
        lacking = step - len(part) if size else 0
        full = np.concatenate([part, np.repeat(part[-1:], lacking, axis=0)]) if lacking else part
        outputs = backend.infer({name: full})
        if not _has_batch(outputs, len(full)):
            return _in_turn(backend, name, tensors), False
        found.extend(_split(outputs, len(full))[: len(part)])
    return found, True


def _in_turn(backend: Backend, name: str, tensors: Array) -> list[Outputs]:
    return [_copy(one_by_one(backend, name, tensors[index : index + 1])) for index in range(len(tensors))]


def _has_batch(outputs: Outputs, count: int) -> bool:
    return all(array.ndim > 1 and array.shape[0] == count for array in outputs.values())


def _split(outputs: Outputs, count: int) -> list[Outputs]:
    return [{name: array[index : index + 1].copy() for name, array in outputs.items()} for index in range(count)]


def _copy(outputs: Outputs) -> Outputs:
    return {name: array.copy() for name, array in outputs.items()}
