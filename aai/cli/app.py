"""`aai app ...`: configure, install and start an application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Callable

import click

from aai.cli.groups import LazyGroup
from aai.cli.options import never_asks, output_options, registry_option
from aai.cli.output import Output, Transfer, size_text

if TYPE_CHECKING:
    from aai.core.app.install import ModelResult
    from aai.core.app.status import ModelStatus
    from aai.core.app.target import Machine
    from aai.ports import Registry

VERBS = {
    "configure": ("aai.cli.app:configure", "Make this folder an app."),
    "install": ("aai.cli.app:install", "Bring the app's models here, checked."),
    "models": ("aai.cli.app_models:models", "The models that the app wants."),
    "show": ("aai.cli.app:show", "Show the app's scripts, models and project."),
    "start": ("aai.cli.app:start", "Run the app."),
    "status": ("aai.cli.app:status", "Show what is wanted, locked and installed."),
}
_SIGNS = {"install": "+", "update": "~", "repair": "!", "remove": "-", "none": "="}


@click.group(cls=LazyGroup, table=VERBS, name="app")
def app() -> None:
    r"""Configure, install and start an application: a folder with alwaysai.app.json.

    \b
    Examples:
      aai app configure
      aai app models add acme/detector
      aai app install
      aai app start -- photo.jpg
    """


@click.command(name="configure")
@click.option("--project", metavar="NAME", help="Follow this project of the registry.")
@click.option("--dry-run", is_flag=True, help="Print what would be made, and make nothing.")
@registry_option
@never_asks
@output_options
def configure(
    project: str | None,
    dry_run: bool,
    registry: Callable[[], Registry],
    out: Output,
) -> None:
    r"""Make this folder an app: app.py, alwaysai.app.json, requirements.txt, .gitignore and a Dockerfile.

    Files that are there are left as they are.

    \b
    Examples:
      aai app configure
      aai app configure --project shelves
    """
    from aai.core.app.config import APP_FILE, PROJECT_FILE, load_app
    from aai.core.app.scaffold import configure_app

    made = configure_app(Path.cwd(), project, None if project is None else registry(), dry_run)
    out.document({**made.as_dict(), "dry_run": dry_run})
    out.ids(made.created)
    if made.created:
        out.line(f"{'would make' if dry_run else 'made':11}{', '.join(made.created)}")
    if made.kept:
        out.line(f"{'kept':11}{', '.join(made.kept)}")
    if made.project:
        out.line(f"{'project':11}{made.project}")
    has_models = (Path.cwd() / APP_FILE).is_file() and bool(load_app(Path.cwd()).models)
    if PROJECT_FILE in made.created or (made.project and not has_models):
        out.hint("aai app models sync")
    else:
        out.hint("aai app install" if has_models else "aai app models add publisher/name")


@click.command(name="install")
@click.option("--frozen", is_flag=True, help="Refuse when alwaysai.lock.json and alwaysai.app.json differ.")
@click.option("--keep", is_flag=True, help="Leave installed models that the app no longer wants.")
@click.option("--verify", is_flag=True, help="Hash every installed file, where sizes and times are looked at else.")
@click.option(
    "--variant", metavar="KEY", help="Variant to take, where a model has it. Default: what fits this machine."
)
@click.option("--store", "store_folder", metavar="FOLDER", help="Folder of the content store.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@registry_option
@never_asks
@output_options
def install(
    frozen: bool,
    keep: bool,
    verify: bool,
    variant: str | None,
    store_folder: str | None,
    dry_run: bool,
    registry: Callable[[], Registry],
    out: Output,
) -> None:
    r"""Bring the app's models into models/, each file checked against its digest; take away what is not wanted.

    A second run changes nothing and says so.

    \b
    Examples:
      aai app install
      aai app install --frozen --json
    """
    from aai.core.app.install import InstallOptions, install_app
    from aai.core.settings import load_settings
    from aai.device.store import Store
    from aai.storage import from_home

    folder = Path.cwd()
    store = Store(from_home(load_settings(folder, {"store": store_folder})["store"].value))
    options = InstallOptions(frozen, keep, verify, variant, dry_run)
    with Transfer("install", out) as progress:
        result = install_app(folder, registry(), store, _this_machine, options, progress)
    out.document({**result.as_dict(), "dry_run": dry_run})
    out.ids([model.id for model in result.models if model.action != "none"])
    for model in result.models:
        _print_result(out, model)
    for model_id in result.kept:
        out.line(f"= {model_id} is kept, and the app does not want it")
    if result.newly_locked:
        out.line(f"lock: {', '.join(result.newly_locked)}")
    if not result.models:
        out.line("the app has no models")
    elif not result.changed:
        out.line("nothing to do: everything is installed")
    elif dry_run:
        out.line("dry run: nothing was changed")
    elif any(model.version is not None for model in result.models):
        out.hint("aai app start")


def _print_result(out: Output, model: ModelResult) -> None:
    sign = _SIGNS[model.action]
    if model.action == "remove":
        out.line(f"{sign} {model.id} {'' if model.before is None else model.before}".rstrip())
        return
    versions = str(model.version)
    if model.before is not None and model.before != model.version:
        versions = f"{model.before} -> {model.version}"
    out.line(f"{sign} {model.id} {versions}, {size_text(model.size_bytes)}")
    if model.action in ("repair", "update") and model.reason:
        out.line(f"    {model.reason}")
    if model.action != "none" and model.variant:
        out.line(f"    variant {model.variant}: {model.variant_reason}")


def _this_machine() -> Machine:
    from aai.backend_table import frameworks_here
    from aai.core.app.target import this_machine

    return this_machine(frameworks_here())


@click.command(name="start", options_metavar="[OPTIONS] [-- ARGUMENT...]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="")
@click.option(
    "--script", default="start", show_default=True, metavar="NAME", help="Script of alwaysai.app.json to run."
)
@never_asks
@output_options
def start(arguments: tuple[str, ...], script: str, out: Output) -> int:
    r"""Run the app's start script, after a check that what is installed is what is locked.

    What stands after -- is passed on whole, each word as one. The exit code is the script's.

    \b
    Examples:
      aai app start
      aai app start -- photo.jpg --confidence 0.5
    """
    from aai.core.app.start import start_app

    return start_app(Path.cwd(), arguments, script)


@click.command(name="status")
@click.option("--verify", is_flag=True, help="Hash every installed file.")
@never_asks
@output_options
def status(verify: bool, out: Output) -> int:
    r"""Show, per model, what is wanted, locked and installed, and whether it is healthy. Exit code 1 when one is not.

    \b
    Examples:
      aai app status
      aai app status --verify --json
    """
    from aai.core.app.status import app_status

    answer = app_status(Path.cwd(), verify)
    out.document(answer.as_dict())
    out.ids([model.id for model in answer.models if model.healthy])
    if answer.models:
        rows = [
            [m.id, *("-" if v is None else v for v in (m.wanted, m.locked, m.installed)), m.variant or "-", _health(m)]
            for m in answer.models
        ]
        out.table(["ID", "WANTED", "LOCKED", "INSTALLED", "VARIANT", "HEALTHY"], rows)
    else:
        out.note("no models: add one with aai app models add publisher/name")
    if not answer.healthy:
        out.hint("aai app install")
    return 0 if answer.healthy else 1


def _health(model: ModelStatus) -> str:
    return "yes" if model.healthy else f"no: {model.reason}"


@click.command(name="show")
@never_asks
@output_options
def show(out: Output) -> None:
    r"""Show the app's scripts, models and project.

    \b
    Examples:
      aai app show
    """
    from aai.core.app.config import load_app, read_project

    loaded = load_app(Path.cwd())
    project = read_project(Path.cwd())
    out.document({**loaded.as_dict(), "project": project})
    out.ids(sorted(loaded.models))
    for name, line in sorted(loaded.scripts.items()):
        out.line(f"{'script':10}{name}: {line}")
    for model_id, version in sorted(loaded.models.items()):
        out.line(f"{'model':10}{model_id}@{version}")
    out.line(f"{'project':10}{project or '-'}")
