"""A Caffe network as its prototxt describes it: inputs, layers, and what is left over at its end.

Source: Caffe's `caffe.proto` (NetParameter, LayerParameter, V1LayerParameter, InputParameter).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Sequence

from aai.core.inspect.caffe_layers import MAX_AXES, MAX_AXIS, Layer, Shape, output_shape
from aai.core.inspect.text_format import Message

MAX_LAYERS = 20_000
_V1_KINDS = {
    "RELU": "ReLU",
    "LRN": "LRN",
    "TANH": "TanH",
    "BNLL": "BNLL",
    "MVN": "MVN",
    "HDF5_DATA": "HDF5Data",
    "ARGMAX": "ArgMax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
}
_FEEDS = frozenset(("Data", "ImageData", "HDF5Data", "WindowData", "AnnotatedData", "MemoryData", "DummyData"))
"""Layers that read images from disk or memory: a network for training starts with one."""
_NO_OUTPUT = frozenset(("Silence", "Accuracy", "SoftmaxWithLoss", "MultiBoxLoss", "DetectionEvaluate"))


@dataclass
class CaffeNet:
    """A network.

    Args:
        name: as the prototxt has it, "" when it has none.
        inputs: name and shape of each.
        layers: those of the test phase, in order.
        shapes: of every blob, by name, as far as they could be worked out.
        outputs: what no layer takes: the layer's name, which OpenCV calls the output by, and the blob's.
    """

    name: str = ""
    inputs: list[tuple[str, Shape]] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    outputs: list[tuple[str, str]] = field(default_factory=list)

    def feed(self) -> Message:
        """The `transform_param` of the layer that reads the images, or of the input; empty when there is none."""
        for layer in self.layers:
            if "transform_param" in layer.message:
                return layer.message.message("transform_param")
        return Message()


def read_net(message: Message) -> CaffeNet:
    """The network in a prototxt. A file with more than `MAX_LAYERS` layers is read up to there."""
    net = CaffeNet(message.text("name"))
    net.inputs = _declared_inputs(message)
    for raw in (message.messages("layer") or message.messages("layers"))[:MAX_LAYERS]:
        if not _for_training(raw):
            net.layers.append(_layer(raw))
    for layer in net.layers:
        net.inputs.extend(_layer_inputs(layer))
    _run_through(net)
    return net


def _layer(raw: Message) -> Layer:
    kind = raw.text("type")
    if kind and kind == kind.upper():
        kind = _V1_KINDS.get(kind) or "".join(word.capitalize() for word in kind.split("_"))
    return Layer(raw.text("name"), kind, tuple(raw.texts("bottom")), tuple(raw.texts("top")), raw)


def _for_training(raw: Message) -> bool:
    """Whether a layer has its place in the training phase alone."""
    included = [rule.text("phase") for rule in raw.messages("include")]
    excluded = [rule.text("phase") for rule in raw.messages("exclude")]
    return (bool(included) and all(phase == "TRAIN" for phase in included)) or "TEST" in excluded


def _declared_inputs(message: Message) -> list[tuple[str, Shape]]:
    """Inputs that stand above the layers: `input` with `input_shape`, or with four `input_dim` each."""
    names = message.texts("input")
    shapes = [_closed(shape.integers("dim")) for shape in message.messages("input_shape")]
    axes = message.integers("input_dim")
    shapes = shapes or [_closed(axes[at : at + 4]) for at in range(0, len(axes) - 3, 4)]
    return [(name, shapes[index] if index < len(shapes) else None) for index, name in enumerate(names)]


def _layer_inputs(layer: Layer) -> list[tuple[str, Shape]]:
    """Inputs that are layers: Input with its shapes, or one that reads images, with what it says of their size."""
    if layer.kind == "Input":
        shapes = [_closed(shape.integers("dim")) for shape in layer.parameters("input_param").messages("shape")]
        return [(top, shapes[min(at, len(shapes) - 1)] if shapes else None) for at, top in enumerate(layer.tops)]
    if layer.kind not in _FEEDS or not layer.tops:
        return []
    memory = layer.parameters("memory_data_param")
    crop = layer.parameters("transform_param").integer("crop_size") or None
    sides = memory.integer("height", crop or 0) or None, memory.integer("width", crop or 0) or None
    return [(layer.tops[0], (1, memory.integer("channels", 3), *sides))]


def _closed(axes: Sequence[int]) -> Shape:
    """A declared shape, its batch taken as 1. A height and width of 1 stand for "set when it runs" (OpenPose)."""
    if not axes or len(axes) > MAX_AXES:
        return None
    shape: list[int | None] = [axis if 0 < axis <= MAX_AXIS else None for axis in axes]
    if len(shape) == 4:
        shape[0] = 1
        if shape[2] == shape[3] == 1:
            shape[2] = shape[3] = None
    return tuple(shape)


def _run_through(net: CaffeNet) -> None:
    """Works out the shapes, and which blobs are left over at the end."""
    net.shapes = dict(net.inputs)
    left: dict[str, str] = {}
    for layer in net.layers:
        if layer.kind in _FEEDS or layer.kind == "Input":
            continue
        for bottom in layer.bottoms:
            left.pop(bottom, None)
        shapes = [net.shapes.get(bottom) for bottom in layer.bottoms]
        for index, top in enumerate(layer.tops):
            net.shapes[top] = output_shape(layer, shapes, index)
            if layer.kind not in _NO_OUTPUT:
                left[top] = layer.name
    net.outputs = [(name, blob) for blob, name in left.items()]
