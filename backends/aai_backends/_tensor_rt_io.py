"""The inputs and outputs of a TensorRT engine, whichever of its two interfaces this version has.

Named tensors are those of TensorRT 8.5 and later, and the only ones from 10 on; numbered bindings are those of 8.2
(JetPack 4.6), and of engines without a batch axis, which the named ones can't run.
Source: NVIDIA, TensorRT Python API, ICudaEngine and IExecutionContext; what exists where was read from the bindings of
8.5.3, 8.6.0, 10.3 and 11.4.
No `from __future__ import annotations` here: the worker runs this file under Python 3.6, which does not know it.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from aai_backends._tensor_rt_refusal import FAILED, WEIGHTS, Refusal

Shape = Tuple[int, ...]
OpenShape = Tuple[Optional[int], ...]

_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "BOOL": "bool",
}
"""TensorRT's types that numpy has too. Its own `nptype` fails in 8.x with numpy 1.24 and later."""


class Tensor(NamedTuple):
    """One input or output.

    Args:
        name: as the engine has it.
        shape: None for an axis that is open.
        dtype: numpy's name.
        is_input: whether it goes in.
        least: the smallest shape of an input with open axes; empty for any other tensor.
        most: the largest one.
    """

    name: str
    shape: OpenShape
    dtype: str
    is_input: bool
    least: Shape
    most: Shape


class NamedTensors:
    """Tensors by name: TensorRT 8.5 and later.

    Args:
        trt: the module tensorrt.
        engine: what it deserialised.
    """

    def __init__(self, trt: Any, engine: Any) -> None:
        self._trt, self._engine = trt, engine
        self._context = _context(engine)
        self._addresses: Dict[str, int] = {}

    def tensors(self) -> List[Tensor]:
        """All inputs and outputs, in the engine's order."""
        return [self._tensor(self._engine.get_tensor_name(index)) for index in range(self._engine.num_io_tensors)]

    def set_shape(self, name: str, shape: Shape) -> bool:
        """Settles the shape of an input with open axes; False when the engine does not take it."""
        return bool(self._context.set_input_shape(name, shape))

    def shape(self, name: str) -> Shape:
        """The shape of a tensor under the shapes that are set; -1 for an axis that only the run tells."""
        return tuple(self._context.get_tensor_shape(name))

    def run(self, addresses: Dict[str, int], stream: int) -> bool:
        """Puts one inference into the stream.

        Args:
            addresses: where each tensor lies on the device.
            stream: of CUDA.
        """
        for name, address in addresses.items():
            if self._addresses.get(name) != address:
                if not self._context.set_tensor_address(name, address):
                    return False
                self._addresses[name] = address
        return bool(self._context.execute_async_v3(stream))

    def close(self) -> None:
        """Lets the context go, which is to be gone before its engine."""
        self._context = self._engine = None

    def _tensor(self, name: str) -> Tensor:
        engine, trt = self._engine, self._trt
        is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        shape = _opened(engine.get_tensor_shape(name))
        on_host = engine.get_tensor_location(name) != trt.TensorLocation.DEVICE
        _check_plain(trt, name, engine.get_tensor_format(name), on_host)
        least: Shape = ()
        most: Shape = ()
        if is_input and None in shape:
            least, _, most = (tuple(limit) for limit in engine.get_tensor_profile_shape(name, 0))
        return Tensor(name, shape, _dtype(name, engine.get_tensor_dtype(name)), is_input, least, most)


