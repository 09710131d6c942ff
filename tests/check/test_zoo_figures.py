"""Accuracy of real models on real labelled photos, equal to a run by hand in the framework itself.

The runs by hand use the engine and OpenCV alone: own pre-processing, decoding and suppression, nothing of ours.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Dict, List

import cv2
import numpy as np
import onnxruntime
import pytest

from aai.check.accuracy import CONFIDENCE, labelled_photos, measure
from aai.check.datasets import read_labels
from aai.check.runner import Runner
from aai.core.configure import configure
from aai.metrics.detection import FoundBoxes, TrueBoxes, box_accuracy
from aai.vision.predict import service_for

Rows = Dict[str, List[List[float]]]
"""File name -> rows x1, y1, x2, y2, score, class."""

JUDGED = {"onnx/yolox-nano": (0.56357, 0.74085), "darknet/yolo-fastest-1.1-coco": (0.25457, 0.41651)}
"""AP 0.50 to 0.95 and AP 0.50 that pycocotools 2.0 gives for the rows by hand."""


def measured(zoo: Path, tmp_path: Path, model: str, labels: str) -> dict[str, Any]:
    """Our figures, from the bare files of the model on."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in (zoo / model).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    configure(folder, {"id": "zoo/model"}).write()
    labelled = labelled_photos(read_labels(zoo / "datasets" / labels, None))
    service = service_for(folder).load(threads=1)
    try:
        runner = Runner(service, [photo.read() for photo in labelled.photos[:3]])
        return measure(runner, labelled).as_dict()
    finally:
        service.close()


