"""`aai model check`: a model run on photos, what looks wrong, and the proof of its pre-processing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aai.cli.options import output_options
from aai.cli.output import Output, Progress

if TYPE_CHECKING:
    from aai.check.golden import Replay
    from aai.check.report import Report

_SHOWN = 12


@click.command(name="check")
@click.argument("model_ref", default=".", metavar="[DIR|ID]")
@click.option("--images", metavar="FOLDER", help="Photos to run the model on: a folder, or one picture.")
@click.option(
    "--labels",
    metavar="PATH",
    help="What is in the photos: a COCO JSON file, a CSV table, a folder of YOLO text files, or a folder with a folder "
    "for each class.",
)
@click.option("--tune", is_flag=True, help="Search the pre-processing, and write what is proved into the model file.")
@click.option("--golden", multiple=True, metavar="IMAGE", help="Keep a small copy of IMAGE and its results in golden/.")
@click.option("--sheet", metavar="FILE", help="Contact sheet to write.  [default: check-NAME.png]")
@click.option("--no-sheet", is_flag=True, help="Write no contact sheet.")
@click.option("--dry-run", is_flag=True, help="Leave the model's folder as it is.")
@click.option("--time-limit", type=click.FloatRange(0), default=120.0, show_default=True, help="Seconds for --tune.")
@click.option(
    "--confidence", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Lowest confidence that counts."
)
@click.option("--engine", metavar="NAME", help="What runs the network: ONNX_RT, OPENVINO, DNN, ...")
@click.option("--accelerator", default="DEFAULT", metavar="NAME", help="Where to run: CPU, NVIDIA, ...")
@click.option("--threads", type=click.IntRange(0), default=0, help="Threads of the engine; 0 leaves it to the engine.")
@output_options
def check(
    model_ref: str,
    images: str | None,
    labels: str | None,
    tune: bool,
    golden: tuple[str, ...],
    sheet: str | None,
    no_sheet: bool,
    dry_run: bool,
    time_limit: float,
    confidence: float,
    engine: str | None,
    accelerator: str,
    threads: int,
    out: Output,
) -> int:
    r"""Run a model on photos, and say what looks wrong; with --tune, prove or find its pre-processing.

    Without photos, the results that were kept with --golden are replayed, which is the self-test of an installed model.
    Exit code 1 when the answers are of no use (values that are no numbers, the same answer for every photo) or differ
    from the kept ones.

    \b
    Examples:
      aai model check --images photos
      aai model check --images photos --tune
      aai model check --images photos --labels instances.json --tune
      aai model check --golden dog.jpg
      aai model check models/acme/detector
    """
    from aai.check.report import Request
    from aai.check.run import check_model
    from aai.errors import UsageError

    if dry_run and golden:
        raise UsageError("--golden writes, and --dry-run does not", "--golden", "leave one of them out")
    target = None if no_sheet else Path(sheet) if sheet else Path(f"check-{Path(model_ref).resolve().name}.png")
    request = Request(
        model_ref,
        Path(images) if images is not None else None,
        Path(labels) if labels is not None else None,
        tune,
        tuple(Path(image) for image in golden),
        target,
        confidence,
        engine,
        accelerator,
        threads,
        time_limit,
        not dry_run,
    )
    with _Runs("tuning", out) as progress:
        report = check_model(request, progress)
    out.document(report.as_dict())
    out.ids([report.model] if report.ok else [])
    _print(out, report, dry_run)
    _suggest(out, report, model_ref)
    return 0 if report.ok else 1


def _print(out: Output, report: Report, dry_run: bool) -> None:
    out.line(f"{report.model}: {report.engine} on {report.accelerator}, loaded in {1000 * report.load_s:.0f} ms")
    if report.first_s is not None and report.median_s is not None:
        first, median = 1000 * report.first_s, 1000 * report.median_s
        out.line(f"latency:  first {first:.1f} ms, median {median:.1f} ms, {len(report.images)} photos")
        _print_images(out, report)
    for path, error in report.failed:
        out.warn(f"{error.what}\n  where: {error.where or path}")
    if report.evidence is not None:
        _print_tuning(out, report, dry_run)
    if report.accuracy is not None:
        out.line(f"accuracy: {_figures(report.accuracy.as_dict())}")
        if report.accuracy.left_out:
            out.line(f"          not among the network's classes: {', '.join(report.accuracy.left_out)}")
    out.findings([doubt.finding(str(report.folder)) for doubt in report.doubts])
    if report.images and not report.doubts:
        out.line("doubts:   none")
    if report.replay is not None:
        print_replay(out, report.replay)
    for path in report.sheets:
        out.line(f"sheet:    {path}")
    if report.written:
        out.line(f"written:  {', '.join(str(path) for path in report.written)}")


def _print_images(out: Output, report: Report) -> None:
    rows = [
        [Path(entry["image"]).name, entry["found"], "-" if entry["best"] is None else f"{entry['best']:.2f}"]
        for entry in report.images[:_SHOWN]
    ]
    out.table(["PHOTO", "FOUND", "BEST"], rows)
    if len(report.images) > _SHOWN:
        out.line(f"... and {len(report.images) - _SHOWN} more: --json has all")


def _print_tuning(out: Output, report: Report, dry_run: bool) -> None:
    evidence = report.evidence
    assert evidence is not None
    rows = [[row["name"], f"{row['score']:.3f}", row["photos"]] for row in evidence.rows]
    out.table(["PRE-PROCESSING", "SCORE", "PHOTOS"], rows)
    named = {
        "confirmed": f"confirmed: {evidence.configured.name}",
        "changed": f"changed: from {evidence.configured.name} to {evidence.chosen.name}",
        "undecided": f"undecided: {evidence.configured.name} is kept",
    }[evidence.verdict.kind]
    if evidence.rival is not None:
        named = f"undecided between {evidence.configured.name} and {evidence.rival.name}: the first is kept"
    out.line(f"tuning:   {named}")
    out.line(f"          by {evidence.by} on {len(evidence.photos)} photos: {evidence.verdict.reason}")
    for name in ("configured", "chosen"):
        if name in evidence.reported and (
            name == "configured" or evidence.reported[name] != evidence.reported["configured"]
        ):
            figures = _figures(evidence.reported[name])
            out.line(f"          {name}, on the {len(evidence.held_out)} photos not chosen on: {figures}")
    if evidence.stopped:
        out.warn(f"the time was up after {len(evidence.photos)} photos: give it more with --time-limit SECONDS")
    if dry_run:
        out.line("dry run: nothing was written")


def _figures(figures: dict[str, Any]) -> str:
    if "top1" in figures:
        names = {"top1": "top-1", "top5": f"top-{figures['k']}"}
    else:
        names = {"ap": "AP 0.50 to 0.95", "ap50": "AP 0.50", "recall": "recall"}
    shown = [f"{text} {figures[key]:.3f}" for key, text in names.items() if figures[key] is not None]
    return f"{', '.join(shown) or 'no figure'}, {figures['images']} photos"


def print_replay(out: Output, replay: Replay) -> None:
    """What a replay of kept results came to."""
    kept = f"{replay.cases} image{'s' if replay.cases != 1 else ''}"
    out.line(f"golden:   {kept}, {'results as kept' if replay.ok else 'results differ from the kept ones'}")
    for text in replay.differences[:_SHOWN]:
        out.line(f"          {text}")
    if len(replay.differences) > _SHOWN:
        out.line(f"          and {len(replay.differences) - _SHOWN} more: --json has all")


def _suggest(out: Output, report: Report, model: str) -> None:
    name = shlex.quote(model)
    evidence = report.evidence
    if report.images and evidence is None and report.doubts:
        out.hint(f"aai model check {name} --images FOLDER --tune")
    elif evidence is not None and evidence.rival is not None and len(report.sheets) > 1:
        out.hint(f"look at {report.sheets[0]} and {report.sheets[1]}; more photos, or --labels, decide it")
    elif report.images and report.replay is None:
        out.hint(f"aai model check {name} --golden IMAGE, to keep results that any machine can replay")


class _Runs(Progress):
    """Runs of the network done so far, with time left."""

    def __call__(self, done: int, total: int) -> None:
        if self.due():
            left_s = self.elapsed_s() / max(done, 1) * max(total - done, 0)
            self.say(f"{done} of {total}, {left_s:.0f} s left")
