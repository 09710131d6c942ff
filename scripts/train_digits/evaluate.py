"""Measures the exported files, not the network in memory: boxes on held-out scenes, judged by the COCO rules."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import onnxruntime
from network import SIDE, STRIDES
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scenes import NAMES, Scene, letterbox

Detect = Callable[[np.ndarray, float], "tuple[np.ndarray, np.ndarray, np.ndarray]"]
OVERLAP = 0.45


class OnnxDetector:
    """digits.onnx on onnxruntime, by the YOLOv5 recipe: letterbox, RGB, / 255."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def rows(self, square: np.ndarray) -> np.ndarray:
        """(2268, 15) float32 for a (192, 192, 3) uint8 BGR picture: x, y, w, h in pixels, objectness, classes."""
        blob = cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True)
        return self.session.run(None, {"images": blob})[0][0]

    def __call__(self, image: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes in pixels of `image` (N, 4) xyxy, scores and class ids, best first."""
        square, scale, offset = letterbox(image, SIDE)
        boxes, scores, class_ids = detections(self.rows(square), confidence)
        return (boxes.reshape(-1, 2, 2) - offset).reshape(-1, 4) / scale, scores, class_ids


class DarknetDetector:
    """digits.cfg and digits.weights on OpenCV 4, by Darknet's recipe: stretched to the input, RGB, / 255."""

    def __init__(self, folder: Path) -> None:
        self.net = cv2.dnn.readNetFromDarknet(str(folder / "digits.cfg"), str(folder / "digits.weights"))
        self.outputs = self.net.getUnconnectedOutLayersNames()

    def rows(self, square: np.ndarray) -> np.ndarray:
        """As `OnnxDetector.rows`, in the same order of anchors, but classes already times objectness."""
        self.net.setInput(cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True))
        heads = {len(head): head for head in self.net.forward(self.outputs)}
        ordered = []
        for stride in STRIDES:
            cells = (SIDE // stride) ** 2
            # OpenCV puts the anchors of a cell side by side; YOLOv5 goes through all cells for each anchor.
            ordered.append(heads[3 * cells].reshape(cells, 3, -1).swapaxes(0, 1).reshape(3 * cells, -1))
        rows = np.concatenate(ordered)
        rows[:, :4] *= SIDE
        return rows

    def __call__(self, image: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes in pixels of `image` (N, 4) xyxy, scores and class ids, best first."""
        rows = self.rows(cv2.resize(image, (SIDE, SIDE)))
        rows[:, 4] = 1
        boxes, scores, class_ids = detections(rows, confidence)
        height, width = image.shape[:2]
        return boxes * (np.array([width, height, width, height]) / SIDE), scores, class_ids


def detections(rows: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in YOLOv5's layout, cut at `confidence` and thinned by NMS within each class."""
    scores = rows[:, 4] * rows[:, 5:].max(1)
    rows, scores = rows[scores > confidence], scores[scores > confidence]
    class_ids = rows[:, 5:].argmax(1)
    corners = rows[:, :2] - rows[:, 2:4] / 2
    xywh = np.column_stack([corners, rows[:, 2:4]]).astype(np.float64)
    kept = np.array(cv2.dnn.NMSBoxesBatched(xywh, scores, class_ids, 0.0, OVERLAP), int).reshape(-1)
    return np.column_stack([corners, corners + rows[:, 2:4]])[kept], scores[kept], class_ids[kept]


def mean_average_precision(detect: Detect, scenes: list[Scene]) -> dict[str, float]:
    """The mAP@50 and mAP@50-95 of `detect` on `scenes`, by pycocotools."""
    images, truth, found = [], [], []
    for number, scene in enumerate(scenes, 1):
        height, width = scene.image.shape[:2]
        images.append({"id": number, "width": width, "height": height})
        for box, digit in zip(_xywh(scene.boxes_xyxy), scene.class_ids):
            truth.append(
                {"id": len(truth) + 1, "image_id": number, "category_id": int(digit) + 1, "bbox": box, "iscrowd": 0}
            )
            truth[-1]["area"] = box[2] * box[3]
        boxes, scores, class_ids = detect(scene.image, 0.001)
        for box, score, digit in zip(_xywh(boxes), scores, class_ids):
            found.append({"image_id": number, "category_id": int(digit) + 1, "bbox": box, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": images,
            "annotations": truth,
            "categories": [{"id": index, "name": name} for index, name in enumerate(NAMES, 1)],
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(found), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {"mAP@50-95": float(judge.stats[0]), "mAP@50": float(judge.stats[1])}


def _xywh(boxes_xyxy: np.ndarray) -> list[list[float]]:
    return np.column_stack([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]]).astype(float).tolist()
