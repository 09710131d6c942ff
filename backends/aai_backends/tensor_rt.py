"""TensorRT engines on NVIDIA GPUs, in this process, or in a worker where another Python has TensorRT."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from aai.errors import AaiError, BadWeights
from aai.ports import Capabilities, TensorSpec
from aai_backends._misuse import closed_network, no_output, wrong_input, wrong_inputs
from aai_backends._shapes import fits
from aai_backends._tensor_rt_builder import EngineBuilder
from aai_backends._tensor_rt_local import LocalEngine
from aai_backends._tensor_rt_plan import find_plan
from aai_backends._tensor_rt_plugins import plugins_for
from aai_backends._tensor_rt_process import WorkerDied
from aai_backends._tensor_rt_python import in_process, usable_python
from aai_backends._tensor_rt_refusal import DAMAGED, FAILED, Refusal
from aai_backends._tensor_rt_remote import RemoteEngine, translated

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import LoadOptions, ModelFiles
    from aai_backends._tensor_rt_io import Tensor

    Array = np.ndarray[Any, Any]


class TensorRtBackend:
    """A TensorRT engine.

    Calls from several threads follow each other.

    Args:
        files: the engine (.engine, .plan, .trt, .bin), with or without the metadata that Ultralytics puts in front.
        options: accelerator NVIDIA or NVIDIA_FP16: both run the engine in the precision that it was built with, and so
            does every `precision`. Outputs; the shape for open axes; `parameters["plugins"]`, names of libraries that
            the engine needs, each to be found in AAI_TENSORRT_PLUGINS.

    Raises:
        BackendUnavailable: no TensorRT, CUDA, driver or GPU.
        BadWeights: the file is no engine for this TensorRT and GPU.
        AaiError: the accelerator or an output is not there.
    """

    capabilities = Capabilities(
        engines=("TENSOR_RT",),
        accelerators=("NVIDIA", "NVIDIA_FP16"),
        precisions=("float32", "float16", "int8"),
        dynamic_batch=True,
    )
    builder = EngineBuilder
    """What builds engines here; see `aai.convert.tensor_rt`."""

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        self._path = files.model
        self.accelerator = _accelerator(options.accelerator)
        self._lock = threading.Lock()
        plan = find_plan(files.model)
        plugins = plugins_for(options.parameters.get("plugins"), str(files.model))
        with _in_our_words(self._path, plan.hint):
            self._engine: Any = _opened(files.model, plan.offset, plugins)
        try:
            about = self._engine.about
            self.engine = f"TensorRT {about['tensorrt']}"
            self._tensors: dict[str, Tensor] = {tensor.name: tensor for tensor in self._engine.inputs}
            self._shapes = {tensor.name: tensor.shape for tensor in self._engine.inputs}
            if len(self._shapes) == 1 and options.input_shape:
                name = self._engine.inputs[0].name
                self._shapes[name] = _closed(self._shapes[name], options.input_shape)
            self.inputs = tuple(TensorSpec(t.name, t.shape, t.dtype) for t in self._engine.inputs)
            self.outputs = _chosen(self._engine.outputs, options.outputs, str(self._path))
        except BaseException:
            self._engine.close()
            raise

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; see `aai.ports.Backend`.

        More images than the engine takes at once are run in parts, fewer with the last one repeated.
        """
        with self._lock:
            if self._engine is None:
                raise closed_network(str(self._path))
            given = self._checked(tensors)
            with _in_our_words(self._path):
                try:
                    return self._run(given)
                except Refusal as refusal:
                    if refusal.kind == DAMAGED:
                        self._drop()
                    raise
                except WorkerDied:
                    self._drop()
                    raise

    def close(self) -> None:
        """Frees the engine and its buffers."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _checked(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        if tensors.keys() != self._shapes.keys():
            raise wrong_inputs(tensors, self._shapes, str(self._path))
        given = {}
        for name, tensor in tensors.items():
            wanted, dtype = self._shapes[name], self._tensors[name].dtype
            if not fits(wanted, tensor.shape) or tensor.dtype != dtype:
                raise wrong_input(name, dtype, wanted, tensor, str(self._path))
            given[name] = np.ascontiguousarray(tensor)
        return given

    def _run(self, given: dict[str, Array]) -> dict[str, Array]:
        names = [spec.name for spec in self.outputs]
        count, least, most = self._batch(given)
        if least <= count <= most:
            found = self._engine.infer(given, names)
            return {name: found[name] for name in names}
        parts: list[dict[str, Array]] = []
        for start in range(0, count, most):
            here = min(most, count - start)
            part = {name: _filled(tensor[start : start + here], least) for name, tensor in given.items()}
            found = self._engine.infer(part, names)
            if any(found[name].ndim == 0 or len(found[name]) != max(here, least) for name in names):
                raise Refusal(
                    FAILED,
                    f"the engine takes {least} to {most} images at once and was given {count}, and its outputs can't "
                    "be told apart by image",
                    "call it with as many images as it takes",
                )
            parts.append({name: found[name][:here].copy() for name in names})
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def _batch(self, given: dict[str, Array]) -> tuple[int, int, int]:
        """(images given, the least and the most that the engine takes at once); the same number where it is fixed."""
        opened = [tensor for tensor in self._tensors.values() if tensor.shape[:1] == (None,) and tensor.most]
        counts = {len(given[tensor.name]) for tensor in opened}
        if len(counts) != 1 or len(opened) != len(given):
            return 1, 1, 1
        return counts.pop(), max(1, *(t.least[0] for t in opened)), max(1, min(t.most[0] for t in opened))


@contextlib.contextmanager
def _in_our_words(path: Path, hint: str = "") -> Any:
    """Runs its body; a refusal in it becomes the error about `path`.

    Args:
        path: the engine.
        hint: the version that the engine's header seems to name.
    """
    try:
        yield
    except Refusal as refusal:
        error = translated(refusal, str(path))
        if isinstance(error, BadWeights) and not error.fix:
            built = f"its header looks like TensorRT {hint}; " if hint else ""
            error.fix = (
                f"{built}an engine runs on the GPU and the TensorRT that it was built with alone: build it here, "
                "aai model convert DIR --to tensor-rt"
            )
        raise error from refusal


def _opened(path: Path, offset: int, plugins: Sequence[str]) -> Any:
    """The engine, in this process where it has TensorRT, else in a worker."""
    trouble = ""
    if in_process():
        try:
            return LocalEngine(path, offset, plugins)
        except ImportError as error:
            trouble = f"the TensorRT of this Python can't be loaded: {error}"
    return RemoteEngine(usable_python(trouble), path, offset, plugins)


def _accelerator(asked: str) -> str:
    known = TensorRtBackend.capabilities.accelerators
    if asked == "DEFAULT":
        return known[0]
    if asked not in known:
        raise AaiError(
            f"TensorRT has no accelerator {asked}",
            "TENSOR_RT",
            f"use one of: {', '.join(known)}; for the CPU take the model's ONNX file",
        )
    return asked


def _chosen(outputs: Sequence[Tensor], names: tuple[str, ...], where: str) -> tuple[TensorSpec, ...]:
    by_name = {tensor.name: TensorSpec(tensor.name, tensor.shape, tensor.dtype) for tensor in outputs}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise no_output(missing, list(by_name), where)
    return tuple(by_name[name] for name in names or by_name)


def _closed(shape: tuple[int | None, ...], wanted: tuple[int, ...]) -> tuple[int | None, ...]:
    """`shape` with its open axes as in `wanted`, where both have the same number of axes; the batch axis stays open."""
    if len(shape) != len(wanted):
        return shape
    return (shape[0], *(there if there is not None else ours for there, ours in zip(shape[1:], wanted[1:])))


def _filled(tensor: Array, count: int) -> Array:
    """`tensor` with its last image repeated up to `count` images."""
    lacking = count - len(tensor)
    return np.concatenate([tensor, np.repeat(tensor[-1:], lacking, axis=0)]) if lacking > 0 else tensor
