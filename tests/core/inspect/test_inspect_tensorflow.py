from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Mapping, Sequence

import cv2
import openvino
import pytest

from aai.core.inspect import inspect_model
from aai.core.inspect.folder import find_files
from aai.core.inspect.report import Inspection
from aai.errors import BadWeights
from tests.model_maker import number, part
from tests.same_network import HEIGHT, WIDTH, write_tensorflow

FLOAT, INT32, UINT8 = 1, 3, 4


def entry(key: str, value: bytes) -> bytes:
    return part(5, part(1, key) + part(2, value))


def kind(dtype: int) -> bytes:
    return entry("dtype", number(6, dtype))


def axes(shape: Sequence[int | None]) -> bytes:
    return b"".join(part(2, number(1, -1 if axis is None else axis)) for axis in shape)


def node(name: str, operator: str, inputs: Sequence[str] = (), more: bytes = b"") -> bytes:
    return part(1, part(1, name) + part(2, operator) + b"".join(part(3, item) for item in inputs) + more)


def placeholder(name: str, shape: Sequence[int | None] | None, dtype: int = FLOAT) -> bytes:
    shaped = entry("shape", part(7, axes(shape))) if shape is not None else b""
    return node(name, "Placeholder", (), kind(dtype) + shaped)


def constant(name: str, shape: Sequence[int], values: Sequence[float] = (), dtype: int = FLOAT) -> bytes:
    letter = {FLOAT: "f", INT32: "i"}[dtype]
    content = part(4, struct.pack(f"<{len(values)}{letter}", *values)) if values else b""
    return node(
        name, "Const", (), kind(dtype) + entry("value", part(8, number(1, dtype) + part(2, axes(shape)) + content))
    )


IMAGE = placeholder("image", [None, 32, 32, 3])
CONV = constant("conv/w", [3, 3, 3, 16]) + node("conv", "Conv2D", ["image", "conv/w"])
DENSE = (
    node("pool", "Mean", ["conv"])
    + constant("fc/w", [16, 7])
    + node("fc", "MatMul", ["pool", "fc/w"])
    + constant("fc/b", [7])
    + node("fc/add", "BiasAdd", ["fc", "fc/b"])
)


def inspect(folder: Path, data: bytes, text: str = "") -> Inspection:
    (folder / "net.pb").write_bytes(data)
    if text:
        (folder / "net.pbtxt").write_text(text)
    return inspect_model("tensorflow", folder / "net.pb", folder / "net.pbtxt" if text else None)


def values(report: Inspection) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def test_a_classifier_is_read_from_its_ends(tmp_path: Path) -> None:
    report = inspect(tmp_path, IMAGE + CONV + DENSE + node("prob", "Softmax", ["fc/add"]))
    assert [(spec.name, spec.shape, spec.dtype) for spec in report.inputs] == [("image", (None, 32, 32, 3), "float32")]
    assert [(spec.name, spec.shape) for spec in report.outputs] == [("prob", (1, 7))]
    found = values(report)
    assert (found["purpose"], found["classes"], found["softmax"]) == ("Classification", 7, False)
    assert found["size"] == [32, 32]
    # The axes are the back end's business: OpenCV takes NCHW of the same file.
    assert "input" not in found
    assert report.details["operators"]["Const"] == 3


def test_logits_want_a_softmax_and_the_recipe_of_tensorflow_is_a_guess(tmp_path: Path) -> None:
    report = inspect(tmp_path, IMAGE + CONV + DENSE)
    assert report.facts["softmax"].value is True
    assert (report.facts["mean"].value, report.facts["swaprb"].value) == ([127.5] * 3, True)
    assert not report.facts["mean"].certain


def test_control_inputs_output_numbers_and_devices_do_not_disturb(tmp_path: Path) -> None:
    device = part(1, part(1, "prob") + part(2, "Softmax") + part(3, "fc/add:0") + part(3, "^conv") + part(4, "/gpu:0"))
    report = inspect(tmp_path, IMAGE + CONV + DENSE + device + part(4, number(1, 27)))
    assert [spec.name for spec in report.outputs] == ["prob"]


def test_an_input_without_a_shape_gets_the_channels_of_the_first_layer(tmp_path: Path) -> None:
    report = inspect(tmp_path, placeholder("image", None) + CONV)
    assert report.inputs[0].shape == (None, None, None, 3)
    assert not report.facts["size"].certain


