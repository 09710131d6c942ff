"""`aai model ...`: one command per verb; each parses, calls the core, and prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping

import click

from aai.cli.groups import LazyGroup
from aai.cli.options import output_options
from aai.cli.output import Output
from aai.errors import AaiError, BackendUnavailable, Finding, UsageError

if TYPE_CHECKING:
    from aai.core.inspect import Inspection
    from aai.core.model_config import ModelConfig
    from aai.ports import TensorSpec

VERBS = {
    "check": ("aai.cli.model_check:check", "Run a model on photos, and prove its pre-processing."),
    "configure": ("aai.cli.model_configure:configure", "Find out what a model is, and write alwaysai.model.json."),
    "convert": ("aai.cli.model_convert:convert", "Make another framework's file of a model: ONNX, a TensorRT engine."),
    "inspect": ("aai.cli.model:inspect", "Show what a weight file says."),
    "list": ("aai.cli.model_registry:list_", "List the models of the registry."),
    "predict": ("aai.cli.model:predict", "Run a model on pictures."),
    "publish": ("aai.cli.model_registry:publish", "Put a model into the registry as its next version."),
    "pull": ("aai.cli.model_registry:pull", "Copy a published model into a folder."),
    "show": ("aai.cli.model_registry:show", "Show one published version."),
    "tag": ("aai.cli.model_registry:tag", "Let a name such as production point at a version."),
    "validate": ("aai.cli.model:validate", "Check a model folder against itself."),
    "versions": ("aai.cli.model_registry:versions", "List the versions of a model."),
}


@click.group(cls=LazyGroup, table=VERBS, name="model")
def model() -> None:
    r"""Configure, check, run and publish a model.

    \b
    Examples:
      aai model configure --id acme/detector
      aai model predict . photo.jpg --save out
      aai model publish --tag production
    """


@click.command(name="validate")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--load", "loads", is_flag=True, help="Also load the model, in a process of its own, and run it once.")
@click.option("--engine", metavar="NAME", help="With --load: what runs the network; the best without it.")
@output_options
def validate(folder: str, loads: bool, engine: str | None, out: Output) -> int:
    r"""Check a model folder against itself: types, files, labels, sizes, names, normalisation.

    All findings are printed at once. Exit code 1 when one of them is an error.

    \b
    Examples:
      aai model validate
      aai model validate models/detector --json
      aai model validate . --load
    """
    from aai.core.validate import validate as validate_folder

    config, findings = validate_folder(Path(folder))
    loaded, absent = None, None
    if loads and not any(finding.level == "error" for finding in findings):
        try:
            loaded, more = _load_once(config, engine)
            findings.extend(more)
        except BackendUnavailable as error:
            # What was found without the runtime is told first.
            absent = error
    errors = sum(f.level == "error" for f in findings)
    document = {"id": config.id, "ok": not errors, "findings": [f.as_dict() for f in findings]}
    out.document({**document, "load": loaded} if loads else document)
    out.ids([config.id] if not errors else [])
    out.findings(findings)
    warnings = len(findings) - errors
    out.line(
        f"{config.id}: errors {errors}, warnings {warnings}" if findings else f"{config.id}: nothing to complain of"
    )
    if loaded:
        times = f"loaded in {loaded['load_s']:.2f} s, first run {1000 * loaded['run_s']:.1f} ms"
        out.line(f"{loaded['engine']}, {loaded['accelerator']}: {times}")
    if absent is not None:
        raise absent
    return 1 if errors else 0


def _load_once(config: ModelConfig, engine: str | None) -> tuple[dict[str, Any] | None, list[Finding]]:
    """What a trial of the model tells, or the finding that it does not load."""
    from aai.vision.trial import try_model

    try:
        return try_model(config, engine.upper() if engine else None), []
    except BackendUnavailable:
        raise
    except AaiError as error:
        return None, [Finding("error", error.what, error.where or str(config.folder), error.fix)]


@click.command(name="inspect")
@click.argument("file", metavar="FILE")
@output_options
def inspect(file: str, out: Output) -> None:
    r"""Show what a weight file says of itself, without running it.

    \b
    Examples:
      aai model inspect yolox_nano.onnx
      aai model inspect yolo.weights --json
    """
    from aai.core.inspect import inspect_file

    found = inspect_file(Path(file))
    tensors = {
        "inputs": [_tensor(spec) for spec in found.inputs],
        "outputs": [_tensor(spec) for spec in found.outputs],
    }
    facts = {
        name: {"value": fact.value, "source": fact.source, "certain": fact.certain}
        for name, fact in sorted(found.facts.items())
    }
    out.document(
        {
            "file": str(found.model_file),
            "config_file": str(found.config_file) if found.config_file else None,
            "framework": found.framework,
            "not_read": found.not_read or None,
            **tensors,
            "facts": facts,
            "metadata": found.metadata,
            "details": found.details,
            "extra_files": [str(path) for path in found.extra_files],
        }
    )
    out.ids([str(found.model_file)])
    _print_inspection(out, found)


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    """An input or output as `--json` prints it; its quantisation only where it has one."""
    tensor: dict[str, Any] = {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype}
    if spec.quantisation is not None:
        tensor["quantisation"] = {"scale": spec.quantisation.scale, "zero_point": spec.quantisation.zero_point}
    return tensor


def _print_inspection(out: Output, found: Inspection) -> None:
    from aai.cli.model_configure import shown

    out.line(f"{found.framework}: {found.model_file}")
    if found.config_file:
        out.line(f"structure: {found.config_file}")
    if found.not_read:
        out.line(f"not read: {found.not_read}")
    for title, specs in (("input", found.inputs), ("output", found.outputs)):
        for spec in specs:
            axes = "x".join("?" if axis is None else str(axis) for axis in spec.shape)
            scale = spec.quantisation
            meaning = f", real = (value - {scale.zero_point}) * {scale.scale:.6g}" if scale is not None else ""
            out.line(f"{title:10}{spec.name} {axes} {spec.dtype}".rstrip() + meaning)
    for name, fact in sorted(found.facts.items()):
        value = f"{len(fact.value)} names" if name == "labels" else shown(name, fact.value)
        out.line(f"{'told' if fact.certain else 'guess':10}{name} {value} from {fact.source}")
    for name, value in sorted(found.details.items()):
        text = shown(name, value)
        out.line(f"{'detail':10}{name} {text if len(text) <= 160 else text[:157] + '...'}")
    for name, value in sorted(found.metadata.items()):
        out.line(f"{'metadata':10}{name} {value if len(value) <= 160 else value[:157] + '...'}")


@click.command(name="predict")
@click.argument("model_ref", metavar="DIR|ID")
@click.argument("images", nargs=-1, metavar="IMAGE...")
@click.option(
    "--confidence", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Lowest confidence shown."
)
@click.option(
    "--overlap", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Highest IoU of two boxes."
)
@click.option("--save", metavar="FOLDER", help="Write annotated pictures there.")
@click.option("--threads", type=click.IntRange(0), default=0, help="Threads of the engine; 0 leaves it to the engine.")
@click.option("--engine", metavar="NAME", help="What runs the network: ONNX_RT, OPENVINO, DNN, ...")
@click.option("--accelerator", default="DEFAULT", metavar="NAME", help="Where to run: CPU, NVIDIA, ...")
@click.option(
    "--precision",
    type=click.Choice(["float32", "float16", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Least precision the engine may use; a lower one changes results.",
)
@click.option("--self-test", is_flag=True, help="Replay the results that the model brings, in place of pictures.")
@click.option("--fallback", is_flag=True, help="Let the next engine try when one can't load the model.")
@output_options
def predict(
    model_ref: str,
    images: tuple[str, ...],
    confidence: float,
    overlap: float,
    save: str | None,
    threads: int,
    engine: str | None,
    accelerator: str,
    precision: str,
    self_test: bool,
    fallback: bool,
    out: Output,
) -> int:
    r"""Run a model on pictures and print what it sees; boxes are x1, y1, x2, y2 in pixels of the picture.

    Objects, classes, key points of bodies, the share of each class of pixels, or how alike the pictures are: by the
    purpose of the model.

    The model is a folder, or an id that is installed in this app. A picture that can't be read is reported, the others
    are run, and the exit code is 1.

    \b
    Examples:
      aai model predict . photo.jpg
      aai model predict acme/detector *.jpg --save out --json
      aai model predict acme/detector --self-test
    """
    if self_test:
        how = {"engine": engine, "accelerator": accelerator, "threads": threads}
        return _self_test(model_ref, images, {**how, "precision": precision, "fallback": fallback}, out)
    from aai.cli.predictions import print_likeness, print_predictions
    from aai.vision.predict import predict as run_model

    document = run_model(
        model_ref,
        [Path(image) for image in images],
        confidence=confidence,
        overlap=overlap,
        save=Path(save) if save else None,
        engine=engine,
        accelerator=accelerator,
        threads=threads,
        precision=precision,
        fallback=fallback,
    )
    out.document(document)
    for result in document["results"]:
        out.line(f"{result['image']}: {result['width']}x{result['height']}, {1000 * result['duration_s']:.1f} ms")
        print_predictions(out, result, confidence)
        for name, what in (("saved", "annotated"), ("class_map", "class of each pixel")):
            if name in result:
                out.note(f"{what}: {result[name]}")
    if document["results"] and "embedding" in document["results"][0]:
        print_likeness(out, document["results"])
    out.note(f"ran on {document['engine']}, {document['accelerator']}: {document['engine_reason']}")
    for failure in document.get("failed", ()):
        error = failure["error"]
        out.warn(f"{error['what']}\n  where: {error['where'] or failure['image']}")
    return 1 if document.get("failed") else 0


def _self_test(model_ref: str, images: tuple[str, ...], how: Mapping[str, Any], out: Output) -> int:
    from aai.check.golden import replay
    from aai.cli.model_check import print_replay

    if images:
        fix = "leave the pictures out; aai model check takes both"
        raise UsageError("--self-test brings pictures of its own", "--self-test", fix)
    found = replay(model_ref, **how)
    out.document(found.as_dict())
    out.ids([found.model] if found.ok else [])
    print_replay(out, found)
    out.note(f"ran on {found.engine}, {found.accelerator}")
    return 0 if found.ok else 1
