from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Mapping, Sequence

import cv2
import pytest

from aai.core.inspect import inspect_model
from aai.core.inspect.caffe_net import read_net
from aai.core.inspect.folder import find_files
from aai.core.inspect.report import Inspection
from aai.core.inspect.text_format import parse_text_format
from aai.errors import BadWeights, UsageError
from tests.model_maker import number, part, varint

HEAD = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 30 dim: 40 } } }\n'
SSD = """
layer { name: "detection_out" type: "DetectionOutput" bottom: "c" top: "out"
  detection_output_param { num_classes: %d background_label_id: %d keep_top_k: 50 } }
"""


def layer(name: str, kind: str, bottom: str, top: str = "", more: str = "") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top or name}" {more} }}\n'


def convolution(name: str, bottom: str, count: int = 8, more: str = "kernel_size: 3") -> str:
    return layer(name, "Convolution", bottom, "", f"convolution_param {{ num_output: {count} {more} }}")


def blob(*shape: int) -> bytes:
    values = 1
    for axis in shape:
        values *= axis
    return part(5, struct.pack("<f", 0.5) * values) + part(7, part(1, b"".join(varint(axis) for axis in shape)))


def caffemodel(layers: Mapping[str, Sequence[bytes]]) -> bytes:
    return part(1, "net") + b"".join(
        part(100, part(1, name) + part(2, "Convolution") + b"".join(part(7, item) for item in blobs))
        for name, blobs in layers.items()
    )


CONV = {"c": [blob(8, 3, 3, 3), blob(8)]}


def put(folder: Path, text: str, weights: bytes | None = None) -> tuple[Path, Path]:
    (folder / "net.prototxt").write_text(text)
    (folder / "net.caffemodel").write_bytes(caffemodel(CONV) if weights is None else weights)
    return folder / "net.caffemodel", folder / "net.prototxt"


def inspect(folder: Path, text: str, weights: bytes | None = None) -> Inspection:
    return inspect_model("caffe", *put(folder, text, weights))


def values(report: Inspection) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


@pytest.mark.parametrize(
    "head",
    [
        HEAD,
        'input: "data"\ninput_dim: 1\ninput_dim: 3\ninput_dim: 30\ninput_dim: 40\n',
        'input: "data"\ninput_shape { dim: 1 dim: 3 dim: 30 dim: 40 }\n',
        'input: "data" input_shape { dim: [1, 3, 30, 40] }\n',
        'input: "data" input_dim: [10, 3, 30, 40]  # a batch of ten\n',
        'layer { name: "m" type: "MemoryData" top: "data" top: "label" '
        "memory_data_param { batch_size: 1 channels: 3 height: 30 width: 40 } }\n",
    ],
)
def test_an_input_is_read_in_each_of_its_forms(tmp_path: Path, head: str) -> None:
    report = inspect(tmp_path, head + convolution("c", "data"))
    assert [(spec.name, spec.shape) for spec in report.inputs] == [("data", (1, 3, 30, 40))]
    assert values(report)["size"] == [40, 30]
    assert report.facts["size"].certain


def test_layers_of_the_old_form_are_read_with_their_kinds_in_capitals(tmp_path: Path) -> None:
    text = 'name: "old" input: "data" input_dim: 1 input_dim: 3 input_dim: 30 input_dim: 40\n'
    text += 'layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" '
    text += "convolution_param { num_output: 8 kernel_size: 3 } }"
    text += 'layers { name: "r" type: RELU bottom: "c" top: "c" }'
    text += (
        'layers { name: "p" type: POOLING bottom: "c" top: "p" pooling_param { kernel_size: 28 global_pooling: true } }'
    )
    text += 'layers { name: "prob" type: SOFTMAX bottom: "p" top: "prob" }'
    old = number(1, 8) + number(2, 3) + number(3, 3) + number(4, 3) + part(5, bytes(4 * 8 * 27))
    weights = part(1, "old") + part(2, part(4, "c") + number(5, 4) + part(6, old))
    report = inspect(tmp_path, text, weights)
    assert report.details["kinds"] == {"Convolution": 1, "Pooling": 1, "ReLU": 1, "Softmax": 1}
    assert report.outputs[0].shape == (1, 8, 1, 1)
    assert values(report)["purpose"] == "Classification"
    assert values(report)["classes"] == 8
    assert values(report)["softmax"] is False


