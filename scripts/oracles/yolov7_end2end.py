"""Oracle for YOLOv7's export with suppression for onnxruntime.

    python -m venv .venv-yolov7
    .venv-yolov7/bin/pip install torch torchvision yolov7detect onnx onnxruntime "setuptools<81"
    .venv-yolov7/bin/python scripts/oracles/yolov7_end2end.py

The package's module that an export ends in is exported by itself and run by onnxruntime on random boxes; what it lists
is held against the package's own suppression of the same boxes.
"""

from __future__ import annotations

import importlib.metadata
import io

import numpy as np
import onnxruntime
import torch
from _fixture import save
from yolov7.models.experimental import ONNX_ORT
from yolov7.utils.general import non_max_suppression

SOURCE = f"yolov7detect {importlib.metadata.version('yolov7detect')}, onnxruntime {onnxruntime.__version__}"
SIZE = (96, 64)
CLASSES = 3
CONFIDENCE = 0.25
OVERLAP = 0.45


def main() -> None:
    torch.manual_seed(5)
    rows = torch.rand(1, 200, 5 + CLASSES)
    rows[..., :2] *= torch.tensor(SIZE)
    rows[..., 2:4] = 8 + rows[..., 2:4] * 30
    file = io.BytesIO()
    module = ONNX_ORT(1000, OVERLAP, CONFIDENCE, 640, None, CLASSES)
    torch.onnx.export(module, rows.clone(), file, opset_version=12, input_names=["rows"], output_names=["output"],
                      dynamic_axes={"output": {0: "boxes"}}, dynamo=False)  # fmt: skip
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    listed = session.run(None, {"rows": rows.numpy()})[0]
    found = non_max_suppression(rows.clone(), CONFIDENCE, OVERLAP)[0].numpy()
    parts = {"boxes_xyxy": found[:, :4], "scores": found[:, 4], "class_ids": found[:, 5]}
    outputs = {"output": np.asarray(listed)}
    save("yolov7-end2end", outputs, parts, {"name": "yolov7-end2end"}, SIZE, CONFIDENCE, SOURCE)


if __name__ == "__main__":
    main()
