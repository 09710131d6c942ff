"""Oracle for NanoDet, NanoDet-Plus, UltraFace and Open Model Zoo's boxes with labels: the demos of Open Model Zoo.

    python -m venv .venv-omz && .venv-omz/bin/pip install "numpy<2" opencv-python-headless<5
    .venv-omz/bin/pip install --no-deps openmodelzoo-modelapi==2022.3.0
    .venv-omz/bin/python scripts/oracles/open_model_zoo.py

The tensors are random, of the layouts' shapes; what is made of them is the package's own code (`_parse_outputs` of its
model wrappers, which wants no runtime). Ultra-Light-Fast's own formulas live in that network's graph.
"""

from __future__ import annotations

import importlib.metadata
from types import SimpleNamespace
from typing import Any

import numpy as np
from _fixture import save
from openvino.model_zoo.model_api.models.nanodet import NanoDet, NanoDetPlus
from openvino.model_zoo.model_api.models.ssd import BoxesLabelsParser, SingleOutputParser
from openvino.model_zoo.model_api.models.ultra_lightweight_face_detection import UltraLightweightFaceDetection

SOURCE = f"openmodelzoo-modelapi {importlib.metadata.version('openmodelzoo-modelapi')}"
CONFIDENCE = 0.5
CLASSES = 3
RANDOM = np.random.default_rng(11)


def main() -> None:
    _nanodet("nanodet", NanoDet, (96, 64), (8, 16, 32), 0.5)
    _nanodet("nanodet-plus", NanoDetPlus, (128, 64), (8, 16, 32, 64), 0)
    _ultraface()
    _boxes_and_labels()
    _single_output()


def _nanodet(name: str, kind: Any, size: tuple[int, int], strides: tuple[int, ...], offset: float) -> None:
    wrapper = kind.__new__(kind)
    wrapper.__dict__.update(
        output_blob_name="output", reg_max=7, strides=list(strides), ad=offset, num_classes=CLASSES,
        confidence_threshold=CONFIDENCE, iou_threshold=2,
    )  # fmt: skip
    rows = sum((size[0] // stride) * (size[1] // stride) for stride in strides)
    scores = RANDOM.random((1, rows, CLASSES)) ** 4
    scores *= scores == scores.max(axis=2, keepdims=True)
    output = np.concatenate([scores, RANDOM.normal(0, 2, (1, rows, 32))], axis=2).astype(np.float32)
    found = wrapper._parse_outputs({"output": output}, {"resized_shape": (size[1], size[0], 3)})
    _save(name, {"output": output}, found, {"name": "nanodet", "strides": list(strides)}, size, (1, 1))


def _ultraface() -> None:
    wrapper = UltraLightweightFaceDetection.__new__(UltraLightweightFaceDetection)
    wrapper.__dict__.update(
        bboxes_blob_name="boxes", scores_blob_name="scores", confidence_threshold=CONFIDENCE, iou_threshold=0.5
    )
    face = RANDOM.random((1, 4420, 1)) ** 12
    corner = RANDOM.random((1, 4420, 2)) * 0.8
    outputs = {
        "scores": np.concatenate([1 - face, face], axis=2).astype(np.float32),
        "boxes": np.concatenate([corner, corner + 0.05 + RANDOM.random((1, 4420, 2)) * 0.2], axis=2).astype(np.float16),
    }
    outputs["boxes"] = outputs["boxes"].astype(np.float32)
    size = (320, 240)
    found = wrapper._parse_outputs(outputs, {})
    for one in found:
        one.id = 1  # the wrapper counts faces from 0, the tensor has them in column 1
    _save("ultraface", outputs, found, {"name": "scored-boxes"}, size, size, 0.5)


def _boxes_and_labels() -> None:
    size = (96, 64)
    corner = RANDOM.random((20, 2)) * (60, 40)
    boxes = np.concatenate([corner, corner + 4 + RANDOM.random((20, 2)) * 30, RANDOM.random((20, 1))], axis=1)
    outputs = {"boxes": boxes.astype(np.float32), "labels": RANDOM.integers(0, CLASSES, 20)}
    layers = {name: SimpleNamespace(shape=array.shape) for name, array in outputs.items()}
    found = BoxesLabelsParser(layers, size)({name: array.copy() for name, array in outputs.items()})
    decoder = {"name": "listed", "boxes": "boxes", "classes": "labels", "corners": "xyxy", "unit": "pixels"}
    _save("omz-boxes-labels", outputs, [one for one in found if one.score > CONFIDENCE], decoder, size, size)


def _single_output() -> None:
    size = (96, 64)
    corner = RANDOM.random((20, 2)) * 0.5
    parts = [np.zeros((20, 1)), RANDOM.integers(1, CLASSES, (20, 1)), RANDOM.random((20, 1)), corner, corner + 0.4]
    outputs = {"detection_out": np.concatenate(parts, axis=1)[None, None].astype(np.float32)}
    layers = {name: SimpleNamespace(shape=array.shape) for name, array in outputs.items()}
    found = [one for one in SingleOutputParser(layers)(outputs) if one.score > CONFIDENCE]
    _save("ssd", outputs, found, {"name": "ssd"}, size, size)


def _save(
    name: str, outputs: Any, found: Any, decoder: Any, size: tuple[int, int], unit: tuple[int, int], overlap: Any = None
) -> None:
    parts = {
        "boxes_xyxy": [np.array([one.xmin, one.ymin, one.xmax, one.ymax]) * (unit * 2) for one in found],
        "scores": [one.score for one in found],
        "class_ids": [one.id for one in found],
    }
    save(name, outputs, parts, decoder, size, CONFIDENCE, SOURCE, overlap)


if __name__ == "__main__":
    main()
