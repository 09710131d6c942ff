"""What commands print: data to stdout, all else to stderr; as text, as one JSON document, or ids only."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, Iterable, Sequence, TextIO, TypeVar

from aai.errors import AaiError, Finding

Self = TypeVar("Self", bound="Progress")

_STYLES = {"red": "31", "yellow": "33", "green": "32", "dim": "2", "bold": "1"}


def wants_colour(stream: TextIO, no_color: bool = False) -> bool:
    """Whether `stream` should get colour: a terminal, and nobody said no (https://no-color.org)."""
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def styled(text: str, style: str, on: bool) -> str:
    """`text` in a terminal style, or as it is."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if on else text


def error_text(error: AaiError, no_color: bool = False) -> str:
    """The error as people read it on stderr: `error:` and the lines of where and fix."""
    on = wants_colour(sys.stderr, no_color)
    return styled("error:", "red", on) + " " + str(error)


def json_text(value: Any, stream: TextIO) -> str:
    """`value` as the JSON document that `stream` can hold: escaped where it does not take all of Unicode."""
    unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, indent=2, ensure_ascii=not unicode)


class Output:
    """Where one command prints.

    Args:
        as_json: one JSON document on stdout and nothing else there.
        quiet: ids only.
        no_color: no colour, whatever the terminal can do.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False, no_color: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.no_color = no_color

    def document(self, value: Any) -> None:
        """Prints `value` as the one JSON document, when JSON was asked for."""
        if self.as_json:
            print(json_text(value, sys.stdout))

    def ids(self, names: Iterable[str]) -> None:
        """Prints one id a line, when only ids were asked for."""
        if self.quiet and not self.as_json:
            for name in names:
                print(name)

    def line(self, text: str = "") -> None:
        """Prints a line of the answer, in text form only."""
        if not self.as_json and not self.quiet:
            print(text)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Prints rows in columns, in text form only."""
        if self.as_json or self.quiet:
            return
        cells = [list(headers)] + [[str(value) for value in row] for row in rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
        on = wants_colour(sys.stdout, self.no_color)
        for number, row in enumerate(cells):
            line = "  ".join(value.ljust(width) for value, width in zip(row, widths)).rstrip()
            print(styled(line, "dim", on) if number == 0 else line)

    def note(self, text: str) -> None:
        """Says something beside the answer, on stderr."""
        if not self.quiet:
            _to_stderr(text)

    def warn(self, text: str) -> None:
        """A warning, on stderr, whatever form the answer has."""
        _to_stderr(styled("warning:", "yellow", wants_colour(sys.stderr, self.no_color)) + " " + text)

    def warn_of(self, finding: Finding) -> None:
        """A finding as a warning."""
        fix = f"\n  fix:   {finding.fix}" if finding.fix else ""
        self.warn(f"{finding.what}\n  where: {finding.where}{fix}")

    def hint(self, command: str) -> None:
        """Suggests the next command, on stderr."""
        if not self.quiet and not self.as_json:
            _to_stderr(styled(f"next: {command}", "dim", wants_colour(sys.stderr, self.no_color)))

    def findings(self, findings: Sequence[Finding]) -> None:
        """Prints findings, errors first, in text form on stdout."""
        on = wants_colour(sys.stdout, self.no_color)
        for finding in sorted(findings, key=lambda f: f.level != "error"):
            self.line(
                f"{styled(finding.level + ':', 'red' if finding.level == 'error' else 'yellow', on)} {finding.what}"
            )
            self.line(f"  where: {finding.where}")
            if finding.fix:
                self.line(f"  fix:   {finding.fix}")


def _to_stderr(text: str) -> None:
    """Prints on stderr, after what stdout holds back: in a log that takes both, the answer comes first."""
    sys.stdout.flush()
    print(text, file=sys.stderr)


class Progress:
    """What long work is at: a line that is redrawn on a terminal, a plain one every few seconds elsewhere.

    Work that is done within a moment prints nothing, and so does every other with --quiet or --json.

    Args:
        what: the work, at the start of each line.
        out: where the command prints.
        plain_every_s: seconds between two lines where there is no terminal.
    """

    def __init__(self, what: str, out: Output, plain_every_s: float = 5.0) -> None:
        self._what = what
        self._silent = out.quiet or out.as_json
        self._live = sys.stderr.isatty()
        self._every_s = 0.3 if self._live else plain_every_s
        self._start = self._last = time.monotonic()
        self._drawn = False

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def elapsed_s(self) -> float:
        """Since the start; over 0."""
        return max(time.monotonic() - self._start, 1e-6)

    def due(self) -> bool:
        """Whether it is time for another line; a caller that has it made says it."""
        now = time.monotonic()
        if self._silent or now - self._last < self._every_s:
            return False
        self._last = now
        return True

    def say(self, text: str) -> None:
        """Prints `text` as the line of now."""
        line = f"{self._what}: {text}"
        if self._live:
            print(f"\r\x1b[K{line}"[:120], end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            print(line, file=sys.stderr)


class Transfer(Progress):
    """Bytes done so far, with rate and time left."""

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        """Says that `done_bytes` of `total_bytes` are there."""
        if self.due():
            rate = done_bytes / self.elapsed_s()
            left_s = max(total_bytes - done_bytes, 0) / max(rate, 1.0)
            share = 100 * done_bytes // max(total_bytes, 1)
            self.say(f"{share}% of {size_text(total_bytes)}, {size_text(int(rate))}/s, {left_s:.0f} s left")


def size_text(size_bytes: int) -> str:
    """A size in the unit that people read: "3.7 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} B"
