from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from aai.core.inspect.onnx import inspect_onnx
from aai.errors import BadWeights, NotFound
from tests.model_maker import (
    FLOAT16,
    UINT8,
    detector_bytes,
    node,
    number,
    onnx_bytes,
    part,
    tensor,
    value_info,
)


def write(folder: Path, data: bytes, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def values(report: Any) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def test_inputs_outputs_types_and_exporter_are_read(tmp_path: Path) -> None:
    report = inspect_onnx(write(tmp_path, detector_bytes(64, 3)))
    assert [(spec.name, spec.shape, spec.dtype) for spec in report.inputs] == [("images", (1, 3, 64, 64), "float32")]
    assert [(spec.name, spec.shape) for spec in report.outputs] == [("output", (1, 84, 8))]
    assert report.details["opset"] == {"": 17}
    assert report.details["producer"] == "pytorch 2.1"
    assert report.details["parameters"] == 8
    assert report.not_read == ""


def test_an_initializer_that_is_listed_as_input_is_no_input(tmp_path: Path) -> None:
    data = onnx_bytes(
        [value_info("w", [1, 3, 5, 5]), value_info("x", [1, 3, 32, 32])],
        [value_info("y", [1, 10])],
        tensors=[tensor("w", [1.0])],
    )
    assert [spec.name for spec in inspect_onnx(write(tmp_path, data)).inputs] == ["x"]


def test_open_axes_are_none_however_the_exporter_wrote_them(tmp_path: Path) -> None:
    data = onnx_bytes([value_info("x", ["batch", 3, None, -1])], [value_info("y", [1, 10])])
    assert inspect_onnx(write(tmp_path, data)).inputs[0].shape == (None, 3, None, None)


def test_ultralytics_metadata_gives_labels_size_and_task(tmp_path: Path) -> None:
    metadata = {
        "names": "{0: 'person', 1: \"driver's seat\", 2: 'a, b: {c}'}",
        "imgsz": "[320, 640]",
        "task": "detect",
        "stride": "32",
    }
    data = onnx_bytes(
        [value_info("images", ["batch", 3, "height", "width"])],
        [value_info("output0", ["batch", 7, "anchors"])],
        metadata=metadata,
    )
    report = inspect_onnx(write(tmp_path, data))
    found = values(report)
    assert found["labels"] == ["person", "driver's seat", "a, b: {c}"]
    assert found["size"] == [640, 320]
    assert not report.facts["size"].certain
    assert found["decoder"] == {"name": "yolov8"}
    assert found["classes"] == 3
    assert found["input"] == {"resize": "letterbox", "anchor": "center", "pad": 114}
    assert (found["scalefactor"], found["swaprb"]) == (1 / 255, True)


@pytest.mark.parametrize(
    "names",
    [
        "{0: __import__('os')}",
        "{" * 50_000,
        "{1: 'a'}",
        "{0: 'a' 1: 'b'}",
        "[[['a']]]",
        "{0: 'a\\q\\xzz'}",
        "{0: '" + "a" * 99,
        "{0: '\\ud800', 1: 'b'}",
        "{0: 'a\\nb', 1: 'c'}",
        "{0: '', 1: 'b'}",
        "",
    ],
)
def test_names_that_are_no_plain_list_of_names_are_passed_over(tmp_path: Path, names: str) -> None:
    data = onnx_bytes([value_info("x", [1, 3, 8, 8])], [value_info("y", [1, 10])], metadata={"names": names})
    report = inspect_onnx(write(tmp_path, data))
    assert "labels" not in report.facts
    assert report.metadata["names"] == names


def test_a_classifier_that_ends_in_softmax_wants_none_of_ours(tmp_path: Path) -> None:
    inputs, outputs = [value_info("x", [1, 3, 224, 224])], [value_info("y", [1, 10])]
    with_softmax = [node("Conv", ["x"], ["a"]), node("Softmax", ["a"], ["b"]), node("Reshape", ["b"], ["y"])]
    found = inspect_onnx(write(tmp_path, onnx_bytes(inputs, outputs, with_softmax))).facts["softmax"]
    assert (found.value, found.certain) == (False, True)
    without = [node("Conv", ["x"], ["a"]), node("Gemm", ["a"], ["y"])]
    assert inspect_onnx(write(tmp_path, onnx_bytes(inputs, outputs, without))).facts["softmax"].value is True


def test_normalisation_inside_the_graph_leaves_the_pixels_alone(tmp_path: Path) -> None:
    nodes = [
        node("Cast", ["x"], ["a"]),
        node("Constant", [], ["c"], part(5, part(1, "value") + part(5, tensor("", [127.5])))),
        node("Sub", ["a", "c"], ["b"]),
        node("Mul", ["b", "scale"], ["d"]),
        node("Conv", ["d", "w"], ["y"]),
    ]
    tensors = [tensor("scale", [1 / 127.5]), tensor("w", [1.0])]
    data = onnx_bytes([value_info("x", [1, 3, 224, 224])], [value_info("y", [1, 10])], nodes, tensors)
    report = inspect_onnx(write(tmp_path, data))
    assert report.details["graph_start"] == ["Cast", "Sub", "Mul", "Conv"]
    assert "inside the graph" in report.details["normalisation"]
    found = values(report)
    assert (found["mean"], found["scalefactor"], found["swaprb"]) == ([0, 0, 0], 1, True)
    assert "input" not in found


def test_arithmetic_for_values_of_0_to_1_is_not_taken_for_normalisation(tmp_path: Path) -> None:
    nodes = [node("Mul", ["x", "two"], ["a"]), node("Sub", ["a", "one"], ["b"]), node("Conv", ["b"], ["y"])]
    data = onnx_bytes(
        [value_info("x", [1, 3, 224, 224])],
        [value_info("y", [1, 10])],
        nodes,
        [tensor("two", [2.0]), tensor("one", [1.0])],
    )
    assert "normalisation" not in inspect_onnx(write(tmp_path, data)).details


def test_a_uint8_input_takes_raw_pixels_and_a_half_one_says_so(tmp_path: Path) -> None:
    data = onnx_bytes([value_info("x", [1, 224, 224, 3], UINT8)], [value_info("y", [1, 10])])
    found = values(inspect_onnx(write(tmp_path, data)))
    assert (found["mean"], found["scalefactor"]) == ([0, 0, 0], 1)
    assert found["input"] == {"layout": "NHWC", "dtype": "uint8"}
    data = onnx_bytes([value_info("x", [1, 3, 224, 224], FLOAT16)], [value_info("y", [1, 10])])
    assert values(inspect_onnx(write(tmp_path, data)))["input"]["dtype"] == "float16"


def test_external_data_is_found_and_belongs_to_the_model(tmp_path: Path) -> None:
    tensors = [
        tensor("w", external={"location": "data/w.bin", "offset": "0", "length": "16"}),
        tensor("v", external={"location": "data/w.bin", "offset": "16", "length": "16"}),
    ]
    path = write(tmp_path, onnx_bytes([value_info("x", [1, 3, 8, 8])], [value_info("y", [1, 10])], tensors=tensors))
    with pytest.raises(BadWeights, match=r'external data "data/w.bin" is not there'):
        inspect_onnx(path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.bin").write_bytes(bytes(31))
    with pytest.raises(BadWeights, match="cut off: 31 bytes of 32"):
        inspect_onnx(path)
    (tmp_path / "data" / "w.bin").write_bytes(bytes(32))
    assert inspect_onnx(path).extra_files == [tmp_path / "data" / "w.bin"]


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "a/../../w.bin", "C:\\w.bin"])
def test_external_data_outside_of_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(32))
    data = onnx_bytes(
        [value_info("x", [1, 3, 8, 8])],
        [value_info("y", [1, 10])],
        tensors=[tensor("w", external={"location": location})],
    )
    with pytest.raises(BadWeights, match="of its external data"):
        inspect_onnx(write(folder, data))


