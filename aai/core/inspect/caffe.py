"""What a prototxt tells of its Caffe network, and whether the caffemodel holds the weights of that network."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from aai.core.inspect.caffe_layers import Layer
from aai.core.inspect.caffe_net import CaffeNet, read_net
from aai.core.inspect.caffemodel import Blob, read_caffemodel
from aai.core.inspect.damage import bad_weights
from aai.core.inspect.graph import GraphHints
from aai.core.inspect.kinds import WAYS_OUT, content_kind, refusal
from aai.core.inspect.layout import read_layout
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.recipes import CAFFE, CAFFE_MOBILENET, CAFFE_MOBILENET_SSD, OPENCV_FACE, Recipe
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import mapped, read_text
from aai.core.inspect.text_format import NotTextFormat, parse_text_format
from aai.errors import BadWeights
from aai.ports import TensorSpec

MAX_BYTES = 8 * 1024 * 1024
_END_PASSES_ON = ("Flatten", "Reshape", "Permute", "Split", "Dropout")
_OUTPUTS_OF = {
    "Convolution": "convolution_param",
    "Deconvolution": "convolution_param",
    "InnerProduct": "inner_product_param",
}
"""Layers whose kernel has the number of outputs as an axis, and the message that says it."""


def inspect_caffe(weights: Path, prototxt: Path) -> Inspection:
    """Inputs, outputs, layers and classes of a Caffe network, and the pre-processing as far as it is told.

    Raises:
        NotFound: one of the files is not there.
        BadWeights: one of them is damaged or of another kind, or the weights are those of another network.
    """
    weights, prototxt = weights.absolute(), prototxt.absolute()
    net = _read_structure(prototxt)
    _check_weights(net, _read_weights(weights), weights, prototxt)
    report = Inspection("caffe", weights, prototxt)
    report.inputs = tuple(TensorSpec(name, shape or (), "float32") for name, shape in net.inputs)
    report.outputs = tuple(TensorSpec(name, net.shapes.get(blob) or (), "float32") for name, blob in net.outputs)
    hints = GraphHints(start=_start(net), end=_end(net), recipe=_recipe(net, prototxt.name))
    report.facts.update(read_layout(report.inputs, report.outputs, {}, hints))
    report.facts.update(_detection_facts(net, prototxt.name))
    kinds: dict[str, int] = {}
    for layer in net.layers:
        kinds[layer.kind] = kinds.get(layer.kind, 0) + 1
    report.details.update({"name": net.name} if net.name else {})
    report.details.update({"layers": len(net.layers), "kinds": dict(sorted(kinds.items()))})
    report.details.update(hints.as_dict())
    return report


def _read_structure(path: Path) -> CaffeNet:
    try:
        message = parse_text_format(read_text(path, MAX_BYTES))
    except NotTextFormat as error:
        kind = content_kind(path)
        if kind in WAYS_OUT:
            raise refusal(path, kind) from error
        fix = "mend it, or name the right file: --config_file FILE"
        raise BadWeights(f"{path.name} is not a prototxt: {error}", f"{path}, line {error.line}", fix) from error
    net = read_net(message)
    if not net.layers:
        what = f"{path.name} describes no layers"
        if "node" in message:
            what += ": it is a graph for TensorFlow"
        elif "base_lr" in message or "train_net" in message:
            what += ": it is the settings of a training run"
        raise BadWeights(what, str(path), "name the network's prototxt: --config_file FILE")
    return net


def _read_weights(path: Path) -> dict[str, list[Blob]]:
    try:
        with mapped(path) as data:
            return read_caffemodel(data)
    except Malformed as error:
        raise bad_weights(path, "caffemodel", "a caffemodel", error) from error


def _check_weights(net: CaffeNet, blobs: dict[str, list[Blob]], weights: Path, prototxt: Path) -> None:
    """Whether the weights are those of the network: each learned layer has its kernel, of the right size."""
    for layer in net.layers:
        if layer.kind not in _OUTPUTS_OF:
            continue
        what = _misfit(net, layer, blobs.get(layer.name))
        if what:
            raise BadWeights(
                f'{weights.name} and {prototxt.name} do not belong together: layer "{layer.name[:60]}" {what}',
                f"{weights} and {prototxt}",
                "bring the two that do: --model_file FILE --config_file FILE",
            )


def _misfit(net: CaffeNet, layer: Layer, blobs: Sequence[Blob] | None) -> str:
    """What is wrong with a layer's weights; "" when nothing is."""
    if not blobs:
        return "has no weights"
    message = layer.parameters(_OUTPUTS_OF[layer.kind])
    wanted, group = message.integer("num_output"), max(1, message.integer("group", 1))
    bottom = net.shapes.get(layer.bottoms[0]) if layer.bottoms else None
    channels = bottom[1] if bottom is not None and len(bottom) > 1 else None
    shape = [axis for axis in blobs[0].shape if axis != 1]
    count = blobs[0].count
    if count is not None and wanted and count % wanted:
        return f"makes {wanted} outputs, and its kernel has the shape {list(blobs[0].shape)}"
    if layer.kind == "Convolution" and len(blobs[0].shape) == 4:
        if wanted not in (0, blobs[0].shape[0]):
            return f"makes {wanted} outputs, and its kernel has the shape {list(blobs[0].shape)}"
        if channels is not None and channels != blobs[0].shape[1] * group:
            return f"gets {channels} channels, and its kernel has the shape {list(blobs[0].shape)}"
    if layer.kind == "InnerProduct" and wanted > 1 and wanted not in shape:
        return f"makes {wanted} outputs, and its kernel has the shape {list(blobs[0].shape)}"
    return ""


