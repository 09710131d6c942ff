"""One TensorRT engine with its buffers on the GPU: arrays in, arrays out. Runs in process and in the worker.

No `from __future__ import annotations` here: the worker runs this file under Python 3.6, which does not know it.
"""

import collections
import contextlib
import ctypes
import sys
from typing import Any, Deque, Dict, List, Sequence, Tuple

import numpy as np

from aai_backends._tensor_rt_io import Shape, Tensor, io_of
from aai_backends._tensor_rt_refusal import FAILED, UNAVAILABLE, WEIGHTS, Refusal

_KEPT_LINES = 20
_LOGS: Dict[Any, Any] = {}
_NO_DRIVER = "returned nullptr"
"""Of the TypeError that pybind11 raises where TensorRT could not start CUDA."""


class Session:
    """An engine that is loaded.

    Not for use by several threads at the same time.

    Args:
        trt: the module tensorrt.
        cuda: a `_cudart.CudaRuntime`.
        plan: the serialised engine, without what other programs put in front of it.
        plugins: shared libraries with layers that TensorRT does not have, to be loaded first.

    Raises:
        Refusal: the plan is not one for this TensorRT and GPU, a library can't be loaded, or there is no memory.
    """

    def __init__(self, trt: Any, cuda: Any, plan: bytes, plugins: Sequence[str] = ()) -> None:
        self._cuda = cuda
        self._io: Any = None
        self._engine: Any = None
        self._runtime: Any = None
        self._stream = 0
        self._buffers: Dict[str, Tuple[int, int]] = {}
        self._log = kept_log(trt)
        try:
            load_plugins(trt, self._log, plugins)
            self._runtime = started(trt.Runtime, self._log)
            self._engine = self._deserialised(plan)
            self._io = io_of(trt, self._engine)
            tensors = self._io.tensors()
            self._stream = cuda.stream_create()
        except BaseException:
            self.close()
            raise
        self.inputs: List[Tensor] = [tensor for tensor in tensors if tensor.is_input]
        self.outputs: List[Tensor] = [tensor for tensor in tensors if not tensor.is_input]

    def prepare(self, shapes: Dict[str, Shape]) -> Dict[str, Shape]:
        """Settles the shapes of the inputs and makes room on the GPU; gives the shapes of the outputs.

        Raises:
            Refusal: the engine does not take the shapes, does not tell those of its outputs, or there is no memory.
        """
        self._log.lines.clear()
        for tensor in self.inputs:
            shape = shapes[tensor.name]
            if None in tensor.shape and not self._io.set_shape(tensor.name, shape):
                raise Refusal(FAILED, _out_of_range(tensor, shape), said(self._log))
        found = {tensor.name: self._io.shape(tensor.name) for tensor in self.outputs}
        for name, shape in found.items():
            if any(axis < 0 for axis in shape):
                raise Refusal(
                    WEIGHTS,
                    f"the output {name} of the engine has a size that only the run tells",
                    "export the network with outputs of a fixed size: without NMS, or with a fixed number of boxes",
                )
        for tensor in self.inputs:
            self._reserve(tensor, shapes[tensor.name])
        for tensor in self.outputs:
            self._reserve(tensor, found[tensor.name])
        return found

    def run(self, inputs: Dict[str, Any], outputs: Dict[str, Any]) -> None:
        """One inference.

        Args:
            inputs: contiguous arrays of the shapes that were prepared.
            outputs: contiguous arrays to fill; an output that is left out is not copied from the GPU.

        Raises:
            Refusal: it failed.
        """
        self._log.lines.clear()
        addresses = {name: address for name, (address, _) in self._buffers.items()}
        try:
            for name, array in inputs.items():
                self._cuda.to_device(addresses[name], array, self._stream)
            if not self._io.run(addresses, self._stream):
                raise Refusal(FAILED, "TensorRT could not run the engine", said(self._log))
            for name, array in outputs.items():
                self._cuda.to_host(array, addresses[name], self._stream)
        finally:
            # Also after a fault: nothing may still be copying when the caller's arrays go away.
            self._cuda.stream_synchronize(self._stream)

    def close(self) -> None:
        """Gives all back, in the order in which it must go. Calling it twice is fine.

        After a fault that the GPU's context does not survive nothing can be given back; the process's end does it.
        """
        if self._io is not None:
            self._io.close()
        self._io = self._engine = self._runtime = None
        buffers, self._buffers = self._buffers, {}
        for address, _ in buffers.values():
            with contextlib.suppress(Refusal):
                self._cuda.free(address)
        stream, self._stream = self._stream, 0
        if stream:
            with contextlib.suppress(Refusal):
                self._cuda.stream_destroy(stream)

    def _deserialised(self, plan: bytes) -> Any:
        self._log.lines.clear()
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise Refusal(
                WEIGHTS, "TensorRT can't load the engine: {}".format(said(self._log) or "it does not say why")
            )
        return engine

    def _reserve(self, tensor: Tensor, shape: Shape) -> None:
        """Room for a tensor of `shape` on the GPU; room that is there and large enough is kept."""
        needed = _bytes(shape, tensor.dtype)
        address, size = self._buffers.get(tensor.name, (0, 0))
        if needed <= size:
            return
        if address:
            del self._buffers[tensor.name]
            self._cuda.free(address)
        self._buffers[tensor.name] = (self._cuda.malloc(needed), needed)