class Bindings:
    """Tensors by number, of the first profile: TensorRT 8.2, and engines without a batch axis of any version.

    Args:
        trt: the module tensorrt.
        engine: what it deserialised.
    """

    def __init__(self, trt: Any, engine: Any) -> None:
        self._trt, self._engine = trt, engine
        self._context = _context(engine)
        # Each profile has bindings of its own, one after the other.
        self._count = engine.num_bindings // max(1, engine.num_optimization_profiles)
        self._numbers = {engine.get_binding_name(number): number for number in range(self._count)}
        self._implicit = bool(engine.has_implicit_batch_dimension)
        self._batch = 1

    def tensors(self) -> List[Tensor]:
        """All inputs and outputs, in the engine's order."""
        return [self._tensor(name, number) for name, number in self._numbers.items()]

    def set_shape(self, name: str, shape: Shape) -> bool:
        """Settles the shape of an input with open axes; False when the engine does not take it."""
        if self._implicit:
            if not 1 <= shape[0] <= self._engine.max_batch_size:
                return False
            self._batch = shape[0]
            return True
        return bool(self._context.set_binding_shape(self._numbers[name], shape))

    def shape(self, name: str) -> Shape:
        """The shape of a tensor under the shapes that are set; -1 for an axis that only the run tells."""
        if self._implicit:
            return (self._batch, *tuple(self._engine.get_binding_shape(self._numbers[name])))
        return tuple(self._context.get_binding_shape(self._numbers[name]))

    def run(self, addresses: Dict[str, int], stream: int) -> bool:
        """Puts one inference into the stream.

        Args:
            addresses: where each tensor lies on the device.
            stream: of CUDA.
        """
        bindings = [0] * self._engine.num_bindings
        for name, number in self._numbers.items():
            bindings[number] = addresses[name]
        if self._implicit:
            return bool(self._context.execute_async(batch_size=self._batch, bindings=bindings, stream_handle=stream))
        return bool(self._context.execute_async_v2(bindings=bindings, stream_handle=stream))

    def close(self) -> None:
        """Lets the context go, which is to be gone before its engine."""
        self._context = self._engine = None

    def _tensor(self, name: str, number: int) -> Tensor:
        engine, trt = self._engine, self._trt
        is_input = bool(engine.binding_is_input(number))
        shape = _opened(engine.get_binding_shape(number))
        on_host = engine.get_location(number) != trt.TensorLocation.DEVICE
        _check_plain(trt, name, engine.get_binding_format(number), on_host)
        least: Shape = ()
        most: Shape = ()
        if self._implicit:
            if is_input:
                inner = tuple(axis or 0 for axis in shape)
                least, most = (1, *inner), (int(engine.max_batch_size), *inner)
            shape = (None, *shape)
        elif is_input and None in shape:
            least, _, most = (tuple(limit) for limit in engine.get_profile_shape(0, number))
        return Tensor(name, shape, _dtype(name, engine.get_binding_dtype(number)), is_input, least, most)


def io_of(trt: Any, engine: Any) -> Any:
    """The adapter for `engine`: `NamedTensors` where the version has them, else `Bindings`.

    Raises:
        Refusal: there is no memory for a context.
    """
    implicit = bool(getattr(engine, "has_implicit_batch_dimension", False)) and hasattr(engine, "num_bindings")
    return NamedTensors(trt, engine) if hasattr(engine, "num_io_tensors") and not implicit else Bindings(trt, engine)


def _context(engine: Any) -> Any:
    context = engine.create_execution_context()
    if context is None:
        raise Refusal(
            FAILED, "TensorRT could not make a context for the engine", "close other models: the GPU may be full"
        )
    return context


def _opened(shape: Any) -> OpenShape:
    return tuple(None if axis < 0 else int(axis) for axis in shape)


def _dtype(name: str, dtype: Any) -> str:
    found = _DTYPES.get(dtype.name)
    if found is None:
        raise Refusal(
            WEIGHTS,
            f"the tensor {name} of the engine is of type {dtype.name}, which numpy does not have",
            "build the engine with float inputs and outputs",
        )
    return found


def _check_plain(trt: Any, name: str, layout: Any, on_host: bool) -> None:
    """Refuses what would be read wrong without a word: packed channels, and tensors that are no pictures."""
    if layout != trt.TensorFormat.LINEAR:
        raise Refusal(
            WEIGHTS,
            f"the tensor {name} of the engine has the layout {layout.name}, where plain rows belong",
            "build the engine without --inputIOFormats and --outputIOFormats",
        )
    if on_host:
        raise Refusal(
            WEIGHTS,
            f"the tensor {name} of the engine is a shape that lies on the host, not data",
            "export the network with fixed axes, all but the batch",
        )
