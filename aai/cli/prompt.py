"""Questions on a terminal."""

from __future__ import annotations

from typing import Any, Sequence


class TerminalPrompter:
    """Asks with questionary, which is imported with the first question. Ctrl-C ends the command."""

    def select(self, question: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of `choices`."""
        import questionary

        return str(_answer(questionary.select(question, choices=list(choices), default=default)))

    def text(self, question: str, default: str = "") -> str:
        """A line of text, blanks around it taken off."""
        import questionary

        return str(_answer(questionary.text(question, default=default))).strip()

    def confirm(self, question: str, default: bool = False) -> bool:
        """Yes or no."""
        import questionary

        return bool(_answer(questionary.confirm(question, default=default)))


def _answer(question: Any) -> Any:
    # Questions go to stderr, so that stdout holds nothing but the answer of the command.
    import sys

    from prompt_toolkit.output import create_output

    question.application.output = create_output(stdout=sys.stderr)
    return question.unsafe_ask()
