"""Files of compiled networks made by hand: Hailo HEF, TensorRT engines, Myriad blobs. They hold structure, no weights.

Forms: HailoRT's hef.proto and hef_internal.hpp; OpenVINO's vpu/backend/blob_format.hpp; for engines see
`aai.core.inspect.tensorrt_plan`.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Mapping, Sequence

from tests.flat_maker import Fields, Numbers, Scalar, flat_bytes
from tests.model_maker import number, part, varint

HAILO8, HAILO8L, HAILO15H = 0, 3, 103
NHWC, FLAT, NMS_FORMAT = 1, 2, 6
ORDER_NHWC, ORDER_NC = 1, 6
YOLOV5, YOLOX, SSD, YOLOV5_SEG, YOLOV8 = 7, 8, 9, 11, 12


def real(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def single(field: int, value: float) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<f", value)


def numeric(zero_point: float, scale: float, per_feature: int = 0) -> bytes:
    packed = struct.pack(f"<{per_feature}d", *(scale + index for index in range(per_feature)))
    return single(1, zero_point) + single(2, scale) + (part(6, packed) if per_feature else b"")


def layer(name: str, shape: Sequence[int], form: int = NHWC, quantisation: bytes = b"", nms: bytes = b"") -> bytes:
    """ProtoHEFEdgeLayerInfo of (height, width, features)."""
    height, width, features = shape
    base = number(1, height) + number(2, height) + number(3, width) + number(4, width)
    base += number(5, features) + number(6, features + 5) + number(7, form) + number(12, 1)
    base += part(11, part(1, nms)) if nms else b""
    return part(1, name) + part(2, base) + part(3, quantisation or numeric(0, 1))


def edge(content: bytes, out: bool = False, connection: int = 0, joined: bool = False) -> bytes:
    """ProtoHEFEdgeLayer; connection 0 is one between chip and host."""
    kind = number(2, 1) if joined else b""
    return number(1, int(out)) + kind + part(4 if joined else 3, content) + part(5, number(3, connection))


def join(name: str, layers: Sequence[bytes]) -> bytes:
    """ProtoHEFEdgeLayerMux."""
    return part(1, name) + b"".join(part(5, part(1, item)) for item in layers)


def context(edges: Sequence[bytes]) -> bytes:
    operations = part(2, part(1, number(1, 5))) * 3
    return number(1, 0) + operations + part(3, part(1, "context_0") + b"".join(part(2, item) for item in edges))


def pad(index: int, name: str, shape: Sequence[int] = (), order: int = 0, nms: tuple[int, int] | None = None) -> bytes:
    """ProtoHEFPad."""
    data = number(1, index) + part(2, name) + number(3, order) + number(8, 1)
    if nms:
        return data + part(7, number(1, nms[0]) + number(2, nms[1]))
    height, width, features = shape
    return data + part(5, numeric(3, 0.5)) + part(6, number(1, height) + number(3, width) + number(5, features))


def nms_operation(kind: int, classes: int, boxes: int = 100, background: int | None = None) -> bytes:
    """ProtoHEFNmsOp with a score of 0.25 and an overlap of 0.6."""
    data = real(1, 0.25) + real(2, 0.6) + number(3, boxes) + number(4, classes)
    if background is not None:
        data += number(5, 1) + number(6, background)
    return data + part(kind, real(1, 640.0) + real(2, 640.0))


def old_network(name: str, edges: Sequence[bytes], order: Sequence[str] = ()) -> bytes:
    """ProtoHEFNetworkGroup without operations."""
    return part(1, part(1, name)) + part(3, context(edges)) + b"".join(part(4, item) for item in order)


def flow_network(name: str, edges: Sequence[bytes], core_pads: Sequence[bytes], after: Sequence[bytes] = ()) -> bytes:
    """ProtoHEFNetworkGroup with the chip's operation and what follows it (operations and pad edges, by field)."""
    core = part(1, part(1, name)) + part(3, context(edges))
    chip = part(1, "core_op") + b"".join(part(3, item) for item in core_pads) + part(4, core)
    return part(8, chip) + b"".join(after) + part(10, name)


def yolo_network(kind: int = YOLOV8, classes: int = 80, size: int = 640, background: int | None = None) -> bytes:
    """A detector whose boxes HailoRT suppresses."""
    edges = [edge(layer("yolo/input_layer1", (size, size, 3))), edge(layer("yolo/conv1", (80, 80, 64)), out=True)]
    nms = part(1, "yolov8_nms_postprocess") + part(2, pad(1, "", (80, 80, 64)))
    nms += part(3, pad(2, "yolo/yolov8_nms_postprocess", order=9, nms=(classes, 100)))
    nms += part(5, nms_operation(kind, classes, 100, background))
    return flow_network(
        "yolo", edges, [pad(0, "yolo/conv1", (80, 80, 64))], [part(8, nms), part(9, number(1, 0) + number(2, 1))]
    )


