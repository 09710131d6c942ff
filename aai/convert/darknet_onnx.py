"""A Darknet network as ONNX: the layers one by one, the heads left raw for the decoder `darknet-region`.

Source of what each layer does: Darknet in the forks of J. Redmon and A. Bochkovskiy (`*_layer.c`, `parser.c`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple

import numpy as np

from aai.convert.darknet_activations import ACTIVATIONS
from aai.convert.darknet_weights import WeightReader, folded
from aai.convert.onnx_graph import Graph
from aai.core.inspect.converted import DECODER
from aai.core.inspect.darknet import inspect_darknet
from aai.core.inspect.darknet_cfg import Section, read_cfg
from aai.core.inspect.darknet_layers import Layer, read_layers

if TYPE_CHECKING:
    from typing import Any

    Array = np.ndarray[Any, Any]

HEADS = ("yolo", "region")
_TRAINING_ONLY = ("dropout", "cost")
_REFUSED_OPTIONS = ("xnor", "binary", "antialiasing", "deform", "sway", "rotate", "stretch", "stretch_sway")
"""Options of a convolution that change what it calculates, and that no network in use on devices has."""


class _Place(NamedTuple):
    """Where the conversion stands: the layer, what comes in, and what all layers before gave."""

    layer: Layer
    section: Section
    before: Layer
    value: str
    values: list[str]
    layers: list[Layer]


def convert_darknet(cfg: Path, weights: Path) -> bytes:
    """The network in `cfg` with its `weights` as the bytes of an ONNX file.

    The input is "data", (N, C, H, W) float32. The outputs are "yolo_<layer>" or "region_<layer>",
    (N, A * (5 + classes), h, w), as they come out of the last convolution; without heads, what the last layer gives.

    Raises:
        NotFound: a file is not there.
        BadWeights: the files have errors or do not belong together, or the network has a layer that is not converted.
        BackendUnavailable: the package onnx is not installed.
    """
    told = inspect_darknet(weights, cfg).facts.get("decoder")
    sections = read_cfg(cfg)
    net = sections[0]
    width, height, channels = net.positive("width", 0), net.positive("height", 0), net.positive("channels", 3)
    layers = read_layers(sections, width, height, channels)
    _check_kinds(layers)
    graph, reader = Graph(), WeightReader(weights)
    image = Layer(net, width, height, channels)
    values: list[str] = []
    outputs: dict[str, tuple[str, tuple[int | str, ...]]] = {}
    for index, layer in enumerate(layers):
        before, value = (layers[index - 1], values[-1]) if index else (image, "data")
        place = _Place(layer, layer.section, before, value, values, layers)
        values.append(_MAKERS[layer.kind](graph, reader, place))
        if layer.kind in HEADS:
            outputs[f"{layer.kind}_{index}"] = (values[-1], ("N", layer.channels, layer.height, layer.width))
    if not outputs:
        last = layers[-1]
        shape = (
            ("N", last.channels) if last.width == last.height == 1 else ("N", last.channels, last.height, last.width)
        )
        flat = graph.node("Flatten", [values[-1]]) if len(shape) == 2 else values[-1]
        outputs[f"{last.kind}_{len(layers) - 1}"] = (flat, shape)
    metadata = {"converted_from": f"Darknet: {cfg.name}, {weights.name}"}
    if told is not None:
        metadata[DECODER] = json.dumps(told.value)
    return graph.model(("N", channels, height, width), outputs, metadata)


def _check_kinds(layers: list[Layer]) -> None:
    for layer in layers:
        if layer.kind not in _MAKERS:
            raise layer.section.wrong(f"is a layer that is not converted; converted are: {', '.join(sorted(_MAKERS))}")


def _activated(graph: Graph, section: Section, value: str, default: str) -> str:
    name = section.options.get("activation", default)
    activation = ACTIVATIONS.get(name)
    if activation is None:
        raise section.wrong(f'has the activation "{name}"; converted are: {", ".join(sorted(ACTIVATIONS))}')
    return activation(graph, value)


def _convolutional(graph: Graph, reader: WeightReader, place: _Place) -> str:
    section, before = place.section, place.before
    for option in _REFUSED_OPTIONS:
        if section.integer(option, 0):
            raise section.wrong(f"has {option}=1, which is not converted")
    if "share_index" in section.options:
        raise section.wrong("shares the weights of another layer, which is not converted")
    filters, size = section.positive("filters", 1), section.positive("size", 1)
    groups, stride = section.positive("groups", 1), section.positive("stride", 1)
    dilation = section.positive("dilation", 1) if size > 1 else 1
    padding = size // 2 if section.integer("pad", 0) else section.integer("padding", 0)
    bias = reader.take(filters)
    norm = reader.batch_norm(filters) if section.integer("batch_normalize", 0) else None
    kernel = reader.take(filters, before.channels // groups, size, size)
    if norm is not None:
        kernel, bias = folded(kernel, bias, norm)
    value = graph.node(
        "Conv",
        [place.value, graph.constant(kernel), graph.constant(bias)],
        kernel_shape=[size, size],
        strides=[section.positive("stride_y", stride), section.positive("stride_x", stride)],
        pads=[padding * dilation] * 4,
        dilations=[dilation, dilation],
        group=groups,
    )
    return _activated(graph, section, value, "logistic")


def _connected(graph: Graph, reader: WeightReader, place: _Place) -> str:
    section, outputs = place.section, place.layer.channels
    bias = reader.take(outputs)
    kernel = reader.take(outputs, place.before.values)
    if section.integer("batch_normalize", 0):
        kernel, bias = folded(kernel, bias, reader.batch_norm(outputs))
    flat = graph.node("Flatten", [place.value])
    value = graph.node("Gemm", [flat, graph.constant(kernel), graph.constant(bias)], transB=1)
    value = graph.node("Reshape", [value, graph.whole([0, outputs, 1, 1])])
    return _activated(graph, section, value, "logistic")


def _pool(operator: str) -> Callable[[Graph, WeightReader, _Place], str]:
    def make(graph: Graph, reader: WeightReader, place: _Place) -> str:
        section = place.section
        if section.integer("maxpool_depth", 0) or section.integer("antialiasing", 0):
            raise section.wrong("pools over the channels or smooths, which is not converted")
        stride = section.positive("stride", 1)
        size = section.positive("size", stride)
        padding = section.integer("padding", size - 1)
        first = padding // 2
        return graph.node(
            operator,
            [place.value],
            kernel_shape=[size, size],
            strides=[section.positive("stride_y", stride), section.positive("stride_x", stride)],
            pads=[first, first, padding - first, padding - first],
        )

    return make


def _avgpool(graph: Graph, reader: WeightReader, place: _Place) -> str:
    return graph.node("GlobalAveragePool", [place.value])


def _upsample(graph: Graph, reader: WeightReader, place: _Place) -> str:
    stride = place.section.integer("stride", 2)
    if stride < 1:
        raise place.section.wrong("scales down, which is not converted")
    scales = graph.constant(np.array([1, 1, stride, stride], np.float32), f"scales_{stride}")
    value = graph.node(
        "Resize",
        [place.value, graph.constant(np.empty(0, np.float32), "no_region"), scales],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    factor = place.section.numbers("scale") or [1.0]
    return value if factor[0] == 1 else graph.node("Mul", [value, graph.number(factor[0])])


def _reorg(graph: Graph, reader: WeightReader, place: _Place) -> str:
    """Darknet reads the memory of the input as (C / s^2, H * s, W * s) before it moves blocks into channels."""
    stride, before, layer = place.section.positive("stride", 1), place.before, place.layer
    blocks = stride * stride
    if place.section.integer("reverse", 0) or before.channels % blocks:
        raise place.section.wrong("is reversed or does not divide its channels, which is not converted")
    spread = graph.whole([0, before.channels // blocks, before.height * stride, before.width * stride])
    value = graph.node("SpaceToDepth", [graph.node("Reshape", [place.value, spread])], blocksize=stride)
    return graph.node("Reshape", [value, graph.whole([0, layer.channels, layer.height, layer.width])])


def _route(graph: Graph, reader: WeightReader, place: _Place) -> str:
    section = place.section
    groups, group = section.positive("groups", 1), section.integer("group_id", 0)
    parts = []
    for index in section.integers("layers"):
        source = _index(place, index)
        channels = place.layers[source].channels
        if not 0 <= group < groups or channels % groups:
            raise section.wrong(f"takes group {group} of {groups} of {channels} channels")
        share = channels // groups
        part = place.values[source]
        parts.append(part if groups == 1 else _channels(graph, part, group * share, (group + 1) * share))
    return parts[0] if len(parts) == 1 else graph.node("Concat", parts, axis=1)


def _shortcut(graph: Graph, reader: WeightReader, place: _Place) -> str:
    section, before = place.section, place.before
    if section.options.get("weights_type", "none") != "none":
        raise section.wrong("weights its sources, which is not converted")
    value = place.value
    for index in section.integers("from"):
        number = _index(place, index)
        source = place.layers[number]
        if (source.width, source.height, source.channels) != (before.width, before.height, before.channels):
            raise section.wrong("adds layers of different shapes, which is not converted")
        value = graph.node("Add", [value, place.values[number]])
    return _activated(graph, section, value, "linear")


def _scale_channels(graph: Graph, reader: WeightReader, place: _Place) -> str:
    source = place.values[_index(place, place.section.integer("from", -1))]
    return _activated(graph, place.section, graph.node("Mul", [source, place.value]), "linear")


def _softmax(graph: Graph, reader: WeightReader, place: _Place) -> str:
    section, layer = place.section, place.layer
    groups = section.positive("groups", 1)
    if "tree" in section.options or (section.numbers("temperature") or [1.0]) != [1.0] or layer.values % groups:
        raise section.wrong("has a tree, a temperature or uneven groups, which is not converted")
    rows = graph.node("Reshape", [place.value, graph.whole([0, groups, layer.values // groups])])
    shares = graph.node("Softmax", [rows], axis=2)
    return graph.node("Reshape", [shares, graph.whole([0, layer.channels, layer.height, layer.width])])


def _activation(graph: Graph, reader: WeightReader, place: _Place) -> str:
    return _activated(graph, place.section, place.value, "linear")


def _passed_on(graph: Graph, reader: WeightReader, place: _Place) -> str:
    return place.value


def _channels(graph: Graph, value: str, start: int, stop: int) -> str:
    return graph.node("Slice", [value, graph.whole([start]), graph.whole([stop]), graph.whole([1])])


def _index(place: _Place, index: int) -> int:
    # `read_layers` has refused what is out of reach.
    return index if index >= 0 else len(place.values) + index


_MAKERS: dict[str, Callable[[Graph, WeightReader, _Place], str]] = {
    "convolutional": _convolutional,
    "connected": _connected,
    "maxpool": _pool("MaxPool"),
    "local_avgpool": _pool("AveragePool"),
    "avgpool": _avgpool,
    "upsample": _upsample,
    "reorg": _reorg,
    "route": _route,
    "shortcut": _shortcut,
    "scale_channels": _scale_channels,
    "sam": _scale_channels,
    "softmax": _softmax,
    "soft": _softmax,
    "activation": _activation,
    **dict.fromkeys((*_TRAINING_ONLY, *HEADS), _passed_on),
}
