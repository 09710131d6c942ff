"""Which back end runs which framework: names as text, imported when a model is first loaded.

A back end is a class called with (`ModelFiles`, `LoadOptions`) that makes a loaded network, `aai.ports.Backend`.
Another package can bring one under the entry point group "aai.backends", with the framework as the entry point's name:
it runs a framework that nothing of ours can run here, and any framework when its engine is asked for.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from aai.core.runtimes import RUNTIMES, RuntimeState, runtime_state, runtimes
from aai.errors import AaiError, BackendUnavailable, UsageError

if TYPE_CHECKING:
    from aai.ports import Backend, LoadOptions, ModelFiles

__all__ = [
    "RUNTIMES",
    "Candidate",
    "Loaded",
    "backend_class",
    "candidates",
    "engines",
    "frameworks_here",
    "load",
    "load_best",
    "runtimes",
]

ENTRY_POINTS = "aai.backends"
ALIASES = {"DNN_OPENVINO": "OPENVINO"}
"""Engines by the names that edgeIQ has for them."""

_TFLITE = ("ai-edge-litert", "tflite-runtime", "tensorflow")


@dataclass(frozen=True)
class _Entry:
    """One engine for one framework.

    Args:
        framework: which.
        engine: name of an `Engine`.
        target: "module:Class".
        needs: runtimes, each with those that do as well, the best first.
        accelerator: what "DEFAULT" stands for here.
        asked_for: taken only when somebody names it: its runtime's presence does not show that it can work.
    """

    framework: str
    engine: str
    target: str
    needs: tuple[tuple[str, ...], ...]
    accelerator: str = "DEFAULT"
    asked_for: bool = False


def _on_opencv(framework: str, target: str) -> tuple[_Entry, _Entry]:
    needs = (("opencv",),)
    return (
        _Entry(framework, "DNN", target, needs),
        _Entry(framework, "DNN_CUDA", target, needs, "NVIDIA", asked_for=True),
    )


_TABLE: tuple[_Entry, ...] = (
    _Entry("onnx", "ONNX_RT", "aai_backends.onnx:OnnxBackend", (("onnxruntime",),)),
    _Entry("onnx", "OPENVINO", "aai_backends.onnx_openvino:OnnxOpenvinoBackend", (("openvino",),)),
    *_on_opencv("onnx", "aai_backends.onnx_dnn:OnnxDnnBackend"),
    *_on_opencv("darknet", "aai_backends.darknet:DarknetBackend"),
    _Entry("darknet", "ONNX_RT", "aai_backends.darknet_onnx:DarknetOnnxBackend", (("onnxruntime",), ("onnx",))),
    *_on_opencv("caffe", "aai_backends.caffe:CaffeBackend"),
    _Entry("tensorflow", "OPENVINO", "aai_backends.tensorflow_openvino:TensorflowOpenvinoBackend", (("openvino",),)),
    *_on_opencv("tensorflow", "aai_backends.tensorflow:TensorflowBackend"),
    _Entry("tensorflow", "TENSORFLOW", "aai_backends.tensorflow_graph:TensorflowGraphBackend", (("tensorflow",),)),
    *_on_opencv("enet", "aai_backends.enet:EnetBackend"),
    _Entry("dldt", "OPENVINO", "aai_backends.dldt:DldtBackend", (("openvino",),)),
    _Entry("tflite", "TFLITE", "aai_backends.tflite:TfliteBackend", (_TFLITE,)),
    _Entry("tensor-rt", "TENSOR_RT", "aai_backends.tensor_rt:TensorRtBackend", (("tensorrt",),)),
    _Entry("hailo", "HAILO_RT", "aai_backends.hailo:HailoBackend", (("hailo",),)),
    _Entry("myriad", "OAK", "aai_backends.myriad:MyriadBackend", (("depthai",),)),
)
"""The best engine of a framework comes first."""


class Candidate(NamedTuple):
    """An engine that a model can be run with.

    Args:
        engine: name of an `Engine`, or of another package's own.
        reason: why it is taken, for people.
        runtime: the packages that it runs on, with their versions: "onnxruntime 1.31.1".
        accelerator: what "DEFAULT" stands for.
        get_class: imports the back end; raises BackendUnavailable where it can't.
    """

    engine: str
    reason: str
    runtime: str
    accelerator: str
    get_class: Callable[[], Any]


class Loaded(NamedTuple):
    """A loaded network, and why this engine runs it."""

    backend: Backend
    reason: str


def engines(framework: str) -> tuple[str, ...]:
    """Our engines for models of `framework`, the best one first; empty when there is none."""
    return tuple(entry.engine for entry in _TABLE if entry.framework == framework)


def frameworks_here() -> frozenset[str]:
    """The frameworks whose models one of our engines can run here; no runtime is imported."""
    usable = {state.runtime.name for state in runtimes() if state.usable}
    return frozenset(entry.framework for entry in _TABLE if all(usable.intersection(names) for names in entry.needs))


def backend_class(framework: str, engine: str | None = None) -> Any:
    """The class that loads models of `framework`; see `load_best`."""
    return candidates(framework, None, engine)[0].get_class()


def load(framework: str, files: ModelFiles, options: LoadOptions, engine: str | None = None) -> Backend:
    """The network in `files`, loaded by the best back end that is here or by the one asked for; see `load_best`."""
    return load_best(framework, files, options, engine).backend


def load_best(
    framework: str,
    files: ModelFiles,
    options: LoadOptions,
    engine: str | None = None,
    fallback: bool = False,
    before: Callable[[Candidate], None] | None = None,
) -> Loaded:
    """The network in `files`, loaded by the best back end that is here, or by the one that is asked for.

    Args:
        framework: one of `aai.core.fields.FRAMEWORKS`.
        files: the model's files.
        options: accelerator, threads and the like.
        engine: name of an `Engine`; None for the best one.
        fallback: whether the next engine may be tried when one is not here or can't load the model.
        before: called for each engine before it is given the files; an AaiError that it raises counts as the engine's.

    Raises:
        BackendUnavailable: the runtime is not installed, or there is no back end for the framework.
        UsageError: the engine does not run this framework, or not with this precision.
        BadWeights: the files can't be loaded.
        AaiError: the accelerator is not one that the back end has here.
    """
    left = candidates(framework, files, engine)
    failed = ""
    while True:
        candidate = left.pop(0)
        try:
            backend = _load_with(candidate, files, options, before)
            return Loaded(backend, f"{failed}{candidate.engine} is the next" if failed else candidate.reason)
        except AaiError as error:
            if left and not fallback:
                others = ", ".join(other.engine for other in left)
                error.fix = f"{error.fix}; or " if error.fix else ""
                error.fix += f"take another engine ({others}), or allow the fallback to it"
            if not left or not fallback:
                raise
            failed += f"{candidate.engine} can't run it: {error.what}; "


def _load_with(
    candidate: Candidate, files: ModelFiles, options: LoadOptions, before: Callable[[Candidate], None] | None
) -> Backend:
    kind = candidate.get_class()
    if options.accelerator == "DEFAULT":
        options = replace(options, accelerator=candidate.accelerator)
    if options.precision not in kind.capabilities.precisions:
        raise UsageError(
            f"{candidate.engine} does not calculate with {options.precision}",
            "precision",
            f"use one of: {', '.join(kind.capabilities.precisions)}",
        )
    if before is not None:
        before(candidate)
    backend: Backend = kind(files, options)
    return backend


def candidates(framework: str, files: ModelFiles | None = None, engine: str | None = None) -> list[Candidate]:
    """The engines to try for a model: the one that is asked for, then those that are here, the best one first.

    Raises:
        BackendUnavailable: none is asked for, and none of those for this framework is here.
        UsageError: the engine does not run this framework.
    """
    here, missing = _here(framework, files)
    if engine is None:
        here = here or [_brought(point, _why_brought(missing)) for point in _entry_points(framework)]
        if not here:
            raise _nothing_here(framework, missing)
        return here
    wanted = ALIASES.get(engine, engine)
    first = _asked_for(framework, wanted)
    return [first, *(candidate for candidate in here if candidate.engine != wanted)]


def _asked_for(framework: str, engine: str) -> Candidate:
    """Our own engine of that name, unless its runtime is missing and another package has one of the same name."""
    own = next((entry for entry in _entries(framework) if entry.engine == engine), None)
    states = [_best_state(names) for names in own.needs] if own else []
    if own is not None and all(state.usable for state in states):
        return _candidate(own, states, "asked for")
    brought = [_brought(point, "asked for") for point in _entry_points(framework)]
    for candidate in brought:
        if candidate.engine == engine:
            return candidate
    if own is not None:
        return _candidate(own, states, "asked for")
    known = [*engines(framework), *(candidate.engine for candidate in brought)]
    raise UsageError(
        f"the engine {engine} does not run {framework} models",
        f"framework {framework}",
        f"use one of: {', '.join(known)}; without an engine, the first that is here is taken",
    )


def _entries(framework: str, files: ModelFiles | None = None) -> list[_Entry]:
    entries = [entry for entry in _TABLE if entry.framework == framework]
    if framework == "tensorflow" and files is not None and files.config is not None:
        # The .pbtxt beside a .pb is OpenCV's own; no other engine reads it, and the .pb alone often loads nowhere.
        entries.sort(key=lambda entry: not entry.engine.startswith("DNN"))
    return entries


def _here(framework: str, files: ModelFiles | None) -> tuple[list[Candidate], list[RuntimeState]]:
    """Our engines that can be taken without being asked for, the best one first; and the runtimes that are missing."""
    found: list[Candidate] = []
    missing: list[RuntimeState] = []
    for entry in _entries(framework, files):
        states = [_best_state(names) for names in entry.needs]
        lacking = [state for state in states if not state.usable]
        if lacking and not entry.asked_for:
            missing.extend(state for state in lacking if state not in missing)
        elif not lacking and not entry.asked_for:
            before = [] if found else missing
            reason = "".join(f"{_lack(state)}; " for state in before) + _merit(entry, files, bool(before))
            found.append(_candidate(entry, states, reason))
    return found, missing


def _merit(entry: _Entry, files: ModelFiles | None, after_others: bool) -> str:
    if entry.framework == "tensorflow" and entry.engine == "DNN" and files is not None and files.config is not None:
        return "it alone reads the .pbtxt that comes with the model"
    return f"{'the next' if after_others else 'the first'} choice for {entry.framework} models"


def _candidate(entry: _Entry, states: list[RuntimeState], reason: str) -> Candidate:
    runtime = ", ".join(str(state) for state in states)
    return Candidate(entry.engine, reason, runtime, entry.accelerator, lambda: _import(entry, states))


def _best_state(names: tuple[str, ...]) -> RuntimeState:
    """The first of `names` that is usable here, else the first that is found, else the first."""
    states = [runtime_state(name) for name in names]
    return next((s for s in states if s.usable), next((s for s in states if s.found), states[0]))


def _lack(state: RuntimeState) -> str:
    return f"{state} is installed, but {state.fault}" if state.found else f"{state.runtime.name} is not installed"


def _import(entry: _Entry, states: list[RuntimeState]) -> Any:
    lacking = [state for state in states if not state.usable]
    if lacking:
        raise BackendUnavailable(
            f"{_lack(lacking[0])}, and the engine {entry.engine} needs it for {entry.framework} models",
            _looked_for(lacking[0]),
            "; and ".join(state.install for state in lacking),
        )
    module, _, name = entry.target.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise _broken(states[0], error) from error


def _looked_for(state: RuntimeState) -> str:
    return f"module {state.runtime.module}, Python {sys.executable}"


def _broken(state: RuntimeState, error: ImportError) -> BackendUnavailable:
    return BackendUnavailable(
        f"{state} is installed but can't be loaded: {error}", _looked_for(state), f"install it anew: {state.install}"
    )


def _nothing_here(framework: str, missing: list[RuntimeState]) -> BackendUnavailable:
    if not missing:
        known = ", ".join(dict.fromkeys(entry.framework for entry in _TABLE))
        return BackendUnavailable(
            f"this version has no back end for {framework}",
            f"framework {framework}",
            f"it runs: {known}; another package can bring one under the entry point group {ENTRY_POINTS}",
        )
    return BackendUnavailable(
        f"nothing that runs {framework} models is installed here: {'; '.join(_lack(state) for state in missing)}",
        f"modules {', '.join(state.runtime.module for state in missing)}, Python {sys.executable}",
        " or ".join(dict.fromkeys(state.install for state in missing)),
    )


def _brought(point: metadata.EntryPoint, reason: str) -> Candidate:
    try:
        kind = point.load()
        names = kind.capabilities.engines
    except (ImportError, AttributeError) as error:
        raise BackendUnavailable(
            f"the back end that another package brings for {point.name} can't be loaded: {error}",
            f"{ENTRY_POINTS}: {point.name} = {point.value}",
            "install what it needs, or ask its makers",
        ) from error
    return Candidate(names[0], reason, point.value, "DEFAULT", lambda: kind)


def _why_brought(missing: list[RuntimeState]) -> str:
    return "".join(f"{_lack(state)}; " for state in missing) + "another package brings it"


def _entry_points(framework: str) -> list[metadata.EntryPoint]:
    points: Any = metadata.entry_points()
    # Python 3.8 and 3.9 give a plain dict.
    found = points.select(group=ENTRY_POINTS) if hasattr(points, "select") else points.get(ENTRY_POINTS, ())
    # Of a package that is on the path twice, both are listed.
    return [point for value, point in {p.value: p for p in found if p.name == framework}.items()]
