"""Command groups that import a command when it is asked for, so that `aai --help` stays quick."""

from __future__ import annotations

import importlib
from typing import Any, Mapping, Tuple

import click

Table = Mapping[str, Tuple[str, str]]
"""Command name -> ("module:attribute", one line of help)."""


class Group(click.Group):
    """A group that prints its help when no command is given, and names the nearest command to one it does not have."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads nothing as --help, which succeeds; click would fail with the help as its message."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names in the error."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from aai.core.names import did_you_mean
            from aai.errors import UsageError

            guess = did_you_mean(args[0], self.list_commands(ctx))
            raise UsageError(
                f'there is no command "{args[0]}"', ctx.command_path, f"{guess} see: {ctx.command_path} --help".strip()
            )
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group whose commands stand in a table and are imported on use."""

    def __init__(self, *args: Any, table: Table, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names of the table, sorted."""
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None when the table does not have it."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        # Docstrings are raw, and click knows a paragraph that keeps its lines by the character itself.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes names and one-line helps from the table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name][1]) for name in self.list_commands(ctx)])
