"""A frozen TensorFlow graph, written field by field (TensorFlow: graph.proto, node_def.proto, tensor.proto)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np
from backend_conformance import Sample

from aai.ports import ModelFiles
from tests.model_maker import number, part, varint

_FLOAT = 1


def frozen_graph(folder: Path, axes: Sequence[int | None] = (1, 4, 5, 3)) -> ModelFiles:
    """A graph with two ends, (N, H, W, 3) each.

    `kept` is the input without what is below 0, `turned` its channels times -1, -2 and -3: a copy of what the
    convolution `kernel_product` makes.
    """
    kernel = np.diag([-1.0, -2.0, -3.0]).astype("<f4").reshape(1, 1, 3, 3)
    nodes = [
        _node("image", "Placeholder", (), dtype=_type(), shape=part(7, _shape(axes))),
        _node("kernel", "Const", (), dtype=_type(), value=part(8, _tensor(kernel))),
        _node("kept", "Relu", ("image",), T=_type()),
        _node(
            "kernel_product",
            "Conv2D",
            ("image", "kernel"),
            T=_type(),
            strides=part(1, part(3, b"\x01\x01\x01\x01")),
            padding=part(2, "SAME"),
            data_format=part(2, "NHWC"),
        ),
        _node("turned", "Identity", ("kernel_product",), T=_type()),
    ]
    path = folder / "net.pb"
    path.write_bytes(b"".join(part(1, node) for node in nodes) + part(4, number(1, 1000)))
    return ModelFiles(path)


def frozen_sample(backend: Any, folder: Path) -> Sample:
    """The graph with an answer that is worked out by hand."""
    tensor = np.random.default_rng(5).normal(size=(1, 4, 5, 3)).astype(np.float32)
    outputs = {"kept": np.maximum(tensor, 0), "turned": tensor * np.array([-1, -2, -3], np.float32)}
    return Sample(backend, frozen_graph(folder), tensor, outputs)


def _node(name: str, operator: str, inputs: Sequence[str], **attributes: bytes) -> bytes:
    content = part(1, name) + part(2, operator) + b"".join(part(3, each) for each in inputs)
    return content + b"".join(part(5, part(1, key) + part(2, value)) for key, value in attributes.items())


def _type() -> bytes:
    return number(6, _FLOAT)


def _shape(axes: Sequence[int | None]) -> bytes:
    return b"".join(part(2, b"\x08" + varint((1 << 64) - 1 if axis is None else axis)) for axis in axes)


def _tensor(values: np.ndarray) -> bytes:
    return number(1, _FLOAT) + part(2, _shape(values.shape)) + part(4, values.tobytes())
