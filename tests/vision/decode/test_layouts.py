"""Decoders against raw outputs and boxes of the layouts' own packages; see scripts/oracles/ultralytics_yolo.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.vision.boxes import nms
from aai.vision.decode.candidates import Request
from aai.vision.decode.detection import DETECTION
from aai.vision.preprocess import Placement, letterbox_window

DATA = Path(__file__).resolve().parents[2] / "data" / "layouts"
CASES = [
    ("yolov8", "yolov8", False),
    ("yolov8", "yolov8", True),
    ("yolo11", "yolov8", False),
    ("yolo11", "yolov8", True),
    ("yolov5", "yolov5", False),
]


@pytest.mark.parametrize(("name", "layout", "transposed"), CASES)
def test_the_boxes_are_those_of_the_layout_s_own_package(name: str, layout: str, transposed: bool) -> None:
    known = np.load(DATA / f"{name}.npz")
    raw = known["raw"].transpose(0, 2, 1) if transposed else known["raw"]
    settings: dict[str, Any] = {"transposed": True} if transposed else {}
    request = Request(tuple(known["network_size"].tolist()), float(known["confidence"]), settings)
    found = DETECTION[layout]({"output0": raw}, request)
    kept = nms(found.boxes_xyxy, found.scores, found.class_ids, float(known["overlap"]))
    assert len(known["scores"]) < len(found.scores) < raw.shape[1 if transposed or layout == "yolov5" else 2]
    assert found.classes == 3
    assert found.class_ids[kept].tolist() == known["class_ids"].tolist()
    np.testing.assert_allclose(found.scores[kept], known["scores"], atol=1e-6)
    np.testing.assert_allclose(found.boxes_xyxy[kept], known["boxes_xyxy"], atol=1e-4)


@pytest.mark.parametrize(("name", "pixels"), [("yolov8", 1e-3), ("yolo11", 1e-3), ("yolov5", 1.0)])
def test_the_way_back_to_the_picture_is_the_package_s_own(name: str, pixels: float) -> None:
    # The yolov5 package takes the unrounded border, up to half an input pixel off what it pads.
    known = np.load(DATA / f"{name}.npz")
    width, height = known["image_size"].tolist()
    left, top, right, bottom = letterbox_window(width, height, tuple(known["network_size"].tolist()), "center")
    placement = Placement((right - left) / width, (bottom - top) / height, left, top, (width, height))
    np.testing.assert_allclose(placement.to_image(known["boxes_xyxy"]), known["image_boxes_xyxy"], atol=pixels)
