"""What a frozen TensorFlow graph tells of its network, with the text graph beside it that OpenCV runs it by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Sequence

from aai.core.inspect.damage import bad_weights
from aai.core.inspect.graph import GraphHints
from aai.core.inspect.kinds import WAYS_OUT, content_kind, refusal
from aai.core.inspect.layout import image_input, read_layout
from aai.core.inspect.protobuf import Malformed, varint
from aai.core.inspect.recipes import OPENCV_FACE, PIXELS, Recipe
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import Data, mapped, read_text
from aai.core.inspect.tensorflow_ends import Ends, Start
from aai.core.inspect.tensorflow_graph import NONE, BinaryGraph, Graph, Node, TextGraph
from aai.core.inspect.text_format import NotTextFormat, parse_text_format
from aai.errors import BadWeights
from aai.ports import TensorSpec

MAX_BYTES = 8 * 1024 * 1024
_VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
_TAKES_KERNEL = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
_OPENCV_FACE = {"data_bn/FusedBatchNorm", "conv1_h/Conv2D", "layer_512_1_conv2_h/weights"}
"""Nodes of OpenCV's face detector: a ResNet-10 behind a batch norm of its own."""


def inspect_tensorflow(model: Path, structure: Path | None = None) -> Inspection:
    """Inputs, outputs and operators of a frozen graph, and what they tell of the model.

    Args:
        model: the GraphDef, .pb.
        structure: the graph as text that OpenCV's importer wants for some networks, .pbtxt; it is what is run then.

    Raises:
        NotFound: one of the files is not there.
        BadWeights: not a frozen graph (a SavedModel, a graph with variables), damaged, or the text is of another one.
    """
    model = model.absolute()
    structure = structure.absolute() if structure else None
    text = _read_text_graph(structure) if structure else None
    try:
        with mapped(model) as data:
            if _is_saved_model(data):
                raise _saved_model(model)
            graph = BinaryGraph(data)
            if not graph.nodes:
                raise Malformed("it has no nodes")
            _check_frozen(graph, model)
            if text is not None and structure is not None:
                _check_companion(graph, text, model, structure)
            report = Inspection("tensorflow", model, structure)
            _fill(report, text or graph, graph)
            return report
    except Malformed as error:
        raise bad_weights(model, "tensorflow-pb", "a frozen TensorFlow graph", error) from error


def _fill(report: Inspection, graph: Graph, weights: Graph) -> None:
    ends = Ends(graph, weights)
    inputs, outputs = ends.inputs(), ends.outputs()
    start = ends.start(inputs[0].name) if inputs else Start()
    report.inputs = tuple(_with_axes(inputs, start))
    report.outputs = tuple(outputs)
    hints = GraphHints(
        start=start.operators,
        normalises=start.normalises,
        end=ends.end(outputs[0].name) if outputs else "",
        from_tensorflow=True,
        recipe=_recipe(weights, start),
    )
    report.facts.update(read_layout(report.inputs, report.outputs, {}, hints))
    report.facts.update(_detection_facts(graph, ends, outputs))
    if weights.nodes.keys() >= _OPENCV_FACE:
        report.facts["labels"] = Fact(["face"], f"{report.model_file.name} is OpenCV's face detector")
    _mend_size(report, graph)
    _drop_axis_order(report)
    report.details.update({"nodes": len(weights.nodes), "operators": _counts(graph), **hints.as_dict()})


def _with_axes(inputs: Sequence[TensorSpec], start: Start) -> list[TensorSpec]:
    """The inputs; one whose file says nothing of its shape gets the axes that its first layer needs."""
    first = [
        replace(spec, shape=(None, None, None, start.channels)) if start.channels and not spec.shape else spec
        for spec in inputs[:1]
    ]
    return [*first, *inputs[1:]]


def _recipe(weights: Graph, start: Start) -> Recipe | None:
    if weights.nodes.keys() >= _OPENCV_FACE:
        return OPENCV_FACE
    return PIXELS if start.normalises else None


def _detection_facts(graph: Graph, ends: Ends, outputs: Sequence[TensorSpec]) -> dict[str, Fact]:
    """Number of classes of a detector, the background left out."""
    for spec in outputs:
        node = graph.nodes[spec.name]
        if node.operator == "DetectionOutput":
            attributes = graph.attributes(node)
            classes = attributes.get("num_classes", NONE).numbers
            background = attributes.get("background_label_id", NONE).numbers or (0,)
            if classes and classes[0] > 1:
                count = int(classes[0]) - (0 <= background[0] < classes[0])
                source = f"{spec.name}: {int(classes[0])} classes"
                return {"classes": Fact(count, source + (", one of them the background" if count < classes[0] else ""))}
    counted = ends.box_classes()
    if counted is not None and counted > 1:
        source = f"the first box predictor: {counted} classes, one of them the background"
        return {"classes": Fact(counted - 1, source)}
    return {}


