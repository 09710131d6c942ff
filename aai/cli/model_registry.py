"""`aai model` verbs that talk to the registry: publish, list, versions, show, tag, pull."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import click

from aai.cli.options import output_options, registry_option
from aai.cli.output import Output, size_text

if TYPE_CHECKING:
    from aai.ports import Registry, VersionInfo


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
