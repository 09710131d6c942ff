"""Small model files made by hand. ONNX through an own protobuf writer: the onnx package is not on Python 3.8."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Mapping, Sequence, Union

Axis = Union[int, str, None]
FLOAT, UINT8, INT32, INT64, FLOAT16 = 1, 2, 6, 7, 10


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def value_info(name: str, shape: Sequence[Axis], dtype: int = FLOAT) -> bytes:
    axes = b""
    for axis in shape:
        axes += part(1, number(1, axis) if isinstance(axis, int) else part(2, axis) if axis else b"")
    return part(1, name) + part(2, part(1, number(1, dtype) + part(2, axes)))


def tensor(name: str, values: Sequence[float] = (), external: Mapping[str, str] = {}) -> bytes:
    data = number(1, max(1, len(values))) + number(2, FLOAT) + part(8, name)
    if external:
        entries = b"".join(part(13, part(1, key) + part(2, value)) for key, value in external.items())
        return data + entries + number(14, 1)
    return data + part(9, struct.pack(f"<{len(values)}f", *values))


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: bytes = b"") -> bytes:
    names = b"".join(part(1, name) for name in inputs) + b"".join(part(2, name) for name in outputs)
    return names + part(4, operator) + attributes


def onnx_bytes(
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    nodes: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    metadata: Mapping[str, str] = {},
    producer: str = "pytorch",
) -> bytes:
    graph = b"".join(part(1, item) for item in nodes) + part(2, "graph")
    graph += b"".join(part(5, item) for item in tensors)
    graph += b"".join(part(11, item) for item in inputs) + b"".join(part(12, item) for item in outputs)
    notes = b"".join(part(14, part(1, key) + part(2, value)) for key, value in metadata.items())
    return number(1, 8) + part(2, producer) + part(3, "2.1") + part(7, graph) + part(8, number(2, 17)) + notes


def detector_bytes(size: int = 64, classes: int = 3) -> bytes:
    """A YOLOX-shaped network: [1, N, 5 + classes] for strides 8, 16, 32."""
    rows = sum((size // stride) ** 2 for stride in (8, 16, 32))
    return onnx_bytes(
        [value_info("images", [1, 3, size, size])],
        [value_info("output", [1, rows, 5 + classes])],
        [node("Conv", ["images", "w"], ["a"]), node("Concat", ["a"], ["output"])],
        [tensor("w", [0.5] * 8)],
    )


CFG = """[net]
width=64
height=32
channels=3

[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky

[convolutional]
size=1
stride=1
pad=1
filters=21
activation=linear

[yolo]
mask = 0,1,2
anchors = 1,2, 3,4, 5,6
classes=2
num=3
"""
CFG_WEIGHTS = (4 + 3 * 4 + 3 * 4 * 9) + (21 + 4 * 21)
"""float32 values that CFG asks for, by hand: biases, batch norm and kernels of the first layer, then of the second."""


def weights_bytes(values: int = CFG_WEIGHTS, minor: int = 2) -> bytes:
    seen = struct.pack("<Q" if minor >= 2 else "<I", 64)
    return struct.pack("<iii", 0, minor, 0) + seen + bytes(4 * values)


def darknet_folder(folder: Path, cfg: str = CFG, values: int = CFG_WEIGHTS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "yolo.cfg").write_text(cfg)
    (folder / "yolo.weights").write_bytes(weights_bytes(values))
    (folder / "yolo.names").write_text("cat\ndog\n")
    return folder


def closed_caffe_folder(folder: Path, prototxt: str = "deploy.prototxt", weights: str = "model.caffemodel") -> Path:
    """A Caffe network that tells nothing, not even its size: its only layer is somebody's own code."""
    layer = 'layer { name: "own" type: "Python" bottom: "data" top: "out" }\n'
    (folder / prototxt).write_text(f'name: "net"\ninput: "data"\n{layer}')
    (folder / weights).write_bytes(part(1, "net") + part(100, part(1, "own")))
    return folder
