"""Which back end runs which framework: names as text, imported when a model is first loaded.

A back end is a class called with (`ModelFiles`, `LoadOptions`) that makes a loaded network, `aai.ports.Backend`.
Another package can bring one for a framework that is not in the table, under the entry point group "aai.backends", with
the framework as the entry point's name.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Iterable

from aai.errors import BackendUnavailable, UsageError

if TYPE_CHECKING:
    from aai.ports import Backend, LoadOptions, ModelFiles

ENTRY_POINTS = "aai.backends"
INSTALL_CPU = "pip install 'aai[cpu]'"


@dataclass(frozen=True)
class Runtime:
    """A package that runs networks.

    Args:
        name: as people call it.
        module: the module whose presence shows that it is installed.
        packages: the distributions that bring the module, the usual one first.
        install: the command that installs it, or where it comes from.
        frameworks: the frameworks that it runs for us, by this version; empty for a later one.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    install: str
    frameworks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuntimeState:
    """A runtime as it is found on this machine.

    Args:
        runtime: which.
        found: whether it is installed.
        version: its version; "" when it is not installed or, as a system's own OpenCV, does not say.
    """

    runtime: Runtime
    found: bool
    version: str = ""


@dataclass(frozen=True)
class _Entry:
    framework: str
    engines: tuple[str, ...]
    target: str
    runtime: str


RUNTIMES: tuple[Runtime, ...] = (
    Runtime("onnxruntime", "onnxruntime", ("onnxruntime", "onnxruntime-gpu"), INSTALL_CPU, ("onnx",)),
    Runtime(
        "opencv",
        "cv2",
        (
            "opencv-python-headless",
            "opencv-python",
            "opencv-contrib-python-headless",
            "opencv-contrib-python",
        ),
        INSTALL_CPU,
        ("darknet", "caffe", "tensorflow", "enet", "onnx"),
    ),
    Runtime("openvino", "openvino", ("openvino",), "pip install openvino"),
    Runtime("tflite", "ai_edge_litert", ("ai-edge-litert",), "pip install ai-edge-litert"),
    Runtime("tensorrt", "tensorrt", ("tensorrt",), "pip install tensorrt (a Jetson has it with JetPack)"),
    Runtime("hailo", "hailo_platform", ("hailort",), "install HailoRT from https://hailo.ai/developer-zone"),
)

_TABLE: tuple[_Entry, ...] = (
    _Entry("onnx", ("ONNX_RT",), "aai_backends.onnx:OnnxBackend", "onnxruntime"),
    _Entry("onnx", ("DNN", "DNN_CUDA"), "aai_backends.onnx_dnn:OnnxDnnBackend", "opencv"),
    _Entry("darknet", ("DNN", "DNN_CUDA"), "aai_backends.darknet:DarknetBackend", "opencv"),
    _Entry("caffe", ("DNN", "DNN_CUDA"), "aai_backends.caffe:CaffeBackend", "opencv"),
    _Entry("tensorflow", ("DNN", "DNN_CUDA"), "aai_backends.tensorflow:TensorflowBackend", "opencv"),
    _Entry("enet", ("DNN", "DNN_CUDA"), "aai_backends.enet:EnetBackend", "opencv"),
)
"""The first entry of a framework is the one that runs when no engine is asked for."""


def engines(framework: str) -> tuple[str, ...]:
    """The engines that can run models of `framework`, the default one first; empty when there is none."""
    return tuple(engine for entry in _TABLE if entry.framework == framework for engine in entry.engines)


def load(framework: str, files: ModelFiles, options: LoadOptions, engine: str | None = None) -> Backend:
    """The network in `files`, loaded by the back end of its framework.

    Args:
        framework: one of `aai.core.fields.FRAMEWORKS`.
        files: the model's files.
        options: accelerator, threads and the like.
        engine: name of an `Engine`; None for the framework's default.

    Raises:
        BackendUnavailable: the runtime is not installed, or there is no back end for the framework.
        UsageError: the engine does not run this framework.
        BadWeights: the files can't be loaded.
        AaiError: the accelerator is not one that the back end has here.
    """
    backend: Backend = backend_class(framework, engine)(files, options)
    return backend


def backend_class(framework: str, engine: str | None = None) -> Any:
    """The class that loads models of `framework`; see `load`."""
    entries = [entry for entry in _TABLE if entry.framework == framework]
    if not entries:
        found = _from_entry_point(framework)
        if engine is None or engine in found.capabilities.engines:
            return found
        raise _wrong_engine(framework, engine, found.capabilities.engines)
    for entry in entries:
        if engine is None or engine in entry.engines:
            return _import(entry)
    raise _wrong_engine(framework, str(engine), engines(framework))


def runtimes() -> list[RuntimeState]:
    """Every runtime that we know of, found here or not. Imports none of them."""
    states = []
    for runtime in RUNTIMES:
        found = _present(runtime.module)
        states.append(RuntimeState(runtime, found, _version(runtime.packages) if found else ""))
    return states


def _wrong_engine(framework: str, engine: str, known: tuple[str, ...]) -> UsageError:
    return UsageError(
        f"the engine {engine} does not run {framework} models",
        f"framework {framework}",
        f"use one of: {', '.join(known)}; without an engine, {known[0]} is taken",
    )


def _import(entry: _Entry) -> Any:
    needed = next(runtime for runtime in RUNTIMES if runtime.name == entry.runtime)
    if not _present(needed.module):
        raise BackendUnavailable(
            f"{needed.name} is not installed, and it runs {entry.framework} models",
            f"Python {sys.executable}",
            needed.install,
        )
    return _resolve(entry.target, needed)


def _resolve(target: str, needed: Runtime) -> Any:
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise BackendUnavailable(
            f"{needed.name} is installed but can't be loaded: {error}", f"Python {sys.executable}", needed.install
        ) from error


def _from_entry_point(framework: str) -> Any:
    for point in _entry_points():
        if point.name == framework:
            return _loaded(point)
    raise BackendUnavailable(
        f"this version has no back end for {framework}",
        f"framework {framework}",
        f"it runs: {', '.join(dict.fromkeys(entry.framework for entry in _TABLE))}; "
        f"another package can bring one under the entry point group {ENTRY_POINTS}",
    )


def _loaded(point: metadata.EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise BackendUnavailable(
            f"the back end that another package brings for {point.name} can't be loaded: {error}",
            f"{ENTRY_POINTS}: {point.name} = {point.value}",
            "install what it needs, or ask its makers",
        ) from error


def _entry_points() -> list[metadata.EntryPoint]:
    points: Any = metadata.entry_points()
    # Python 3.8 and 3.9 give a plain dict.
    found = points.select(group=ENTRY_POINTS) if hasattr(points, "select") else points.get(ENTRY_POINTS, ())
    return list(found)


def _present(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _version(packages: Iterable[str]) -> str:
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return ""
