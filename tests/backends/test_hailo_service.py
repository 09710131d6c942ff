"""Hailo models through the services, as applications use them, on fakes of HailoRT."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.errors import BackendUnavailable, UsageError
from aai.vision.services import InstanceSegmentation, ObjectDetection
from aai_backends._hailo_device import SharedDevice
from tests.fakes import hailo_platform_4_15, hailo_platform_4_18, hailo_platform_5_2
from tests.fakes import hailo_platform_core as fake

WIDTH, HEIGHT = 24, 16
PICTURE = {"name": "net/input_layer1", "shape": [HEIGHT, WIDTH, 3]}
BOXES = {"name": "net/nms", "shape": [], "type": "FLOAT32", "classes": 3, "most": 2, "op": "boxes", "order": "BY_CLASS"}


@pytest.fixture(params=[hailo_platform_4_15, hailo_platform_4_18, hailo_platform_5_2], ids=lambda m: m.__version__)
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    fake.reset()
    monkeypatch.setitem(sys.modules, "hailo_platform", request.param)
    monkeypatch.setattr("aai_backends.hailo.DEVICE", SharedDevice())
    yield request.param


def _folder(folder: Path, output: dict, purpose: str = "ObjectDetection", **aai: Any) -> Path:
    """A model as the reference's own example configures it; `aai` where it has no word for the layout."""
    network = {"name": "net", "inputs": [PICTURE], "outputs": [output]}
    folder.mkdir()
    (folder / "newHailoModel.bin").write_bytes(fake.hef_bytes(network))
    (folder / "newHailoModel.names").write_text("blue\ngreen\nred\n")
    parameters = {
        "framework_type": "hailo",
        "model_file": "newHailoModel.bin",
        "label_file": "newHailoModel.names",
        "purpose": purpose,
        "architecture": "yolov3",
        "size": [WIDTH, HEIGHT],
        "quantize_input": False,
        "quantize_output": False,
        "input_format": "auto",
        "output_format": "none",
    }
    document = {"id": "acme/net", "model_parameters": parameters, **({"aai": aai} if aai else {})}
    (folder / "alwaysai.model.json").write_text(json.dumps(document))
    return folder


def _frame(scale: int = 1) -> np.ndarray:
    """A red square and a blue one, BGR, `scale` times the network's size."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[4:10, 2:8, 2] = 255
    frame[8:16, 12:24, 0] = 204
    return frame.repeat(scale, axis=0).repeat(scale, axis=1)


def test_the_reference_s_own_example_finds_its_objects(runtime: Any, tmp_path: Path) -> None:
    model = ObjectDetection(str(_folder(tmp_path / "net", BOXES))).load(engine="HAILO_RT")
    try:
        for scale in (1, 2):
            found = model.detect_objects(_frame(scale), confidence_level=0.5).predictions
            assert [(p.label, p.confidence) for p in found] == [("red", 1.0), ("blue", pytest.approx(0.8))]
            boxes = [(p.box.start_x, p.box.start_y, p.box.end_x, p.box.end_y) for p in found]
            expected = [(2, 4, 8, 10), (12, 8, 24, 16)]
            assert boxes == [tuple(scale * side for side in box) for box in expected]
    finally:
        model.close()
    assert fake.CHIP.holder is None


def test_masks_come_back_in_pixels_of_the_image(runtime: Any, tmp_path: Path) -> None:
    masked = {**BOXES, "order": "WITH_MASKS"}
    folder = _folder(tmp_path / "net", masked, "InstanceSegmentation", decoder={"name": "hailo-masks", "classes": 3})
    model = InstanceSegmentation(str(folder)).load(engine="HAILO_RT")
    try:
        frame = _frame()
        found = model.segment_image(frame, confidence_level=0.5).predictions
        assert [p.label for p in found] == ["red", "blue"]
        for prediction, channel in zip(found, (2, 0)):
            assert np.array_equal(prediction.mask, frame[..., channel] > 0)
    finally:
        model.close()


def test_two_models_run_by_turns_on_one_device(runtime: Any, tmp_path: Path) -> None:
    one = ObjectDetection(str(_folder(tmp_path / "one", BOXES))).load()
    two = ObjectDetection(str(_folder(tmp_path / "two", {**BOXES, "classes": 1}))).load()
    for _ in range(2):
        assert [p.label for p in one.detect_objects(_frame(), 0.5).predictions] == ["red", "blue"]
        assert [p.label for p in two.detect_objects(_frame(), 0.5).predictions] == ["blue"]
    one.close()
    assert [p.label for p in two.detect_objects(_frame(), 0.5).predictions] == ["blue"]
    two.close()


def test_a_size_that_the_network_does_not_have_leaves_no_device_open(runtime: Any, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "net", BOXES)
    text = (folder / "alwaysai.model.json").read_text()
    (folder / "alwaysai.model.json").write_text(text.replace(f"[{WIDTH}, {HEIGHT}]", "[32, 32]"))
    with pytest.raises(UsageError, match=f"1x{HEIGHT}x{WIDTH}x3"):
        ObjectDetection(str(folder)).load(engine="HAILO_RT")
    assert fake.CHIP.holder is None


def test_without_hailort_the_model_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hailo_platform", None)
    with pytest.raises(BackendUnavailable) as caught:
        ObjectDetection(str(_folder(tmp_path / "net", BOXES))).load()
    assert "HailoRT" in (caught.value.fix or "")
