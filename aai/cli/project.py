"""`aai project ...`: named lists of wanted models, kept in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import click

from aai.cli.groups import LazyGroup
from aai.cli.options import never_asks, output_options, registry_option
from aai.cli.output import Output

if TYPE_CHECKING:
    from aai.ports import Registry

VERBS = {
    "create": ("aai.cli.project:create", "Make an empty project."),
    "list": ("aai.cli.project:list_", "List the projects of the registry."),
    "models": ("aai.cli.project:models", "Add and remove models of a project."),
    "show": ("aai.cli.project:show", "Show the models that a project wants."),
}
MODEL_VERBS = {
    "add": ("aai.cli.project:add", "Let a project want models."),
    "remove": ("aai.cli.project:remove", "Take models off a project."),
}


@click.group(cls=LazyGroup, table=VERBS, name="project")
def project() -> None:
    r"""Named lists of wanted models, kept in the registry. An app follows one by aai app configure --project NAME.

    \b
    Examples:
      aai project create shelves
      aai project models add shelves acme/detector@production
    """


@click.group(cls=LazyGroup, table=MODEL_VERBS, name="models")
def models() -> None:
    """Add and remove models of a project. Apps that follow it take the change with aai app models sync."""


@click.command(name="create")
@click.argument("name", metavar="NAME")
@registry_option
@never_asks
@output_options
def create(name: str, registry: Callable[[], Registry], out: Output) -> None:
    r"""Make an empty project.

    \b
    Examples:
      aai project create shelves
    """
    registry().create_project(name)
    out.document({"project": name, "models": {}})
    out.ids([name])
    out.line(f"project {name} is made")
    out.hint(f"aai project models add {name} publisher/name")


@click.command(name="list")
@registry_option
@never_asks
@output_options
def list_(registry: Callable[[], Registry], out: Output) -> None:
    r"""List the projects of the registry.

    \b
    Examples:
      aai project list
    """
    chosen = registry()
    names = chosen.projects()
    out.document({"projects": names})
    out.ids(names)
    if names:
        out.table(["PROJECT", "MODELS"], [[name, len(chosen.project(name))] for name in names])
    else:
        out.note(f"no projects in {chosen.url}: make one with aai project create NAME")


@click.command(name="show")
@click.argument("name", metavar="NAME")
@registry_option
@never_asks
@output_options
def show(name: str, registry: Callable[[], Registry], out: Output) -> None:
    r"""Show the models that a project wants: id, and version or tag.

    \b
    Examples:
      aai project show shelves
    """
    wanted = registry().project(name)
    out.document({"project": name, "models": wanted})
    out.ids(sorted(wanted))
    if wanted:
        out.table(["ID", "WANTED"], [[model_id, _shown(wanted[model_id])] for model_id in sorted(wanted)])
    else:
        out.note(f"no models: add one with aai project models add {name} publisher/name")


def _shown(wanted: int | str | None) -> str:
    return "any" if wanted is None else str(wanted)


@click.command(name="add")
@click.argument("name", metavar="NAME")
@click.argument("references", nargs=-1, required=True, metavar="ID[@VERSION|@TAG]...")
@registry_option
@never_asks
@output_options
def add(
    name: str,
    references: tuple[str, ...],
    registry: Callable[[], Registry],
    out: Output,
) -> None:
    r"""Let a project want models: all of them, or none when one can't be found.

    Without a version or tag any will do: an app keeps the one that it has, and a new app gets the newest. With @latest
    each sync moves to the newest.

    \b
    Examples:
      aai project models add shelves acme/detector
      aai project models add shelves acme/detector@3 acme/faces@production
    """
    from aai.core.app.references import project_entries

    chosen = registry()
    wanted = project_entries(references, chosen)
    chosen.change_project(name, wanted)
    out.document({"project": name, "models": chosen.project(name)})
    out.ids(sorted(wanted))
    for model_id in sorted(wanted):
        out.line(f"+ {model_id} {_shown(wanted[model_id])}")
    out.hint("aai app models sync, in each app that follows the project")


@click.command(name="remove")
@click.argument("name", metavar="NAME")
@click.argument("model_ids", nargs=-1, required=True, metavar="ID...")
@registry_option
@never_asks
@output_options
def remove(
    name: str,
    model_ids: tuple[str, ...],
    registry: Callable[[], Registry],
    out: Output,
) -> None:
    r"""Take models off a project.

    \b
    Examples:
      aai project models remove shelves acme/detector
    """
    from aai.core.app.references import raise_missing
    from aai.core.names import did_you_mean
    from aai.errors import NotFound

    chosen = registry()
    have = chosen.project(name)
    see = f"see its models: aai project show {name}"
    missing = [
        NotFound(f"the project {name} does not want {model_id}", chosen.url, did_you_mean(model_id, have) or see)
        for model_id in model_ids
        if model_id not in have
    ]
    raise_missing(missing, len(model_ids))
    chosen.change_project(name, {}, model_ids)
    out.document({"project": name, "models": chosen.project(name)})
    out.ids(sorted(model_ids))
    for model_id in sorted(model_ids):
        out.line(f"- {model_id}")
