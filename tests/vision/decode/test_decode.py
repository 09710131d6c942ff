"""Decoders against examples worked out by hand, and against outputs that no sound network gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.core.model_config import ModelConfig
from aai.errors import AaiError, UsageError
from aai.vision.decode.candidates import Request
from aai.vision.decode.classification import classification_softmax
from aai.vision.decode.classification import decode as decode_classes
from aai.vision.decode.detection import DETECTION, detection_decoder
from aai.vision.decode.grid import cells


def _decode(layout: str, outputs: dict[str, np.ndarray], confidence: float = 0.3, **more: Any) -> Any:
    size = more.pop("size", (64, 32))
    return DETECTION[layout](outputs, Request(size, confidence, more))


def test_darknet_rows_are_shares_of_the_input_and_scores_are_taken_as_they_are() -> None:
    coarse = np.array([[0.5, 0.5, 0.25, 0.5, 0.9, 0.1, 0.8], [0.5, 0.5, 1, 1, 0.2, 0.2, 0.0]], np.float32)
    fine = np.array([[0.25, 0.25, 0.5, 0.5, 0.95, 0.7, 0.0], [0.1, 0.1, 0.1, 0.1, 0.9, 0.2, 0.1]], np.float32)
    found = _decode("darknet-region", {"yolo_1": coarse, "yolo_2": fine})
    assert found.boxes_xyxy.tolist() == [[24, 8, 40, 24], [0, 0, 32, 16]]
    np.testing.assert_allclose(found.scores, [0.8, 0.7])
    assert found.class_ids.tolist() == [1, 0]
    assert found.classes == 2


def test_yolox_cells_are_counted_row_by_row_and_stride_by_stride() -> None:
    rows = np.zeros((1, 8 * 4 + 4 * 2 + 2 * 1, 7), np.float32)
    rows[0, 8 + 3] = [0.5, 0.25, np.log(2), np.log(4), 0.9, 0.1, 0.8]  # stride 8, row 1, column 3
    rows[0, 32 + 8 + 1] = [0, 0, 0, 0, 1.0, 0.6, 0.5]  # stride 32, row 0, column 1
    found = _decode("yolox", {"output": rows})
    np.testing.assert_allclose(found.boxes_xyxy, [[20, -6, 36, 26], [16, -16, 48, 16]])
    np.testing.assert_allclose(found.scores, [0.72, 0.6])
    assert found.class_ids.tolist() == [1, 0]


def test_yolox_strides_come_from_the_settings() -> None:
    rows = np.zeros((1, 2, 6), np.float32)
    rows[0, 1] = [0, 0, 0, 0, 1, 1]
    found = _decode("yolox", {"output": rows}, strides=[32])
    assert found.boxes_xyxy.tolist() == [[16, -16, 48, 16]]


def test_grids_of_sizes_that_the_stride_does_not_divide_have_a_cell_for_the_rest() -> None:
    corner, stride = cells((70, 33), (32,))
    assert len(corner) == 3 * 2
    assert corner[-1].tolist() == [2, 1]
    assert stride.tolist() == [[32]] * 6


def test_ssd_rows_keep_the_network_s_class_numbers_and_end_marks_are_dropped() -> None:
    rows = np.array([[0, 1, 0.9, 0.25, 0.5, 0.5, 1.0], [0, 3, 0.2, 0, 0, 1, 1], [-1, 0, 0.99, 0, 0, 1, 1]], np.float32)
    found = _decode("ssd", {"detection_out": rows.reshape(1, 1, 3, 7)})
    assert found.boxes_xyxy.tolist() == [[16, 16, 32, 32]]
    assert found.class_ids.tolist() == [1]
    assert found.suppressed
    assert found.first_class == 1


def test_ssd_without_any_row() -> None:
    assert len(_decode("ssd", {"detection_out": np.zeros((1, 1, 0, 7), np.float32)}).scores) == 0


def _yunet(size: tuple[int, int] = (64, 32)) -> dict[str, np.ndarray]:
    outputs = {}
    for stride in (8, 16, 32):
        count = (size[0] // stride) * (size[1] // stride)
        for kind, columns in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{kind}_{stride}"] = np.zeros((1, count, columns), np.float32)
    return outputs


def test_yunet_scores_are_the_root_of_class_times_objectness() -> None:
    outputs = _yunet()
    outputs["cls_16"][0, 5], outputs["obj_16"][0, 5] = 0.81, 1.0
    outputs["bbox_16"][0, 5] = [0.5, 0.5, np.log(2), 0]  # row 1, column 1
    outputs["cls_8"][0, 0], outputs["obj_8"][0, 0] = 0.9, -0.1
    found = _decode("yunet", outputs)
    np.testing.assert_allclose(found.boxes_xyxy, [[8, 16, 40, 32]])
    np.testing.assert_allclose(found.scores, [0.9])


def test_classes_of_logits_and_of_probabilities_in_any_shape() -> None:
    logits = np.array([1.0, 3.0, 2.0], np.float32)
    expected = np.exp(logits) / np.exp(logits).sum()
    for shape in ((3,), (1, 3), (1, 3, 1, 1), (1, 1, 1, 3)):
        np.testing.assert_allclose(decode_classes({"x": logits.reshape(shape)}, True), expected, rtol=1e-6)
        assert decode_classes({"x": logits.reshape(shape)}, False).tolist() == [1, 3, 2]
    huge = decode_classes({"x": np.array([[1e4, 0]], np.float32)}, True)
    assert huge.tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(1, 5, 2), (2, 3), (0,), (1, 0)])
def test_an_output_that_is_no_vector_of_classes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AaiError, match="classification"):
        decode_classes({"x": np.zeros(shape, np.float32)}, False)
    with pytest.raises(AaiError, match="classification"):
        decode_classes({}, False)


WRONG = [
    ("darknet-region", {"a": np.zeros((4, 5), np.float32)}),
    ("darknet-region", {"a": np.zeros((4, 8), np.float32), "b": np.zeros((4, 9), np.float32)}),
    ("darknet-region", {"a": np.zeros(9, np.float32)}),
    ("yolox", {"a": np.zeros((1, 41, 7), np.float32)}),
    ("yolox", {"a": np.zeros((1, 42, 5), np.float32)}),
    ("yolox", {"a": np.zeros((2, 42, 7), np.float32)}),
    ("yolov8", {"a": np.zeros((1, 4, 42), np.float32)}),
    ("yolov8", {"a": np.zeros((1, 7, 42), np.float32), "b": np.zeros((1, 2), np.float32)}),
    ("yolov8", {"a": np.zeros(84, np.float32)}),
    ("yolov5", {"a": np.zeros((1, 42, 5), np.float32)}),
    ("ssd", {"a": np.zeros((1, 1, 10, 6), np.float32)}),
    ("ssd", {}),
    ("yunet", {"cls_8": np.zeros((1, 32, 1), np.float32)}),
    ("yunet", _yunet((32, 32))),
    ("yunet-priors", {"loc": np.zeros((116, 14), np.float32), "conf": np.zeros((116, 2), np.float32)}),
    ("yunet-priors", {name: np.zeros((9, n), np.float32) for name, n in (("loc", 14), ("conf", 2), ("iou", 1))}),
    ("nanodet", {"a": np.zeros((1, 42, 32), np.float32)}),
    ("nanodet", {"a": np.zeros((1, 43, 35), np.float32)}),
    ("yolov10", {"a": np.zeros((1, 42, 7), np.float32)}),
    ("yolov10", {"a": np.zeros((2, 42, 6), np.float32)}),
    ("yolov7-end2end", {"a": np.zeros((42, 6), np.float32)}),
    ("yolov7-end2end", {"a": np.zeros((1, 42, 7), np.float32)}),
    ("rtdetr", {"a": np.zeros((1, 42, 4), np.float32)}),
    ("detr", {"a": np.zeros((1, 42, 3), np.float32), "b": np.zeros((1, 41, 4), np.float32)}),
    ("detr", {"a": np.zeros((1, 42, 3), np.float32), "b": np.zeros((1, 42, 5), np.float32)}),
    ("detr", {"a": np.zeros((1, 42, 3), np.float32)}),
    ("scored-boxes", {"a": np.zeros((1, 42, 3), np.float32), "b": np.zeros((1, 42, 5), np.float32)}),
    ("scored-boxes", {"a": np.zeros((1, 42, 1), np.float32), "b": np.zeros((1, 42, 4), np.float32)}),
    ("listed", {"a": np.zeros((1, 42, 4), np.float32)}),
    ("mediapipe", {"a": np.zeros((1, 111, 16), np.float32), "b": np.zeros((1, 111, 1), np.float32)}),
    ("mediapipe", {"a": np.zeros((1, 112, 16), np.float32), "b": np.zeros((1, 112, 2), np.float32)}),
]
SETTINGS: dict[str, dict[str, Any]] = {
    "listed": {"boxes": "boxes", "scores": "scores", "classes": "classes", "count": "count"},
    "mediapipe": {"strides": [8, 16], "anchors": [2, 6]},
}


@pytest.mark.parametrize(("layout", "outputs"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_outputs_of_another_layout_are_an_error_that_says_what_came(
    layout: str, outputs: dict[str, np.ndarray]
) -> None:
    with pytest.raises(AaiError, match=layout) as caught:
        _decode(layout, outputs, **SETTINGS.get(layout, {}))
    assert "aai model configure" in (caught.value.fix or "")


SOUND: dict[str, dict[str, tuple[int, ...]]] = {
    "darknet-region": {"a": (20, 8)},
    "yolox": {"a": (1, 42, 8)},
    "yolov8": {"a": (1, 7, 42)},
    "yolov5": {"a": (1, 42, 8)},
    "ssd": {"a": (1, 1, 42, 7)},
    "yunet": {name: array.shape for name, array in _yunet().items()},
    "yunet-priors": {"loc": (116, 14), "conf": (116, 2), "iou": (116, 1)},
    "nanodet": {"a": (1, 42, 35)},
    "yolov10": {"a": (1, 42, 6)},
    "yolov7-end2end": {"a": (42, 7)},
    "rtdetr": {"a": (1, 42, 7)},
    "detr": {"a": (1, 42, 3), "b": (1, 42, 4)},
    "scored-boxes": {"a": (1, 42, 3), "b": (1, 42, 4)},
    "listed": {"boxes": (1, 42, 4), "scores": (1, 42), "classes": (1, 42), "count": (1,)},
    "mediapipe": {"a": (1, 112, 16), "b": (1, 112, 1)},
}
ACCELERATED = {"hailo-nms", "hailo-yolov3", "tensorrt-yolo"}
"""Those of test_accelerated.py."""
LOGITS = {"detr", "mediapipe"}
"""Layouts in which 0 stands for a probability of a half."""


def test_every_layout_is_given_what_no_sound_network_gives() -> None:
    assert set(SOUND) | ACCELERATED == set(DETECTION)


@pytest.mark.parametrize("layout", sorted(SOUND))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_outputs_that_no_sound_network_gives_do_not_fail(layout: str, value: float) -> None:
    outputs = {name: np.full(shape, value, np.float32) for name, shape in SOUND[layout].items()}
    with np.errstate(invalid="ignore", over="ignore"):
        found = _decode(layout, outputs, **SETTINGS.get(layout, {}))
    if np.isnan(value) or value < 0:
        assert len(found.scores) == 0


@pytest.mark.parametrize("layout", sorted(set(SOUND) - LOGITS))
def test_at_confidence_0_what_scores_nothing_is_no_candidate(layout: str) -> None:
    outputs = {name: np.zeros(shape, np.float32) for name, shape in SOUND[layout].items()}
    assert len(_decode(layout, outputs, confidence=0.0, **SETTINGS.get(layout, {})).scores) == 0


@pytest.mark.parametrize(
    ("layout", "setting"),
    [
        ("nanodet", {"reg_max": 0}),
        ("nanodet", {"reg_max": 7.0}),
        ("nanodet", {"offset": "0.5"}),
        ("nanodet", {"offset": float("nan")}),
        ("mediapipe", {"anchors": [2]}),
        ("mediapipe", {"anchors": [2, 6, 2]}),
        ("mediapipe", {"anchors": [2, 0]}),
        ("listed", {"corners": "xywh"}),
        ("listed", {"corners": ["xyxy"]}),
        ("listed", {"unit": "metres"}),
        ("listed", {"first_class": 2}),
    ],
)
def test_settings_that_a_layout_can_t_have_are_told(layout: str, setting: dict[str, Any]) -> None:
    outputs = {name: np.zeros(shape, np.float32) for name, shape in SOUND[layout].items()}
    (name,) = setting
    with pytest.raises(UsageError, match=rf"aai\.decoder\.{name} is") as caught:
        _decode(layout, outputs, **{**SETTINGS.get(layout, {}), **setting})
    assert f"aai.decoder.{name}" in str(caught.value.where)


@pytest.mark.parametrize(
    ("layout", "settings"),
    [
        ("mediapipe", {"strides": [1], "anchors": [1 << 40]}),
        ("yolox", {"strides": [1] * 10_000}),
        ("nanodet", {"strides": [1] * 10_000}),
    ],
)
def test_settings_that_ask_for_more_cells_than_memory_holds_are_refused_at_once(
    layout: str, settings: dict[str, Any]
) -> None:
    outputs = {name: np.zeros(shape, np.float32) for name, shape in SOUND[layout].items()}
    with pytest.raises(AaiError, match=layout):
        _decode(layout, outputs, size=(8192, 8192), **settings)


def test_boxes_that_are_shares_of_the_input_are_multiplied_where_the_settings_say_so() -> None:
    row = [0.5, 0.5, 0.25, 0.5, 0.9, 0.8]
    for layout, outputs in (("yolov5", np.array([[row]])), ("yolov8", np.array([[row[:5]]]).transpose(0, 2, 1))):
        found = _decode(layout, {"a": outputs.astype(np.float32)}, normalised=True)
        assert found.boxes_xyxy.tolist() == [[24, 8, 40, 24]]


def test_listed_boxes_end_where_the_network_says() -> None:
    outputs = {
        "boxes": np.array([[[0.25, 0.5, 0.5, 1.0], [0, 0, 1, 1], [0, 0, 1, 1]]], np.float32),
        "scores": np.array([[0.9, 0.2, 0.8]], np.float32),
        "classes": np.array([[2, 1, 1]], np.float32),
    }
    for count, left in ((2, 1), (3, 2), (-1, 0), (99, 2)):
        given = {**outputs, "count": np.array([count], np.float32)}
        found = _decode("listed", given, corners="yxyx", first_class=1, **SETTINGS["listed"])
        assert len(found.scores) == left
    assert (found.boxes_xyxy[0].tolist(), found.class_ids.tolist(), found.first_class) == ([32, 8, 64, 16], [2, 1], 1)


@pytest.mark.parametrize("order", [["logits", "pred_boxes"], ["pred_boxes", "logits"], ["scores", "boxes"]])
def test_boxes_and_scores_of_four_classes_are_told_apart_by_name_or_order(order: list[str]) -> None:
    box, score = np.full((1, 2, 4), 0.5, np.float32), np.zeros((1, 2, 4), np.float32)
    score[0, 1] = [-9, -9, 9, -9]
    outputs = {name: box if "box" in name else score for name in order}
    found = _decode("detr", outputs, confidence=0.9)
    assert (found.class_ids.tolist(), found.boxes_xyxy.tolist()) == ([2], [[16, 8, 48, 24]])
    outputs = {name: box if "box" in name else np.maximum(score / 9, 0) for name in order}
    found = _decode("scored-boxes", outputs, confidence=0.9)
    assert (found.class_ids.tolist(), found.boxes_xyxy.tolist()) == ([2], [[32, 16, 32, 16]])


def _config(framework: str, decoder: dict[str, Any] | None = None, **parameters: Any) -> ModelConfig:
    document = {"model_parameters": {"framework_type": framework, **parameters}, "aai": {"decoder": decoder}}
    return ModelConfig(document, Path("/m"))


def test_without_a_decoder_the_framework_tells_it_or_the_error_says_how_to_find_it() -> None:
    assert detection_decoder(_config("darknet"))[0] is DETECTION["darknet-region"]
    assert detection_decoder(_config("caffe"))[0] is DETECTION["ssd"]
    assert detection_decoder(_config("caffe", {"name": "yolov5"}))[0] is DETECTION["yolov5"]
    with pytest.raises(UsageError, match="not known") as caught:
        detection_decoder(_config("onnx"))
    assert "aai model configure" in (caught.value.fix or "")
    with pytest.raises(UsageError, match="yolov99"):
        detection_decoder(_config("onnx", {"name": "yolov99"}))


def test_a_classification_model_takes_softmax_from_its_configuration() -> None:
    assert classification_softmax(_config("onnx", softmax=True))
    assert not classification_softmax(_config("onnx", {"name": "classification"}))
    with pytest.raises(UsageError, match="yolox"):
        classification_softmax(_config("onnx", {"name": "yolox"}))


@pytest.mark.parametrize("layout", ["yolox", "yunet"])
@pytest.mark.parametrize("strides", [8, [0], [8, "16"], [8.0], "8", [True], {"a": 8}])
def test_strides_that_are_no_pixels_are_told(layout: str, strides: Any) -> None:
    with pytest.raises(UsageError, match=r"decoder\.strides is") as caught:
        _decode(layout, {"output": np.zeros((1, 2, 6), np.float32)}, strides=strides)
    assert "aai.decoder.strides" in str(caught.value.where)


def test_the_boxes_of_a_half_precision_network_are_placed_in_full_precision() -> None:
    rows = np.zeros((1, 160, 6), np.float16)
    rows[0, 159] = [0.5, 0, 0, 0, 1, 1]
    found = _decode("yolox", {"output": rows}, strides=[13], size=(2080, 13))
    assert found.boxes_xyxy.tolist() == [[2067, -6.5, 2080, 6.5]]
