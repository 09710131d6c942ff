"""A Hailo device that computes in numpy, behind the classes of `hailo_platform`; what users get wrong is a `Misuse`.

A HEF here has the real container and header; its network stands as JSON in a protobuf field that the real one lacks.
Classes, methods and what they return are those of hailo_platform 4.18.0 and 5.1.1 (pyhailort.py, infer_model_api.cpp).
"""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

NETWORK_FIELD = 0x7A << 3 | 2
BBOX_PARAMS = 5


class Misuse(BaseException):
    """The real runtime would crash, hang, or give wrong numbers; nobody but the test may catch it."""


class HailoRTException(Exception):
    pass


class HailoRTInvalidHEFException(HailoRTException):
    pass


class HailoRTTimeout(HailoRTException):
    pass


def failed(code: int, name: str) -> HailoRTException:
    return HailoRTException(f"libhailort failed with error: {code} ({name})")


@dataclass
class Chip:
    """The device in this machine."""

    architecture: str = "HAILO8L"
    plugged: bool = True
    holder: Any = None
    models: list = field(default_factory=list)
    hangs: bool = False


CHIP = Chip()


def reset(**changes: Any) -> Chip:
    CHIP.__dict__.update(Chip(**changes).__dict__)
    return CHIP


RUNS = {"HAILO8L": (3,), "HAILO8": (0, 1, 2, 3), "HAILO10H": (4, 103)}


class FormatType(Enum):
    AUTO = 0
    UINT8 = 1
    UINT16 = 2
    FLOAT32 = 3


class HailoSchedulingAlgorithm(Enum):
    NONE = 0
    ROUND_ROBIN = 1


class HailoStreamInterface(Enum):
    PCIe = 0
    ETH = 1
    INTEGRATED = 2


class DeviceArchitectureTypes(IntEnum):
    HAILO8_A0 = 0
    HAILO8 = 1
    HAILO8L = 2
    HAILO15H = 3
    HAILO10H = 6

    def __str__(self) -> str:
        return self.name


DTYPES = {FormatType.UINT8: np.uint8, FormatType.UINT16: np.uint16, FormatType.FLOAT32: np.float32}


def hef_bytes(network: dict, architecture: int = 3) -> bytes:
    """A HEF of container version 0."""
    header = struct.pack("BB", 0x08, architecture) + b"\x1a\x063.30.0"
    content = json.dumps(network).encode()
    message = b"\x0a" + bytes([len(header)]) + header + _varint(NETWORK_FIELD) + _varint(len(content)) + content
    return b"\x01HEF" + struct.pack(">II", 0, len(message)) + bytes(20) + message


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def read_hef(path: str) -> tuple[dict, int]:
    if not isinstance(path, str):
        raise Misuse("create_infer_model takes a str or bytes, nothing else")
    data = Path(path).read_bytes()
    marker = _varint(NETWORK_FIELD)
    start = data.find(marker, 32)
    if data[:4] != b"\x01HEF" or start < 0:
        raise HailoRTInvalidHEFException("Invalid HEF. See hailort.log for more information")
    return json.loads(data[data.index(b"{", start) :]), data[35]


