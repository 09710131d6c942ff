"""What TFLite files say, on files of Google's own writer and on the models of the zoo."""

from __future__ import annotations

import importlib
import importlib.util
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from aai.core.configure import configure
from aai.core.inspect import inspect_model
from aai.core.inspect.folder import find_files
from aai.core.inspect.report import Inspection
from aai.core.inspect.tflite import inspect_tflite
from aai.errors import BadWeights
from aai.ports import Quantisation, TensorSpec
from tests.flat_maker import (
    CONV_2D,
    DEQUANTIZE,
    DIV,
    INT8,
    LOGISTIC,
    MUL,
    RESHAPE,
    SUB,
    UINT8,
    FlatOperator,
    FlatTensor,
    classifier_bytes,
    detection_bytes,
    edge_tpu_bytes,
    metadata_bytes,
    tflite_bytes,
    with_files,
)


def read(folder: Path, data: bytes) -> Inspection:
    path = folder / "net.tflite"
    path.write_bytes(data)
    return inspect_tflite(path)


def values(report: Inspection) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def test_inputs_outputs_and_operators_are_read_in_order(tmp_path: Path) -> None:
    tensors = [
        FlatTensor("b", [1, 5], UINT8, [0.5], [3]),
        FlatTensor("image", [-1, 24, 32, 3], INT8, [0.25], [-128]),
        FlatTensor("a", [1, 7], INT8, [0.1, 0.2], [0, 0]),
    ]
    operators = [FlatOperator(CONV_2D, [1], [2]), FlatOperator(150, [2], [0]), FlatOperator("MyOwn", [2], [0])]
    report = read(tmp_path, tflite_bytes(tensors, operators, inputs=[1], outputs=[2, 0]))
    assert report.inputs == (TensorSpec("image", (None, 24, 32, 3), "int8", Quantisation(0.25, -128)),)
    assert report.outputs == (
        TensorSpec("a", (1, 7), "int8"),
        TensorSpec("b", (1, 5), "uint8", Quantisation(0.5, 3)),
    )
    assert report.details["operators"] == {"CONV_2D": 1, "GELU": 1, "MyOwn": 1}
    assert report.details["custom_operators"] == ["MyOwn"]
    assert report.details["producer"] == "made by hand"


def test_a_float_classifier_says_softmax_and_guesses_the_rest(tmp_path: Path) -> None:
    report = read(tmp_path, classifier_bytes())
    facts = values(report)
    assert (facts["purpose"], facts["classes"], facts["size"]) == ("Classification", 3, [32, 24])
    assert facts["softmax"] is False
    assert report.facts["softmax"].certain
    assert facts["input"] == {"layout": "NHWC"}
    assert not report.facts["mean"].certain
    assert values(read(tmp_path, classifier_bytes(end=RESHAPE)))["softmax"] is True


@pytest.mark.parametrize("quantisation", [([1 / 128], [128]), ([1 / 255], [0]), ([1.0], [0]), ([], [])])
def test_a_uint8_input_of_a_usual_range_takes_the_pixels(tmp_path: Path, quantisation: Any) -> None:
    report = read(tmp_path, classifier_bytes(3, UINT8, *quantisation))
    assert values(report)["mean"] == [0, 0, 0]
    assert values(report)["scalefactor"] == 1
    assert values(report)["swaprb"] is True
    assert values(report)["input"] == {"layout": "NHWC", "dtype": "uint8"}
    assert report.facts["mean"].certain


@pytest.mark.parametrize(
    "quantisation", [([1 / 255], [-128]), ([1 / 127.5], [0]), ([0.00787], [-1]), ([1.0], [-128]), ([], [])]
)
def test_an_int8_input_of_a_usual_range_takes_the_pixels_less_128(tmp_path: Path, quantisation: Any) -> None:
    report = read(tmp_path, classifier_bytes(3, INT8, *quantisation))
    assert values(report)["mean"] == [128, 128, 128]
    assert values(report)["scalefactor"] == 1
    assert values(report)["input"] == {"layout": "NHWC", "dtype": "int8"}
    assert values(read(tmp_path, classifier_bytes(3, INT8, [1 / 255], [-128], channels=1)))["mean"] == [128]


