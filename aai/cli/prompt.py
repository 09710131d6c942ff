"""Questions on a terminal."""

from __future__ import annotations

from typing import Any, Sequence


class TerminalPrompter:
    """Asks with questionary, which is imported with the first question. Ctrl-C ends the command.

    Questions go to stderr, so that stdout holds nothing but the answer of the command.
    """

    def select(self, question: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of `choices`."""
        import questionary

        asked = questionary.select(question, choices=list(choices), default=default, output=_terminal())
        return str(asked.unsafe_ask())

    def text(self, question: str, default: str = "") -> str:
        """A line of text, blanks around it taken off."""
        import questionary

        return str(questionary.text(question, default=default, output=_terminal()).unsafe_ask()).strip()

    def confirm(self, question: str, default: bool = False) -> bool:
        """Yes or no."""
        import questionary

        return bool(questionary.confirm(question, default=default, output=_terminal()).unsafe_ask())


def _terminal() -> Any:
    import sys

    from prompt_toolkit.output import create_output

    return create_output(stdout=sys.stderr)
