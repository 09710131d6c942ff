"""`aai app models ...`: the models that an app wants."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import click

from aai.cli.groups import LazyGroup
from aai.cli.options import F, ask_options, never_asks, output_options, registry_option
from aai.cli.output import Output

if TYPE_CHECKING:
    from aai.core.app.resolve import Change, Plan
    from aai.ports import Prompter, Registry

VERBS = {
    "add": ("aai.cli.app_models:add", "Pin models in this app."),
    "remove": ("aai.cli.app_models:remove", "Take models off this app."),
    "remove-all": ("aai.cli.app_models:remove_all", "Take all models off this app."),
    "show": ("aai.cli.app_models:show", "List the models of this app."),
    "sync": ("aai.cli.app_models:sync", "Make this app's models equal to its project's."),
    "update": ("aai.cli.app_models:update", "Move pins to the newest versions."),
}
_SIGNS = {"add": "+", "remove": "-", "update": "~", "keep": "="}


@click.group(cls=LazyGroup, table=VERBS, name="models")
def models() -> None:
    r"""The models of this app: what alwaysai.app.json pins, and alwaysai.lock.json locks to bytes.

    \b
    Examples:
      aai app models add acme/detector
      aai app models show
    """


class Edit:
    """One change of an app's models, as it was put: with what registry, who may be asked, and whether to only look."""

    def __init__(self, registry: Registry, out: Output, dry_run: bool, yes: bool, asker: Prompter | None) -> None:
        self.registry = registry
        self.out = out
        self.dry_run = dry_run
        self.yes = yes
        self.asker = asker

    def confirm(self, plan: Plan, question: str) -> None:
        """Asks before a change that takes away more than was named.

        Raises:
            UsageError: nobody can be asked, and --yes is not given.
            Abort: the answer is no.
        """
        if self.dry_run or self.yes or not plan.changed:
            return
        if self.asker is None:
            from aai.errors import UsageError

            fix = "add --yes, or look first with --dry-run"
            raise UsageError("this needs a yes, and nobody can be asked", None, fix)
        if not self.asker.confirm(question, False):
            raise click.Abort

    def carry_out(self, plan: Plan) -> None:
        """Applies a plan unless it is only to be looked at, and prints it."""
        from aai.core.app.resolve import apply_plan

        out = self.out
        if not self.dry_run:
            apply_plan(plan, self.registry)
        out.document({**plan.as_dict(), "dry_run": self.dry_run})
        out.ids([change.id for change in plan.changes if change.action != "keep"])
        for change in plan.changes:
            out.line(_line(change))
        if not plan.changed:
            out.line("nothing to change")
        elif self.dry_run:
            out.line("dry run: nothing was changed")
        else:
            if plan.project and (plan.project_set or plan.project_remove):
                out.line(f"project {plan.project} is changed too")
            out.hint("aai app install")


def edit_options(function: F) -> F:
    """Adds the options of every command that changes an app's models; the command gets `edit: Edit`."""

    @click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
    @registry_option
    @ask_options
    @output_options
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        registry: Callable[[], Registry],
        out: Output,
        dry_run: bool,
        yes: bool,
        asker: Prompter | None,
        **kwargs: Any,
    ) -> Any:
        return function(*args, edit=Edit(registry(), out, dry_run, yes, asker), **kwargs)

    return wrapper  # type: ignore[return-value]


local_option = click.option("--local", is_flag=True, help="Leave the project that the app follows as it is.")


def _line(change: Change) -> str:
    versions = " -> ".join(str(v) for v in (change.before, change.after) if v is not None)
    if change.before == change.after:
        versions = str(change.after)
    note = f" ({change.note})" if change.note else ""
    return f"{_SIGNS[change.action]} {change.id} {versions}{note}"


