"""What engines say: one real file of TensorRT 5; the mark ftrt and Ultralytics' notes on files made by hand."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from aai.core import machine
from aai.core.configure import configure
from aai.core.inspect import inspect_file
from aai.core.inspect.report import Inspection
from aai.core.inspect.tensorrt import inspect_engine
from aai.errors import BadWeights
from aai.ports import TensorSpec
from tests.compiled_maker import NOTES, engine_bytes, old_engine_bytes, plan_bytes


def read(folder: Path, data: bytes) -> Inspection:
    path = folder / "net.engine"
    path.write_bytes(data)
    return inspect_engine(path)


def values(report: Inspection) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def test_the_zoo_s_engine_of_tensorrt_5_shows_version_gpu_and_tensors(zoo: Path) -> None:
    report = inspect_file(zoo / "tensor-rt/lenet5-engine/lenet5.engine")
    assert report.details["tensorrt"] == "5.0.6.3"
    assert report.details["gpu"] == "NVIDIA Tegra X2"
    assert report.inputs == (TensorSpec("input_1", (None, 1, 28, 28)),)
    assert report.outputs == (TensorSpec("dense_1/Softmax", (None, 1, 1, 10)),)
    assert values(report)["size"] == [28, 28]


def test_an_old_engine_made_by_hand_reads_the_same(tmp_path: Path) -> None:
    report = read(tmp_path, old_engine_bytes("Tesla T4"))
    assert (report.details["tensorrt"], report.details["gpu"]) == ("5.0.6.3", "Tesla T4")
    assert [spec.name for spec in (*report.inputs, *report.outputs)] == ["data", "prob"]
    with pytest.raises(BadWeights):
        read(tmp_path, old_engine_bytes()[:-30])


def test_ultralytics_notes_tell_task_size_classes_and_pre_processing(tmp_path: Path) -> None:
    report = read(tmp_path, engine_bytes(NOTES))
    facts = values(report)
    assert (facts["purpose"], facts["decoder"]) == ("ObjectDetection", {"name": "yolov8"})
    assert facts["size"] == [640, 384]
    assert (facts["labels"], facts["classes"]) == (["person", "bicycle"], 2)
    assert (facts["mean"], facts["scalefactor"], facts["swaprb"]) == ([0, 0, 0], pytest.approx(1 / 255), True)
    assert facts["input"] == {"resize": "letterbox", "anchor": "center", "pad": 114}
    assert facts["batch_size"] == 1
    assert facts["license"].startswith("AGPL-3.0")
    assert report.metadata["args"] == '{"half": true, "int8": false}'


@pytest.mark.parametrize(
    ("notes", "purpose", "decoder"),
    [
        ({"task": "classify"}, "Classification", {"name": "classification"}),
        ({"task": "segment"}, "InstanceSegmentation", {"name": "yolo-seg"}),
        ({"task": "pose", "kpt_shape": [5, 2]}, "PoseEstimation", {"name": "yolo-pose", "key_points": [5, 2]}),
        ({"task": "pose"}, "PoseEstimation", {"name": "yolo-pose", "key_points": [17, 3]}),
        ({"task": "obb"}, "ObjectDetection", None),
        ({"end2end": True}, "ObjectDetection", {"name": "yolov10"}),
        ({"description": "Ultralytics rtdetr-l model trained on coco.yaml"}, "ObjectDetection", {"name": "rtdetr"}),
        (
            {"task": "segment", "end2end": True},
            "InstanceSegmentation",
            {"name": "yolo-seg", "end_to_end": True},
        ),
    ],
)
def test_each_task_has_its_purpose_and_decoder(tmp_path: Path, notes: Any, purpose: str, decoder: Any) -> None:
    facts = values(read(tmp_path, engine_bytes({**NOTES, **notes})))
    assert facts["purpose"] == purpose
    assert facts.get("decoder") == decoder
    assert facts.get("crop", False) == (purpose == "Classification")


@pytest.mark.parametrize(
    ("version", "number", "told"),
    [
        ((10, 3, 0), 239, "10.3.0"),
        ((8, 6, 1), 236, "8.6.1"),
        (None, 205, "8.2"),
        (None, 232, "8.5"),
        ((10, 3, 0), 232, None),
        ((200, 3, 0), 7, None),
        (None, 0, None),
    ],
)
def test_the_version_is_a_hint_and_left_out_where_the_header_is_unclear(
    tmp_path: Path, version: Any, number: int, told: str | None
) -> None:
    details = read(tmp_path, engine_bytes(plan=plan_bytes(version, number))).details
    assert details.get("tensorrt") == told
    assert ("hint" in details.get("tensorrt_source", "")) == (told is not None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ftrt" + bytes(8), "cut off: it has 12 bytes"),
        (engine_bytes(NOTES)[:100], "the notes in front of the engine end past the file"),
        (struct.pack("<I", 8) + b'{"a": 1}' + b"not an engine" * 9, "no engine starts where one belongs"),
        (b"\x01HEF" + bytes(60), "its content is hef"),
    ],
)
def test_what_is_cut_off_or_no_engine_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(BadWeights, match=words):
        read(tmp_path, data)


def test_content_that_nothing_shows_is_said_to_be_unread(tmp_path: Path) -> None:
    assert "no sign" in read(tmp_path, bytes(range(255, 0, -1))).not_read


def test_on_a_jetson_the_device_is_a_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "device" not in read(tmp_path, engine_bytes()).facts
    board = tmp_path / "proc/device-tree/model"
    board.parent.mkdir(parents=True)
    board.write_bytes(b"NVIDIA Jetson Orin Nano Developer Kit\0")
    assert machine.jetson(tmp_path) == "orin-nano"
    jetson, name = machine.jetson(tmp_path), machine.board(tmp_path)
    monkeypatch.setattr(machine, "jetson", lambda: jetson)
    monkeypatch.setattr(machine, "board", lambda: name)
    fact = read(tmp_path, engine_bytes()).facts["device"]
    assert (fact.value, fact.certain) == ("orin-nano", False)
    assert "Orin Nano" in fact.source


def test_an_engine_with_notes_is_configured(tmp_path: Path) -> None:
    (tmp_path / "net.engine").write_bytes(engine_bytes(NOTES))
    result = configure(tmp_path, {"id": "acme/net", "device": "orin-nano"})
    assert result.config.decoder == {"name": "yolov8"}
    assert result.labels == ("person", "bicycle")
