"""Networks for Myriad X (.blob) on Luxonis OAK devices, by DepthAI 2 or 3.

A blob is compiled for the chip by OpenVINO's Myriad plugin or by Luxonis' tools. Neural Compute Sticks have the same
chip and no firmware that anybody keeps: OpenVINO 2022.3 was the last to run them.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

import depthai
import numpy as np

from aai.core.machine import myriad_on_usb
from aai.errors import AaiError, BadWeights
from aai.ports import Capabilities, TensorSpec
from aai_backends._files import check_file
from aai_backends._misuse import closed_network, no_output, wrong_input, wrong_inputs
from aai_backends._shapes import fits

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import LoadOptions, ModelFiles

    Array = np.ndarray[Any, Any]

_MAGIC = b"\x7felf"
"""Lower case, unlike that of programs: what the Myriad plugin writes."""

_DTYPES = {"FP16": "float16", "U8F": "uint8", "INT": "int32", "FP32": "float32", "I8": "int8"}
_ANSWER_S = 20.0
_MOST_VALUES = 1 << 28
"""Of a tensor: four times the memory of the device. Blobs of old compilers tell nonsense."""


class _Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]
    dtype: str


class MyriadBackend:
    """A network on an OAK device.

    Not for use by several threads at the same time.

    Args:
        files: the .blob.
        options: accelerator MYRIAD, outputs.

    Raises:
        BadWeights: the file is no blob, or the device refuses it.
        AaiError: no device is here, or one that DepthAI does not run.
    """

    capabilities = Capabilities(engines=("OAK",), accelerators=("MYRIAD",), precisions=("float32", "float16"))

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        path = check_file(files.model, "model file")
        self._where = str(path)
        if options.accelerator not in ("DEFAULT", "MYRIAD"):
            raise AaiError(f"DepthAI has no accelerator {options.accelerator} here", self._where, "use one of: MYRIAD")
        self.engine = f"depthai {depthai.__version__}"
        self.accelerator = "MYRIAD"
        inputs, outputs = _tensors(path)
        known = [tensor.name for tensor in outputs]
        missing = [name for name in options.outputs if name not in known]
        if missing:
            raise no_output(missing, known, self._where)
        if len(inputs) == 1 and not inputs[0].shape:
            inputs = [inputs[0]._replace(shape=options.input_shape)]
        self._inputs = {tensor.name: tensor for tensor in inputs}
        self._outputs = {tensor.name: tensor for tensor in outputs}
        self.inputs = tuple(TensorSpec(*tensor) for tensor in inputs)
        self.outputs = tuple(
            TensorSpec(name, self._outputs[name].shape, "float32") for name in options.outputs or known
        )
        self._link: Any = _link(path)

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name, float32; see `aai.ports.Backend`."""
        if self._link is None:
            raise closed_network(self._where)
        if tensors.keys() != self._inputs.keys():
            raise wrong_inputs(tensors, self._inputs, self._where)
        for name, tensor in self._inputs.items():
            if (tensor.shape and not fits(tensor.shape, tensors[name].shape)) or tensors[name].dtype != tensor.dtype:
                raise wrong_input(name, tensor.dtype, tensor.shape, tensors[name], self._where)
        try:
            answer = self._link.ask({name: np.ascontiguousarray(array) for name, array in tensors.items()})
            found = {spec.name: self._link.read(answer, spec.name) for spec in self.outputs}
        except RuntimeError as error:
            raise AaiError(
                f"the device does not answer: {_reason(error)}",
                self._where,
                "plug it in again, and load the model anew",
            ) from error
        return {name: _shaped(array, self._outputs[name].shape) for name, array in found.items()}

    def close(self) -> None:
        """Frees the device."""
        if self._link is not None:
            self._link.close()
            self._link = None


class _LinkOfTwo:
    """DepthAI 2: the pipeline is made first, and a device runs it; streams have names."""

    def __init__(self, path: Path) -> None:
        pipeline = depthai.Pipeline()
        network = pipeline.create(depthai.node.NeuralNetwork)
        network.setBlobPath(str(path))
        entry, end = pipeline.create(depthai.node.XLinkIn), pipeline.create(depthai.node.XLinkOut)
        entry.setStreamName("in")
        end.setStreamName("out")
        entry.out.link(network.input)
        network.out.link(end.input)
        self._device = depthai.Device(pipeline)
        self._in = self._device.getInputQueue("in", 1, True)
        self._out = self._device.getOutputQueue("out", 1, True)

    def ask(self, tensors: Mapping[str, Array]) -> Any:
        message = depthai.NNData()
        for name, array in tensors.items():
            # Bytes go as an array, float16 as numbers that DepthAI makes float16.
            message.setLayer(name, array.ravel() if array.dtype == np.uint8 else array.ravel().tolist())
        self._in.send(message)
        limit = time.monotonic() + _ANSWER_S
        while time.monotonic() < limit:
            answer = self._out.tryGet()
            if answer is not None:
                return answer
            time.sleep(0.0005)
        raise RuntimeError(f"no answer within {_ANSWER_S:.0f} s")

    def read(self, answer: Any, name: str) -> Array:
        kind = str(answer.getLayerDatatype(name)).rsplit(".", 1)[-1]
        get = {"INT": answer.getLayerInt32, "U8F": answer.getLayerUInt8}.get(kind, answer.getLayerFp16)
        return np.asarray(get(name), np.float32)

    def close(self) -> None:
        self._device.close()


