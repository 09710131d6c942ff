"""How a network's graph starts and ends: whether the pre-processing, or the softmax, is part of it already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aai.core.inspect.onnx_file import OnnxFile
from aai.core.inspect.recipes import Recipe

_PASSES_ON = (
    "Cast",
    "Transpose",
    "Reshape",
    "Identity",
    "Squeeze",
    "Unsqueeze",
    "Slice",
    "Concat",
    "QuantizeLinear",
    "DequantizeLinear",
    "Resize",
    "Pad",
    "Split",
    "Gather",
)
_ARITHMETIC = ("Sub", "Add", "Mul", "Div", "BatchNormalization")
_END_PASSES_ON = ("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "DequantizeLinear", "Transpose")
_LOOK_AHEAD = 100
_LOOK_BACK = 16
_TAIL = 40


@dataclass(frozen=True)
class GraphHints:
    """What the first and the last nodes say.

    Args:
        start: operators from the image to the first layer that learns, in order.
        normalises: True when there is arithmetic with constants of the size of pixel values (0 to 255) among them.
        end: the operator that the first output comes from, reshapes and casts left out; "" when it was not found.
        from_tensorflow: the exporter is one for TensorFlow: its networks usually take -1..1, RGB.
        tail: the operators of the last nodes, each once, sorted.
        recipe: the pre-processing that the file or its format tells; see `recipes.Circumstances.told`.
    """

    start: tuple[str, ...] = ()
    normalises: bool = False
    end: str = ""
    from_tensorflow: bool = False
    recipe: Recipe | None = None
    tail: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `aai model inspect`."""
        facts: dict[str, Any] = {"graph_start": list(self.start)}
        if self.normalises:
            facts["normalisation"] = f"inside the graph ({', '.join(self.start)}): it takes pixel values as they are"
        if self.end:
            facts["graph_end"] = self.end
        return facts


def read_hints(file: OnnxFile, image: str) -> GraphHints:
    """The hints of an ONNX file.

    Args:
        file: the file.
        image: name of the input that takes the image.

    Raises:
        Malformed: a node is damaged.
    """
    start, normalises = _start(file, image)
    from_tensorflow = file.producer.lower().startswith(("tf2onnx", "keras"))
    last = range(max(0, len(file.nodes) - _TAIL), len(file.nodes))
    tail = tuple(sorted({file.node(index).operator for index in last}))
    return GraphHints(start, normalises, _end(file), from_tensorflow, tail=tail)


def _start(file: OnnxFile, image: str) -> tuple[tuple[str, ...], bool]:
    image_like = {image}
    constants = {}
    operators = []
    pixel_sized = False
    for index in range(min(_LOOK_AHEAD, len(file.nodes))):
        node = file.node(index)
        if node.constant is not None:
            constants.update({name: node.constant for name in node.outputs})
        if not image_like.intersection(node.inputs):
            continue
        operators.append(node.operator)
        if node.operator in _ARITHMETIC:
            others = [name for name in node.inputs if name not in image_like]
            tensors = [constants.get(name) or file.tensors.get(name) for name in others]
            values = [tensor.first_value(file.data) for tensor in tensors if tensor is not None]
            pixel_sized = pixel_sized or any(for_pixels(node.operator, value) for value in values if value is not None)
        elif node.operator not in _PASSES_ON:
            break
        image_like.update(node.outputs)
    return tuple(operators), pixel_sized


def for_pixels(operator: str, value: float) -> bool:
    """Whether a constant makes sense only for values from 0 to 255: times 1/255, divided by 127.5, less 104."""
    if operator == "Mul":
        return 0 < abs(value) < 0.05
    return operator in ("Sub", "Add", "Div") and 16 <= abs(value) <= 256


def _end(file: OnnxFile) -> str:
    wanted = file.outputs[0].name
    for index in range(len(file.nodes) - 1, max(-1, len(file.nodes) - 1 - _LOOK_BACK), -1):
        node = file.node(index)
        if wanted not in node.outputs:
            continue
        if node.operator not in _END_PASSES_ON or not node.inputs:
            return node.operator
        wanted = node.inputs[0]
    return ""
