"""A TensorRT engine for this machine, built from a model's ONNX file, kept in the user's cache, as a variant.

An engine runs on the kind of GPU and with the TensorRT version that it was built with, and on no other: both are in the
variant's key and in its target. On a Jetson the target names the board, elsewhere the GPU.
"""

from __future__ import annotations

import contextlib
import copy
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping

from aai import backend_table
from aai.convert.compare import Difference, difference
from aai.convert.engine_cache import place_of
from aai.convert.variant import write_variant
from aai.core import machine
from aai.core.fields import VARIANTS
from aai.core.inspect import inspect_model
from aai.core.model_config import ModelConfig, load
from aai.errors import BackendUnavailable, BadWeights, UsageError
from aai.package.digest import package_file
from aai.ports import BuildOrder, LoadOptions, ModelFiles
from aai.storage import alone_in, translated

if TYPE_CHECKING:
    import numpy as np

    from aai.core.inspect import Inspection
    from aai.ports import EngineBuilder

    Array = np.ndarray[Any, Any]
    Progress = Callable[[str], None]

PRECISIONS = ("float32", "float16", "int8")
_LARGEST_SHARE = {"float32": 0.01, "float16": 0.05, "int8": 0.5}
"""Difference from the ONNX file, as a share of the output's range, above which something looks wrong."""

_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Calibration:
    """Pictures for int8, through the model's own pre-processing.

    Args:
        digest: of all that the tensors depend on.
        tensors: one (1, C, H, W) tensor for each picture, made anew for each iteration.
        count: how many there are.
    """

    digest: str
    tensors: Iterable[Array]
    count: int


@dataclass(frozen=True)
class EngineOptions:
    """How to build an engine.

    Args:
        precision: one of `PRECISIONS`, the least that the engine may calculate with; "float32" keeps the ONNX's types.
        workspace_mb: memory of the GPU for the build, in MiB; 0 leaves it to TensorRT.
        max_batch: images at once, where the network leaves it open.
        calibration: for int8.
        rebuild: whether to build even what the cache has.
    """

    precision: str = "float32"
    workspace_mb: int = 0
    max_batch: int = 1
    calibration: Calibration | None = None
    rebuild: bool = False


@dataclass(frozen=True)
class EngineVariant:
    """An engine that was built, or taken from the cache.

    Args:
        config: of the variant folder.
        key: its name.
        about: tensorrt and python (versions), gpu (name) and capability, as strings.
        precision: as asked for.
        size_bytes: of the engine.
        cached: whether it was in the cache.
        notes: for people.
        difference: from the ONNX file on ONNX Runtime; None where that is not here.
    """

    config: ModelConfig
    key: str
    about: Mapping[str, str]
    precision: str
    size_bytes: int
    cached: bool
    notes: tuple[str, ...]
    difference: Difference | None

    def as_dict(self) -> dict[str, Any]:
        """The variant as `--json` prints it."""
        return {
            "variant": self.key,
            "folder": str(self.config.folder),
            "engine": str(self.config.file("model_file")),
            "size_bytes": self.size_bytes,
            "precision": self.precision,
            "tensorrt": self.about["tensorrt"],
            "gpu": self.about["gpu"],
            "cached": self.cached,
            "notes": list(self.notes),
            "difference": self.difference.as_dict() if self.difference else None,
        }


def build_engine(config: ModelConfig, options: EngineOptions, progress: Progress | None = None) -> EngineVariant:
    """Builds the engine of a model for this machine, and writes it as `variants/<key>/`.

    Args:
        config: an ONNX model, or a Darknet one that has its variant in ONNX.
        options: precision and the like.
        progress: told now and then what is being done.

    Raises:
        UsageError: the model has no ONNX file, or the options do not fit.
        BackendUnavailable: no TensorRT, CUDA, driver or GPU.
        BadWeights: TensorRT can't read or build the network.
        AaiError: it failed.
    """
    _check(options)
    source = onnx_source(config)
    inspection = inspect_model("onnx", _model_file(source))
    with contextlib.closing(backend_table.backend_class("tensor-rt").builder()) as builder:
        about = dict(builder.about)
        place = _cache_place(source, inspection, options, about)
        with alone_in(place.parent):
            cached = place.is_file() and not options.rebuild
            notes = [] if cached else _built(builder, place, source, inspection, options, progress)
    # Before it is written: an engine that does not run is no variant.
    apart = _difference(source, place)
    variant = _written(config, source, place, options, about)
    return EngineVariant(
        config=variant,
        key=variant.folder.name,
        about=about,
        precision=options.precision,
        size_bytes=place.stat().st_size,
        cached=cached,
        notes=(*notes, *_doubts(apart, options.precision)),
        difference=apart,
    )


def onnx_source(config: ModelConfig) -> ModelConfig:
    """The configuration whose model file is the network in ONNX: the model's own, or that of its variant.

    Raises:
        UsageError: there is none.
    """
    if config.framework == "onnx":
        return config
    if config.framework == "darknet":
        if (config.folder / VARIANTS / "onnx").is_dir():
            return load(config.folder / VARIANTS / "onnx")
        fix = f"make one first: aai model convert {config.folder} --to onnx"
    else:
        fix = "export it to ONNX where it was trained, and configure that file"
    raise UsageError(
        f"an engine is built from ONNX, and this model is for {config.framework or 'nothing known'}",
        str(config.folder),
        fix,
    )


