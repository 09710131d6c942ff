"""ONNX models on onnxruntime, with inputs and outputs bound to buffers that are kept between calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np
import onnxruntime as ort

from aai.errors import AaiError, BadWeights
from aai.ports import Capabilities, TensorSpec
from aai_backends._files import check_file
from aai_backends._misuse import closed_network, no_output, wrong_input, wrong_inputs
from aai_backends._onnx_providers import PROVIDERS, Choice, choose, providers_of
from aai_backends._shapes import closed, fits

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles

    Array = np.ndarray[Any, Any]

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(int16)": "int16",
    "tensor(uint32)": "uint32",
    "tensor(int32)": "int32",
    "tensor(uint64)": "uint64",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
_FATAL = 4
"""Log level: what goes wrong is raised, and onnxruntime need not print it as well."""


class OnnxBackend:
    """An ONNX network in an onnxruntime session.

    Not for use by several threads at the same time: the buffers are shared by all calls.

    Args:
        files: the .onnx file; external data lies beside it.
        options: accelerator CPU, NVIDIA (CUDA), NVIDIA_FP16 (TensorRT), GPU or NPU (OpenVINO), threads, outputs. The
            default is CUDA where it and a GPU are here, else the CPU; `accelerator_reason` says why.

    Raises:
        BadWeights: the file is no ONNX model that onnxruntime can load.
        AaiError: the accelerator or an output is not there.
    """

    capabilities = Capabilities(
        engines=("ONNX_RT",),
        accelerators=tuple(PROVIDERS),
        precisions=("float32", "float16", "uint8"),
        dynamic_batch=True,
    )

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        self.engine = f"onnxruntime {ort.__version__}"
        self._path = check_file(files.model, "model file")
        found = _open(self._read(files), str(self._path), choose(options.accelerator), options)
        self._session: Any = found[0]
        self.accelerator, self.accelerator_reason = found[1:]
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = _chosen(
            tuple(_spec(node) for node in self._session.get_outputs()), options.outputs, str(self._path)
        )
        self._shapes = {spec.name: spec.shape for spec in self.inputs}
        if len(self.inputs) == 1 and options.input_shape:
            self._shapes[self.inputs[0].name] = closed(self.inputs[0].shape, options.input_shape)
        self._binding = self._session.io_binding()
        self._bound: dict[str, Array] = {}
        self._fixed: dict[str, Array] = {}
        for spec in self.outputs:
            self._binding.bind_output(spec.name)

    def _read(self, files: ModelFiles) -> str | bytes:
        """Path of the ONNX file, or its bytes, for a network that is made ONNX on the way."""
        return str(files.model)

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; see `aai.ports.Backend`."""
        if self._session is None:
            raise closed_network(str(self._path))
        if tensors.keys() != self._shapes.keys():
            raise wrong_inputs(tensors, self._shapes, str(self._path))
        for spec in self.inputs:
            tensor = tensors[spec.name]
            if tensor is not self._bound.get(spec.name):
                self._bind(spec, tensor)
        try:
            self._session.run_with_iobinding(self._binding)
            return self._collect()
        # onnxruntime's exceptions have no base class of their own.
        except Exception as error:
            raise AaiError(f"onnxruntime can't run the network: {_reason(error)}", str(self._path)) from error

    def close(self) -> None:
        """Frees the session and its buffers."""
        self._session = self._binding = None
        self._bound, self._fixed = {}, {}

    def _bind(self, spec: TensorSpec, tensor: Array) -> None:
        wanted = self._shapes[spec.name]
        if not fits(wanted, tensor.shape) or (spec.dtype and tensor.dtype != spec.dtype):
            raise wrong_input(spec.name, spec.dtype, wanted, tensor, str(self._path))
        data = np.ascontiguousarray(tensor)
        self._binding.bind_input(spec.name, "cpu", 0, data.dtype.type, data.shape, data.ctypes.data)
        # A copy is bound for this call only: the caller's array may change until the next one.
        self._bound[spec.name] = tensor if data is tensor else data

    def _collect(self) -> dict[str, Array]:
        if self._fixed:
            return self._fixed
        values = self._binding.get_outputs()
        found = {spec.name: np.asarray(value.numpy()) for spec, value in zip(self.outputs, values)}
        if all(_is_fixed(spec) and found[spec.name].shape == spec.shape for spec in self.outputs):
            # The file tells the truth about every output: from now on they are written into these arrays.
            self._fixed = {name: np.ascontiguousarray(array) for name, array in found.items()}
            for name, array in self._fixed.items():
                self._binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            return self._fixed
        # Outputs of a size that only the run tells: the binding must be cleared of this run's arrays.
        for spec in self.outputs:
            self._binding.bind_output(spec.name)
        return found


def _open(model: str | bytes, path: str, choice: Choice, options: LoadOptions) -> tuple[Any, str, str]:
    """The session, the accelerator that it runs on, and why."""
    providers = providers_of(choice.accelerator, options.precision)
    session_options = ort.SessionOptions()
    session_options.log_severity_level = _FATAL
    session_options.intra_op_num_threads = options.threads
    if options.shared_cores:
        session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    ort.set_default_logger_severity(_FATAL)
    try:
        session = ort.InferenceSession(model, session_options, providers=providers)
    # onnxruntime's exceptions have no base class of their own.
    except Exception as error:
        raise BadWeights(
            f"onnxruntime can't load the model: {_reason(error)}",
            path,
            "export it again, or see: aai model inspect FILE",
        ) from error
    started = session.get_providers()[0]
    if started == providers[0][0]:
        return session, choice.accelerator, choice.reason
    if choice.may_fall_back:
        return session, "CPU", f"{choice.reason}, but CUDA could not be started: check its driver and libraries"
    raise AaiError(
        f"the accelerator {choice.accelerator} could not be started: onnxruntime fell back to {started}",
        path,
        "check the driver and the libraries of the accelerator, or use accelerator CPU",
    )


def _spec(node: Any) -> TensorSpec:
    shape = tuple(length if isinstance(length, int) and length >= 0 else None for length in node.shape)
    return TensorSpec(node.name, shape, _DTYPES.get(node.type, ""))


def _chosen(outputs: tuple[TensorSpec, ...], names: tuple[str, ...], path: str) -> tuple[TensorSpec, ...]:
    if not names:
        return outputs
    by_name = {spec.name: spec for spec in outputs}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise no_output(missing, list(by_name), path)
    return tuple(by_name[name] for name in names)


def _is_fixed(spec: TensorSpec) -> bool:
    return bool(spec.dtype) and None not in spec.shape


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    # "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from x failed:Protobuf parsing failed."
    return text.split(" : ", 2)[-1] if text.startswith("[ONNXRuntimeError]") else text or type(error).__name__