class _LinkOfThree:
    """DepthAI 3: the pipeline is made for a device, and its nodes have the queues."""

    def __init__(self, path: Path) -> None:
        self._device = depthai.Device()
        try:
            platform = self._device.getPlatformAsString()
            if platform != "RVC2":
                raise AaiError(
                    f"the device is of the kind {platform}, and a .blob runs on RVC2 (Myriad X) alone",
                    str(path),
                    "convert the model for this device with Luxonis' tools",
                )
            self._pipeline = depthai.Pipeline(self._device)
            network = self._pipeline.create(depthai.node.NeuralNetwork)
            network.setBlobPath(str(path))
            self._in = network.input.createInputQueue(1, True)
            self._out = network.out.createOutputQueue(1, True)
            self._pipeline.start()
        except BaseException:
            self._device.close()
            raise

    def ask(self, tensors: Mapping[str, Array]) -> Any:
        message = depthai.NNData()
        for name, array in tensors.items():
            message.addTensor(name, array)
        self._in.send(message)
        answer = self._out.get(timedelta(seconds=_ANSWER_S))
        if answer is None:
            raise RuntimeError(f"no answer within {_ANSWER_S:.0f} s")
        return answer

    def read(self, answer: Any, name: str) -> Array:
        return np.asarray(answer.getTensor(name, True), np.float32)

    def close(self) -> None:
        self._pipeline.stop()
        self._device.close()


def _link(path: Path) -> Any:
    kind = _LinkOfTwo if hasattr(depthai.node, "XLinkIn") else _LinkOfThree
    try:
        return kind(path)
    except RuntimeError as error:
        if not depthai.Device.getAllAvailableDevices():
            raise _no_device(error) from error
        raise BadWeights(
            f"the device does not take the blob: {_reason(error)}",
            str(path),
            "compile it for this version of DepthAI, with no more shaves than the device has",
        ) from error


def _no_device(error: RuntimeError) -> AaiError:
    stick = myriad_on_usb()
    if stick:
        # The chip calls itself the same in an OAK that has not started and in a Neural Compute Stick 2.
        return AaiError(
            "DepthAI can't start the Myriad device on USB: a Neural Compute Stick is not run, OpenVINO 2022.3 was the "
            "last to do so",
            f"{stick}: {_reason(error)}",
            "run the model that the blob was compiled from on another engine, such as OPENVINO on the CPU; "
            "if it is an OAK, set its udev rule: "
            'SUBSYSTEM=="usb", ATTRS{idVendor}=="03e7", MODE="0666"',
        )
    return AaiError("no OAK device is here", f"depthai {depthai.__version__}: {_reason(error)}", "plug one in")


def _tensors(path: Path) -> tuple[list[_Tensor], list[_Tensor]]:
    """What the blob says of its inputs and outputs."""
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        raise BadWeights("the model file is not a blob for Myriad X", str(path), "name the right file")
    try:
        blob = depthai.OpenVINO.Blob(str(path))
        inputs = [_tensor(name, info) for name, info in blob.networkInputs.items()]
        return inputs, [_tensor(name, info) for name, info in blob.networkOutputs.items()]
    except (RuntimeError, TypeError, ValueError) as error:
        raise BadWeights(f"DepthAI can't read the blob: {_reason(error)}", str(path), "compile it again") from error


def _tensor(name: str, info: Any) -> _Tensor:
    """A tensor with its shape outermost first; () where the blob tells nonsense. A blob has the innermost first."""
    shape = tuple(int(length) for length in reversed(info.dims[: info.numDimensions or None]))
    sound = all(length > 0 for length in shape) and 0 < np.prod(shape, dtype=np.float64) < _MOST_VALUES
    return _Tensor(str(name), shape if sound else (), _DTYPES.get(str(info.dataType).rsplit(".", 1)[-1], ""))


def _shaped(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` in the shape that the blob says, where it has as many values, else as one row."""
    if shape and array.size == int(np.prod(shape)):
        return array.reshape(shape)
    return array if array.ndim > 1 else array.reshape(1, -1)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