def test_an_input_of_imagenet_s_range_is_normalised_then_quantised(tmp_path: Path) -> None:
    scale = (2.64 + 2.118) / 255
    zero_point = round(-128 + 2.118 / scale)
    report = read(tmp_path, classifier_bytes(1000, INT8, [scale], [zero_point]))
    facts = values(report)
    assert facts["mean"] == [123.675, 116.28, 103.53]
    assert facts["scalefactor"] == pytest.approx(1 / 255)
    assert facts["input"]["std"] == pytest.approx([0.229, 0.224, 0.225])
    assert facts["input"]["dtype"] == "int8"
    assert facts["input"]["quantisation"]["zero_point"] == zero_point
    assert facts["input"]["quantisation"]["scale"] == pytest.approx(scale)
    assert not report.facts["mean"].certain
    # The pixel's own value, as the formula of the field reference has it, for red at 200.
    real = (200 - facts["mean"][0]) * facts["scalefactor"] / facts["input"]["std"][0]
    assert real == pytest.approx((200 / 255 - 0.485) / 0.229, abs=1e-4)


def test_an_odd_range_is_kept_with_the_recipe_in_real_values(tmp_path: Path) -> None:
    report = read(tmp_path, classifier_bytes(3, UINT8, [0.05], [60]))
    section = values(report)["input"]
    assert section["quantisation"] == {"scale": pytest.approx(0.05), "zero_point": 60}
    assert section["dtype"] == "uint8"
    assert values(report)["scalefactor"] == pytest.approx(1 / 127.5)
    assert not report.facts["scalefactor"].certain
    assert report.inputs[0].dtype == "uint8"


@pytest.mark.parametrize(
    ("mean", "std", "means", "scale", "section"),
    [
        ([127.5], [127.5], [127.5] * 3, 1 / 127.5, {}),
        ([0.0], [255.0], [0, 0, 0], 1 / 255, {}),
        ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375], [123.675, 116.28, 103.53], 1 / 255, [0.229, 0.224, 0.225]),
    ],
)
def test_normalisation_in_the_metadata_is_certain(
    tmp_path: Path, mean: Any, std: Any, means: Any, scale: float, section: Any
) -> None:
    block = {"TFLITE_METADATA": metadata_bytes(mean, std, colour=1)}
    report = read(tmp_path, classifier_bytes(blocks=block))
    facts = values(report)
    assert facts["mean"] == pytest.approx(means)
    assert facts["scalefactor"] == pytest.approx(scale)
    assert report.facts["mean"].certain
    assert report.facts["swaprb"].certain
    assert facts["input"].get("std", {}) == (pytest.approx(section) if section else {})


def test_metadata_and_quantisation_that_undo_each_other_leave_the_pixels(tmp_path: Path) -> None:
    block = {"TFLITE_METADATA": metadata_bytes([127.5], [127.5])}
    facts = values(read(tmp_path, classifier_bytes(3, UINT8, [1 / 128], [128], blocks=block)))
    assert (facts["mean"], facts["scalefactor"]) == ([0, 0, 0], 1)
    assert facts["input"] == {"layout": "NHWC", "dtype": "uint8"}


def test_metadata_that_the_quantisation_does_not_undo_is_kept_in_real_values(tmp_path: Path) -> None:
    block = {"TFLITE_METADATA": metadata_bytes([127.5], [127.5])}
    facts = values(read(tmp_path, classifier_bytes(3, UINT8, [1 / 64], [128], blocks=block)))
    assert (facts["mean"], facts["scalefactor"]) == ([127.5] * 3, pytest.approx(1 / 127.5))
    assert facts["input"]["quantisation"] == {"scale": pytest.approx(1 / 64), "zero_point": 128}