class Edge:
    """A stream of a network, as the file has it."""

    def __init__(self, given: dict, orders: type[Enum], parent: dict) -> None:
        self.name, self.op = given["name"], given.get("op", "")
        self.shape = tuple(given["shape"])
        self.type = FormatType[given.get("type", "UINT8")]
        self.order = orders[orders.NMS_NAMES.value.get(given.get("order", "NHWC"), given.get("order", "NHWC"))]
        self.pairs = [tuple(pair) for pair in given.get("qp", [[1.0, 0.0]])]
        self.classes, self.most = given.get("classes", 0), given.get("most", 0)
        self.parent = parent

    @property
    def is_nms(self) -> bool:
        return "NMS" in self.order.name

    def info(self) -> Any:
        scale, zero_point = self.pairs[0]
        shape = SimpleNamespace(number_of_classes=self.classes, max_bboxes_per_class=self.most)
        return SimpleNamespace(
            name=self.name,
            shape=(0, 0, 0) if self.is_nms else self.shape,
            format=SimpleNamespace(type=self.type, order=self.order, flags=0),
            quant_info=SimpleNamespace(qp_scale=scale, qp_zp=zero_point),
            **({"nms_shape": shape} if self.is_nms else {}),
        )

    def to_real(self, values: np.ndarray) -> np.ndarray:
        pairs = np.array(self.pairs, np.float64)
        return (values.astype(np.float64) - pairs[:, 1]) * pairs[:, 0]

    def to_numbers(self, real: np.ndarray, wanted: FormatType) -> np.ndarray:
        if wanted is FormatType.FLOAT32:
            return real.astype(np.float32)
        pairs = np.array(self.pairs, np.float64)
        most = np.iinfo(DTYPES[wanted]).max
        return np.clip(np.rint(real / pairs[:, 0] + pairs[:, 1]), 0, most).astype(DTYPES[wanted])


class Network:
    def __init__(self, path: str, orders: type[Enum]) -> None:
        given, self.architecture = read_hef(path)
        self.name = given["name"]
        self.groups = given.get("groups", 1)
        self.inputs = [Edge(each, orders, given) for each in given["inputs"]]
        self.outputs = [Edge(each, orders, given) for each in given["outputs"]]

    def compute(self, edge: Edge, picture: np.ndarray) -> Any:
        """The real answer of one output to (H, W, C) real values."""
        if edge.op == "half":
            return picture * 0.5
        if edge.op == "negative":
            return -picture
        if edge.op == "sums":
            return picture.sum(axis=(0, 1))
        if edge.op == "rows":
            return picture.sum(axis=2)
        assert edge.op == "boxes", edge.op
        return find_boxes(picture, edge.classes)