def classifier_network(classes: int = 1000, form: int = FLAT) -> bytes:
    """An older network with one flat output, and an edge inside the chip."""
    edges = [
        edge(layer("net/input_layer1", (224, 224, 3))),
        edge(layer("net/fc1", (1, 1, classes), form, numeric(7, 0.25)), out=True),
        edge(layer("net/inside", (7, 7, 512)), out=True, connection=1),
    ]
    return old_network("net", edges)


def hef_bytes(networks: Sequence[bytes] = (), arch: int = HAILO8, version: int = 0, weights: int = 64) -> bytes:
    """A HEF with a header of version 0 to 3."""
    header = number(1, arch) + number(2, 1724785394571) + part(3, "3.29.0") + number(4, 4)
    groups = networks or [classifier_network()]
    proto = part(1, header) + b"".join(part(2, group) for group in groups) + part(4, number(4, 1))
    section = {
        0: bytes(20),
        1: struct.pack(">IQI", 1, weights, 0),
        2: struct.pack(">4Q", 1, weights, 0, 0),
        3: struct.pack(">QQIQQQ", 1, weights, 0, 16, 0, 0),
    }[version]
    tail = {0: 0, 1: weights, 2: weights, 3: weights + 16}[version]
    return b"\x01HEF" + struct.pack(">II", version, len(proto)) + section + proto + bytes(tail)


def plan_bytes(version: tuple[int, int, int] | None = None, number_at_8: int = 0) -> bytes:
    """The start of an engine with the mark ftrt, and some of its body."""
    head = bytearray(b"ftrt" + bytes(60))
    struct.pack_into("<I", head, 8, number_at_8)
    if version:
        head[24:27] = bytes(version)
    return bytes(head) + bytes(range(256)) * 4


def engine_bytes(notes: Mapping[str, Any] | None = None, plan: bytes = plan_bytes((10, 3, 0), 239)) -> bytes:
    """An engine, with Ultralytics' notes in front of it."""
    if notes is None:
        return plan
    text = json.dumps(notes).encode()
    return struct.pack("<I", len(text)) + text + plan


NOTES: Mapping[str, Any] = {
    "description": "Ultralytics YOLO11n model trained on coco.yaml",
    "author": "Ultralytics",
    "version": "8.3.40",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
    "stride": 32,
    "task": "detect",
    "batch": 1,
    "imgsz": [384, 640],
    "names": {"0": "person", "1": "bicycle"},
    "args": {"half": True, "int8": False},
}


def old_engine_bytes(gpu: str = "NVIDIA Tegra X2") -> bytes:
    """An engine of TensorRT 5: its length, then a FlatBuffer with version, GPU and tensors."""

    def tensor(name: str, shape: Sequence[int], out: int) -> Fields:
        return Fields({0: name, 2: Fields({1: Numbers("i", shape)}), 5: Scalar("B", out)})

    plan = flat_bytes(
        Fields(
            {
                1: Fields({0: Scalar("I", 5), 2: Scalar("I", 6), 3: Scalar("I", 3)}),
                2: Fields({0: gpu}),
                4: [tensor("prob", [1, 1, 10], 1), tensor("data", [1, 28, 28], 0)],
                10: Scalar("I", 1),
            }
        ),
        b"\0\0\0\0",
    )
    return struct.pack("<Q", 8 + len(plan)) + plan


def blob_bytes(form: int = 6, outputs: Sequence[Sequence[int]] = ((1, 10, 1, 1),), kind: int = 1) -> bytes:
    """A blob with one picture input [1, 3, 48, 64]; form 5 keeps axes beside the names, form 6 among the constants."""
    constants = bytearray(32)

    def tensor(index: int, name: bytes, shape: Sequence[int], dtype: int) -> bytes:
        lengths = struct.pack(f"<{len(shape)}I", *reversed(shape))
        order = sum(axis + 1 << 4 * axis for axis in range(len(shape)))
        data = struct.pack("<III", index, 0, 16) + name.ljust(16, b"\0") + struct.pack("<III", dtype, order, len(shape))
        if form == 5:
            return data + lengths + bytes(len(lengths))
        place = len(constants)
        constants.extend(lengths)
        return data + struct.pack("<IIII", 3, place, 3, place)

    first = tensor(0, b"data", (1, 3, 48, 64), kind).ljust(128, b"\0")
    second = b"".join(tensor(index, b"out%d" % index, shape, 0) for index, shape in enumerate(outputs))
    place = 192 + len(first)
    const_place = place + len(second) + 64
    size = const_place + len(constants)
    numbers = (9709, size, form, 0, 1, len(outputs), 37, 9216, 20, 1, 0, 7, 7, 1, 1, 0, 192, place, place, const_place)
    header = b"\x7felf" + bytes(48) + struct.pack("<20I", *numbers)
    return header.ljust(192, b"\0") + first + second + bytes(64) + bytes(constants)