@click.command(name="add")
@click.argument("references", nargs=-1, required=True, metavar="ID[@VERSION|@TAG]|./DIR...")
@local_option
@edit_options
def add(references: tuple[str, ...], local: bool, edit: Edit) -> None:
    r"""Pin models in this app: all of them, or none when one can't be found.

    Without a version the newest is taken. ./DIR takes a model folder as it is, published or not, as version 0.

    \b
    Examples:
      aai app models add acme/detector
      aai app models add acme/detector@3 acme/faces@production
      aai app models add ./my-model
    """
    from aai.core.app.resolve import plan_add

    edit.carry_out(plan_add(Path.cwd(), references, edit.registry, local))


@click.command(name="remove")
@click.argument("model_ids", nargs=-1, required=True, metavar="ID...")
@local_option
@edit_options
def remove(model_ids: tuple[str, ...], local: bool, edit: Edit) -> None:
    r"""Take models off this app. Their files go with the next aai app install.

    \b
    Examples:
      aai app models remove acme/detector
    """
    from aai.core.app.resolve import plan_remove

    edit.carry_out(plan_remove(Path.cwd(), model_ids, edit.registry, local))


@click.command(name="remove-all")
@local_option
@edit_options
def remove_all(local: bool, edit: Edit) -> None:
    r"""Take all models off this app, and off the project that it follows unless --local.

    \b
    Examples:
      aai app models remove-all --yes
    """
    from aai.core.app.resolve import plan_remove_all

    plan = plan_remove_all(Path.cwd(), edit.registry, local)
    where = f"this app and the project {plan.project}" if plan.project_remove else "this app"
    edit.confirm(plan, f"Take {len(plan.changes)} models off {where}?")
    edit.carry_out(plan)


@click.command(name="show")
@never_asks
@output_options
def show(out: Output) -> None:
    r"""List the models of this app, as id@version.

    \b
    Examples:
      aai app models show
    """
    from aai.core.app.config import load_app

    pins = load_app(Path.cwd()).models
    out.document({"models": [{"id": model_id, "version": pins[model_id]} for model_id in sorted(pins)]})
    out.ids(sorted(pins))
    for model_id in sorted(pins):
        out.line(f"{model_id}@{pins[model_id]}")
    if not pins:
        out.note("no models: add one with aai app models add publisher/name")


@click.command(name="update")
@click.argument("model_ids", nargs=-1, metavar="[ID...]")
@edit_options
def update(model_ids: tuple[str, ...], edit: Edit) -> None:
    r"""Move pins to the newest versions: those that are named, or all. A pin never goes down.

    \b
    Examples:
      aai app models update --dry-run
      aai app models update acme/detector
    """
    from aai.core.app.resolve import plan_update

    edit.carry_out(plan_update(Path.cwd(), model_ids, edit.registry))


@click.command(name="sync")
@click.option(
    "--from", "source", metavar="FILE|APP", help="Take the models of that app folder, app file or list instead."
)
@edit_options
def sync(source: str | None, edit: Edit) -> None:
    r"""Make this app's models equal to its project's: adds, updates and removes. Pins that fit stay.

    Where the project wants a model in any version, the app keeps the one that it has, and a new model gets the newest.
    On a terminal you are asked before a model is taken off.

    \b
    Examples:
      aai app models sync --dry-run
      aai app models sync --from ../other-app
    """
    from aai.core.app.sync import plan_sync
    from aai.errors import UsageError
    from aai.storage import from_home

    if source is not None and not source.strip():
        # It comes of a variable that is not set, and is not a wish for the project's models.
        raise UsageError("--from is empty", None, "name an app's folder or a file, or leave --from out")
    plan = plan_sync(Path.cwd(), edit.registry, None if source is None else from_home(source))
    gone = [change.id for change in plan.changes if change.action == "remove"]
    if edit.asker is not None and gone and not edit.dry_run:
        for change in plan.changes:
            edit.out.note(_line(change))
        edit.confirm(plan, f"This takes {', '.join(gone)} off the app. Go on?")
    edit.carry_out(plan)