def test_labels_packed_behind_the_network_are_read(tmp_path: Path) -> None:
    block = {"TFLITE_METADATA": metadata_bytes(label_file="b.txt", license="MIT", name="Ants")}
    data = with_files(classifier_bytes(blocks=block), labels_txt="no\n", b_txt="ant\nbee \ncat\n\n")
    report = read(tmp_path, data)
    assert report.facts["labels"].value == ["ant", "bee", "cat"]
    assert "b.txt" in report.facts["labels"].source
    assert report.facts["license"].value == "MIT"
    assert report.metadata["name"] == "Ants"
    plain = read(tmp_path, with_files(classifier_bytes(), labelmap_txt="ant\nbee\ncat"))
    assert values(plain)["labels"] == ["ant", "bee", "cat"]
    assert "labels" not in values(read(tmp_path, with_files(classifier_bytes(), labels_txt="ant\n\ncat")))


@pytest.mark.parametrize(
    "text",
    [
        "{'description': 'Ultralytics YOLO', 'stride': 32, 'task': 'detect', 'batch': 1, 'imgsz': [640, 640], "
        "'names': {0: 'person', 1: 'hot dog, with {braces}'}}",
        '{"description": "Ultralytics YOLO", "stride": 32, "task": "detect", "batch": 1, "imgsz": [640, 640], '
        '"names": {"0": "person", "1": "hot dog, with {braces}"}}',
    ],
)
def test_the_notes_of_ultralytics_are_read_from_the_archive(tmp_path: Path, text: str) -> None:
    tensors = [FlatTensor("images", [1, 640, 640, 3]), FlatTensor("out", [1, 6, 8400])]
    data = with_files(tflite_bytes(tensors, [FlatOperator(CONV_2D, [0], [1])]), metadata_json=text)
    facts = values(read(tmp_path, data))
    assert facts["labels"] == ["person", "hot dog, with {braces}"]
    assert facts["purpose"] == "ObjectDetection"
    assert facts["decoder"] == {"name": "yolov8", "normalised": True}
    assert (facts["mean"], facts["scalefactor"]) == ([0, 0, 0], pytest.approx(1 / 255))
    assert facts["input"]["resize"] == "letterbox"


def test_the_edge_tpu_build_is_told_by_its_operator(tmp_path: Path) -> None:
    report = read(tmp_path, edge_tpu_bytes())
    assert "Edge TPU" in report.details["edge_tpu"]
    assert report.facts["target"].value == {"chip": "edgetpu"}
    assert report.facts["softmax"].value is False


@pytest.mark.parametrize("name", ["a.tflite", "m_edgetpu.tflite"])
def test_of_two_files_the_one_that_runs_without_an_edge_tpu_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(edge_tpu_bytes())
    (tmp_path / "m.tflite").write_bytes(classifier_bytes())
    assert find_files(tmp_path, {})["model_file"].value == "m.tflite"
    (tmp_path / "m.tflite").unlink()
    assert find_files(tmp_path, {})["model_file"].value == name


@pytest.mark.parametrize("shapes", [True, False])
def test_detection_post_processing_shows_its_options_and_shapes(tmp_path: Path, shapes: bool) -> None:
    report = read(tmp_path, detection_bytes(90, 10, shapes))
    options = report.details["detection_postprocess"]
    assert (options["num_classes"], options["max_detections"]) == (90, 10)
    assert options["nms_iou_threshold"] == pytest.approx(0.6)
    assert options["use_regular_nms"] == 0
    assert [spec.shape for spec in report.outputs] == [(1, 10, 4), (1, 10), (1, 10), (1,)]
    assert values(report)["classes"] == 90


@pytest.mark.parametrize(("operator", "value", "inside"), [(MUL, 1 / 255, True), (DIV, 127.5, True), (SUB, 0.5, False)])
def test_arithmetic_for_pixels_at_the_start_is_part_of_the_graph(
    tmp_path: Path, operator: int, value: float, inside: bool
) -> None:
    tensors = [
        FlatTensor("image", [1, 24, 32, 3]),
        FlatTensor("scores", [1, 3]),
        FlatTensor("constant", [1], values=struct.pack("<f", value)),
        FlatTensor("normal", [1, 24, 32, 3]),
        FlatTensor("half", [1], values=b"\0\0"),
        FlatTensor("full", [1]),
    ]
    operators = [
        FlatOperator(DEQUANTIZE, [4], [5]),
        FlatOperator(operator, [0, 2], [3]),
        FlatOperator(CONV_2D, [3, 5], [1]),
    ]
    facts = values(read(tmp_path, tflite_bytes(tensors, operators)))
    assert (facts["scalefactor"] == 1) == inside
    logistic = [FlatOperator(CONV_2D, [0], [3]), FlatOperator(LOGISTIC, [3], [1])]
    assert values(read(tmp_path, tflite_bytes(tensors, logistic)))["softmax"] is False


