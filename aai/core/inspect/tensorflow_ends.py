"""How a TensorFlow graph starts and ends: its inputs, what is done to the image first, its outputs and their shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping

from aai.core.inspect.graph import for_pixels
from aai.core.inspect.tensorflow_graph import NONE, Attribute, Graph, Node, Shape
from aai.ports import TensorSpec

_PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault")
_LEARNS = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "QuantizedConv2D", "QuantizedMatMul")
_LOOKS_AT_SIZE = ("PriorBox", "Shape")
_NO_OUTPUTS = ("Const", "NoOp", "Assert", *_PLACEHOLDERS)
_ARITHMETIC = {"Sub": "Sub", "Add": "Add", "AddV2": "Add", "Mul": "Mul", "Div": "Div", "RealDiv": "Div"}
_KEEPS_CHANNELS = (
    *("Softmax", "LogSoftmax", "Sigmoid", "Relu", "Relu6", "Identity", "BiasAdd", "Cast", "ResizeBilinear"),
    *("ResizeNearestNeighbor", "AvgPool", "MaxPool", "Mean", "Squeeze", "Reshape", "ArgMax", "ExpandDims"),
    *("FusedBatchNorm", "FusedBatchNormV3", "BatchToSpaceND", *_ARITHMETIC),
)
"""Operators at an end of a network that the search for the last layer goes through."""
_FLATTENS = ("Squeeze", "Reshape", "Mean")
_RESHAPES = ("Identity", "Reshape", "Squeeze", "ExpandDims", "Cast")
_ENDS_OF_DETECTORS: dict[str, Shape] = {
    "detection_boxes": (1, None, 4),
    "detection_classes": (1, None),
    "detection_scores": (1, None),
    "num_detections": (1,),
}
"""Outputs of the Object Detection API's networks."""
_LOOK_AHEAD = 100
_LOOK_BACK = 24
_PREDICTOR = re.compile(r"BoxPredictor_0/(Class|BoxEncoding)Predictor(?:_depthwise)?/weights")


@dataclass(frozen=True)
class Start:
    """What is done to the image first.

    Args:
        operators: from the image to the first layer that learns.
        normalises: whether there is arithmetic with constants of the size of pixel values among them.
        channels: of the image, as the first layer has it; None when that does not show.
    """

    operators: tuple[str, ...] = ()
    normalises: bool = False
    channels: int | None = None


