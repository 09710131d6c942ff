"""The model that the package ships: the files agree with each other, and find what is on the shipped picture."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "aai" / "demo"
ONNX = DEMO / "digits" / "digits.onnx"
DARKNET = ROOT / "tests" / "data" / "digits-darknet"
SIDE = 192
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def scene() -> Any:
    image = cv2.imread(str(DEMO / "scene.png"))
    assert image is not None
    return image


@pytest.fixture(scope="module")
def expected() -> Any:
    return json.loads((ROOT / "tests" / "data" / "digits-expected.json").read_text(encoding="utf-8"))


def onnx_session() -> Any:
    return onnxruntime.InferenceSession(str(ONNX), providers=["CPUExecutionProvider"])


def onnx_rows(square: Any) -> Any:
    """(2268, 15): centre and size in input pixels, objectness, class probabilities."""
    blob = cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True)
    return onnx_session().run(None, {"images": blob})[0][0]


def darknet_rows(square: Any) -> Any:
    """The same from the Darknet files, in the same order; classes come out times objectness."""
    net = cv2.dnn.readNetFromDarknet(str(DARKNET / "digits.cfg"), str(DARKNET / "digits.weights"))
    net.setInput(cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True))
    heads = sorted(net.forward(net.getUnconnectedOutLayersNames()), key=len, reverse=True)
    rows = np.concatenate([head.reshape(-1, 3, 15).swapaxes(0, 1).reshape(-1, 15) for head in heads])
    rows[:, :4] *= SIDE
    return rows


def letterboxed(image: Any) -> Any:
    """A 640x480 picture as 192x192: 192x144 of it, with 24 grey rows above and below."""
    inner = cv2.resize(image, (192, 144))
    return cv2.copyMakeBorder(inner, 24, 24, 0, 0, cv2.BORDER_CONSTANT, value=(114, 114, 114))


def found(boxes_cxcywh: Any, scores: Any) -> Any:
    """Rows x1, y1, x2, y2, class, score that are left at confidence 0.3 after NMS, in input pixels."""
    best, class_ids = scores.max(1), scores.argmax(1)
    sure = best > 0.3
    boxes, best, class_ids = boxes_cxcywh[sure], best[sure], class_ids[sure]
    corners = boxes[:, :2] - boxes[:, 2:] / 2
    xywh = np.concatenate([corners, boxes[:, 2:]], 1)
    kept = np.array(cv2.dnn.NMSBoxes(xywh.tolist(), best.tolist(), 0.3, 0.3), int).reshape(-1)
    return np.column_stack([corners, corners + boxes[:, 2:], class_ids, best])[kept]


def iou(a: Any, b: Any) -> float:
    sides = np.maximum(0, np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2]))
    shared = sides.prod()
    return float(shared / ((a[2:4] - a[:2]).prod() + (b[2:4] - b[:2]).prod() - shared))


def assert_finds_exactly(detections: Any, expected: Any) -> None:
    """Each digit once, in its place, and nothing else; `detections` in pixels of the picture."""
    assert len(detections) == len(expected["digits"])
    for digit in expected["digits"]:
        box = np.array(digit["box"], float)
        fits = [row for row in detections if iou(row, box) > 0.5 and int(row[4]) == digit["index"]]
        assert len(fits) == 1, digit


def test_each_file_of_the_model_is_small() -> None:
    assert ONNX.stat().st_size < MEGABYTE / 2
    assert (DARKNET / "digits.weights").stat().st_size < MEGABYTE / 2
    assert (DEMO / "scene.png").stat().st_size < MEGABYTE / 2


def test_the_scene_is_larger_than_the_input_and_not_square(scene: Any, expected: Any) -> None:
    height, width = scene.shape[:2]
    assert (width, height) == (expected["width"], expected["height"])
    assert min(width, height) > SIDE
    assert width != height


def test_the_onnx_metadata_names_classes_size_and_task() -> None:
    session = onnx_session()
    metadata = session.get_modelmeta().custom_metadata_map
    names = ast.literal_eval(metadata["names"])
    labels = (DARKNET / "digits.names").read_text(encoding="ascii").splitlines()
    assert [names[index] for index in range(10)] == labels
    assert ast.literal_eval(metadata["imgsz"]) == [SIDE, SIDE]
    assert (metadata["task"], metadata["stride"]) == ("detect", "32")
    assert session.get_inputs()[0].shape == [1, 3, SIDE, SIDE]
    assert session.get_outputs()[0].shape == [1, 3 * (24**2 + 12**2 + 6**2), 15]


def test_onnx_and_darknet_compute_the_same(scene: Any) -> None:
    square = letterboxed(scene)
    ours, theirs = onnx_rows(square), darknet_rows(square)
    np.testing.assert_allclose(ours[:, :5], theirs[:, :5], rtol=1e-4, atol=1e-3)
    # OpenCV sets scores below the cfg's threshold of 0.001 to zero.
    np.testing.assert_allclose(ours[:, 5:] * ours[:, 4:5], theirs[:, 5:], atol=1.1e-3)


def test_the_onnx_model_finds_exactly_the_digits_of_the_scene(scene: Any, expected: Any) -> None:
    rows = onnx_rows(letterboxed(scene))
    detections = found(rows[:, :4], rows[:, 5:] * rows[:, 4:5])
    detections[:, :4] = (detections[:, :4] - [0, 24, 0, 24]) * (640 / SIDE)
    assert_finds_exactly(detections, expected)


def test_the_darknet_model_finds_exactly_the_digits_of_the_stretched_scene(scene: Any, expected: Any) -> None:
    rows = darknet_rows(cv2.resize(scene, (SIDE, SIDE)))
    detections = found(rows[:, :4], rows[:, 5:])
    detections[:, :4] *= [640 / SIDE, 480 / SIDE, 640 / SIDE, 480 / SIDE]
    assert_finds_exactly(detections, expected)
