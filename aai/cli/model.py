"""`aai model ...`: one command per verb; each parses, calls the core, and prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Sequence

import click

from aai.cli.groups import LazyGroup
from aai.cli.options import output_options, registry_option
from aai.cli.output import Output, size_text

if TYPE_CHECKING:
    from aai.ports import Registry, VersionInfo

VERBS = {
    "configure": ("aai.cli.model_configure:configure", "Find out what a model is, and write alwaysai.model.json."),
    "inspect": ("aai.cli.model:inspect", "Show what a weight file says."),
    "list": ("aai.cli.model:list_", "List the models of the registry."),
    "predict": ("aai.cli.model:predict", "Run a model on pictures."),
    "publish": ("aai.cli.model:publish", "Put a model into the registry as its next version."),
    "pull": ("aai.cli.model:pull", "Copy a published model into a folder."),
    "show": ("aai.cli.model:show", "Show one published version."),
    "tag": ("aai.cli.model:tag", "Let a name such as production point at a version."),
    "validate": ("aai.cli.model:validate", "Check a model folder against itself."),
    "versions": ("aai.cli.model:versions", "List the versions of a model."),
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
@output_options
def validate(folder: str, out: Output) -> int:
    r"""Check a model folder against itself: types, files, labels, sizes, names, normalisation.

    All findings are printed at once. Exit code 1 when one of them is an error.

    \b
    Examples:
      aai model validate
      aai model validate models/detector --json
    """
    from aai.core.validate import validate as validate_folder

    config, findings = validate_folder(Path(folder))
    errors = sum(f.level == "error" for f in findings)
    out.document({"id": config.id, "ok": not errors, "findings": [f.as_dict() for f in findings]})
    out.ids([config.id] if not errors else [])
    out.findings(findings)
    warnings = len(findings) - errors
    out.line(
        f"{config.id}: errors {errors}, warnings {warnings}" if findings else f"{config.id}: nothing to complain of"
    )
    return 1 if errors else 0


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
        "inputs": [{"name": t.name, "shape": list(t.shape), "dtype": t.dtype} for t in found.inputs],
        "outputs": [{"name": t.name, "shape": list(t.shape), "dtype": t.dtype} for t in found.outputs],
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


def _print_inspection(out: Output, found: Any) -> None:
    from aai.cli.model_configure import shown

    out.line(f"{found.framework}: {found.model_file}")
    if found.config_file:
        out.line(f"structure: {found.config_file}")
    if found.not_read:
        out.line(f"not read: {found.not_read}")
    for title, specs in (("input", found.inputs), ("output", found.outputs)):
        for spec in specs:
            axes = "x".join("?" if axis is None else str(axis) for axis in spec.shape)
            out.line(f"{title:10}{spec.name} {axes} {spec.dtype}".rstrip())
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
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--confidence", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Lowest confidence shown."
)
@click.option(
    "--overlap", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Highest IoU of two boxes."
)
@click.option("--save", metavar="FOLDER", help="Write annotated pictures there.")
@click.option("--threads", type=click.IntRange(0), default=0, help="Threads of the engine; 0 leaves it to the engine.")
@click.option("--accelerator", default="DEFAULT", metavar="NAME", help="Where to run: CPU, NVIDIA, ...")
@output_options
def predict(
    model_ref: str,
    images: tuple[str, ...],
    confidence: float,
    overlap: float,
    save: str | None,
    threads: int,
    accelerator: str,
    out: Output,
) -> int:
    r"""Run a model on pictures and print what it sees; boxes are x1, y1, x2, y2 in pixels of the picture.

    The model is a folder, or an id that is installed in this app. A picture that can't be read is reported, the others
    are run, and the exit code is 1.

    \b
    Examples:
      aai model predict . photo.jpg
      aai model predict acme/detector *.jpg --save out --json
    """
    from aai.vision.predict import predict as run_model

    document = run_model(
        model_ref,
        [Path(image) for image in images],
        confidence=confidence,
        overlap=overlap,
        save=Path(save) if save else None,
        accelerator=accelerator,
        threads=threads,
    )
    out.document(document)
    for result in document["results"]:
        out.line(f"{result['image']}: {result['width']}x{result['height']}, {1000 * result['duration_s']:.1f} ms")
        _print_predictions(out, result["predictions"])
        if result.get("saved"):
            out.note(f"annotated: {result['saved']}")
    for failure in document.get("failed", ()):
        error = failure["error"]
        out.warn(f"{error['what']}\n  where: {error['where'] or failure['image']}")
    return 1 if document.get("failed") else 0


def _print_predictions(out: Output, predictions: Sequence[dict[str, Any]]) -> None:
    rows: list[list[object]] = [[p["label"], f"{p['confidence']:.2f}"] for p in predictions]
    if any("box" in prediction for prediction in predictions):
        boxes = [" ".join(f"{value:.0f}" for value in prediction["box"]) for prediction in predictions]
        out.table(["LABEL", "CONFIDENCE", "BOX"], [[*row, box] for row, box in zip(rows, boxes)])
    elif rows:
        out.table(["LABEL", "CONFIDENCE"], rows)
    else:
        out.line("nothing found")


@click.command(name="publish")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--tag", "tag_name", metavar="TAG", help="Let TAG point at the version.")
@click.option("--force", is_flag=True, help="Make a new version even if nothing has changed.")
@click.option("--dry-run", is_flag=True, help="Check and build, and leave the registry as it is.")
@registry_option
@output_options
def publish(
    folder: str, tag_name: str | None, force: bool, dry_run: bool, registry: Callable[[], Registry], out: Output
) -> None:
    r"""Check the model in DIR and put it into the registry as its next version.

    \b
    Examples:
      aai model publish
      aai model publish detector --tag production
      aai model publish --dry-run --json
    """
    from aai.core.publish import publish_model
    from aai.core.validate import validate as validate_folder
    from aai.errors import InvalidFiles

    config, findings = validate_folder(Path(folder))
    if any(f.level == "error" for f in findings):
        raise InvalidFiles("the model has errors", findings, folder)
    for finding in findings:
        if not finding.where.endswith(", id"):
            out.warn_of(finding)
    answer = publish_model(config, registry(), tag=tag_name, force=force, dry_run=dry_run)
    out.document(answer.as_dict())
    out.ids([f"{answer.model_id}@{answer.number}"])
    if dry_run:
        out.line(f"dry run: {answer.model_id} would be version {answer.number}, {size_text(answer.size_bytes)}")
    elif answer.created:
        out.line(f"published {answer.model_id} version {answer.number}, {size_text(answer.size_bytes)}")
    else:
        out.line(f"unchanged: {answer.model_id} is version {answer.number} already (--force makes a new one)")
    out.line(f"digest    {answer.digest}")
    if tag_name and not dry_run:
        out.line(f"tag       {tag_name}")
    if not dry_run:
        out.hint(f"aai app models add {answer.model_id}")


@click.command(name="list")
@click.argument("text", default="", metavar="[TEXT]")
@registry_option
@output_options
def list_(text: str, registry: Callable[[], Registry], out: Output) -> None:
    r"""List the models of the registry whose id contains TEXT, with their newest version.

    \b
    Examples:
      aai model list
      aai model list acme/ --json
    """
    chosen = registry()
    rows = chosen.list_models(text)
    out.document({"models": [{"id": model_id, **version_dict(version)} for model_id, version in rows]})
    out.ids([model_id for model_id, _ in rows])
    if rows:
        out.table(
            ["ID", "VERSION", "TAGS", "FRAMEWORK", "PURPOSE", "SIZE"],
            [
                [
                    model_id,
                    version.number,
                    ",".join(version.tags) or "-",
                    version.summary.get("framework_type", "-"),
                    version.summary.get("purpose", "-"),
                    size_text(version.size_bytes),
                ]
                for model_id, version in rows
            ],
        )
    else:
        what = f'with "{text}" in their id' if text else "yet: publish one with aai model publish"
        out.note(f"{chosen.url} has no models {what}")


def version_dict(version: VersionInfo) -> dict[str, Any]:
    """A version as `--json` prints it."""
    return {
        "version": version.number,
        "digest": version.digest,
        "tags": list(version.tags),
        "size_bytes": version.size_bytes,
        "summary": dict(version.summary),
    }


@click.command(name="versions")
@click.argument("model_id", metavar="ID")
@registry_option
@output_options
def versions(model_id: str, registry: Callable[[], Registry], out: Output) -> None:
    r"""List the versions of a model, oldest first.

    \b
    Examples:
      aai model versions acme/detector
    """
    rows = registry().versions(model_id)
    out.document({"id": model_id, "versions": [version_dict(version) for version in rows]})
    out.ids([f"{model_id}@{version.number}" for version in rows])
    out.table(
        ["VERSION", "TAGS", "SIZE", "DIGEST"],
        [[v.number, ",".join(v.tags) or "-", size_text(v.size_bytes), v.digest] for v in rows],
    )


@click.command(name="show")
@click.argument("reference", metavar="ID[@VERSION|@TAG]")
@registry_option
@output_options
def show(reference: str, registry: Callable[[], Registry], out: Output) -> None:
    r"""Show one published version: digest, tags, variants and files.

    \b
    Examples:
      aai model show acme/detector
      aai model show acme/detector@production
    """
    from aai.core.pull import describe

    description = describe(registry(), reference)
    out.document(description.as_dict())
    out.ids([f"{description.model_id}@{description.version.number}"])
    out.line(f"{description.model_id} version {description.version.number}")
    out.line(f"digest    {description.version.digest}")
    out.line(f"tags      {', '.join(description.version.tags) or '-'}")
    for title, key in (("framework", "framework_type"), ("purpose", "purpose"), ("license", "license")):
        out.line(f"{title:10}{description.version.summary.get(key) or '-'}")
    if description.version.summary.get("description"):
        out.line(f"about     {description.version.summary['description']}")
    for variant in description.variants:
        out.line(f"variant   {variant.key}")
        for file in variant.files:
            out.line(f"  {size_text(file.size_bytes):>9}  {file.path}")


@click.command(name="tag")
@click.argument("reference", metavar="ID[@VERSION|@TAG]")
@click.argument("name", metavar="TAG")
@click.option("--remove", is_flag=True, help="Take the tag away instead.")
@registry_option
@output_options
def tag(reference: str, name: str, remove: bool, registry: Callable[[], Registry], out: Output) -> None:
    r"""Let TAG point at a version, whatever it pointed at before.

    \b
    Examples:
      aai model tag acme/detector@3 production
      aai model tag acme/detector production --remove
    """
    from aai.core.names import check_tag, parse_reference

    model_id, wanted = parse_reference(reference)
    chosen = registry()
    if remove:
        chosen.remove_tag(model_id, name)
        out.document({"id": model_id, "tag": name, "version": None})
        out.ids([model_id])
        out.line(f"{model_id}: {name} is gone")
        return
    version = chosen.resolve(model_id, wanted)
    chosen.set_tag(model_id, check_tag(name), version.number)
    out.document({"id": model_id, "tag": name, "version": version.number})
    out.ids([f"{model_id}@{version.number}"])
    out.line(f"{model_id}: {name} is version {version.number}")


@click.command(name="pull")
@click.argument("reference", metavar="ID[@VERSION|@TAG]")
@click.argument("folder", required=False, metavar="[DIR]")
@click.option("--variant", metavar="KEY", help="Variant to copy. Default: the model folder itself.")
@registry_option
@output_options
def pull(
    reference: str, folder: str | None, variant: str | None, registry: Callable[[], Registry], out: Output
) -> None:
    r"""Copy a published model into a new folder, every file checked against its digest.

    \b
    Examples:
      aai model pull acme/detector
      aai model pull acme/detector@3 detector-3
    """
    from aai.core.pull import pull_model

    answer = pull_model(registry(), reference, Path(folder) if folder else None, variant)
    out.document(answer.as_dict())
    out.ids([f"{answer.model_id}@{answer.number}"])
    out.line(f"{answer.model_id} version {answer.number} is in {answer.folder}, {size_text(answer.size_bytes)}")
    out.hint(f"aai model predict {answer.folder} IMAGE")