def _mend_size(report: Inspection, graph: Graph) -> None:
    """Takes the size from SSD's boxes, where the placeholder leaves it open.

    The coarsest grid of an SSD is a single cell, and its step in pixels is then the side of the image.
    """
    image = image_input(report.inputs)
    if image is None or any(image.size):
        return
    steps = [
        step
        for node in graph.nodes.values()
        if node.operator == "PriorBox"
        for step in graph.attributes(node).get("step", NONE).numbers
    ]
    side = int(max(steps, default=0))
    if 32 <= side <= 4096:
        source = f"the largest step of its PriorBoxes, {side} pixels, taken for one cell over the whole image"
        report.facts["size"] = Fact([side, side], source, certain=False)


def _drop_axis_order(report: Inspection) -> None:
    """Leaves the order of the axes to the back end: the file's is NHWC, and OpenCV takes NCHW of the same file.

    A graph with a text beside it is run by OpenCV, which takes float32 whatever the placeholder says.
    """
    left_out = ("layout", "dtype") if report.config_file else ("layout",)
    fact = report.facts.pop("input", None)
    if fact is not None:
        value = {name: item for name, item in fact.value.items() if name not in left_out}
        if value:
            report.facts["input"] = replace(fact, value=value)


def _counts(graph: Graph) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in graph.nodes.values():
        counts[node.operator] = counts.get(node.operator, 0) + 1
    return dict(sorted(counts.items()))


def _is_saved_model(data: Data) -> bool:
    """A SavedModel starts with its version, a number, and has its graphs in field 2; a GraphDef has no numbers."""
    if data[0] != 0x08:
        return False
    version, end = varint(data, 1, min(len(data), 16))
    return version == 1 and data[end : end + 1] == b"\x12"


def _saved_model(path: Path) -> BadWeights:
    return BadWeights(
        f"{path.name} is a SavedModel, whose weights lie in other files, and not a frozen graph",
        str(path),
        "convert its folder, where TensorFlow or OpenVINO is: python -m tf2onnx.convert --saved-model FOLDER "
        "--output model.onnx, or: ovc FOLDER",
    )


def _check_frozen(graph: BinaryGraph, path: Path) -> None:
    variables = [node.name for node in graph.nodes.values() if node.operator in _VARIABLES]
    if variables:
        raise BadWeights(
            f"the graph is not frozen: it has {len(variables)} variables and not their values",
            f'{path}, node "{variables[0][:60]}"',
            "freeze it where it was trained: python -m tensorflow.python.tools.freeze_graph --input_binary "
            f"--input_graph {path.name} --input_checkpoint CHECKPOINT --output_node_names NAMES --output_graph FILE",
        )


def _read_text_graph(path: Path) -> TextGraph:
    try:
        graph = TextGraph(parse_text_format(read_text(path, MAX_BYTES)))
    except NotTextFormat as error:
        kind = content_kind(path)
        if kind in WAYS_OUT:
            raise refusal(path, kind) from error
        fix = "mend it, or name the right file: --config_file FILE"
        raise BadWeights(f"{path.name} is not a text graph: {error}", f"{path}, line {error.line}", fix) from error
    if not graph.nodes:
        raise BadWeights(f"{path.name} has no nodes", str(path), "name the right file: --config_file FILE")
    return graph


def _check_companion(graph: BinaryGraph, text: TextGraph, model: Path, structure: Path) -> None:
    """Whether the text is of this graph: the kernel of each of its layers has to be in one of the two."""
    for node in text.nodes.values():
        missing = _missing_kernel(node, graph, text)
        if missing:
            raise BadWeights(
                f'{model.name} and {structure.name} do not belong together: "{node.name[:60]}" takes "{missing[:60]}", '
                "which neither has",
                f"{model} and {structure}",
                "bring the two that do: --model_file FILE --config_file FILE",
            )
    if not text.nodes.keys() & graph.nodes.keys():
        raise BadWeights(
            f"{model.name} and {structure.name} do not belong together: they have no node in common",
            f"{model} and {structure}",
            "bring the two that do: --model_file FILE --config_file FILE",
        )


def _missing_kernel(node: Node, graph: Graph, text: Graph) -> str:
    if node.operator not in _TAKES_KERNEL or len(node.inputs) < 2:
        return ""
    name = node.inputs[1]
    return "" if name in graph.nodes or name in text.nodes else name
