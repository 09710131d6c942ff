"""The layouts of Hailo and TensorRT by hand, and by outputs that nobody should give; oracles are in test_oracles.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.core.model_config import ModelConfig
from aai.errors import AaiError, UsageError
from aai.vision.decode.candidates import Request
from aai.vision.decode.detection import DETECTION, detection_decoder
from aai.vision.decode.instances import INSTANCES
from aai.vision.decode.tensorrt_yolo import finished_parts
from aai.vision.masks import cut_out
from aai.vision.preprocess import Placement


def _decode(layout: str, outputs: dict[str, np.ndarray], confidence: float = 0.3, **settings: Any) -> Any:
    return DETECTION[layout](outputs, Request((64, 32), confidence, settings))


def test_hailo_rows_have_y_first_and_are_shares_of_the_input() -> None:
    rows = np.array([[0.25, 0.5, 0.75, 1.0, 0.9, 79], [0, 0, 1, 1, 0.2, 0]], np.float32)
    found = _decode("hailo-nms", {"nms": rows, "nms/masks": np.ones((2, 32, 64), np.uint8)}, classes=80)
    assert found.boxes_xyxy.tolist() == [[32, 8, 64, 24]]
    np.testing.assert_allclose(found.scores, [0.9])
    assert found.class_ids.tolist() == [79]
    assert (found.classes, found.first_class, found.suppressed) == (80, 0, True)
    assert _decode("hailo-nms", {"nms": rows}, first_class=1).first_class == 1
    assert len(_decode("hailo-nms", {"nms": np.zeros((0, 6), np.float32)}).scores) == 0


def test_plugin_rows_have_their_corner_first_and_are_not_suppressed() -> None:
    coarse = np.array([[0.25, 0.5, 0.25, 0.25, 0.8, 2, 0.5], [0, 0, 1, 1, 0.5, 0, 0.5]], np.float32)
    fine = np.array([[0.5, 0, 0.5, 1.0, 1.0, 7, 0.75]], np.float32)
    found = _decode("tensorrt-yolo", {"000": coarse.reshape(1, 14, 1, 1), "001": fine.reshape(-1)})
    assert found.boxes_xyxy.tolist() == [[16, 16, 32, 24], [32, 0, 64, 32]]
    np.testing.assert_allclose(found.scores, [0.4, 0.75])
    assert found.class_ids.tolist() == [2, 7]
    assert not found.suppressed


def _finished(boxes: list, count: int) -> dict[str, np.ndarray]:
    return {
        "num_dets": np.array([[count]], np.int32),
        "det_boxes": np.array([boxes], np.float32),
        "det_scores": np.linspace(0.9, 0.8, len(boxes), dtype=np.float32)[None],
        "det_classes": np.arange(len(boxes), dtype=np.int32)[None],
    }


def test_finished_boxes_end_with_their_count() -> None:
    outputs = _finished([[4, 5, 20, 21], [1, 2, 3, 4], [9, 9, 9, 9]], 2)
    found = _decode("tensorrt-yolo", outputs)
    assert found.boxes_xyxy.tolist() == [[4, 5, 20, 21], [1, 2, 3, 4]]
    assert found.suppressed
    assert len(_decode("tensorrt-yolo", _finished([[4, 5, 20, 21]], 0)).scores) == 0


def test_finished_boxes_below_two_are_shares_unless_the_settings_say_pixels() -> None:
    outputs = _finished([[0.25, 0.5, 0.5, 1.01], [50, 50, 90, 90]], 1)
    np.testing.assert_allclose(_decode("tensorrt-yolo", outputs).boxes_xyxy, [[16, 16, 32, 32.32]], rtol=1e-6)
    pixels = _decode("tensorrt-yolo", outputs, unit="pixels").boxes_xyxy
    np.testing.assert_allclose(pixels, [[0.25, 0.5, 0.5, 1.01]], rtol=1e-6)
    turned = _decode("tensorrt-yolo", outputs, corners="yxyx").boxes_xyxy
    np.testing.assert_allclose(turned, [[32, 8, 64.64, 16]], rtol=1e-6)


def test_four_outputs_are_told_by_name_and_shape_in_any_order() -> None:
    outputs = _finished([[4, 5, 20, 21]], 1)
    expected = {"count": "num_dets", "boxes": "det_boxes", "scores": "det_scores", "classes": "det_classes"}
    assert finished_parts(outputs) == expected
    assert finished_parts(dict(reversed(list(outputs.items())))) == expected
    assert finished_parts({**outputs, "more": np.zeros(1)}) == {}
    assert finished_parts({str(number): array for number, array in enumerate(outputs.values())}) == {}


def _grids(*sizes: tuple[int, int], channels: int = 18) -> dict[str, np.ndarray]:
    return {f"conv{index}": np.full((1, *size, channels), -9, np.float32) for index, size in enumerate(sizes)}


def test_hailo_heads_go_by_their_grids_whatever_their_order() -> None:
    outputs = _grids((4, 8), (2, 4), (1, 2))
    outputs["conv2"][0, 0, 1, 6:12] = [0, 0, 0, 0, 9, 9]  # the coarsest, column 1, second anchor: 156 x 198
    outputs["conv0"][0, 3, 0, 12:18] = [0, 0, 0, 0, 9, 9]  # the finest, row 3, column 0, third anchor: 33 x 23
    found = _decode("hailo-yolov3", outputs)
    np.testing.assert_allclose(found.boxes_xyxy, [[-30, -83, 126, 115], [-12.5, 16.5, 20.5, 39.5]], rtol=1e-5)
    assert found.classes == 1
    assert not found.suppressed


def test_two_hailo_heads_are_the_tiny_network_s() -> None:
    outputs = _grids((2, 4), (1, 2))
    outputs["conv1"][0, 0, 0, :6] = [0, 0, 0, 0, 9, 9]  # the coarser, first anchor: 81 x 82
    np.testing.assert_allclose(_decode("hailo-yolov3", outputs).boxes_xyxy, [[-24.5, -25, 56.5, 57]], rtol=1e-5)


def test_hailo_heads_take_other_anchors_from_the_settings() -> None:
    outputs = _grids((1, 2), channels=6)
    outputs["conv0"][0, 0, 1] = [0, 0, 0, 0, 9, 9]
    heads = [{"kind": "yolo", "classes": 1, "anchors": [[8, 4]]}]
    np.testing.assert_allclose(_decode("hailo-yolov3", outputs, heads=heads).boxes_xyxy, [[44, 14, 52, 18]], rtol=1e-5)
    with pytest.raises(AaiError, match="hailo-yolov3"):
        _decode("hailo-yolov3", outputs)


def test_a_hailo_network_that_suppresses_by_itself_is_read_under_the_same_architecture() -> None:
    rows = np.array([[0, 0, 1, 1, 0.9, 3]], np.float32)
    found = _decode("hailo-yolov3", {"yolov3/nms1": rows})
    assert found.class_ids.tolist() == [3]
    assert found.suppressed


WRONG = [
    ("hailo-nms", {}),
    ("hailo-nms", {"a": np.zeros((4, 5), np.float32)}),
    ("hailo-nms", {"a": np.zeros((4, 6), np.float32), "b": np.zeros((4, 6), np.float32)}),
    ("hailo-yolov3", {}),
    ("hailo-yolov3", {"a": np.zeros((1, 4, 4), np.float32)}),
    ("hailo-yolov3", _grids((4, 8), (2, 4), (1, 2), channels=15)),
    ("hailo-yolov3", {**_grids((4, 8), (2, 4)), "b": np.zeros((1, 1, 2, 21), np.float32)}),
    ("hailo-yolov3", {**_grids((4, 8), (2, 4)), "b": np.zeros((1, 0, 2, 18), np.float32)}),
    ("hailo-yolov3", {f"conv{index}": np.zeros((1, 4, 4, 18), np.float32) for index in range(12)}),
    ("tensorrt-yolo", {}),
    ("tensorrt-yolo", {"a": np.zeros((1, 15), np.float32)}),
    ("tensorrt-yolo", {**_finished([[0, 0, 9, 9]] * 4, 1), "det_scores": np.zeros((1, 5), np.float32)}),
]


@pytest.mark.parametrize(("layout", "outputs"), WRONG)
def test_outputs_of_another_layout_are_an_error_that_says_what_came(layout: str, outputs: dict) -> None:
    with pytest.raises(AaiError, match=r"do not have the layout") as caught:
        _decode(layout, outputs)
    assert "aai model configure" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("layout", "settings"),
    [
        ("hailo-nms", {"classes": 0}),
        ("hailo-nms", {"classes": True}),
        ("hailo-nms", {"first_class": 2}),
        ("hailo-nms", {"first_class": "1"}),
        ("hailo-yolov3", {"heads": []}),
        ("hailo-yolov3", {"heads": [{"kind": "yolo"}]}),
        ("tensorrt-yolo", {"unit": "metres"}),
        ("tensorrt-yolo", {"corners": 4}),
    ],
)
def test_a_setting_that_can_t_be_is_told_by_name(layout: str, settings: dict) -> None:
    outputs = {
        "hailo-nms": {"a": np.zeros((1, 6), np.float32)},
        "hailo-yolov3": _grids((4, 8), (2, 4), (1, 2)),
        "tensorrt-yolo": _finished([[4, 5, 20, 21]], 1),
    }[layout]
    with pytest.raises(UsageError) as caught:
        _decode(layout, outputs, **settings)
    assert f"aai.decoder.{next(iter(settings))}" in str(caught.value.where)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_outputs_that_no_sound_network_gives_do_not_fail(value: float) -> None:
    cases = [
        ("hailo-nms", {"a": np.full((5, 6), value, np.float32)}),
        ("hailo-yolov3", {name: np.full_like(grid, value) for name, grid in _grids((4, 8), (2, 4), (1, 2)).items()}),
        ("tensorrt-yolo", {"a": np.full((1, 70, 1, 1), value, np.float32)}),
    ]
    finished = _finished([[4, 5, 20, 21]] * 3, 3)
    for name in ("det_boxes", "det_scores"):
        cases.append(("tensorrt-yolo", {**finished, name: np.full_like(finished[name], value)}))
    for layout, outputs in cases:
        with np.errstate(invalid="ignore", over="ignore"):
            found = _decode(layout, outputs)
        assert len(found.boxes_xyxy) == len(found.scores) == len(found.class_ids)
    classes = np.array([[0, 0, 1, 1, 0.9, value]], np.float32)
    assert _decode("hailo-nms", {"a": classes}).class_ids[0] <= 1 << 31


@pytest.mark.parametrize("count", [-5, 1 << 30, 0])
def test_a_count_beyond_the_boxes_is_kept_to_them(count: int) -> None:
    found = _decode("tensorrt-yolo", _finished([[4, 5, 20, 21]] * 3, count))
    assert len(found.scores) == (3 if count > 0 else 0)


@pytest.mark.parametrize(
    ("framework", "architecture", "layout"),
    [
        ("tensor-rt", "yolo", "tensorrt-yolo"),
        ("tensor-rt", "mobilenet_ssd", "ssd"),
        ("hailo", "yolov3", "hailo-yolov3"),
        ("hailo", "mobilenet_ssd", "hailo-nms"),
    ],
)
def test_a_model_from_elsewhere_is_told_by_its_architecture(framework: str, architecture: str, layout: str) -> None:
    def config(**aai: Any) -> ModelConfig:
        parameters = {"framework_type": framework, "architecture": architecture}
        return ModelConfig({"model_parameters": parameters, "aai": aai}, Path("/m"))

    decoder, settings = detection_decoder(config())
    assert decoder is DETECTION[layout]
    assert settings["name"] == layout
    assert detection_decoder(config(decoder={"name": "yolov8"}))[0] is DETECTION["yolov8"]


def test_an_architecture_that_nobody_knows_tells_no_layout() -> None:
    parameters = {"framework_type": "hailo", "architecture": "yolo"}
    with pytest.raises(UsageError, match="not known"):
        detection_decoder(ModelConfig({"model_parameters": parameters}, Path("/m")))


def _masked() -> dict[str, np.ndarray]:
    rows = np.array([[0, 0, 0.5, 0.5, 0.9, 1], [0.5, 0.5, 1, 1, 0.1, 0], [0.5, 0, 1, 0.5, 0.8, 2]], np.float32)
    masks = np.zeros((3, 32, 64), np.uint8)
    masks[0, 2:10, 4:20] = 1
    masks[1, 16:, 32:] = 1
    masks[2, 20:32, 0:8] = 1
    return {"nms": rows, "nms/masks": masks}


def test_hailo_masks_go_with_their_boxes() -> None:
    outputs = _masked()
    instances = INSTANCES["hailo-masks"](outputs, Request((64, 32), 0.3, {"classes": 3}))
    assert instances.found.class_ids.tolist() == [1, 2]
    assert instances.found.suppressed
    placement = Placement(1, 1, 0, 0, (64, 32))
    cutouts = cut_out(instances.coefficients, instances.prototypes, instances.found.boxes_xyxy, placement, (64, 32))
    assert np.array_equal(cutouts[0].mask, outputs["nms/masks"][0] == 1)
    assert np.array_equal(cutouts[1].mask, outputs["nms/masks"][2] == 1)


def test_hailo_masks_grow_with_the_image_without_growing_at_their_edges() -> None:
    outputs = _masked()
    instances = INSTANCES["hailo-masks"](outputs, Request((64, 32), 0.3))
    placement = Placement(0.5, 0.5, 0, 0, (128, 64))
    boxes = placement.to_image(instances.found.boxes_xyxy)
    cutout = cut_out(instances.coefficients, instances.prototypes, boxes, placement, (64, 32))[0]
    assert np.array_equal(cutout.mask, outputs["nms/masks"][0].repeat(2, axis=0).repeat(2, axis=1) == 1)


def test_hailo_masks_are_those_that_hailort_itself_makes_of_them() -> None:
    path = Path(__file__).resolve().parents[2] / "data" / "hailo" / "boxes.npz"
    with np.load(path) as known:
        rows, whole = known["boxes"], known["whole"]
    height, width = whole.shape[1:]
    request = Request((width, height), 0.0)
    instances = INSTANCES["hailo-masks"]({"nms": rows, "nms/masks": whole}, request)
    boxes = instances.found.boxes_xyxy
    cutouts = cut_out(
        instances.coefficients, instances.prototypes, boxes, Placement(1, 1, 0, 0, (width, height)), request.size
    )
    for cutout, mask, (_, _, x2, y2) in zip(cutouts, whole, np.ceil(boxes).astype(int).tolist()):
        # HailoRT's last row and column may lie a pixel beyond the box.
        mask[y2:], mask[:, x2:] = 0, 0
        assert np.array_equal(cutout.mask, mask == 1)


def test_hailo_masks_of_nothing_and_of_other_outputs() -> None:
    empty = {"nms": np.zeros((0, 6), np.float32), "nms/masks": np.zeros((0, 32, 64), np.uint8)}
    assert len(INSTANCES["hailo-masks"](empty, Request((64, 32), 0.3)).found.scores) == 0
    outputs = _masked()
    for wrong in ({"nms": outputs["nms"]}, {**outputs, "nms/masks": outputs["nms/masks"][:2]}, {}):
        with pytest.raises(AaiError, match="do not have the layout"):
            INSTANCES["hailo-masks"](wrong, Request((64, 32), 0.3))
