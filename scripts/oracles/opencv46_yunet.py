"""Oracle for the YuNet face detectors of 2021 and 2022: OpenCV's own detector of that time.

    python3.8 -m venv .venv-opencv46 && .venv-opencv46/bin/pip install opencv-python-headless==4.6.0.66 onnx
    .venv-opencv46/bin/python scripts/oracles/opencv46_yunet.py

OpenCV 4.5.4 to 4.6 decodes the three outputs inside of `FaceDetectorYN`. It is given an ONNX graph whose outputs are
constants, random ones of that layout, so that what it finds is what it makes of them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from _fixture import save
from onnx import TensorProto, helper, numpy_helper

SIZE = (160, 128)
CONFIDENCE = 0.5
OVERLAP = 1.0
"""None of the boxes is suppressed: OpenCV would compare them rounded to whole pixels."""
PRIORS = sum((SIZE[0] // stride) * (SIZE[1] // stride) * count for stride, count in ((8, 3), (16, 2), (32, 2), (64, 3)))


def main() -> None:
    random = np.random.default_rng(3)
    face = random.random((PRIORS, 1)) ** 6
    outputs = {
        "loc": random.normal(0, 1.5, (PRIORS, 14)).astype(np.float32),
        "conf": np.concatenate([1 - face, face], axis=1).astype(np.float32),
        "iou": random.uniform(-0.2, 1.2, (PRIORS, 1)).astype(np.float32),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "constant.onnx"
        onnx.save(_graph(outputs), str(path))
        detector = cv2.FaceDetectorYN.create(str(path), "", SIZE, CONFIDENCE, OVERLAP, 5000)
        _, rows = detector.detect(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    parts = {"boxes_xyxy": corners, "scores": rows[:, 14], "class_ids": np.zeros(len(rows))}
    source = f"opencv {cv2.__version__}, FaceDetectorYN"
    save("yunet-priors", outputs, parts, {"name": "yunet-priors"}, SIZE, CONFIDENCE, source)


def _graph(outputs: Any) -> onnx.ModelProto:
    """A network that adds nothing of its picture to constants: convolutions whose kernels are 0."""
    nodes = [helper.make_node("GlobalAveragePool", ["input"], ["mean"])]
    constants = []
    for name, array in outputs.items():
        constants.append(numpy_helper.from_array(np.zeros((array.size, 3, 1, 1), np.float32), f"{name}_kernel"))
        constants.append(numpy_helper.from_array(array.ravel(), f"{name}_bias"))
        constants.append(numpy_helper.from_array(np.array(array.shape, np.int64), f"{name}_shape"))
        parts = ["mean", f"{name}_kernel", f"{name}_bias"]
        nodes.append(helper.make_node("Conv", parts, [f"{name}_flat"], kernel_shape=[1, 1]))
        nodes.append(helper.make_node("Reshape", [f"{name}_flat", f"{name}_shape"], [name]))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIZE[1], SIZE[0]])
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(array.shape)) for name, array in outputs.items()
    ]
    graph = helper.make_graph(nodes, "constant", [image], values, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


if __name__ == "__main__":
    main()