def test_layers_for_training_alone_are_left_out(tmp_path: Path) -> None:
    text = 'layer { name: "train" type: "Data" top: "data" include { phase: TRAIN } transform_param { scale: 9 } }\n'
    text += 'layer { name: "test" type: "Data" top: "data" top: "label" include { phase: TEST } '
    text += "transform_param { crop_size: 32 mean_value: 10 mean_value: 20 mean_value: 30 scale: 0.5 } }\n"
    text += convolution("c", "data")
    text += 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "c" bottom: "label" top: "loss" }\n'
    text += 'layer { name: "drop" type: "Dropout" bottom: "c" top: "d" exclude { phase: TEST } }\n'
    report = inspect(tmp_path, text)
    found = values(report)
    assert found["size"] == [32, 32]
    assert (found["mean"], found["scalefactor"], found["swaprb"]) == ([10, 20, 30], 0.5, False)
    assert report.facts["mean"].certain
    assert "transform_param" in report.facts["mean"].source


def test_a_size_that_is_set_when_the_network_runs_stays_open(tmp_path: Path) -> None:
    head = 'input: "image" input_dim: 1 input_dim: 3 input_dim: 1 input_dim: 1  # defined at runtime\n'
    report = inspect(tmp_path, head + convolution("c", "image"))
    assert report.inputs[0].shape == (1, 3, None, None)
    assert not report.facts["size"].certain


@pytest.mark.parametrize(
    ("classes", "background", "objects"), [(21, 0, 20), (2, 0, 1), (20, -1, 20), (21, 20, 20), (0, 0, None)]
)
def test_the_background_of_detection_output_is_no_class(
    tmp_path: Path, classes: int, background: int, objects: int | None
) -> None:
    report = inspect(tmp_path, HEAD + convolution("c", "data") + SSD % (classes, background))
    found = values(report)
    assert found.get("classes") == objects
    assert (found["purpose"], found["decoder"]) == ("ObjectDetection", {"name": "ssd"})
    assert report.outputs[0].shape == (1, 1, 50, 7)


def test_recipes_are_guessed_by_the_kind_of_network(tmp_path: Path) -> None:
    plain = values(inspect(tmp_path, HEAD + convolution("c", "data") + SSD % (21, 0)))
    assert (plain["mean"], plain["scalefactor"], plain["swaprb"]) == ([104, 117, 123], 1, False)
    depthwise = convolution("d", "c", 8, "kernel_size: 3 group: 8")
    weights = caffemodel({**CONV, "d": [blob(8, 1, 3, 3)]})
    small = inspect(tmp_path, HEAD + convolution("c", "data") + depthwise + SSD % (21, 0), weights)
    assert values(small)["mean"] == [127.5] * 3
    assert values(small)["scalefactor"] == 1 / 127.5
    assert not small.facts["mean"].certain
    classifier = (
        HEAD
        + convolution("c", "data")
        + depthwise
        + layer("pool", "Pooling", "d", "", "pooling_param { global_pooling: true }")
    )
    assert values(inspect(tmp_path, classifier, weights))["scalefactor"] == 0.017


NETWORKS = {
    "pooling": convolution("c", "data", 8, "kernel_size: 5 stride: 2 pad: 1")
    + layer("p", "Pooling", "c", "", "pooling_param { kernel_size: 3 stride: 2 }")
    + layer("q", "Pooling", "p", "", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }"),
    "shapes": convolution("c", "data", 8, "kernel_h: 1 kernel_w: 5 dilation: 2 pad_h: 0 pad_w: 4")
    + layer("perm", "Permute", "c", "", "permute_param { order: 0 order: 2 order: 3 order: 1 }")
    + layer("flat", "Flatten", "perm")
    + layer("again", "Reshape", "flat", "", "reshape_param { shape { dim: 0 dim: -1 dim: 4 } }"),
    "parts": convolution("c", "data")
    + 'layer { name: "cut" type: "Slice" bottom: "c" top: "a" top: "b" slice_param { axis: 1 slice_point: 3 } }\n'
    + 'layer { name: "both" type: "Concat" bottom: "b" bottom: "a" bottom: "c" top: "both" concat_param { axis: 1 } }\n'
    + layer("fc", "InnerProduct", "both", "", "inner_product_param { num_output: 5 }"),
    "up": convolution("c", "data")
    + layer("u", "Deconvolution", "c", "", "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 }")
    + 'layer { name: "crop" type: "Crop" bottom: "u" bottom: "data" top: "crop" crop_param { axis: 2 offset: 3 } }\n',
}
WEIGHTS = {
    "pooling": {"c": [blob(8, 3, 5, 5), blob(8)]},
    "shapes": {"c": [blob(8, 3, 1, 5), blob(8)]},
    "parts": {**CONV, "fc": [blob(5, 16 * 28 * 38), blob(5)]},
    "up": {**CONV, "u": [blob(8, 4, 4, 4), blob(4)]},
}