def test_external_data_behind_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(32))
    (folder / "w.bin").symlink_to(tmp_path / "secret")
    tensors = [tensor("w", external={"location": "w.bin"})]
    path = write(folder, onnx_bytes([value_info("x", [1, 3, 8, 8])], [value_info("y", [1, 10])], tensors=tensors))
    with pytest.raises(BadWeights, match="through a link"):
        inspect_onnx(path)


def test_a_cut_off_file_is_refused_with_both_lengths(tmp_path: Path) -> None:
    data = detector_bytes()
    with pytest.raises(BadWeights, match=f"cut off: it has 100 bytes, and its parts need at least {len(data) - 4:,}"):
        inspect_onnx(write(tmp_path, data[:100]))


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    data = detector_bytes()
    for length in range(1, len(data)):
        with pytest.raises(BadWeights):
            inspect_onnx(write(tmp_path, data[:length]))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "web page"),
        (b"", "empty"),
        (b"hello, I am no network\n", "not ONNX: its content is text"),
        (b"\x01HEF" + bytes(60), "not ONNX: its content is hef"),
        (bytes(range(256)), "not a whole ONNX file"),
        (number(1, 8) + part(2, "pytorch") + part(8, number(2, 17)), "it has no graph"),
    ],
)
def test_what_is_not_onnx_is_called_by_its_name(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(BadWeights, match=what) as caught:
        inspect_onnx(write(tmp_path, data))
    assert caught.value.where
    assert caught.value.fix


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        inspect_onnx(tmp_path / "none.onnx")
    with pytest.raises(BadWeights, match="not a file"):
        inspect_onnx(tmp_path)


def _recipe(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts in the words of the zoo's manifest."""
    section = facts.get("input", {})
    padded = section.get("resize") in ("letterbox", "pad")
    return {
        "size_wh": facts["size"],
        "scale": facts["scalefactor"],
        "mean": facts["mean"],
        "std": section.get("std"),
        "swapRB": facts["swaprb"],
        "layout": section.get("layout", "NCHW"),
        "uint8": section.get("dtype") == "uint8",
        "resize": (section["resize"], section["anchor"], section["pad"]) if padded else "stretch",
    }


def _wanted(entry: dict[str, Any]) -> dict[str, Any]:
    given = entry["input"]
    resize = given["resize"]
    if resize.startswith("letterbox"):
        resize = ("letterbox", "top-left", 114)
    elif resize.startswith("pad bottom/right"):
        resize = ("pad", "top-left", 0)
    mean = given.get("mean", [255 * value for value in given.get("mean_rgb", [0, 0, 0])])
    return {
        "size_wh": given["size_wh"],
        "scale": pytest.approx(given.get("scale", 1)),
        "mean": pytest.approx(mean),
        "std": given.get("std_rgb"),
        "swapRB": given["swapRB"],
        "layout": given.get("layout", "NCHW"),
        "uint8": "uint8" in given.get("dtype", ""),
        "resize": resize,
    }


def test_purpose_and_recipe_of_every_onnx_model_of_the_zoo_are_the_documented_ones(zoo: Path) -> None:
    entries = [entry for entry in json.loads((zoo / "MANIFEST.json").read_text()) if entry["framework"] == "onnx"]
    assert len(entries) >= 6
    for entry in entries:
        model = next(name for name in entry["files"] if name.endswith(".onnx"))
        found = values(inspect_onnx(zoo / entry["path"] / model))
        assert found["purpose"] == entry["purpose"], entry["name"]
        assert _recipe(found) == _wanted(entry), entry["name"]


def test_the_reading_of_zoo_models_agrees_with_onnxruntime(zoo: Path) -> None:
    for path in sorted(zoo.glob("onnx/*/*.onnx")):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        report = inspect_onnx(path)
        for ours, theirs in ((report.inputs, session.get_inputs()), (report.outputs, session.get_outputs())):
            assert [spec.name for spec in ours] == [item.name for item in theirs]
            assert [list(spec.shape) for spec in ours] == [list(item.shape) for item in theirs]


def test_license_and_description_come_from_the_metadata_when_they_are_a_line_of_text(tmp_path: Path) -> None:
    notes = {"license": " MIT ", "description": "a\nb"}
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx_bytes([value_info("in", [1, 3, 8, 8])], [value_info("out", [1, 2])], metadata=notes))
    facts = inspect_onnx(path).facts
    assert (facts["license"].value, facts["license"].source) == ("MIT", "metadata license")
    assert "description" not in facts
