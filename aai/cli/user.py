"""`aai user ...`: who publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aai.cli.groups import LazyGroup
from aai.cli.options import ask_options, output_options
from aai.cli.output import Output

if TYPE_CHECKING:
    from aai.ports import Prompter

VERBS = {
    "login": ("aai.cli.user:login", "Set the publisher of your models."),
    "logout": ("aai.cli.user:logout", "Forget the publisher."),
    "show": ("aai.cli.user:show", "Show the publisher."),
}


@click.group(cls=LazyGroup, table=VERBS, name="user")
def user() -> None:
    """Set the publisher that your models are published under. Nothing is sent anywhere."""


@click.command(name="login")
@click.option("--publisher", metavar="NAME", help="First half of your model ids.")
@ask_options
@output_options
def login(publisher: str | None, yes: bool, asker: Prompter | None, out: Output) -> None:
    r"""Set the publisher of your models: the first half of their ids.

    \b
    Examples:
      aai user login --publisher acme
    """
    from aai.core.settings import set_user_setting
    from aai.errors import UsageError

    if publisher is None:
        if asker is None:
            raise UsageError("the publisher is needed, and nobody can be asked", None, "pass --publisher NAME")
        publisher = asker.text("Publisher, the first half of your model ids (--publisher)")
    if not publisher:
        raise UsageError("the publisher is empty", "--publisher", "pass --publisher NAME")
    path = set_user_setting("publisher", publisher)
    out.document({"publisher": publisher, "file": str(path)})
    out.ids([publisher])
    out.line(f"publisher {publisher}, kept in {path}")


@click.command(name="logout")
@output_options
def logout(out: Output) -> None:
    """Forget the publisher."""
    from aai.core.settings import set_user_setting

    set_user_setting("publisher", "")
    out.document({"publisher": None})
    out.line("no publisher is set now")


@click.command(name="show")
@output_options
def show(out: Output) -> None:
    """Show the publisher of your models."""
    from pathlib import Path

    from aai.core.settings import load_settings

    setting = load_settings(Path.cwd())["publisher"]
    out.document({"publisher": setting.value or None, "origin": setting.origin})
    out.ids([setting.value] if setting.value else [])
    out.line(f"publisher {setting.value} ({setting.origin})" if setting.value else "no publisher is set")
    if not setting.value:
        out.hint("aai user login --publisher NAME")