def kept_log(trt: Any) -> Any:
    """A logger for TensorRT that keeps the last warnings and errors in `lines` and prints nothing.

    One for the whole process: TensorRT goes on using the first one that it was given.
    """
    if trt not in _LOGS:

        class KeptLog(trt.ILogger):  # type: ignore[misc]
            """Keeps lines, the errors apart."""

            def __init__(self) -> None:
                trt.ILogger.__init__(self)
                self.lines: Deque[Tuple[bool, str]] = collections.deque(maxlen=_KEPT_LINES)

            def log(self, severity: Any, msg: str) -> None:
                """Called by TensorRT, from any of its threads."""
                if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
                    self.lines.append((True, msg))
                elif severity == trt.ILogger.Severity.WARNING:
                    self.lines.append((False, msg))

        _LOGS[trt] = KeptLog()
    return _LOGS[trt]


def started(maker: Any, log: Any) -> Any:
    """`maker(log)`: a Runtime or Builder of TensorRT.

    Raises:
        Refusal: CUDA could not be started.
    """
    log.lines.clear()
    try:
        return maker(log)
    except TypeError as error:
        if _NO_DRIVER not in str(error):
            raise
        raise Refusal(
            UNAVAILABLE,
            f"TensorRT found no usable CUDA driver: {said(log) or error}",
            "look at it with nvidia-smi, or on a Jetson with tegrastats; in a container start it with --gpus all, on a "
            "Jetson with --runtime nvidia; the driver must be at least as new as the CUDA of this TensorRT",
        ) from error


def load_plugins(trt: Any, log: Any, libraries: Sequence[str]) -> None:
    """Makes TensorRT's own further layers and those in `libraries` known to it.

    Raises:
        Refusal: a library can't be loaded.
    """
    trt.init_libnvinfer_plugins(log, "")
    for path in libraries:
        try:
            # Global, as TensorRT's own samples do it: a library registers its layers as it is loaded.
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise Refusal(
                UNAVAILABLE,
                f"the plugin library can't be loaded: {error}",
                "mend AAI_TENSORRT_PLUGINS; the library must be built for this machine and this TensorRT",
            ) from error


def what_runs(trt: Any, cuda: Any) -> Dict[str, str]:
    """What an engine would run on: versions, and the GPU's name and compute capability."""
    return {
        "tensorrt": str(trt.__version__),
        "python": "{}.{}".format(*sys.version_info[:2]),
        "gpu": cuda.device_name(),
        "capability": cuda.capability(),
    }


def said(log: Any) -> str:
    """What TensorRT said last, errors before warnings, as one line."""
    lines = list(log.lines)
    chosen = [text for is_error, text in lines if is_error] or [text for _, text in lines]
    return "; ".join(" ".join(text.split()) for text in chosen[:3])[:500]


def _out_of_range(tensor: Tensor, shape: Shape) -> str:
    return f"the input {tensor.name} takes {_text(tensor.least)} to {_text(tensor.most)}, and was given {_text(shape)}"


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(axis) for axis in shape)


def _bytes(shape: Shape, dtype: str) -> int:
    # Not numpy's product, which wraps around silently.
    size = int(np.dtype(dtype).itemsize)
    for axis in shape:
        size *= axis
    return max(1, size)
