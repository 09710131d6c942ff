"""Networks that are to be told the size of the picture."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np
import pytest

from aai.ports import Capabilities, TensorSpec
from aai.vision.size_input import with_size_given


class Recorder:
    """A back end that answers with what it was given."""

    capabilities = Capabilities(("TEST",), ("CPU",))
    engine, accelerator = "test", "CPU"
    outputs: tuple[TensorSpec, ...] = ()

    def __init__(self, inputs: Sequence[TensorSpec]) -> None:
        self.inputs = tuple(inputs)
        self.closed = False

    def infer(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        return dict(tensors)

    def close(self) -> None:
        self.closed = True


IMAGE = TensorSpec("images", (None, 3, 48, 64), "float32")
SIZES = TensorSpec("orig_target_sizes", (None, 2), "int64")


@pytest.mark.parametrize("shape", [(1, 3, 48, 64), (1, 48, 64, 3), (2, 3, 48, 64)])
def test_the_network_is_told_the_size_of_its_own_input(shape: tuple[int, ...]) -> None:
    inner = Recorder([IMAGE, SIZES])
    backend = with_size_given(inner)
    assert backend.inputs == (IMAGE,)
    given = backend.infer({"images": np.zeros(shape, np.float32)})
    assert given["orig_target_sizes"].tolist() == [[64, 48]] * shape[0]
    assert given["orig_target_sizes"].dtype == np.int64
    backend.close()
    assert inner.closed


@pytest.mark.parametrize(
    "inputs",
    [[IMAGE], [IMAGE, TensorSpec("im_shape", (1, 2), "float32")], [IMAGE, SIZES, TensorSpec("scale", (1,), "")], []],
)
def test_every_other_network_stays_as_it_is(inputs: Sequence[TensorSpec]) -> None:
    backend = Recorder(inputs)
    assert with_size_given(backend) is backend