def opencv_shapes(net: Any, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Layer -> shape of its first output, as OpenCV works it out."""
    ids, _, outputs = net.getLayersShapes(list(shape))
    return {
        net.getLayer(int(place)).name: tuple(int(axis) for axis in shapes[0])
        for place, shapes in zip(ids.flatten(), outputs)
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_are_those_that_opencv_works_out(tmp_path: Path, name: str) -> None:
    weights, prototxt = put(tmp_path, HEAD + NETWORKS[name], caffemodel(WEIGHTS[name]))
    inspect_model("caffe", weights, prototxt)
    net = read_net(parse_text_format(prototxt.read_text()))
    theirs = opencv_shapes(cv2.dnn.readNetFromCaffe(str(prototxt), str(weights)), (1, 3, 30, 40))
    compared = 0
    for item in net.layers[1:]:
        if item.name in theirs:
            assert net.shapes[item.tops[0]] == theirs[item.name], item.name
            compared += 1
    assert compared >= len(net.layers) - 2


def test_shapes_of_zoo_networks_are_those_that_opencv_works_out(zoo: Path) -> None:
    for prototxt in sorted(zoo.glob("caffe/*/*.prototxt")):
        weights = next(prototxt.parent.glob("*.caffemodel"))
        net = read_net(parse_text_format(prototxt.read_text()))
        shape = net.inputs[0][1]
        assert shape is not None
        theirs = opencv_shapes(cv2.dnn.readNetFromCaffe(str(prototxt), str(weights)), [axis or 0 for axis in shape])
        ours = {item.name: net.shapes[item.tops[0]] for item in net.layers if net.shapes.get(item.tops[0])}
        both = ours.keys() & theirs.keys()
        assert len(both) >= 6
        # OpenCV folds batch norms and activations into the layers before them.
        assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}
        report = inspect_model("caffe", weights, prototxt)
        assert [spec.name for spec in report.outputs] == list(
            cv2.dnn.readNetFromCaffe(str(prototxt), str(weights)).getUnconnectedOutLayersNames()
        )


@pytest.mark.parametrize(
    ("text", "weights", "what"),
    [
        (convolution("c", "data", 9), CONV, r"makes 9 outputs, and its kernel has the shape \[8, 3, 3, 3\]"),
        (convolution("other", "data"), CONV, '"other" has no weights'),
        (
            convolution("c", "data") + convolution("d", "c"),
            {**CONV, "d": [blob(8, 3, 3, 3)]},
            "gets 8 channels, and its kernel",
        ),
        (
            layer("fc", "InnerProduct", "data", "", "inner_product_param { num_output: 10 }"),
            {"fc": [blob(5, 3600)]},
            "makes 10 outputs",
        ),
    ],
)
def test_weights_of_another_network_are_refused(
    tmp_path: Path, text: str, weights: dict[str, Sequence[bytes]], what: str
) -> None:
    with pytest.raises(BadWeights, match=what) as caught:
        inspect(tmp_path, HEAD + text, caffemodel(weights))
    assert "do not belong together" in caught.value.what
    assert "net.caffemodel and" in str(caught.value.where)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("net: 'a.prototxt'\nbase_lr: 0.01\n", "settings of a training run"),
        ('node { name: "data" op: "Placeholder" }', "graph for TensorFlow"),
        ("person\nbicycle\n", "not a prototxt"),
        ("layer { name: ", "not a prototxt"),
        ("<!DOCTYPE html><html>", "web page"),
    ],
)
def test_another_text_in_the_place_of_the_prototxt_is_called_by_its_name(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(BadWeights, match=what) as caught:
        inspect(tmp_path, text)
    assert caught.value.fix


def test_a_blob_whose_values_do_not_fill_its_shape_is_refused(tmp_path: Path) -> None:
    wrong = part(5, bytes(8)) + part(7, part(1, varint(8) + varint(3)))
    with pytest.raises(BadWeights, match="2 values, and the shape"):
        inspect(tmp_path, HEAD + convolution("c", "data"), caffemodel({"c": [wrong]}))


def test_a_layer_of_blobs_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="more than 1,000 blobs"):
        inspect(tmp_path, HEAD + convolution("c", "data"), caffemodel({"c": [blob(1)] * 1001}))


def test_the_prototxt_that_fits_is_taken_among_several(tmp_path: Path) -> None:
    put(tmp_path, HEAD + convolution("c", "data"))
    (tmp_path / "net.prototxt").rename(tmp_path / "narrow.prototext")
    (tmp_path / "wide.prototxt").write_text(HEAD + convolution("c", "data", 16))
    (tmp_path / "solver.prototxt").write_text('net: "train.prototxt"\nbase_lr: 0.1\n')
    assert find_files(tmp_path, {})["config_file"].value == "narrow.prototext"


def test_a_caffemodel_alone_is_asked_for_its_prototxt(tmp_path: Path) -> None:
    weights, _ = put(tmp_path, HEAD)
    with pytest.raises(UsageError, match="need their prototxt"):
        inspect_model("caffe", weights)
