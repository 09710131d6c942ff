"""TFLite models on ai-edge-litert, tflite-runtime or TensorFlow, whichever is here, in this order."""

from __future__ import annotations

import ctypes
import warnings
from dataclasses import replace
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.errors import AaiError, BackendUnavailable, BadWeights
from aai.ports import Capabilities, Quantisation, TensorSpec
from aai_backends._files import check_file
from aai_backends._misuse import closed_network, no_output, wrong_input, wrong_inputs
from aai_backends._shapes import closed, fits
from aai_backends._tflite_file import check_tflite

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles

    Array = np.ndarray[Any, Any]

_RUNTIMES = (
    ("ai-edge-litert", "ai_edge_litert.interpreter"),
    ("tflite-runtime", "tflite_runtime.interpreter"),
    ("tensorflow", "tensorflow"),
)
"""Distribution and module, the best first."""
_EDGE_TPU_LIBRARY = "libedgetpu.so.1"


class TfliteBackend:
    """A TFLite network in an interpreter.

    Quantised outputs come back as the real values that they stand for, float32; whole numbers that are numbers, such as
    class ids, stay as they are. Not for use by several threads at the same time.

    Args:
        files: the .tflite file.
        options: accelerator CPU or EDGE_TPU, threads (CPU), outputs. A file that was compiled for the Edge TPU runs
            there without being told.

    Raises:
        BackendUnavailable: no runtime is here, or it does not work with this numpy.
        BadWeights: the file is no TFLite model that the runtime can load.
        AaiError: the accelerator or an output is not there, or the file is not for it.
    """

    capabilities = Capabilities(engines=("TFLITE",), accelerators=("CPU", "EDGE_TPU"))

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        path = check_file(files.model, "model file")
        self._where = str(path)
        compiled = check_tflite(path)
        self.accelerator = _accelerator(options.accelerator, compiled, self._where)
        runtime, module = _runtime()
        self.engine = f"{runtime} {_version(runtime)}"
        delegates = [_edge_tpu(module)] if self.accelerator == "EDGE_TPU" else []
        try:
            with warnings.catch_warnings():
                # TensorFlow's says on every use that it will be gone one day.
                warnings.simplefilter("ignore")
                self._interpreter: Any = module.Interpreter(
                    model_path=str(path), num_threads=options.threads or None, experimental_delegates=delegates
                )
            self._inputs = [_input(detail, options.input_shape) for detail in self._interpreter.get_input_details()]
            self._shapes: dict[int, tuple[int, ...]] = {}
            for detail, spec in self._inputs:
                shape = tuple(1 if length is None else length for length in spec.shape)
                self._shapes[detail["index"]] = tuple(int(length) for length in detail["shape"])
                self._resize(detail["index"], shape)
            self._interpreter.allocate_tensors()
            outputs = [(detail, _spec(detail)) for detail in self._interpreter.get_output_details()]
        # The binding raises these for files and shapes that the runtime refuses.
        except (ValueError, RuntimeError, TypeError, SystemError, MemoryError) as error:
            raise BadWeights(
                f"{runtime} can't load the model: {_reason(error)}", self._where, "export it again"
            ) from error
        self.inputs = tuple(spec for _, spec in self._inputs)
        self._outputs = _chosen(outputs, options.outputs, self._where)
        self.outputs = tuple(spec for _, spec in self._outputs)

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; see `aai.ports.Backend`."""
        if self._interpreter is None:
            raise closed_network(self._where)
        names = [spec.name for spec in self.inputs]
        if sorted(tensors) != sorted(names):
            raise wrong_inputs(tensors, names, self._where)
        for _, spec in self._inputs:
            tensor = tensors[spec.name]
            if not fits(spec.shape, tensor.shape) or tensor.dtype != spec.dtype:
                raise wrong_input(spec.name, spec.dtype, spec.shape, tensor, self._where)
        try:
            if any([self._resize(detail["index"], tensors[spec.name].shape) for detail, spec in self._inputs]):
                self._interpreter.allocate_tensors()
            for detail, spec in self._inputs:
                self._interpreter.set_tensor(detail["index"], tensors[spec.name])
            self._interpreter.invoke()
            return {spec.name: self._answer(detail["index"], spec) for detail, spec in self._outputs}
        except (ValueError, RuntimeError, TypeError, MemoryError) as error:
            raise AaiError(f"the network can't be run: {_reason(error)}", self._where) from error

    def close(self) -> None:
        """Frees the interpreter."""
        self._interpreter = None

    def _resize(self, index: int, shape: tuple[int, ...]) -> bool:
        """Gives an input another shape; whether it had to."""
        if self._shapes[index] == shape:
            return False
        self._interpreter.resize_tensor_input(index, shape)
        self._shapes[index] = shape
        return True

    def _answer(self, index: int, spec: TensorSpec) -> Array:
        found: Array = self._interpreter.get_tensor(index)
        if spec.quantisation is None:
            return found
        real = found.astype(np.float32)
        real -= spec.quantisation.zero_point
        real *= np.float32(spec.quantisation.scale)
        return real


def _runtime() -> tuple[str, Any]:
    """The distribution's name and the module of the first runtime that is here."""
    faults = []
    for name, module in _RUNTIMES:
        if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
            faults.append(f"{name} does not work with numpy {np.__version__}")
            continue
        try:
            found = import_module(module)
            return name, found.lite if name == "tensorflow" else found
        except ImportError as error:
            faults.append(f"{name}: {error}")
    raise BackendUnavailable(
        "no TFLite runtime can be loaded", "; ".join(faults), "pip install 'aai[tflite]'; with tflite-runtime: numpy<2"
    )


