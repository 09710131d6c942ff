"""The trained network as ONNX, decoded inside the graph to YOLOv5's layout, with the metadata that Ultralytics writes.

Output: (1, 2268, 15) float32, a row per anchor: centre x, centre y, width, height in pixels of the input, objectness,
and ten class probabilities. The score of a class is objectness times its probability.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from network import ANCHORS, CLASSES, LAYERS, LEAK, SIDE, STRIDES, Conv, Network, Route, Upsample, Yolo
from onnx import TensorProto, helper, numpy_helper
from scenes import NAMES

OPSET = 12
IR_VERSION = 7
"""What onnxruntime 1.4 (2020) reads already."""


class Graph:
    """Nodes and constants, gathered in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], name: str, **attributes: object) -> str:
        """Adds a node with one output, and returns the output's name, which is `name`."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        """Adds a constant and returns its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def write_onnx(network: Network, path: Path, description: str) -> None:
    """Writes `network` to `path`; the same weights give the same bytes."""
    graph = Graph()
    heads = _layers(network, graph)
    rows = [_decoded(graph, heads[stride], stride, level) for level, stride in enumerate(STRIDES)]
    graph.add("Concat", rows, "output", axis=1)
    count = 3 * sum((SIDE // stride) ** 2 for stride in STRIDES)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "digits",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, count, 5 + CLASSES])],
            graph.constants,
        ),
        producer_name="train_digits",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, _metadata(description))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _metadata(description: str) -> dict[str, str]:
    return {
        "description": description,
        "license": "Apache-2.0",
        "task": "detect",
        "stride": str(max(STRIDES)),
        "batch": "1",
        "imgsz": str([SIDE, SIDE]),
        "names": str(dict(enumerate(NAMES))),
    }


def _layers(network: Network, graph: Graph) -> dict[int, str]:
    """Adds all layers; the name of the raw head, (1, 45, h, w), for each stride."""
    outputs: list[str] = []
    heads: dict[int, str] = {}
    value = "images"
    for index, (layer, block) in enumerate(zip(LAYERS, network.blocks)):
        if isinstance(layer, Conv):
            value = _convolution(graph, layer, block, value, f"layer{index}")
        elif isinstance(layer, Route):
            sources = [outputs[i] for i in layer.layers]
            value = graph.add("Concat", sources, f"layer{index}", axis=1) if len(sources) > 1 else sources[0]
        elif isinstance(layer, Upsample):
            value = _upsample(graph, value, f"layer{index}")
        elif isinstance(layer, Yolo):
            heads[STRIDES[layer.mask[0] // 3]] = value
        outputs.append(value)
    return heads


def _convolution(graph: Graph, layer: Conv, block: object, value: str, name: str) -> str:
    weight, bias = folded(block)
    inputs = [value, graph.constant(f"{name}.weight", weight), graph.constant(f"{name}.bias", bias)]
    attributes = {"kernel_shape": [layer.size] * 2, "strides": [layer.stride] * 2, "pads": [layer.size // 2] * 4}
    if layer.head:
        return graph.add("Conv", inputs, name, **attributes)
    return graph.add("LeakyRelu", [graph.add("Conv", inputs, f"{name}.conv", **attributes)], name, alpha=LEAK)


def folded(block: object) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a convolution that does what convolution and batch norm do together."""
    weight = block[0].weight.detach().double().numpy()
    if len(block) == 1:
        return weight.astype(np.float32), block[0].bias.detach().numpy()
    norm = block[1]
    factor = (norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()).numpy()
    bias = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * factor
    return (weight * factor[:, None, None, None]).astype(np.float32), bias.astype(np.float32)


def _upsample(graph: Graph, value: str, name: str) -> str:
    # Opset 12 wants a region of interest to be there, and here it is empty.
    region = graph.constant(f"{name}.region", np.zeros(0, np.float32))
    inputs = [value, region, graph.constant(f"{name}.scales", np.array([1, 1, 2, 2], np.float32))]
    return graph.add(
        "Resize",
        inputs,
        name,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _decoded(graph: Graph, head: str, stride: int, level: int) -> str:
    """Rows (1, 3 * cells, 15) of one head: Redmon and Farhadi, "YOLOv3" (2018), section 2.1."""
    name, cells = f"stride{stride}", SIDE // stride
    y, x = np.mgrid[:cells, :cells].astype(np.float32)
    corners = graph.constant(f"{name}.cells", np.stack([x, y], -1)[None, None])
    anchors = np.array(ANCHORS[3 * level : 3 * level + 3], np.float32).reshape(1, 3, 1, 1, 2)
    split_head = graph.constant(f"{name}.shape", np.array([1, 3, 5 + CLASSES, cells, cells]))
    rows = graph.add("Reshape", [head, split_head], f"{name}.anchors")
    rows = graph.add("Transpose", [rows], f"{name}.rows", perm=[0, 1, 3, 4, 2])
    parts = [f"{name}.raw_centre", f"{name}.raw_size", f"{name}.raw_scores"]
    split = helper.make_node("Split", [rows], parts, name=f"{name}.split", axis=4, split=[2, 2, 1 + CLASSES])
    graph.nodes.append(split)
    centre = graph.add("Sigmoid", [parts[0]], f"{name}.inside")
    centre = graph.add("Add", [centre, corners], f"{name}.cell")
    centre = graph.add("Mul", [centre, graph.constant(f"{name}.pixels", np.float32(stride))], f"{name}.centre")
    size = graph.add("Exp", [parts[1]], f"{name}.scale")
    size = graph.add("Mul", [size, graph.constant(f"{name}.anchor", anchors)], f"{name}.size")
    scores = graph.add("Sigmoid", [parts[2]], f"{name}.scores")
    joined = graph.add("Concat", [centre, size, scores], f"{name}.joined", axis=4)
    flat = graph.constant(f"{name}.flat", np.array([1, -1, 5 + CLASSES]))
    return graph.add("Reshape", [joined, flat], f"{name}.output")
