"""Options that many commands share, and what they add up to: an Output, a Prompter, the registry in use."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, TypeVar

import click

from aai.cli.output import Output

if TYPE_CHECKING:
    from aai.ports import Prompter, Registry

F = TypeVar("F", bound=Callable[..., Any])


def output_options(function: F) -> F:
    """Adds --json, --quiet, --no-color and --debug; the command gets `out: Output`.

    --debug is read by `cli.main`, where errors are caught.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.option("--quiet", "-q", is_flag=True, help="Print ids only.")
    @click.option("--no-color", is_flag=True, help="Print without colour (as NO_COLOR does).")
    @click.option(
        "--debug", is_flag=True, expose_value=False, help="Show the whole trace of an error (as AAI_DEBUG=1 does)."
    )
    @functools.wraps(function)
    def wrapper(*args: Any, as_json: bool, quiet: bool, no_color: bool, **kwargs: Any) -> Any:
        return function(*args, out=Output(as_json, quiet, no_color), **kwargs)

    return wrapper  # type: ignore[return-value]


_YES = "Ask nothing: take the guesses, confirm what would be asked."
_NO_INPUT = "Ask nothing: an answer that is needed is an error."


def ask_options(function: F) -> F:
    """Adds --yes and --no-input; the command gets `asker: Prompter | None` and `yes: bool`."""

    @click.option("--yes", "-y", is_flag=True, help=_YES)
    @click.option("--no-input", is_flag=True, help=_NO_INPUT)
    @functools.wraps(function)
    def wrapper(*args: Any, yes: bool, no_input: bool, **kwargs: Any) -> Any:
        return function(*args, yes=yes, asker=None if yes or no_input else terminal_prompter(), **kwargs)

    return wrapper  # type: ignore[return-value]


def never_asks(function: F) -> F:
    """Adds --yes and --no-input to a command that asks nothing anyway: a script gives them to all commands alike."""
    no_input = click.option("--no-input", is_flag=True, expose_value=False, help=_NO_INPUT)
    return click.option("--yes", "-y", is_flag=True, expose_value=False, help=_YES)(no_input(function))


def terminal_prompter() -> Prompter | None:
    """Somebody to ask when stdin and stderr are a terminal; None otherwise."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    from aai.cli.prompt import TerminalPrompter

    return TerminalPrompter()


def registry_option(function: F) -> F:
    """Adds --registry; the command gets `registry: Callable[[], Registry]`, which opens it."""

    @click.option(
        "--registry", "address", metavar="ADDRESS", help="Registry to use: dir:PATH. Default: see aai config show."
    )
    @functools.wraps(function)
    def wrapper(*args: Any, address: str | None, **kwargs: Any) -> Any:
        return function(*args, registry=functools.partial(registry_in_use, address), **kwargs)

    return wrapper  # type: ignore[return-value]


def registry_in_use(address: str | None = None) -> Registry:
    """The registry of the flag, the environment, the app's folder or the user's settings, in that order."""
    from aai.core.settings import load_settings
    from aai.errors import UsageError
    from aai.registry import open_registry

    setting = load_settings(Path.cwd(), {"registry": address})["registry"]
    try:
        return open_registry(setting.value)
    except UsageError as error:
        raise UsageError(error.what, f"{error.where}, said by: {setting.origin}", error.fix) from error