def _version(runtime: str) -> str:
    # TensorFlow for processors alone is another distribution.
    for name in (runtime, f"{runtime}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "0"


def _accelerator(asked: str, compiled: bool, where: str) -> str:
    if asked not in ("DEFAULT", "CPU", "EDGE_TPU"):
        raise AaiError(f"TFLite has no accelerator {asked} here", where, "use one of: CPU, EDGE_TPU")
    if asked == "CPU" and compiled:
        raise AaiError(
            "the model was compiled for an Edge TPU, and no processor runs it",
            where,
            "use accelerator EDGE_TPU, or the file that it was compiled from",
        )
    if asked == "EDGE_TPU" and not compiled:
        raise AaiError(
            "the model was not compiled for the Edge TPU: it would run on the CPU",
            where,
            "compile it (edgetpu_compiler FILE), or use accelerator CPU",
        )
    return "EDGE_TPU" if compiled else "CPU"


def _edge_tpu(module: Any) -> Any:
    """The delegate that runs what was compiled for an Edge TPU."""
    fix = "install libedgetpu1-std, and plug the device in; without one, use a model that was not compiled for it (CPU)"
    try:
        # The runtime's own loading leaves a half-made object behind when the library is not there.
        ctypes.CDLL(_EDGE_TPU_LIBRARY)
    except OSError as error:
        raise AaiError(
            "the accelerator EDGE_TPU needs a library that is not here", f"{_EDGE_TPU_LIBRARY}: {error}", fix
        ) from error
    try:
        # TensorFlow has it under another name.
        load = getattr(module, "load_delegate", None) or module.experimental.load_delegate
        return load(_EDGE_TPU_LIBRARY)
    except (ValueError, OSError) as error:
        reason = str(error) or "the library found no device"
        raise AaiError("the Edge TPU can't be opened", f"{_EDGE_TPU_LIBRARY}: {reason}", fix) from error


def _input(detail: dict[str, Any], made: tuple[int, ...]) -> tuple[dict[str, Any], TensorSpec]:
    spec = _spec(detail)
    return detail, replace(spec, shape=closed(spec.shape, made))


def _spec(detail: dict[str, Any]) -> TensorSpec:
    signature = detail.get("shape_signature")
    lengths = detail["shape"] if signature is None or not len(signature) else signature
    shape = tuple(None if length < 0 else int(length) for length in lengths)
    dtype = np.dtype(detail["dtype"])
    if dtype.kind not in "fiub":
        raise ValueError(f"the tensor {detail['name']} holds no numbers")
    scale, zero_point = detail["quantization"]
    whole = dtype.kind in "iu" and scale > 0
    return TensorSpec(
        str(detail["name"]), shape, dtype.name, Quantisation(float(scale), int(zero_point)) if whole else None
    )


def _chosen(
    outputs: list[tuple[dict[str, Any], TensorSpec]], names: tuple[str, ...], where: str
) -> list[tuple[dict[str, Any], TensorSpec]]:
    if not names:
        return outputs
    by_name = {spec.name: (detail, spec) for detail, spec in outputs}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise no_output(missing, list(by_name), where)
    return [by_name[name] for name in names]


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
