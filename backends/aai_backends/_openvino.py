"""Networks that OpenVINO reads, tried with 2024.4 and 2026.4; each framework's class says how its files are read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.errors import AaiError, BadWeights
from aai.ports import Capabilities, TensorSpec
from aai_backends._misuse import closed_network, no_output, wrong_input, wrong_inputs
from aai_backends._shapes import closed, fits
from aai_backends._unreported import openvino

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import LoadOptions

    Array = np.ndarray[Any, Any]

_PRECISIONS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
_ACCELERATORS = ("CPU", "GPU", "NPU")


class OpenvinoBackend:
    """A network compiled by OpenVINO.

    Not for use by several threads at the same time.

    Args:
        model: what `_read` of a framework's class makes of its files.
        path: the model file, for errors.
        options: accelerator CPU, GPU or NPU, threads (CPU), outputs, precision. The NPU calculates with float16 and
            wants to be asked for it.

    Raises:
        BadWeights: the network can't be compiled.
        AaiError: the accelerator or an output is not there.
    """

    capabilities = Capabilities(
        engines=("OPENVINO",), accelerators=_ACCELERATORS, precisions=tuple(_PRECISIONS), dynamic_batch=True
    )

    def __init__(self, model: Any, path: Path, options: LoadOptions) -> None:
        self.engine = f"openvino {openvino.__version__.split('-')[0]}"
        self.accelerator = "CPU" if options.accelerator == "DEFAULT" else options.accelerator
        self._where = str(path)
        _check_accelerator(self.accelerator, options.precision)
        if not model.inputs or not model.outputs:
            raise BadWeights("the network has no inputs or no outputs", self._where, "name the right file")
        try:
            wanted = [_output(model, name, self._where) for name in options.outputs]
            _close_shapes(model, self._shape_made(options.input_shape))
            self._inputs = [(port, self._spec(port)) for port in model.inputs]
            self._compiled: Any = _core().compile_model(model, self.accelerator, _settings(self.accelerator, options))
            self._request: Any = self._compiled.create_infer_request()
        # OpenVINO's exceptions are RuntimeError, and TypeError or ValueError of its binding.
        except (RuntimeError, TypeError, ValueError) as error:
            raise BadWeights(
                f"OpenVINO can't load the network: {reason(error)}",
                self._where,
                "export it again, or try another engine",
            ) from error
        self.inputs = tuple(spec for _, spec in self._inputs)
        self._chosen = wanted or list(range(len(self._compiled.outputs)))
        ports = [self._compiled.outputs[index] for index in self._chosen]
        specs = [self._spec(port) for port in ports]
        if options.outputs:
            specs = [TensorSpec(name, spec.shape, spec.dtype) for name, spec in zip(options.outputs, specs)]
        self.outputs = tuple(specs)
        self._bound: dict[str, Array] = {}

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; see `aai.ports.Backend`."""
        if self._request is None:
            raise closed_network(self._where)
        names = [spec.name for spec in self.inputs]
        if sorted(tensors) != sorted(names):
            raise wrong_inputs(tensors, names, self._where)
        for index, spec in enumerate(self.inputs):
            if tensors[spec.name] is not self._bound.get(spec.name):
                self._bind(index, spec, tensors[spec.name])
        try:
            self._request.infer()
        except RuntimeError as error:
            raise AaiError(f"OpenVINO can't run the network: {reason(error)}", self._where) from error
        return {spec.name: self._output(index, spec) for index, spec in zip(self._chosen, self.outputs)}

    def close(self) -> None:
        """Frees the network."""
        self._request = self._compiled = None
        self._bound, self._inputs = {}, []

    def _shape_made(self, made: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that the configuration makes, as this framework has its axes."""
        return made

    def _name(self, port: Any) -> str:
        """The name of an input or output, as the framework's own files have it."""
        return port_name(port)

    def _spec(self, port: Any) -> TensorSpec:
        return TensorSpec(self._name(port), _shape(port.partial_shape), _dtype(port.element_type))

    def _bind(self, index: int, spec: TensorSpec, tensor: Array) -> None:
        if not fits(spec.shape, tensor.shape) or (spec.dtype and tensor.dtype != spec.dtype):
            raise wrong_input(spec.name, spec.dtype, spec.shape, tensor, self._where)
        data = np.ascontiguousarray(tensor)
        self._request.set_input_tensor(index, openvino.Tensor(data, shared_memory=True))
        # A copy is bound for this call only: the caller's array may change until the next one.
        self._bound.pop(spec.name, None)
        if data is tensor:
            self._bound[spec.name] = tensor

    def _output(self, index: int, spec: TensorSpec) -> Array:
        array: Array = self._request.get_output_tensor(index).data
        # OpenVINO moves a buffer of open size when it grows.
        return array.copy() if None in spec.shape or not spec.shape else array


@lru_cache(maxsize=1)
def _core() -> Any:
    """The one core of this process: starting one takes longer than reading a small network."""
    return openvino.Core()


def read_model(path: Path, weights: Path | None = None, frontend: str = "") -> Any:
    """The network in `path`.

    Args:
        path: the file, checked already: OpenVINO prints pages about files of no kind that it knows.
        weights: the .bin of an IR.
        frontend: OpenVINO's name of the reader, so that it tries no other; "" for an IR.

    Raises:
        BadWeights: it can't be read.
    """
    try:
        if not frontend:
            return _core().read_model(str(path), str(weights))
        from openvino.frontend import FrontEndManager

        reader = FrontEndManager().load_by_framework(frontend)
        return reader.convert(reader.load(str(path)))
    # A frontend raises exceptions of its own, whose names and bases change between versions.
    except Exception as error:
        raise BadWeights(
            f"OpenVINO can't read the network: {reason(error)}",
            str(path) if weights is None else f"{path} and {weights}",
            "export it again, or try another engine",
        ) from error


def reason(error: BaseException) -> str:
    """OpenVINO's own sentence, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("Exception from ", "FrontEnd API failed", "Summary:", "Model wasn't fully", "To facilitate")
    said = [line.split(" failed at src/", 1)[0] for line in lines if line and not line.startswith(noise)]
    plain = [line for line in said if not line.startswith("Check '")]
    return " ".join(plain or said)[:300] or type(error).__name__


def port_name(port: Any) -> str:
    """The name of an input or output as the file has it: a tensor may have several, and in an old IR has none."""
    names = port.get_names()
    node = port.get_node()
    layer = str(node.get_friendly_name()).rsplit("/sink_port_", 1)[0]
    if layer in names:
        return layer
    if names:
        return str(min(names, key=lambda name: (len(name), name)))
    if node.get_type_name() == "Result":
        layer = str(node.input_value(0).get_node().get_friendly_name())
    return layer


def _check_accelerator(accelerator: str, precision: str) -> None:
    found = _core().available_devices
    here = [name for name in _ACCELERATORS if any(device.split(".")[0] == name for device in found)]
    if accelerator not in here:
        raise AaiError(
            f"OpenVINO has no accelerator {accelerator} here",
            f"OpenVINO {openvino.__version__.split('-')[0]}: {', '.join(found)}",
            f"use one of: {', '.join(here)}; GPU and NPU need Intel's driver",
        )
    if accelerator == "NPU" and precision == "float32":
        raise AaiError(
            "the NPU calculates with float16, and float32 was asked for", "precision", 'load with precision="float16"'
        )


def _settings(accelerator: str, options: LoadOptions) -> dict[str, Any]:
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if accelerator != "NPU":
        # Its own choice is bfloat16 where the processor has it, and that changes results.
        settings["INFERENCE_PRECISION_HINT"] = _PRECISIONS[options.precision]
    if accelerator == "CPU":
        if options.threads:
            settings["INFERENCE_NUM_THREADS"] = options.threads
        if options.shared_cores:
            # Two processes that pin their threads take the same cores.
            settings["ENABLE_CPU_PINNING"] = False
    return settings


def _close_shapes(model: Any, made: tuple[int, ...]) -> None:
    """Gives a single input the size that the configuration makes, where the file leaves it open."""
    if len(model.inputs) != 1 or not made:
        return
    shape = model.inputs[0].partial_shape
    here = (None,) * len(made) if shape.rank.is_dynamic else _shape(shape)
    there = closed(here, made)
    if there != here:
        model.reshape(openvino.PartialShape([-1 if length is None else length for length in there]))


def _output(model: Any, name: str, where: str) -> int:
    """The place of an output among the network's; an inner tensor becomes an output of its own."""
    known = [{port_name(port), *port.get_names()} for port in model.outputs]
    # TensorFlow's tensors have their layer's name and a number.
    for wanted in (name, f"{name}:0"):
        for index, names in enumerate(known):
            if wanted in names:
                return index
    for wanted in (name, f"{name}:0"):
        try:
            model.add_outputs(wanted)
        except RuntimeError:
            continue
        return len(known)
    raise no_output([name], [min(names) for names in known], where)


def _shape(shape: Any) -> tuple[int | None, ...]:
    """() for an open number of axes."""
    if shape.rank.is_dynamic:
        return ()
    return tuple(None if axis.is_dynamic else int(axis.get_length()) for axis in shape)


def _dtype(element_type: Any) -> str:
    try:
        return str(np.dtype(element_type.to_dtype()))
    # bfloat16 and strings are no types of numpy's.
    except (RuntimeError, TypeError):
        return ""