def _start(net: CaffeNet) -> tuple[str, ...]:
    """Kinds of the layers up to the first that learns."""
    kinds: list[str] = []
    for layer in net.layers[:16]:
        kinds.append(layer.kind)
        if layer.kind in _OUTPUTS_OF:
            break
    return tuple(kinds)


def _end(net: CaffeNet) -> str:
    """Kind of the layer that the first output comes from, those left out that only shape it anew."""
    if not net.outputs:
        return ""
    name, blob = net.outputs[0]
    for layer in reversed(net.layers):
        if blob not in layer.tops or (name and layer.name != name):
            continue
        if layer.kind not in _END_PASSES_ON or not layer.bottoms:
            return layer.kind
        name, blob = "", layer.bottoms[0]
    return ""


def _recipe(net: CaffeNet, name: str) -> Recipe:
    """What the prototxt says of the pre-processing, else what is usual for a network that starts like this."""
    feed = net.feed()
    means, scales = feed.numbers("mean_value"), feed.numbers("scale")
    if means or scales:
        mean = tuple(means * 3 if len(means) == 1 else means)
        return Recipe(
            f"{name} transform_param: BGR, stretched", mean=mean or (0, 0, 0), scalefactor=(scales or [1])[-1]
        )
    detector = _last(net, "DetectionOutput")
    if detector is not None and _is_opencv_face(net):
        return OPENCV_FACE
    if any(_is_depthwise(layer) for layer in net.layers):
        return CAFFE_MOBILENET_SSD if detector is not None else CAFFE_MOBILENET
    return CAFFE


def _is_depthwise(layer: Layer) -> bool:
    message = layer.parameters("convolution_param")
    return layer.kind.find("Depthwise") >= 0 or 1 < message.integer("group", 1) == message.integer("num_output")


def _is_opencv_face(net: CaffeNet) -> bool:
    """OpenCV's face detector, told by the names of its layers: a ResNet-10 behind a batch norm of its own."""
    names = {layer.name for layer in net.layers}
    return {"data_bn", "conv1_h", "layer_512_1_conv2_h", "detection_out"} <= names


def _detection_facts(net: CaffeNet, name: str) -> dict[str, Fact]:
    """Number of classes of SSD's DetectionOutput, the background left out."""
    layer = _last(net, "DetectionOutput")
    if layer is None:
        return {}
    message = layer.parameters("detection_output_param")
    classes, background = message.integer("num_classes"), message.integer("background_label_id", 0)
    source = f"{name} {layer.name}: {classes} classes"
    if 0 <= background < classes:
        classes -= 1
        source += f", of which {background} is the background"
    facts: dict[str, Fact] = {}
    if classes > 0:
        facts["classes"] = Fact(classes, source)
    if _is_opencv_face(net):
        facts["labels"] = Fact(["face"], f"{name} is OpenCV's face detector")
    return facts


def _last(net: CaffeNet, kind: str) -> Layer | None:
    return next((layer for layer in reversed(net.layers) if layer.kind == kind), None)
