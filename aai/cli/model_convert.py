"""`aai model convert`: a model as another framework's file, in a variant folder that publish takes along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping

import click

from aai.cli.options import never_asks, output_options
from aai.cli.output import Output, Progress, size_text

if TYPE_CHECKING:
    from aai.check.golden import Replay
    from aai.convert.tensor_rt import Calibration, EngineVariant
    from aai.core.model_config import ModelConfig

    Settings = Mapping[str, Any]


@click.command(name="convert")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--to", "target", required=True, metavar="NAME", help="What to make: onnx (of Darknet) or tensor-rt.")
@click.option(
    "--precision",
    default="float32",
    metavar="NAME",
    help="tensor-rt: float32, which keeps the types of the ONNX file, float16 or int8.  [default: float32]",
)
@click.option("--calibration", metavar="FOLDER", help="tensor-rt, int8: some hundred typical pictures.")
@click.option(
    "--max-batch", type=click.IntRange(1, 1024), default=1, show_default=True, help="tensor-rt: images at once."
)
@click.option(
    "--workspace", type=click.IntRange(0), default=0, metavar="MB", help="tensor-rt: memory of the GPU for the build."
)
@click.option("--rebuild", is_flag=True, help="tensor-rt: build even what was built before.")
@never_asks
@output_options
def convert(folder: str, target: str, out: Output, **settings: Any) -> None:
    r"""Make another framework's file of the model in DIR, as variants/NAME, which publish takes along.

    A TensorRT engine is built on the device that is to run it, and runs on the same kind of GPU with the same TensorRT
    alone. What was built once is kept in the user's cache.

    \b
    Examples:
      aai model convert --to tensor-rt --precision float16
      aai model convert detector --to tensor-rt --precision int8 --calibration photos
      aai model convert yolo --to onnx
    """
    from aai.core.model_config import load
    from aai.core.values import choose
    from aai.errors import UsageError

    if target not in _TARGETS:
        raise UsageError(f'nothing is converted to "{target}"', "--to", choose(target, tuple(_TARGETS)))
    _TARGETS[target](load(Path(folder)), settings, out)


def _to_onnx(config: ModelConfig, _settings: Settings, out: Output) -> None:
    from aai.convert.darknet import darknet_to_onnx

    variant = darknet_to_onnx(config)
    tested = _replayed(variant)
    out.document({"variant": variant.folder.name, "folder": str(variant.folder), **_test_document(tested)})
    out.ids([variant.folder.name])
    out.line(f"variant   {variant.folder.name}, in {variant.folder}")
    _print_test(tested, out)
    out.hint(f"aai model predict {variant.folder} IMAGE")


def _replayed(variant: ModelConfig) -> Replay | None:
    """What the variant makes of the images with results that its model brings; None when it brings none."""
    if not variant.golden_files:
        return None
    from aai.check.golden import replay

    return replay(variant.folder)


def _test_document(tested: Replay | None) -> dict[str, Any]:
    return {"self_test": tested.as_dict()} if tested is not None else {}


def _print_test(tested: Replay | None, out: Output) -> None:
    if tested is None:
        return
    if tested.ok:
        out.line(f"self-test {tested.cases} with the same results, on {tested.engine}")
    for difference in tested.differences:
        out.warn(f"the variant's results differ from the model's own: {difference}")


def _to_tensor_rt(config: ModelConfig, settings: Settings, out: Output) -> None:
    from aai.convert.tensor_rt import EngineOptions, build_engine

    folder = settings["calibration"]
    options = EngineOptions(
        precision=settings["precision"],
        workspace_mb=settings["workspace"],
        max_batch=settings["max_batch"],
        calibration=_calibration(config, Path(folder)) if folder else None,
        rebuild=settings["rebuild"],
    )
    with _Steps("tensor-rt", out) as progress:
        answer = build_engine(config, options, progress)
    tested = _replayed(answer.config)
    out.document({**answer.as_dict(), **_test_document(tested)})
    out.ids([answer.key])
    _print_engine(answer, tested, out)


def _calibration(config: ModelConfig, folder: Path) -> Calibration:
    from aai.check.photos import photos_of, picture_files
    from aai.convert.tensor_rt import Calibration, onnx_source
    from aai.vision.calibration import InputTensors

    photos, _ = photos_of(picture_files(folder, deep=True))
    tensors = InputTensors(onnx_source(config).input_recipe(), [photo.path for photo in photos])
    return Calibration(tensors.digest(), tensors, len(tensors))


def _print_engine(answer: EngineVariant, tested: Replay | None, out: Output) -> None:
    done = "from the cache" if answer.cached else "built"
    out.line(f"variant   {answer.key}, in {answer.config.folder}")
    out.line(f"engine    {size_text(answer.size_bytes)}, {answer.precision}, {done}")
    out.line(f"runs on   {answer.about['gpu']} with TensorRT {answer.about['tensorrt']}, nothing else")
    if answer.difference is not None:
        out.line(f"differs   {answer.difference.share:.2%} of the range from the ONNX file, at most")
    for note in answer.notes:
        out.warn(note)
    _print_test(tested, out)
    out.hint(f"aai model predict {answer.config.folder} IMAGE")


_TARGETS: dict[str, Callable[[ModelConfig, Settings, Output], None]] = {
    "onnx": _to_onnx,
    "tensor-rt": _to_tensor_rt,
}


class _Steps(Progress):
    """What is being done; a build takes minutes, so that a plain line comes seldom."""

    def __init__(self, what: str, out: Output) -> None:
        super().__init__(what, out, plain_every_s=15.0)

    def __call__(self, text: str) -> None:
        if self.due():
            self.say(text)