def find_boxes(picture: np.ndarray, classes: int) -> list[SimpleNamespace]:
    """For each class, a channel: the box around what is over 0 in each half of the picture, left and right."""
    height, width = picture.shape[:2]
    found = []
    for class_id in range(classes):
        for left, right in ((0, width // 2), (width // 2, width)):
            rows, columns = np.nonzero(picture[:, left:right, class_id] > 0)
            if len(rows):
                top, bottom = rows.min(), rows.max() + 1
                start, end = left + columns.min(), left + columns.max() + 1
                inner = picture[top:bottom, start:end, class_id]
                found.append(
                    SimpleNamespace(
                        y_min=float(np.float32(top / height)),
                        x_min=float(np.float32(start / width)),
                        y_max=float(np.float32(bottom / height)),
                        x_max=float(np.float32(end / width)),
                        score=float(np.float32(inner.max() / 255)),
                        class_id=class_id,
                        mask=(inner > 0).astype(np.uint8).reshape(-1),
                    )
                )
    return sorted(found, key=lambda detection: -detection.score)


def by_class(detections: list, classes: int) -> list[np.ndarray]:
    boxes = [
        [(d.y_min, d.x_min, d.y_max, d.x_max, d.score) for d in detections if d.class_id == c] for c in range(classes)
    ]
    return [np.array(rows, np.float32).reshape(-1, BBOX_PARAMS) if rows else np.empty([0, 5]) for rows in boxes]


class VDevice:
    """The VDevice of 4.15: network groups only."""

    orders: type[Enum]
    refuses_by_name = False

    def __init__(self, params: Any = None, *, device_ids: Any = None) -> None:
        if not CHIP.plugged or CHIP.holder is not None:
            raise failed(74, "HAILO_OUT_OF_PHYSICAL_DEVICES")
        CHIP.holder = self
        self._params = params or self.create_params()
        self._creation_pid = os.getpid()

    @staticmethod
    def create_params() -> Any:
        return SimpleNamespace(scheduling_algorithm=HailoSchedulingAlgorithm.NONE, device_count=1)

    def release(self) -> None:
        self.check()
        if CHIP.models:
            raise Misuse("a device is released while models are on it")
        CHIP.holder = None

    def get_physical_devices(self) -> list:
        board = SimpleNamespace(device_architecture=DeviceArchitectureTypes[CHIP.architecture])
        return [SimpleNamespace(control=SimpleNamespace(identify=lambda: board))]

    def configure(self, hef: Any, configure_params_by_name: Any = None) -> list:
        self.check()
        if list(configure_params_by_name or ()) != [hef.network.name]:
            raise Misuse("the configure params are not those of the HEF")
        self.check_chip(hef.network)
        return [ConfiguredNetwork(self, hef.network) for _ in range(hef.network.groups)]

    def check(self) -> None:
        if CHIP.holder is not self:
            raise Misuse("the VDevice was released")
        if self._creation_pid != os.getpid():
            raise Misuse("the VDevice is used in another process than the one that made it")

    def check_chip(self, network: Network) -> None:
        if network.architecture not in RUNS[CHIP.architecture]:
            if self.refuses_by_name:
                raise failed(93, "HAILO_HEF_NOT_COMPATIBLE_WITH_DEVICE")
            raise HailoRTInvalidHEFException("Invalid HEF. See hailort.log for more information")

    def take(self, model: Any) -> None:
        if CHIP.models and self._params.scheduling_algorithm is HailoSchedulingAlgorithm.NONE:
            raise failed(6, "HAILO_INVALID_OPERATION")
        CHIP.models.append(model)

    def run(self, model: Any) -> None:
        self.check()
        if model not in CHIP.models:
            raise Misuse("a model runs after it was closed")
        if CHIP.hangs:
            raise HailoRTTimeout("Received a timeout - hailort has failed because a timeout had occurred")


class HEF:
    orders: type[Enum]

    def __init__(self, path: str) -> None:
        self.network = Network(path, self.orders)

    def get_input_vstream_infos(self, name: str | None = None) -> list:
        return [edge.info() for edge in self.network.inputs]

    def get_output_vstream_infos(self, name: str | None = None) -> list:
        return [edge.info() for edge in self.network.outputs]


class ConfigureParams:
    @staticmethod
    def create_from_hef(hef: HEF, interface: HailoStreamInterface) -> dict:
        assert isinstance(interface, HailoStreamInterface)
        return {hef.network.name: SimpleNamespace()}


class ConfiguredNetwork:
    def __init__(self, device: VDevice, network: Network) -> None:
        self.device, self.network = device, network

    def get_input_vstream_infos(self, network_name: str | None = None) -> list:
        return [edge.info() for edge in self.network.inputs]

    def get_output_vstream_infos(self, network_name: str | None = None) -> list:
        return [edge.info() for edge in self.network.outputs]


def _vstream_params(edges: list, quantized: bool, format_type: FormatType | None) -> dict:
    if format_type is None:
        format_type = FormatType.AUTO if quantized else FormatType.FLOAT32
    if quantized and format_type is FormatType.FLOAT32:
        raise Misuse("before 4.17 these numbers would be passed on without conversion")
    return {edge.name: (edge.type if format_type is FormatType.AUTO else format_type) for edge in edges}


class InputVStreamParams:
    @staticmethod
    def make(
        configured_network: Any,
        quantized: Any = True,
        format_type: Any = None,
        timeout_ms: Any = None,
        queue_size: Any = None,
        network_name: Any = None,
    ) -> dict:
        return _vstream_params(configured_network.network.inputs, quantized, format_type)


class OutputVStreamParams:
    @staticmethod
    def make(
        configured_network: Any,
        quantized: Any = True,
        format_type: Any = None,
        timeout_ms: Any = None,
        queue_size: Any = None,
        network_name: Any = None,
    ) -> dict:
        return _vstream_params(configured_network.network.outputs, quantized, format_type)


class InferVStreams:
    def __init__(self, group: ConfiguredNetwork, inputs: dict, outputs: dict, tf_nms_format: bool = False) -> None:
        self.group, self.inputs, self.outputs = group, inputs, outputs
        self.entered = False

    def __enter__(self) -> InferVStreams:
        self.group.device.take(self)
        self.entered = True
        return self

    def __exit__(self, *args: Any) -> bool:
        CHIP.models.remove(self)
        return False

    def infer(self, input_data: dict) -> dict:
        if not self.entered:
            raise Misuse("the pipeline was not entered")
        self.group.device.run(self)
        network = self.group.network
        (edge,) = network.inputs
        data = input_data[edge.name]
        if data.shape[1:] != edge.shape or data.dtype != DTYPES[self.inputs[edge.name]] or not data.flags.c_contiguous:
            raise Misuse("HailoRT would convert this array for every frame")
        answers: dict[str, Any] = {}
        for out in network.outputs:
            frames = [network.compute(out, real_input(edge, frame)) for frame in data]
            if not out.is_nms:
                answers[out.name] = np.stack([out.to_numbers(frame, self.outputs[out.name]) for frame in frames])
            elif self.outputs[out.name] is not FormatType.FLOAT32:
                raise failed(2, "HAILO_INVALID_ARGUMENT")
            elif out.order.name == "HAILO_NMS_WITH_BYTE_MASK":
                answers[out.name] = frames
            else:
                answers[out.name] = [by_class(frame, out.classes) for frame in frames]
        return answers


def real_input(edge: Edge, frame: np.ndarray) -> np.ndarray:
    return frame.astype(np.float64) if frame.dtype == np.float32 else edge.to_real(frame)


class InferVDevice(VDevice):
    """The VDevice of 4.18 and newer."""

    refuses_by_name = True
    nests_frames: bool
    hef: type[HEF]

    def create_infer_model(self, hef_source: str, network_name: str = "") -> InferModel:
        self.check()
        return InferModel(self, hef_source)


class InferModel:
    def __init__(self, device: InferVDevice, path: str) -> None:
        self.device, self.path = device, path
        self.network = Network(path, device.orders)
        self.hef = device.hef(path)
        self._streams = {edge.name: ModelStream(edge, device) for edge in self.network.inputs + self.network.outputs}

    @property
    def input_names(self) -> list[str]:
        return [edge.name for edge in self.network.inputs]

    @property
    def output_names(self) -> list[str]:
        return [edge.name for edge in self.network.outputs]

    def input(self, name: str = "") -> ModelStream:
        return self._streams[name or self.input_names[0]]

    def output(self, name: str = "") -> ModelStream:
        return self._streams[name or self.output_names[0]]

    def configure(self) -> ConfiguredInferModel:
        self.device.check()
        self.device.check_chip(self.network)
        return ConfiguredInferModel(self)


class ModelStream:
    def __init__(self, edge: Edge, device: InferVDevice) -> None:
        self.edge, self.device, self.type = edge, device, edge.type
        self.name = edge.name

    @property
    def format(self) -> Any:
        return SimpleNamespace(type=self.type, order=self.edge.order, flags=0)

    @property
    def quant_infos(self) -> list:
        return [SimpleNamespace(qp_scale=scale, qp_zp=zero_point) for scale, zero_point in self.edge.pairs]

    @property
    def is_nms(self) -> bool:
        return self.edge.is_nms

    @property
    def shape(self) -> list[int]:
        edge = self.edge
        if edge.order.name in ("HAILO_NMS", "HAILO_NMS_BY_CLASS"):
            return [edge.classes * (1 + BBOX_PARAMS * edge.most)]
        if edge.is_nms:
            size = self.frame_bytes
            return [size] if hasattr(type(edge.order), "HAILO_NMS_BY_SCORE") else [size // 4]
        return list(edge.shape)

    @property
    def frame_bytes(self) -> int:
        edge = self.edge
        if edge.order.name in ("HAILO_NMS", "HAILO_NMS_BY_CLASS"):
            return edge.classes * (1 + BBOX_PARAMS * edge.most) * DTYPES[self.type]().itemsize
        if edge.is_nms:
            return 4 * (2 + 100 * edge.classes * edge.most)
        return math.prod(edge.shape) * DTYPES[self.type]().itemsize

    def set_format_type(self, type: FormatType) -> None:
        assert isinstance(type, FormatType)
        if self.edge.order.name in ("HAILO_NMS_BY_SCORE", "HAILO_NMS_WITH_BYTE_MASK"):
            raise Misuse("boxes that HailoRT makes have the type that they have")
        self.type = type


class ConfiguredInferModel:
    def __init__(self, model: InferModel) -> None:
        self.model = model
        self.device = model.device
        self.device.take(self)

    def __enter__(self) -> ConfiguredInferModel:
        return self

    def __exit__(self, *args: Any) -> None:
        if self in CHIP.models:
            raise Misuse("the model is dropped without a shutdown")

    def create_bindings(self, input_buffers: Any = None, output_buffers: Any = None) -> Bindings:
        return Bindings(self.model)

    def run(self, bindings: list, timeout: int) -> None:
        assert timeout > 0
        self.device.run(self)
        for each in bindings:
            each.compute()

    def shutdown(self) -> None:
        CHIP.models.remove(self)


class Bindings:
    def __init__(self, model: InferModel) -> None:
        self.model = model
        names = model.input_names + model.output_names
        self._streams = {name: BoundStream(model._streams[name], model.device) for name in names}

    def input(self, name: str = "") -> BoundStream:
        return self._streams[name or self.model.input_names[0]]

    def output(self, name: str = "") -> BoundStream:
        return self._streams[name or self.model.output_names[0]]

    def compute(self) -> None:
        network = self.model.network
        (edge,) = network.inputs
        picture = real_input(edge, self.input().checked())
        for out in network.outputs:
            self.output(out.name).write(network.compute(out, picture))
        # The real one leaves pointers to its own buffers behind: they are to be set for every run.
        for stream in self._streams.values():
            stream.fresh = False


class BoundStream:
    def __init__(self, stream: ModelStream, device: InferVDevice) -> None:
        self.stream, self.device, self.edge = stream, device, stream.edge
        self.buffer: Any = None
        self.answer: Any = None
        self.fresh = False

    def set_buffer(self, buffer: np.ndarray) -> None:
        if not buffer.flags.c_contiguous:
            raise HailoRTException("Buffer must be C_CONTIGUOUS")
        self.buffer, self.fresh = buffer, True

    def checked(self) -> np.ndarray:
        if not self.fresh:
            raise Misuse(f"{self.edge.name} has no buffer for this run")
        if self.buffer.nbytes != self.stream.frame_bytes:
            raise Misuse(f"{self.edge.name}: {self.buffer.nbytes} bytes instead of {self.stream.frame_bytes}")
        if not self.edge.is_nms and self.buffer.dtype != DTYPES[self.stream.type]:
            raise Misuse(f"{self.edge.name}: {self.buffer.dtype}, which HailoRT would read as {self.stream.type}")
        return self.buffer

    def write(self, answer: Any) -> None:
        target = self.checked()
        if not self.edge.is_nms:
            target[...] = self.edge.to_numbers(answer, self.stream.type)
        elif self.edge.order.name in ("HAILO_NMS", "HAILO_NMS_BY_CLASS"):
            if self.stream.type is not FormatType.FLOAT32:
                raise Misuse("quantised boxes are read as they are")
            place = 0
            target[...] = 777.0  # what lies behind the last box is never cleared
            for rows in by_class(answer, self.edge.classes):
                target[place] = len(rows)
                target[place + 1 : place + 1 + rows.size] = rows.reshape(-1)
                place += 1 + rows.size
        else:
            self.answer = answer

    def get_buffer(self, tf_format: bool | None = False) -> Any:
        if tf_format is None or not self.edge.is_nms:
            return self.buffer
        answer = self.answer
        if answer is None:
            answer = []
            place = 0
            for _ in range(self.edge.classes):
                count = int(self.buffer[place])
                answer.append(self.buffer[place + 1 : place + 1 + 5 * count].reshape(count, 5))
                place += 1 + 5 * count
        return [answer] if self.device.nests_frames else answer
