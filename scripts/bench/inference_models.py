"""The configurations of the models that `inference` and `memory` are measured on."""

from __future__ import annotations

from typing import Any

MODELS: dict[str, dict[str, Any]] = {
    "onnx/yolox-nano": {
        "model_parameters": {
            "framework_type": "onnx",
            "purpose": "ObjectDetection",
            "model_file": "yolox_nano.onnx",
            "size": [416, 416],
        },
        "aai": {
            "input": {"resize": "letterbox", "anchor": "top-left", "pad": 114},
            "decoder": {"name": "yolox", "strides": [8, 16, 32]},
        },
    },
    "darknet/yolo-fastest-1.1-coco": {
        "model_parameters": {
            "framework_type": "darknet",
            "purpose": "ObjectDetection",
            "model_file": "yolo-fastest-1.1.weights",
            "config_file": "yolo-fastest-1.1.cfg",
            "label_file": "coco.names",
            "size": [320, 320],
            "scalefactor": 1 / 255,
            "swaprb": True,
        },
    },
}
LARGE_MODEL: dict[str, Any] = {
    "model_parameters": {
        "framework_type": "onnx",
        "purpose": "ObjectDetection",
        "model_file": "large.onnx",
        "size": [640, 640],
        "scalefactor": 1 / 255,
        "swaprb": True,
    },
    "aai": {"input": {"resize": "letterbox"}, "decoder": {"name": "yolov8"}},
}
