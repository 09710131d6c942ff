"""`aai config ...`: settings, and where each comes from."""

from __future__ import annotations

from pathlib import Path

import click

from aai.cli.groups import LazyGroup
from aai.cli.options import output_options
from aai.cli.output import Output

VERBS = {
    "set": ("aai.cli.config:set_", "Change a setting of yours, or of the app in this folder."),
    "show": ("aai.cli.config:show", "Show the settings in force."),
}


@click.group(cls=LazyGroup, table=VERBS, name="config")
def config() -> None:
    """Show and change settings. A flag wins over AAI_* variables, these over the app's, these over yours."""


@click.command(name="show")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@output_options
def show(origin: bool, out: Output) -> None:
    r"""Show the settings in force in this folder.

    \b
    Examples:
      aai config show --origin
    """
    from aai.core.settings import load_settings

    settings = load_settings(Path.cwd())
    out.document({name: {"value": s.value or None, "origin": s.origin} for name, s in sorted(settings.items())})
    out.ids(sorted(settings))
    headers = ["SETTING", "VALUE", "ORIGIN"] if origin else ["SETTING", "VALUE"]
    rows = [[name, s.value or "-", s.origin] for name, s in sorted(settings.items())]
    out.table(headers, [row[: len(headers)] for row in rows])


@click.command(name="set")
@click.argument("name", metavar="SETTING")
@click.argument("value", metavar="VALUE")
@click.option("--app", "for_app", is_flag=True, help="Set it in this folder's alwaysai.app.json instead.")
@output_options
def set_(name: str, value: str, for_app: bool, out: Output) -> None:
    r"""Change a setting: registry, store or publisher. An empty value takes it away.

    \b
    Examples:
      aai config set registry dir:/srv/models
      aai config set registry dir:../registry --app
    """
    from aai.core.settings import set_app_setting, set_user_setting

    path = set_app_setting(Path.cwd(), name, value) if for_app else set_user_setting(name, value)
    out.document({"name": name, "value": value or None, "file": str(path)})
    out.ids([name])
    out.line(f"{name} is {value} now, in {path}" if value else f"{name} is taken out of {path}")