class Ends:
    """The ends of a graph.

    Args:
        graph: the graph that is run.
        weights: the graph that holds the constants: the same, or the binary one beside a text.
    """

    def __init__(self, graph: Graph, weights: Graph) -> None:
        self._graph = graph
        self._weights = weights
        self._consumers = graph.consumers()

    def inputs(self) -> list[TensorSpec]:
        """The placeholders."""
        specs = []
        for node in self._graph.nodes.values():
            if node.operator in _PLACEHOLDERS:
                attributes = self._graph.attributes(node)
                shape = attributes.get("shape", NONE).shape or ()
                specs.append(TensorSpec(node.name, shape, attributes.get("dtype", NONE).dtype))
        return specs

    def start(self, image: str) -> Start:
        """How the graph starts behind the input `image`."""
        operators: list[str] = []
        normalises, channels = False, None
        waiting, seen = [image], {image}
        for _ in range(_LOOK_AHEAD):
            if not waiting or channels is not None:
                break
            for node in self._consumers.get(waiting.pop(0), ()):
                if node.name in seen or node.operator in _LOOKS_AT_SIZE:
                    continue
                seen.add(node.name)
                operators.append(node.operator)
                if node.operator in _LEARNS:
                    channels = channels or self._channels_in(node)
                else:
                    normalises = normalises or self._is_for_pixels(node)
                    waiting.append(node.name)
        return Start(tuple(operators), normalises, channels)

    def outputs(self) -> list[TensorSpec]:
        """What no node takes, with as much of its shape as its last layer tells; the boxes' own outputs alone."""
        found = [
            node
            for node in self._graph.nodes.values()
            if node.name not in self._consumers and node.operator not in _NO_OUTPUTS
        ]
        boxes = [node for node in found if node.name in _ENDS_OF_DETECTORS]
        return [self._output(node) for node in boxes or found]

    def end(self, output: str) -> str:
        """Operator that an output comes from, those left out that only shape it anew."""
        node = self._graph.nodes.get(output)
        for _ in range(_LOOK_BACK):
            if node is None or node.operator not in _RESHAPES or not node.inputs:
                break
            node = self._graph.nodes.get(node.inputs[0])
        return node.operator if node is not None else ""

    def box_classes(self) -> int | None:
        """Number of classes, background and all, of an SSD of the Object Detection API, from its first predictor."""
        depths = {}
        for name in self._weights.nodes:
            found = _PREDICTOR.search(name)
            shape = self._weights.constant(name).shape if found else None
            if found and shape and shape[-1]:
                depths[found.group(1)] = shape[-1]
        boxes, classes = depths.get("BoxEncoding", 0) // 4, depths.get("Class", 0)
        return classes // boxes if boxes and classes and classes % boxes == 0 else None

    def _output(self, node: Node) -> TensorSpec:
        attributes = self._graph.attributes(node)
        if node.operator == "DetectionOutput":
            kept = attributes.get("keep_top_k", NONE).numbers
            return TensorSpec(node.name, (1, 1, int(kept[0]) if kept and kept[0] > 0 else None, 7), "float32")
        if node.name in _ENDS_OF_DETECTORS:
            return TensorSpec(node.name, _ENDS_OF_DETECTORS[node.name] or (), "float32")
        return self._output_of_layers(node, attributes)

    def _output_of_layers(self, output: Node, attributes: Mapping[str, Attribute]) -> TensorSpec:
        """The shape of an output by its last layer that learns: a vector, or a map for each channel."""
        dtype = "float32"
        flat = integer = False
        sides: tuple[int | None, int | None] = (None, None)
        node: Node | None = output
        for _ in range(_LOOK_BACK):
            if node is None or node.operator in _LEARNS:
                break
            if node.operator not in _KEEPS_CHANNELS or not node.inputs:
                return TensorSpec(output.name, (), "")
            flat = flat or node.operator in _FLATTENS
            integer = integer or node.operator == "ArgMax"
            if node.operator.startswith("Resize") and sides == (None, None):
                sides = self._sides(node)
            node = self._graph.nodes.get(self._image_side(node))
        depth = self._channels_out(node) if node is not None else None
        if node is None or depth is None:
            return TensorSpec(output.name, (), "")
        if integer:
            dtype = attributes.get("output_type", NONE).dtype or "int64"
            return TensorSpec(output.name, (1,) if node.operator == "MatMul" or flat else (1, *sides), dtype)
        return TensorSpec(output.name, (1, depth) if node.operator == "MatMul" or flat else (1, *sides, depth), dtype)

    def _sides(self, node: Node) -> tuple[int | None, int | None]:
        """(height, width) that a Resize makes, when they are constants."""
        numbers = self._constant(node.inputs[1]).numbers if len(node.inputs) > 1 else ()
        return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 and min(numbers) > 0 else (None, None)

    def _image_side(self, node: Node) -> str:
        """The input of a node that is not a constant."""
        for name in node.inputs:
            if self._constant(name) is NONE:
                return name
        return node.inputs[0]

    def _channels_in(self, node: Node) -> int | None:
        shape = self._kernel(node)
        return shape[2] if shape and len(shape) == 4 and node.operator != "Conv2DBackpropInput" else None

    def _channels_out(self, node: Node) -> int | None:
        shape = self._kernel(node)
        if not shape or len(shape) not in (2, 4):
            return None
        if node.operator.endswith("MatMul"):
            turned = self._graph.attributes(node).get("transpose_b", NONE).numbers[:1] == (1,)
            return shape[0] if turned else shape[-1]
        if node.operator == "DepthwiseConv2dNative":
            return shape[2] * shape[3] if shape[2] and shape[3] else None
        return shape[2] if node.operator == "Conv2DBackpropInput" else shape[3]

    def _kernel(self, node: Node) -> Shape:
        """Shape of a layer's kernel: (height, width, in, out), or (in, out)."""
        return self._constant(node.inputs[1]).shape if len(node.inputs) > 1 else None

    def _is_for_pixels(self, node: Node) -> bool:
        operator = _ARITHMETIC.get(node.operator)
        if operator is None:
            return False
        numbers = [value for name in node.inputs for value in self._constant(name).numbers[:1]]
        return any(for_pixels(operator, value) for value in numbers)

    def _constant(self, name: str) -> Attribute:
        value = self._graph.constant(name)
        return self._weights.constant(name) if value is NONE else value
