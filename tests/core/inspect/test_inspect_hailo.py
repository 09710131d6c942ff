"""What HEF files say: one real file of header version 0; versions 1 to 3 and suppression on files made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aai.core.configure import configure
from aai.core.inspect import inspect_file
from aai.core.inspect.hailo import inspect_hef
from aai.core.inspect.report import Inspection
from aai.errors import BadWeights
from aai.ports import Quantisation, TensorSpec
from tests.compiled_maker import (
    FLAT,
    HAILO8L,
    HAILO15H,
    NHWC,
    NMS_FORMAT,
    ORDER_NC,
    SSD,
    YOLOV5,
    YOLOV5_SEG,
    YOLOV8,
    YOLOX,
    classifier_network,
    edge,
    flow_network,
    hef_bytes,
    join,
    layer,
    numeric,
    old_network,
    pad,
    yolo_network,
)
from tests.model_maker import number, part


def read(folder: Path, data: bytes) -> Inspection:
    path = folder / "net.hef"
    path.write_bytes(data)
    return inspect_hef(path)


def values(report: Inspection) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def test_the_zoo_s_file_gives_chip_compiler_streams_and_quantisation(zoo: Path) -> None:
    report = inspect_file(zoo / "hailo/hand-landmark-lite/hand_landmark_lite.hef")
    assert report.details["sdk"] == "3.25.0"
    assert report.details["chip"] == "hailo8"
    assert report.details["networks"] == ["hand_landmark_lite"]
    assert report.inputs == (
        TensorSpec("hand_landmark_lite/input_layer1", (1, 224, 224, 3), "uint8", Quantisation(1.0, 0)),
    )
    # The order that the file gives, which is not that of its edges.
    assert [(spec.name, spec.shape) for spec in report.outputs] == [
        (f"hand_landmark_lite/{name}", shape)
        for name, shape in (("fc1", (1, 63)), ("fc4", (1, 1)), ("fc3", (1, 1)), ("fc2", (1, 63)))
    ]
    assert report.outputs[0].quantisation == (pytest.approx(1.02727187), 52)
    assert "purpose" not in report.facts
    assert "--purpose" in report.details["purpose"]
    assert values(report)["size"] == [224, 224]


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_every_version_of_the_header_is_read(tmp_path: Path, version: int) -> None:
    report = read(tmp_path, hef_bytes(version=version))
    assert report.details["hef_version"] == version
    assert report.inputs == (TensorSpec("net/input_layer1", (1, 224, 224, 3), "uint8", Quantisation(1.0, 0)),)
    assert report.outputs == (TensorSpec("net/fc1", (1, 1000), "uint8", Quantisation(0.25, 7)),)
    assert (values(report)["purpose"], values(report)["classes"]) == ("Classification", 1000)
    assert (values(report)["mean"], values(report)["scalefactor"]) == ([0, 0, 0], 1)
    assert values(report)["input"] == {"layout": "NHWC", "dtype": "uint8"}


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_a_file_that_ends_before_its_weights_is_cut_off(tmp_path: Path, version: int) -> None:
    data = hef_bytes(version=version)
    for length in (*range(12, len(data), 9), len(data) - 1):
        with pytest.raises(BadWeights):
            read(tmp_path, data[:length])


def test_a_header_of_a_later_version_is_refused_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="version 4"):
        read(tmp_path, b"\x01HEF\0\0\0\4" + bytes(100))


@pytest.mark.parametrize(
    ("arch", "chip", "runs"),
    [
        (0, "hailo8", ["hailo8"]),
        (1, "hailo8", ["hailo8"]),
        (HAILO8L, "hailo8l", ["hailo8", "hailo8l"]),
        (HAILO15H, "hailo10h", ["hailo10h", "hailo15h"]),
        (4, "hailo15m", ["hailo10h", "hailo15h", "hailo15m"]),
    ],
)
def test_the_chip_is_told_by_its_number(tmp_path: Path, arch: int, chip: str, runs: list[str]) -> None:
    report = read(tmp_path, hef_bytes(arch=arch))
    assert report.details["chip"] == chip
    assert report.details["runs_on"] == runs
    assert report.facts["target"].value == {"chip": chip}


def test_a_chip_of_an_unknown_number_is_told_as_that(tmp_path: Path) -> None:
    report = read(tmp_path, hef_bytes(arch=77))
    assert "77" in report.details["chip"]
    assert "target" not in report.facts


@pytest.mark.parametrize(
    ("kind", "name", "purpose", "architecture", "letterbox"),
    [
        (YOLOV8, "yolov8", "ObjectDetection", None, "center"),
        (YOLOV5, "yolov5", "ObjectDetection", None, "center"),
        (YOLOX, "yolox", "ObjectDetection", None, "top-left"),
        (SSD, "ssd", "ObjectDetection", "mobilenet_ssd", None),
        (YOLOV5_SEG, "yolov5-seg", "InstanceSegmentation", None, "center"),
    ],
)
@pytest.mark.parametrize("version", [1, 3])
def test_suppression_by_hailort_tells_classes_thresholds_and_decoder(
    tmp_path: Path, kind: int, name: str, purpose: str, architecture: Any, letterbox: Any, version: int
) -> None:
    report = read(tmp_path, hef_bytes([yolo_network(kind, 80)], version=version))
    assert report.details["nms"] == {
        "where": "in HailoRT",
        "kind": name,
        "classes": 80,
        "boxes_per_class": 100,
        "score": 0.25,
        "iou": 0.6,
    }
    facts = values(report)
    assert (facts["purpose"], facts["classes"], facts["size"]) == (purpose, 80, [640, 640])
    assert facts.get("architecture") == architecture
    assert facts["input"].get("anchor") == letterbox
    name = "hailo-nms" if purpose == "ObjectDetection" else "hailo-masks"
    assert facts["decoder"] == {"name": name, "classes": 80}
    assert report.outputs == (TensorSpec("yolo/yolov8_nms_postprocess", (None, 6), "float32"),)
    assert [spec.name for spec in report.inputs] == ["yolo/input_layer1"]


def test_a_background_class_that_is_taken_out_is_shown(tmp_path: Path) -> None:
    report = read(tmp_path, hef_bytes([yolo_network(SSD, 90, background=0)]))
    assert report.details["nms"]["background"] == 0


def test_suppression_on_the_chip_is_told_by_its_edge(tmp_path: Path) -> None:
    nms = layer("net/nms1", (1, 1, 1), NMS_FORMAT, nms=number(2, 80) + number(3, 20) + number(4, 12))
    edges = [edge(layer("net/in", (300, 300, 3))), edge(nms, out=True)]
    report = read(tmp_path, hef_bytes([old_network("net", edges)]))
    assert report.details["nms"] == {"where": "on the chip", "classes": 80, "boxes_per_class": 20}
    assert values(report)["purpose"] == "ObjectDetection"


def test_outputs_that_the_chip_joins_are_told_apart(tmp_path: Path) -> None:
    parts = [layer("net/a", (1, 1, 5), FLAT), layer("net/b", (4, 4, 8), NHWC, numeric(0, 0.1, per_feature=3))]
    edges = [edge(layer("net/in", (32, 32, 3))), edge(join("net/mux", parts), out=True, joined=True)]
    report = read(tmp_path, hef_bytes([old_network("net", edges, ["net/b", "net/a"])]))
    assert [(spec.name, spec.shape) for spec in report.outputs] == [("net/b", (1, 4, 4, 8)), ("net/a", (1, 5))]
    assert report.outputs[0].quantisation is None


def test_softmax_after_the_chip_is_shown(tmp_path: Path) -> None:
    edges = [edge(layer("net/in", (224, 224, 3))), edge(layer("net/fc", (1, 1, 1000), FLAT), out=True)]
    operation = part(1, "softmax1") + part(2, pad(1, "", (1, 1, 1000), ORDER_NC))
    operation += part(3, pad(2, "net/softmax1", (1, 1, 1000), ORDER_NC)) + part(6, number(1, 1))
    after = [part(8, operation), part(9, number(1, 0) + number(2, 1))]
    report = read(tmp_path, hef_bytes([flow_network("net", edges, [pad(0, "net/fc", (1, 1, 1000), ORDER_NC)], after)]))
    assert report.outputs == (TensorSpec("net/softmax1", (1, 1000), "uint8", Quantisation(0.5, 3)),)
    assert report.details["after_the_chip"] == ["softmax"]
    assert values(report)["softmax"] is False


def test_edges_without_end_are_refused(tmp_path: Path) -> None:
    joined = part(1, "leaf")
    for _ in range(30):
        joined = part(5, part(2, joined))
    edges = [edge(layer("net/in", (32, 32, 3))), edge(joined, out=True, joined=True)]
    with pytest.raises(BadWeights, match="edges inside of edges"):
        read(tmp_path, hef_bytes([old_network("net", edges)]))


def test_a_detector_is_configured_without_a_flag_but_its_id(tmp_path: Path) -> None:
    (tmp_path / "net.hef").write_bytes(hef_bytes([yolo_network(YOLOV8, 2)], HAILO8L, 3))
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    result = configure(tmp_path, {"id": "acme/net"})
    assert result.config.purpose == "ObjectDetection"
    assert result.config.decoder == {"name": "hailo-nms", "classes": 2}
    assert result.config.input_recipe().resize == "letterbox"


def test_a_vector_of_unclear_meaning_is_asked_for(tmp_path: Path) -> None:
    report = read(tmp_path, hef_bytes([classifier_network(63)]))
    assert not {"purpose", "decoder", "classes", "softmax"} & set(report.facts)
