"""The root command, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Sequence

import click

from aai.cli.groups import LazyGroup
from aai.errors import EXIT_BUG, EXIT_INTERRUPTED, AaiError, UsageError
from aai.version import __version__

EXAMPLES = """\b
Examples:
  aai demo                                    the whole way, on a small model that comes along
  aai model configure --id acme/detector      find out what the model in this folder is
  aai model publish                           put it into the registry
  aai app configure                           make an app in this folder
  aai app models add acme/detector            pin its newest version
  aai app install                             bring the files here, checked
  aai app start                               run the app
"""

NOUNS = {
    "app": ("aai.cli.app:app", "Configure, install and start an application."),
    "config": ("aai.cli.config:config", "Show and change settings."),
    "demo": ("aai.cli.demo:demo", "Do the whole way once, on a small model that comes along."),
    "doctor": ("aai.cli.doctor:doctor", "Show which runtimes and accelerators this machine has."),
    "model": ("aai.cli.model:model", "Configure, check, run and publish a model."),
    "project": ("aai.cli.project:project", "Named lists of wanted models, kept in the registry."),
    "user": ("aai.cli.user:user", "Set the publisher that your models are published under."),
}


@click.group(
    cls=LazyGroup,
    table=NOUNS,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=f"Take a trained vision model from its folder to the devices that run it.\n\n{EXAMPLES}",
    epilog="Every command has --help. Exit codes: docs/reference/exit-codes.md.",
)
@click.version_option(__version__, prog_name="aai", message="%(prog)s %(version)s")
def cli() -> None:
    """Take a trained vision model from its folder to the devices that run it."""


def _help_width() -> int:
    """Columns for help, at most 98. Asked of `os`: click asks shutil, whose import costs a tenth of the start-up."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(sys.stdout.fileno()).columns)
    except (OSError, ValueError):
        columns = 80
    return max(min(columns, 100) - 2, 50)


def run(words: Sequence[str]) -> int:
    """Runs the command line; returns the exit code. Messages go to stderr."""
    own_words = words[: words.index("--")] if "--" in words else words
    _open_what_is_closed()
    _print_what_the_stream_can_not_hold()
    try:
        result = cli.main(args=list(words), prog_name="aai", standalone_mode=False, terminal_width=_help_width())
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except click.ClickException as error:
        return _report(_from_click(error), own_words)
    except AaiError as error:
        return _report(error, own_words)
    except SystemExit as stop:
        # Click makes this out of a broken pipe; no command of ours ends the process itself.
        if stop.code == 1:
            return _nobody_reads()
        raise
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        return _report(_from_system(error), own_words) if _is_of_the_system(error) else _report_bug()
    except Exception as error:
        # Python before 3.12 wraps what comes while a class is made, Ctrl-C too.
        return _interrupted() if isinstance(error.__cause__, KeyboardInterrupt) else _report_bug()


def _open_what_is_closed() -> None:
    """Puts the null device in the place of a stream that whoever started us has closed, for which Python has None.

    Else the next file to be opened would get its number, and the next program to be started would print into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _print_what_the_stream_can_not_hold() -> None:
    """Lets a stream print what its encoding does not have as an escape, where Python would fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _interrupted() -> int:
    print("\ninterrupted", file=sys.stderr)
    return EXIT_INTERRUPTED


def _nobody_reads() -> int:
    # Whoever read our output has gone, as with `| head`; what is left in the buffer has no reader either.
    _drop_output()
    return 0


def _drop_output() -> None:
    """Throws away what could not be printed: it would fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_of_the_system(error: OSError) -> bool:
    """Whether the system refused a path or the output: what no command expects, and is no fault of ours either."""
    return isinstance(error.filename, str) or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _from_system(error: OSError) -> AaiError:
    from pathlib import Path

    from aai.storage import storage_error

    if not error.filename:
        # Commands say which file; what is left is the answer itself.
        _drop_output()
    return storage_error(error, Path(error.filename or "standard output"))


def _from_click(error: click.ClickException) -> AaiError:
    where = None
    fix = "add --help to the command to see what it takes"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        where = error.ctx.command_path
        fix = f"see: {error.ctx.command_path} --help"
        possible = getattr(error, "possibilities", None)
        if possible:
            fix = "did you mean {}? {}".format(", ".join(sorted(possible)), fix)
    what = getattr(error, "message", "") if isinstance(error, click.NoSuchOption) else error.format_message()
    what = (what or error.format_message()).strip().rstrip(".")
    return UsageError(what[:1].lower() + what[1:], where, fix)


def _report(error: AaiError, words: Sequence[str]) -> int:
    if "--debug" in words or os.environ.get("AAI_DEBUG"):
        import traceback

        traceback.print_exc()
    from aai.cli.output import error_text, json_text

    if "--json" in words:
        print(json_text({"error": error.as_dict()}, sys.stderr), file=sys.stderr)
    else:
        print(error_text(error, "--no-color" in words), file=sys.stderr)
    return error.exit_code


def _report_bug() -> int:
    import traceback

    traceback.print_exc()
    print(
        "error: this is a fault of aai, not of your files\n"
        f"  where: aai {__version__}, Python {sys.version.split()[0]}, on {sys.platform}; the trace is above\n"
        "  fix:   report it with the command that you ran and the trace",
        file=sys.stderr,
    )
    return EXIT_BUG
