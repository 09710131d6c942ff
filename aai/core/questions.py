"""What a person says for a field: read from a flag, or asked for at the terminal."""

from __future__ import annotations

from typing import Any, Callable

from aai.core.fields import BY_NAME, Field
from aai.core.inspect.report import Fact
from aai.core.values import choose, coerce
from aai.errors import UsageError
from aai.ports import Prompter

_EXAMPLES = {
    "size": "WIDTH HEIGHT, such as 416 416",
    "numbers": "NUMBER or NUMBER NUMBER NUMBER, such as 104 117 123",
    "number": "NUMBER, such as 0.0039",
    "boolean": "true or false",
    "path": "FILE",
}


def coerced(name: str, value: Any) -> Any:
    """What the user said for a field, in the field's own type.

    Raises:
        UsageError: a value that the field can't have; names the flag.
    """
    entry = BY_NAME[name]
    try:
        own = coerce(entry.kind, value)
    except ValueError as error:
        fix = f"give it as {entry.flag} {_EXAMPLES.get(entry.kind, entry.kind.upper())}"
        raise UsageError(f"{entry.flag} {error}", entry.flag, fix) from error
    if entry.values and own not in entry.values:
        raise UsageError(f'{entry.flag} can\'t be "{own}"', entry.flag, choose(str(own), entry.values))
    return own


def ask_guess(asker: Prompter, entry: Field, fact: Fact) -> Any:
    """What a person says to a guess, which is the answer that Enter gives."""
    question = f"{entry.help} ({entry.flag}); a guess: {fact.source}"
    if entry.kind == "boolean":
        return asker.confirm(question, fact.value)
    if entry.values:
        return asker.select(question, entry.values, fact.value)
    default = as_typed(fact.value)
    return ask_text(asker, question, default, lambda said: fact.value if said == default else coerced(entry.name, said))


def ask_text(asker: Prompter, question: str, default: str, read_answer: Callable[[str], Any]) -> Any:
    """A typed answer as `read_answer` reads it; asks again, with the reason, for one that can't be."""
    reason = ""
    while True:
        try:
            return read_answer(asker.text(reason + question, default))
        except UsageError as error:
            reason = f"{error.what}: {error.fix}\n  " if error.fix else f"{error.what}\n  "


def as_typed(value: Any) -> str:
    """A value as people type it: 416 416, 0.00392157."""
    numbers = value if isinstance(value, list) else [value]
    return " ".join(f"{number:.6g}" if isinstance(number, float) else str(number) for number in numbers)