def test_a_file_cut_off_in_its_weights_is_refused(tmp_path: Path) -> None:
    data = classifier_bytes()
    for length in range(8, len(data), 7):
        with pytest.raises(BadWeights):
            read(tmp_path, data[:length])
    with pytest.raises(BadWeights, match="its content is hef"):
        read(tmp_path, b"\x01HEF" + bytes(60))


def test_a_folder_of_a_packed_classifier_is_configured_with_its_labels(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(
        with_files(classifier_bytes(3, INT8, [1 / 255], [-128]), labels_txt="a\nb\nc")
    )
    result = configure(tmp_path, {"id": "acme/net"})
    recipe = result.config.input_recipe()
    assert (recipe.dtype, recipe.layout, recipe.mean, recipe.swaprb) == ("int8", "NHWC", (128, 128, 128), True)
    assert result.labels == ("a", "b", "c")
    assert result.findings == []


def zoo_file(zoo: Path, pattern: str) -> Inspection:
    (path,) = zoo.glob(f"tflite/{pattern}")
    return inspect_model("tflite", path)


def test_zoo_mobilenet_gives_its_packed_labels_and_raw_pixels(zoo: Path) -> None:
    report = zoo_file(zoo, "mobilenet*/*quant.tflite")
    labels = (report.model_file.parent / "imagenet_labels.txt").read_text().splitlines()
    assert [label.split("  ", 1)[-1].strip() for label in report.facts["labels"].value] == [
        label.split("  ", 1)[-1].strip() for label in labels
    ]
    assert report.outputs[0].quantisation == Quantisation(1 / 256, 0)
    assert report.facts["mean"].value == [0, 0, 0]
    assert report.facts["softmax"].value is False


def interpreter_module() -> Any:
    """The runtime for TFLite that is here: another one on old Pythons."""
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        if importlib.util.find_spec(name.split(".")[0]):
            return importlib.import_module(name)
    reason = "no runtime for TFLite is installed: pip install ai-edge-litert (Python 3.8: tflite-runtime)"
    return pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def test_zoo_files_agree_with_the_interpreter(zoo: Path) -> None:
    litert = interpreter_module()
    for path in sorted(zoo.glob("tflite/*/*.tflite")):
        report = inspect_model("tflite", path)
        if "edge_tpu" in report.details:
            continue
        engine = litert.Interpreter(str(path))
        for specs, details in (
            (report.inputs, engine.get_input_details()),
            (report.outputs, engine.get_output_details()),
        ):
            assert [spec.name for spec in specs] == [detail["name"] for detail in details]
            assert [list(spec.shape) for spec in specs] == [detail["shape"].tolist() for detail in details]
            assert [spec.dtype for spec in specs] == [detail["dtype"].__name__ for detail in details]
            told = [detail["quantization"] for detail in details]
            assert [spec.quantisation or (0.0, 0) for spec in specs] == told


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e30])
def test_options_that_are_no_counts_are_left_out(tmp_path: Path, value: float) -> None:
    tensors = [FlatTensor("image", [1, 8, 8, 3]), *(FlatTensor(name, []) for name in "abcd")]
    options = {"num_classes": value, "max_detections": value}
    operator = FlatOperator("TFLite_Detection_PostProcess", [0], [1, 2, 3, 4], options)
    report = read(tmp_path, tflite_bytes(tensors, [operator], outputs=[1, 2, 3, 4]))
    assert "classes" not in report.facts
    assert report.outputs[0].shape == (1, None, 4)
