"""DepthAI 2 and 3 as far as a back end uses them, with a device that multiplies by 2; names as in 2.33 and 3.12."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any, Sequence

import numpy as np

BLOB = b"\x7felf" + bytes(60)


class Bus:
    """What is plugged in: the platform of the one device, or none; whether it answers and takes the blob; a stick."""

    def __init__(self, platform: str = "RVC2", answers: bool = True, refuses: str = "", stick: str = "") -> None:
        self.platform, self.answers, self.refuses, self.stick = platform, answers, refuses, stick
        self.opened: list[bool] = []
        self.sent: list[Any] = []


def info(dims: Sequence[int], kind: str) -> SimpleNamespace:
    """A TensorInfo; dims innermost first, as a blob has them."""
    return SimpleNamespace(dims=list(dims), numDimensions=len(dims), dataType=f"DataType.{kind}")


def depthai(version: int, bus: Bus, inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
    """A module `depthai` of major version 2 or 3."""
    module: Any = ModuleType("depthai")
    module.__version__ = "2.33.0.0" if version == 2 else "3.12.0"

    class Blob:
        def __init__(self, path: str) -> None:
            self.networkInputs, self.networkOutputs = inputs, outputs

    class Queue:
        def __init__(self) -> None:
            self.messages: list[Any] = []

    class Device:
        def __init__(self, pipeline: Any = None) -> None:
            if not bus.platform:
                raise RuntimeError("No available devices")
            if bus.refuses:
                raise RuntimeError(bus.refuses)
            bus.opened.append(True)

        @staticmethod
        def getAllAvailableDevices() -> list[str]:
            return [bus.platform] if bus.platform else []

        def close(self) -> None:
            bus.opened.pop()

    class NeuralNetwork:
        def setBlobPath(self, path: str) -> None:
            self.path = path

    def computed(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        (values,) = tensors.values()
        return {name: np.asarray(values, np.float32).ravel() * 2 for name in outputs}

    module.OpenVINO = SimpleNamespace(Blob=Blob)
    module.Device = Device
    module.node = SimpleNamespace(NeuralNetwork=NeuralNetwork)
    (_as_two if version == 2 else _as_three)(module, bus, Device, Queue, NeuralNetwork, computed)
    return module


def _as_two(module: Any, bus: Bus, device: Any, queue: Any, network: Any, computed: Any) -> None:
    class NNData:
        def __init__(self) -> None:
            self.layers: dict[str, Any] = {}

        def setLayer(self, name: str, data: Any) -> None:
            assert isinstance(data, list) or data.dtype == np.uint8
            assert not isinstance(data, np.ndarray) or data.ndim == 1
            self.layers[name] = np.asarray(data)

        def getLayerDatatype(self, name: str) -> str:
            return "DataType.FP16"

        def getLayerFp16(self, name: str) -> list[float]:
            return list(self.layers[name].tolist())

        getLayerInt32 = getLayerUInt8 = None

    class Link:
        def __init__(self) -> None:
            self.out = SimpleNamespace(link=lambda target: None)
            self.input = object()
            self.name = ""

        def setStreamName(self, name: str) -> None:
            self.name = name

    class Pipeline:
        def create(self, kind: Any) -> Any:
            node = kind()
            if kind is network:
                node.input, node.out = object(), SimpleNamespace(link=lambda target: None)
            return node

    answers: Any = queue()

    class Entry:
        def send(self, message: Any) -> None:
            bus.sent.append(message)
            if bus.answers:
                answer = NNData()
                answer.layers = computed(message.layers)
                answers.messages.append(answer)

    answers.tryGet = lambda: answers.messages.pop() if answers.messages else None
    device.getInputQueue = lambda self, name, size, blocking: Entry()
    device.getOutputQueue = lambda self, name, size, blocking: answers
    module.NNData, module.Pipeline = NNData, Pipeline
    module.node.XLinkIn = module.node.XLinkOut = Link


def _as_three(module: Any, bus: Bus, device: Any, queue: Any, network: Any, computed: Any) -> None:
    class NNData:
        def __init__(self) -> None:
            self.tensors: dict[str, np.ndarray] = {}

        def addTensor(self, name: str, tensor: np.ndarray) -> None:
            self.tensors[name] = tensor.copy()

        def getTensor(self, name: str, dequantize: bool) -> np.ndarray:
            return self.tensors[name]

    answers: Any = queue()

    def send(message: Any) -> None:
        bus.sent.append(message)
        if bus.answers:
            answer = NNData()
            answer.tensors = computed(message.tensors)
            answers.messages.append(answer)

    def get(timeout: timedelta) -> Any:
        assert timeout > timedelta(0)
        return answers.messages.pop() if answers.messages else None

    answers.get = get

    class Pipeline:
        def __init__(self, of: Any) -> None:
            assert isinstance(of, device)
            self.running = False

        def create(self, kind: Any) -> Any:
            node = kind()
            node.input = SimpleNamespace(createInputQueue=lambda size, blocking: SimpleNamespace(send=send))
            node.out = SimpleNamespace(createOutputQueue=lambda size, blocking: answers)
            return node

        def start(self) -> None:
            self.running = True

        def stop(self) -> None:
            self.running = False

    device.getPlatformAsString = lambda self: bus.platform
    module.NNData, module.Pipeline = NNData, Pipeline