def test_arithmetic_for_pixels_at_the_start_says_that_the_graph_normalises(tmp_path: Path) -> None:
    start = IMAGE + constant("m", [], [127.5]) + node("less", "Sub", ["image", "m"])
    start += constant("conv/w", [3, 3, 3, 16]) + node("conv", "Conv2D", ["less", "conv/w"])
    found = values(inspect(tmp_path, start + DENSE))
    assert (found["mean"], found["scalefactor"], found["swaprb"]) == ([0, 0, 0], 1, True)


def test_pixels_as_bytes_are_taken_as_they_are(tmp_path: Path) -> None:
    start = placeholder("image", [1, 32, 32, 3], UINT8) + node("float", "Cast", ["image"])
    start += constant("conv/w", [3, 3, 3, 16]) + node("conv", "Conv2D", ["float", "conv/w"])
    found = values(inspect(tmp_path, start + DENSE))
    assert (found["scalefactor"], found["input"]) == (1, {"dtype": "uint8"})


def test_a_map_of_classes_is_told_from_a_vector(tmp_path: Path) -> None:
    more = constant("head/w", [1, 1, 16, 21]) + node("head", "Conv2D", ["conv", "head/w"])
    more += constant("size", [2], [32, 32], INT32) + node("up", "ResizeBilinear", ["head", "size"])
    report = inspect(tmp_path, IMAGE + CONV + more)
    assert report.outputs[0].shape == (1, 32, 32, 21)
    assert values(report)["purpose"] == "SemanticSegmentation"
    report = inspect(
        tmp_path, IMAGE + CONV + more + constant("axis", [], [3], INT32) + node("ids", "ArgMax", ["up", "axis"])
    )
    assert (report.outputs[0].shape, report.outputs[0].dtype) == ((1, 32, 32), "int64")


def test_a_detector_of_the_object_detection_api_tells_its_classes(tmp_path: Path) -> None:
    data = placeholder("image_tensor", [None, None, None, 3], UINT8) + node("float", "Cast", ["image_tensor"])
    data += constant("conv/w", [3, 3, 3, 16]) + node("conv", "Conv2D", ["float", "conv/w"])
    data += constant("BoxPredictor_0/ClassPredictor/weights", [1, 1, 16, 3 * 91])
    data += constant("BoxPredictor_0/BoxEncodingPredictor/weights", [1, 1, 16, 3 * 4])
    data += node("a", "Conv2D", ["conv", "BoxPredictor_0/ClassPredictor/weights"])
    data += node("b", "Conv2D", ["conv", "BoxPredictor_0/BoxEncodingPredictor/weights"])
    for name in ("detection_boxes", "detection_scores", "detection_classes", "num_detections"):
        data += node(name, "Identity", ["a", "b"])
    data += node("left_over", "Identity", ["a"])
    report = inspect(tmp_path, data)
    assert [spec.name for spec in report.outputs] == [
        "detection_boxes",
        "detection_scores",
        "detection_classes",
        "num_detections",
    ]
    assert report.facts["classes"].value == 90


TEXT = """
node { name: "image" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } %s }
node { name: "conv" op: "Conv2D" input: "image:0" input: "conv/w" }
node { name: "prior" op: "PriorBox" input: "conv" input: "image" attr { key: "step" value { f: %s } } }
node { name: "out" op: "DetectionOutput" input: "conv" input: "prior"
  attr { key: "num_classes" value { i: 21 } } attr { key: "keep_top_k" value { i: 100 } } }
"""
SHAPE = 'attr { key: "shape" value { shape { dim { size: 1 } dim { size: 240 } dim { size: 320 } dim { size: 3 } } } }'


def test_the_text_beside_the_graph_is_what_is_run(tmp_path: Path) -> None:
    report = inspect(tmp_path, placeholder("image", None) + CONV, TEXT % (SHAPE, 512.0))
    assert [(spec.name, spec.shape) for spec in report.outputs] == [("out", (1, 1, 100, 7))]
    found = values(report)
    assert (found["purpose"], found["decoder"], found["classes"]) == ("ObjectDetection", {"name": "ssd"}, 20)
    assert found["size"] == [320, 240]
    assert report.facts["size"].certain


