"""Small model folders for the tests of `vision`: ONNX networks whose answers can be worked out by hand."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Mapping, Sequence

from tests.model_maker import FLOAT, node, number, onnx_bytes, part, value_info


def constant_onnx(
    values: Sequence[float], shape: Sequence[int], size: tuple[int, int] = (32, 32), dtype: int = FLOAT
) -> bytes:
    """A network that answers every (1, 3, h, w) image with the same values, as `dtype`."""
    width, height = size
    nodes = [
        # 0 * mean(image) + answer: the input takes part, so that no engine drops it.
        node("ReduceMean", ["image"], ["m"], ints("axes", (1, 2, 3)) + _int("keepdims", 0)),
        node("Mul", ["m", "zero"], ["z"]),
        node("Add", ["answer", "z"], ["sum"]),
        node("Cast", ["sum"], ["output"], _int("to", dtype)),
    ]
    tensors = [weights("answer", shape, values), weights("zero", (1,), (0.0,))]
    return onnx_bytes(
        [value_info("image", [1, 3, height, width])], [value_info("output", shape, dtype)], nodes, tensors
    )


def constants_onnx(
    answers: Mapping[str, tuple[Sequence[int], Sequence[float]]], size: tuple[int, int] = (32, 32), image: int = FLOAT
) -> bytes:
    """A network with several outputs, name -> (shape, values): the same for every (1, 3, h, w) image."""
    width, height = size
    nodes = [
        node("Cast", ["image"], ["pixels"], _int("to", FLOAT)),
        node("ReduceMean", ["pixels"], ["m"], ints("axes", (1, 2, 3)) + _int("keepdims", 0)),
        node("Mul", ["m", "zero"], ["z"]),
    ]
    tensors = [weights("zero", (1,), (0.0,))]
    for name, (shape, values) in answers.items():
        nodes.append(node("Add", [f"{name}_is", "z"], [name]))
        tensors.append(weights(f"{name}_is", shape, values))
    outputs = [value_info(name, shape) for name, (shape, _) in answers.items()]
    return onnx_bytes([value_info("image", [1, 3, height, width], image)], outputs, nodes, tensors)


def weights(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    """A float32 initializer."""
    axes = b"".join(number(1, axis) for axis in shape)
    return axes + number(2, FLOAT) + part(8, name) + part(9, struct.pack(f"<{len(values)}f", *values))


def _int(name: str, value: int) -> bytes:
    return part(5, part(1, name) + number(3, value) + number(20, 2))


def ints(name: str, values: Sequence[int]) -> bytes:
    return part(5, part(1, name) + b"".join(number(8, value) for value in values) + number(20, 7))


def write_model(folder: Path, onnx: bytes, purpose: str = "ObjectDetection", labels: str = "", **more: Any) -> Path:
    """A model folder; `more` goes into `model_parameters`, but for `aai` and `id`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.onnx").write_bytes(onnx)
    document: dict[str, Any] = {"id": more.pop("id", "acme/net"), "aai": more.pop("aai", {})}
    document["model_parameters"] = {
        "framework_type": "onnx",
        "purpose": purpose,
        "model_file": "net.onnx",
        "size": [32, 32],
        **more,
    }
    if labels:
        (folder / "labels.txt").write_text(labels, encoding="utf-8")
        document["model_parameters"]["label_file"] = "labels.txt"
    (folder / "alwaysai.model.json").write_text(json.dumps(document))
    return folder


# Rows [image, class, score, x1, y1, x2, y2] in 0..1, the worse one first; the last one lies outside.
SSD_ROWS = [
    (0, 1, 0.5, 0.0, 0.0, 0.5, 0.5),
    (0, 2, 0.9, 0.25, 0.5, 1.5, 1.0),
    (0, 1, 0.8, 1.25, 0.0, 1.5, 0.5),
    (-1, 0, 0.0, 0.0, 0.0, 0.0, 0.0),
]


def ssd_folder(folder: Path, **more: Any) -> Path:
    values = [value for row in SSD_ROWS for value in row]
    onnx = constant_onnx(values, (1, 1, len(SSD_ROWS), 7))
    more.setdefault("aai", {"decoder": {"name": "ssd"}})
    return write_model(folder, onnx, labels=more.pop("labels", "background\ncat\ndog\n"), **more)


def classes_folder(folder: Path, values: Sequence[float] = (1.0, 3.0, 2.0), **more: Any) -> Path:
    onnx = constant_onnx(values, (1, len(values)))
    return write_model(folder, onnx, "Classification", more.pop("labels", "ant\nbee\ncat\n"), **more)