def _check(options: EngineOptions) -> None:
    if options.precision not in PRECISIONS:
        raise UsageError(
            f"there is no precision {options.precision}", "--precision", f"use one of: {', '.join(PRECISIONS)}"
        )
    if options.precision == "int8" and options.calibration is None:
        raise UsageError(
            "int8 needs pictures to calibrate with",
            "--precision int8",
            "name a folder with some hundred typical ones: --calibration FOLDER",
        )
    if options.precision != "int8" and options.calibration is not None:
        raise UsageError("only int8 is calibrated", "--calibration", "add --precision int8, or leave it out")


def _built(
    builder: EngineBuilder,
    place: Path,
    source: ModelConfig,
    inspection: Inspection,
    options: EngineOptions,
    progress: Progress | None,
) -> list[str]:
    """Builds into the cache, through a file beside it and a rename; the builder's notes."""
    scratch = place.with_name(f".{os.getpid()}-{place.name}")
    order = BuildOrder(
        onnx=_model_file(source),
        engine=scratch,
        precision=options.precision,
        workspace_bytes=options.workspace_mb * _MEGABYTE,
        input_shape=source.input_recipe().shape,
        max_batch=options.max_batch,
        input_name=inspection.inputs[0].name if inspection.inputs else "",
    )
    batch = inspection.inputs[0].shape[0] if inspection.inputs and inspection.inputs[0].shape else 1
    try:
        images = _batches(options.calibration.tensors, batch or 1) if options.calibration else ()
        notes = builder.build(order, images, progress)
        with translated(place):
            scratch.replace(place)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
    return notes


def _batches(tensors: Iterable[Array], size: int) -> Iterator[Array]:
    """The tensors, `size` at a time; a last batch that is not full is filled up with its first ones."""
    import numpy as np

    waiting: list[Array] = []
    for tensor in tensors:
        waiting.append(tensor.copy())
        if len(waiting) == size:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate([waiting[number % len(waiting)] for number in range(size)])


def _cache_place(source: ModelConfig, inspection: Inspection, options: EngineOptions, about: Mapping[str, str]) -> Path:
    """Where the cache keeps this engine: told by all that the engine depends on."""
    model = _model_file(source)
    facts = {
        "files": [_digest(path) for path in (model, *sorted(inspection.extra_files))],
        "tensorrt": about["tensorrt"],
        "gpu": [about["gpu"], about["capability"], machine.jetson(), machine.processor()],
        "precision": options.precision,
        "workspace_mb": options.workspace_mb,
        "max_batch": options.max_batch,
        "input_shape": source.input_recipe().shape,
        "calibration": options.calibration.digest if options.calibration else "",
    }
    return place_of(facts, f"{model.stem}.engine")


def _written(
    config: ModelConfig, source: ModelConfig, place: Path, options: EngineOptions, about: Mapping[str, str]
) -> ModelConfig:
    """The variant folder with the engine; its configuration is that of the ONNX file, but for what an engine has."""
    device = machine.jetson()
    key = "-".join([_slug(device or about["gpu"]), f"trt{_slug(about['tensorrt'])}", options.precision])
    parameters = {
        "framework_type": "tensor-rt",
        "model_file": place.name,
        "config_file": "",
        "device": device or None,
        "batch_size": options.max_batch,
    }
    built_for = {"device": device} if device else {"cpu": machine.processor(), "gpu": about["gpu"]}
    section = {
        "target": {**built_for, "tensorrt": about["tensorrt"]},
        "engine": {
            "precision": options.precision,
            "max_batch": options.max_batch,
            "model_digest": _digest(_model_file(source)),
            **({"calibration_pictures": options.calibration.count} if options.calibration else {}),
        },
    }
    document = copy.deepcopy(source.document)
    document["id"] = config.id
    here = ModelConfig(document, source.folder)
    return write_variant(here, key, {place.name: place}, parameters, section, config.folder)


def _difference(source: ModelConfig, engine_file: Path) -> Difference | None:
    """How far the engine is from the ONNX file on ONNX Runtime; None where that is not here or can't load the file."""
    shape, parameters = source.input_recipe().shape, source.parameters
    options = LoadOptions("CPU", input_shape=shape)
    try:
        original = backend_table.load("onnx", ModelFiles(_model_file(source)), options, "ONNX_RT")
    except (BackendUnavailable, BadWeights):
        return None
    try:
        options = LoadOptions(input_shape=shape, parameters=parameters)
        engine = backend_table.load("tensor-rt", ModelFiles(engine_file), options)
        try:
            return difference(original, engine, shape)
        finally:
            engine.close()
    finally:
        original.close()


def _doubts(apart: Difference | None, precision: str) -> list[str]:
    if apart is None:
        return ["the engine was not compared with the ONNX file: ONNX Runtime is not here, or can't load it"]
    if apart.share <= _LARGEST_SHARE[precision]:
        return []
    return [
        f"the engine's outputs differ from those of the ONNX file by {apart.share:.1%} of their range: compare results "
        "on photos before you use it"
    ]


def _model_file(config: ModelConfig) -> Path:
    path = config.file("model_file")
    if path is None:
        raise UsageError("the configuration names no model file", str(config.folder), "aai model configure")
    return path


def _digest(path: Path) -> str:
    return package_file(path.name, path).digest


def _slug(text: str) -> str:
    """`text` as part of a variant's key: small letters and digits, joined by dashes and dots."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "gpu"