def test_an_open_size_is_guessed_from_the_largest_prior_box(tmp_path: Path) -> None:
    report = inspect(tmp_path, placeholder("image", None) + CONV, TEXT % ("", 512.0))
    assert report.facts["size"].value == [512, 512]
    assert not report.facts["size"].certain
    assert "PriorBoxes" in report.facts["size"].source


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (TEXT.replace("conv/w", "other/w") % ("", 300.0), '"conv" takes "other/w", which neither has'),
        ('node { name: "x" op: "Identity" }', "no node in common"),
        ('item { id: 1 name: "person" }', "has no nodes"),
        ("person\nbicycle\n", "not a text graph"),
        ("node { name: ", "not a text graph"),
    ],
)
def test_a_text_that_is_not_of_this_graph_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(BadWeights, match=what) as caught:
        inspect(tmp_path, IMAGE + CONV, text)
    assert "net.pbtxt" in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("data", "what", "fix"),
    [
        (number(1, 1) + part(2, part(1, b"\x0a\x00")), "SavedModel", "tf2onnx"),
        (node("w", "VariableV2") + node("y", "Identity", ["w"]), "not frozen: it has 1 variables", "freeze_graph"),
        (IMAGE + node("y", "Identity", ["z"]), '"y" takes "z", which is not there', "again"),
        (b"\x01HEF" + bytes(60), "its content is hef", "hailo"),
    ],
)
def test_what_is_no_frozen_graph_is_refused_with_the_way_out(tmp_path: Path, data: bytes, what: str, fix: str) -> None:
    with pytest.raises(BadWeights, match=what) as caught:
        inspect(tmp_path, data)
    assert fix in str(caught.value.fix)


def test_a_node_that_takes_others_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="more others than any network has"):
        inspect(tmp_path, part(1, part(1, "x") + part(2, "AddN") + b"\x1a\x01x" * 1_000_001))


def test_a_cut_off_graph_says_so_with_both_lengths(tmp_path: Path) -> None:
    data = IMAGE + CONV + DENSE
    with pytest.raises(
        BadWeights, match=f"cut off: it has {len(data) - 3} bytes, and its parts need at least {len(data)}"
    ):
        inspect(tmp_path, data[:-3])


def test_a_label_map_beside_the_graph_is_not_taken_for_its_text(tmp_path: Path) -> None:
    (tmp_path / "net.pb").write_bytes(IMAGE + CONV + DENSE)
    (tmp_path / "label_map.pbtxt").write_text('item {\n  id: 1\n  name: "person"\n}\n')
    assert "config_file" not in find_files(tmp_path, {})
    (tmp_path / "graph.pbtxt").write_text(TEXT % ("", 300.0))
    assert find_files(tmp_path, {})["config_file"].value == "graph.pbtxt"


def test_a_graph_that_tensorflow_itself_froze_is_read(tmp_path: Path) -> None:
    files: Mapping[str, str] = write_tensorflow(tmp_path)
    report = inspect_model("tensorflow", tmp_path / files["model_file"])
    assert [(spec.name, spec.shape) for spec in report.inputs] == [("data", (1, HEIGHT, WIDTH, 3))]
    assert values(report)["size"] == [WIDTH, HEIGHT]
    assert report.outputs[0].shape == (1, None, None, 16)


def test_the_ends_of_a_graph_are_those_that_openvino_reads(zoo: Path, tmp_path: Path) -> None:
    write_tensorflow(tmp_path)
    for path in (zoo / "tensorflow/lenet5-mnist/lenet5.pb", tmp_path / "net.pb"):
        report = inspect_model("tensorflow", path)
        model = openvino.Core().read_model(str(path))
        for ours, theirs in ((report.inputs, model.inputs), (report.outputs, model.outputs)):
            assert len(ours) == len(theirs)
            for spec, port in zip(ours, theirs):
                assert f"{spec.name}:0" in port.get_names() or spec.name in port.get_names()
                shape = [axis.get_length() if axis.is_static else None for axis in port.partial_shape]
                # The batch, and the sides of a map, are not worked out here.
                assert all(a is None or b is None or a == b for a, b in zip(spec.shape, shape))
                assert len(spec.shape) == len(shape)


def test_the_output_of_a_graph_with_its_text_is_the_one_that_opencv_finds(zoo: Path) -> None:
    model = next(zoo.glob("tensorflow/opencv-face*/*.pb"))
    text = next(model.parent.glob("*.pbtxt"))
    net = cv2.dnn.readNetFromTensorflow(str(model), str(text))
    report = inspect_model("tensorflow", model, text)
    assert [spec.name for spec in report.outputs] == list(net.getUnconnectedOutLayersNames())
    assert report.outputs[0].shape == (1, 1, 200, 7)
    assert values(report)["labels"] == ["face"]


def test_opencv_takes_floats_even_where_the_graph_has_bytes(tmp_path: Path) -> None:
    text = TEXT.replace("DT_FLOAT", "DT_UINT8") % (SHAPE, 300.0)
    found = values(inspect(tmp_path, placeholder("image", None, UINT8) + CONV, text))
    assert "input" not in found
    assert (found["mean"], found["scalefactor"]) == ([0, 0, 0], 1)
