"""Oracle for the layouts of Ultralytics that need no suppression: YOLOv10, YOLO26, RT-DETR; and for nms=True.

    python -m venv .venv-ultralytics && .venv-ultralytics/bin/pip install torch torchvision ultralytics onnx onnxruntime
    .venv-ultralytics/bin/python scripts/oracles/ultralytics_end_to_end.py
    .venv-ultralytics/bin/pip install ultralytics==8.3.0     (RT-DETR as releases before 8.4 export it)
    .venv-ultralytics/bin/python scripts/oracles/ultralytics_end_to_end.py old

The networks are the package's own with random weights, their last layers scaled so that scores spread; the outputs are
those of the head in export mode, and the boxes those of the package's own predictors.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import ultralytics
from _fixture import save
from ultralytics.models.rtdetr.predict import RTDETRPredictor
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel
from ultralytics_yolo import _raw_output

SOURCE = f"ultralytics {ultralytics.__version__}"
SIZE = (96, 64)
CLASSES = 3
CONFIDENCE = 0.3


def main() -> None:
    if "old" in sys.argv:
        _rtdetr("rtdetr-old", {"name": "rtdetr"})
        return
    for name in ("yolov10", "yolo26"):
        _end_to_end(name)
    _rtdetr("rtdetr", {"name": "rtdetr", "listed": True})


def _end_to_end(name: str) -> None:
    from ultralytics.utils.nms import non_max_suppression

    torch.manual_seed(7)
    model = DetectionModel(f"{name}n.yaml", nc=CLASSES, verbose=False)
    head = model.model[-1]
    head.end2end, head.max_det = True, 60  # as exported with end2end=True
    raw = _raw_output(model, [branch[-1] for branch in (*head.one2one_cv2, *head.one2one_cv3)])
    found = non_max_suppression(raw.clone(), CONFIDENCE, end2end=True)[0]
    parts = {"boxes_xyxy": found[:, :4], "scores": found[:, 4], "class_ids": found[:, 5]}
    save(name, {"output0": raw.numpy()}, parts, {"name": "yolov10"}, SIZE, CONFIDENCE, SOURCE)


def _rtdetr(name: str, decoder: dict[str, Any]) -> None:
    torch.manual_seed(7)
    model = RTDETRDetectionModel("rtdetr-resnet50.yaml", nc=CLASSES, verbose=False)
    head = model.model[-1]
    for layer in (*head.dec_score_head, *head.dec_bbox_head):
        layer.register_forward_hook(_vary)
    head.num_queries = 60
    model.eval()
    with torch.no_grad():
        raw = model(torch.rand(1, 3, SIZE[1], SIZE[0]))[0]
    predictor = RTDETRPredictor.__new__(RTDETRPredictor)
    predictor.args = SimpleNamespace(conf=CONFIDENCE, classes=None, max_det=300)
    predictor.model, predictor.batch = SimpleNamespace(names={index: str(index) for index in range(CLASSES)}), [[""]]
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    found = predictor.postprocess([raw.clone()], None, [image])[0].boxes.data
    parts = {"boxes_xyxy": found[:, :4], "scores": found[:, 4], "class_ids": found[:, 5]}
    save(name, {"output0": raw.numpy()}, parts, decoder, SIZE, CONFIDENCE, SOURCE)


def _vary(layer: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    """What random weights give each query is nearly the same: here it is varied, as a trained network's is."""
    return output * 0.1 + torch.randn_like(output) - 0.5


if __name__ == "__main__":
    main()
