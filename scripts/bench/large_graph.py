"""Makes the large network that `inference` is measured on: 640x640, YOLOv8's output layout, about 100 ms on one thread.

Its weights are random, with the class scores held down so that few anchors are candidates, as in a trained network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 640
CLASSES = 80
STRIDES = (8, 16, 32)
WIDTHS = {2: 32, 4: 64, 8: 128, 16: 256, 32: 256}
"""Stride of a stage -> its channels."""
SCORE_BIAS = -3.3
"""Leaves some hundred of the 8,400 anchors over 0.3."""
REPEATS = 2
"""Convolutions of 3x3 in each stage, after the one that halves the picture."""


class _Maker:
    def __init__(self) -> None:
        self.random = np.random.default_rng(8)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def convolution(self, value: str, channels: int, filters: int, size: int, stride: int, bias: float = 0.0) -> str:
        spread = np.sqrt(2 / (channels * size * size))
        kernel = self.random.normal(0, spread, (filters, channels, size, size)).astype(np.float32)
        biases = self.constant(np.full(filters, bias, np.float32))
        pads = [size // 2] * 4
        return self.node("Conv", [value, self.constant(kernel), biases], pads=pads, strides=[stride, stride])


def make(path: Path) -> None:
    """Writes the network to `path`: "images" (1, 3, 640, 640) to "output0" (1, 84, 8400)."""
    maker = _Maker()
    value, channels, heads = "images", 3, []
    for stride, filters in WIDTHS.items():
        value = maker.node("Relu", [maker.convolution(value, channels, filters, 3, 2)])
        for _ in range(REPEATS):
            value = maker.node("Relu", [maker.convolution(value, filters, filters, 3, 1)])
        channels = filters
        if stride in STRIDES:
            heads.append(_head(maker, value, channels, stride))
    joined = maker.node("Concat", heads, axis=2)
    maker.nodes[-1].output[0] = "output0"
    assert joined
    rows = sum((SIDE // stride) ** 2 for stride in STRIDES)
    graph = helper.make_graph(
        maker.nodes,
        "large",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + CLASSES, rows])],
        maker.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))


def _head(maker: _Maker, value: str, channels: int, stride: int) -> str:
    """(1, 84, cells): boxes in pixels around their cells, and the probability of each class."""
    side = SIDE // stride
    boxes = maker.node("Sigmoid", [maker.convolution(value, channels, 4, 1, 1)])
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) * stride
    offsets = np.stack([x, y, np.full_like(x, stride), np.full_like(x, stride)])[None]
    placed = maker.node("Mul", [boxes, maker.constant(np.full((1, 4, 1, 1), 4.0 * stride, np.float32))])
    placed = maker.node("Add", [placed, maker.constant(offsets)])
    scores = maker.node("Sigmoid", [maker.convolution(value, channels, CLASSES, 1, 1, SCORE_BIAS)])
    both = maker.node("Concat", [placed, scores], axis=1)
    return maker.node("Reshape", [both, maker.constant(np.array([1, 4 + CLASSES, side * side], np.int64))])