@pytest.mark.slow
def test_shufflenet_is_right_as_often_as_by_hand(zoo: Path, tmp_path: Path) -> None:
    weights = zoo / "onnx" / "shufflenet-v2-int8" / "shufflenet-v2-12-int8.onnx"
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    folder = zoo / "datasets" / "imagenet-sample"
    places = []
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            image = cv2.resize(cv2.imread(str(folder / row["file"])), (224, 224))[:, :, ::-1] / 255.0
            image = ((image - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).transpose(2, 0, 1)[None]
            logits = session.run(None, {session.get_inputs()[0].name: image.astype(np.float32)})[0][0]
            places.append(np.argsort(-logits).tolist().index(int(row["class_id"])))
    by_hand = [sum(place < k for place in places) for k in (1, 5)]
    assert by_hand == [38, 45]  # what the zoo's own page says
    figures = measured(zoo, tmp_path, "onnx/shufflenet-v2-int8", "imagenet-sample/labels.csv")
    assert figures["images"] == 50
    assert [round(figures[name] * 50) for name in ("top1", "top5")] == by_hand


def coco8(zoo: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((zoo / "datasets" / "coco8" / "instances.json").read_text())
    return document


def suppressed(rows: np.ndarray) -> list[list[float]]:
    """Rows that are left when, of two of a class that overlap by more than half, the worse one goes."""
    kept: list[list[float]] = []
    for class_id in np.unique(rows[:, 5]):
        own = rows[rows[:, 5] == class_id]
        sides = own[:, 2:4] - own[:, 0:2]
        boxes = np.concatenate([own[:, 0:2], sides], axis=1).tolist()
        order = cv2.dnn.NMSBoxes(boxes, own[:, 4].tolist(), CONFIDENCE, 0.5)
        kept += own[np.array(order, int).reshape(-1)].tolist()
    return kept


def yolox_by_hand(zoo: Path) -> Rows:
    weights = zoo / "onnx" / "yolox-nano" / "yolox_nano.onnx"
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    cells = np.concatenate(
        [
            np.stack([*np.meshgrid(range(416 // s), range(416 // s)), np.full((416 // s,) * 2, s)], -1).reshape(-1, 3)
            for s in (8, 16, 32)
        ]
    )
    found: Rows = {}
    for entry in coco8(zoo)["images"]:
        image = cv2.imread(str(zoo / "datasets" / "coco8" / entry["file_name"]))
        height, width = image.shape[:2]
        factor = min(416 / width, 416 / height)
        canvas = np.full((416, 416, 3), 114, np.uint8)
        small = cv2.resize(image, (int(width * factor), int(height * factor)))
        canvas[: small.shape[0], : small.shape[1]] = small
        blob = canvas.transpose(2, 0, 1)[None].astype(np.float32)
        raw = session.run(None, {session.get_inputs()[0].name: blob})[0][0]
        centre = (raw[:, :2] + cells[:, :2]) * cells[:, 2:]
        half = np.exp(raw[:, 2:4]) * cells[:, 2:] / 2
        scores = raw[:, 4:5] * raw[:, 5:]
        # The resize cuts the scaled sides down to whole pixels, so that each axis has a factor of its own.
        back = np.array([width / small.shape[1], height / small.shape[0]] * 2)
        corners = np.concatenate([centre - half, centre + half], axis=1) * back
        found[entry["file_name"]] = _rows(corners, scores, width, height)
    return found


def yolo_fastest_by_hand(zoo: Path) -> Rows:
    folder = zoo / "darknet" / "yolo-fastest-1.1-coco"
    net = cv2.dnn.readNetFromDarknet(str(folder / "yolo-fastest-1.1.cfg"), str(folder / "yolo-fastest-1.1.weights"))
    found: Rows = {}
    for entry in coco8(zoo)["images"]:
        image = cv2.imread(str(zoo / "datasets" / "coco8" / entry["file_name"]))
        height, width = image.shape[:2]
        net.setInput(cv2.dnn.blobFromImage(image, 1 / 255, (320, 320), swapRB=True))
        raw = np.concatenate(net.forward(net.getUnconnectedOutLayersNames()))
        corners = np.concatenate([raw[:, :2] - raw[:, 2:4] / 2, raw[:, :2] + raw[:, 2:4] / 2], axis=1)
        found[entry["file_name"]] = _rows(corners * [width, height, width, height], raw[:, 5:], width, height)
    return found


def _rows(corners: np.ndarray, scores: np.ndarray, width: int, height: int) -> list[list[float]]:
    best = np.stack([scores.max(axis=1), scores.argmax(axis=1)], axis=1)
    rows = np.concatenate([corners, best], axis=1)[best[:, 0] >= CONFIDENCE]
    kept = np.array(suppressed(rows))
    kept[:, 0:4:2] = np.clip(kept[:, 0:4:2], 0, width)
    kept[:, 1:4:2] = np.clip(kept[:, 1:4:2], 0, height)
    listed: list[list[float]] = kept.tolist()
    return listed


@pytest.mark.parametrize(
    ("model", "by_hand"),
    [("onnx/yolox-nano", yolox_by_hand), ("darknet/yolo-fastest-1.1-coco", yolo_fastest_by_hand)],
    ids=["yolox-nano", "yolo-fastest"],
)
def test_a_detector_has_the_average_precision_that_it_has_by_hand(
    zoo: Path, tmp_path: Path, model: str, by_hand: Any
) -> None:
    rows = by_hand(zoo)
    truths, found = [], []
    for entry in coco8(zoo)["images"]:
        marks = [mark for mark in coco8(zoo)["annotations"] if mark["image_id"] == entry["id"]]
        boxes = np.array([mark["bbox"] for mark in marks], float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        truths.append(TrueBoxes(boxes, np.array([mark["category_id"] for mark in marks], int)))
        table = np.array(rows[entry["file_name"]]).reshape(-1, 6)
        found.append(FoundBoxes(table[:, :4], table[:, 4], table[:, 5].astype(int)))
    hand = box_accuracy(truths, found)
    assert (hand.ap, hand.ap50) == pytest.approx(JUDGED[model], abs=1e-3)
    ours = measured(zoo, tmp_path, model, "coco8/instances.json")
    assert (ours["ap"], ours["ap50"]) == pytest.approx((hand.ap, hand.ap50), abs=2e-3)
