"""The notes of an exporter where a file has them as one text: a JSON object or the text of a Python dict.

Only the top level is taken apart, by its brackets and quotes; each value stays text, as `read_exporter` takes it. So a
text from a hostile file can't nest without end, and nothing in it is run.
"""

from __future__ import annotations

import ast
import re
import warnings

MAX_CHARACTERS = 200_000
"""Longer than the notes on any set of labels that is about."""

STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
"""A string of Python or JSON, as a pattern."""
_BLANKS = re.compile(r"\s*")
_KEY = re.compile(rf"\s*({STRING})\s*:\s*", re.S)
_PART = re.compile(rf"""{STRING}|[\[\](){{}},]|[^'"\[\](){{}},]+""", re.S)
_OPEN, _CLOSE = "[({", "])}"


def read_notes(text: str) -> dict[str, str]:
    """Key -> text of the value, strings without their quotes; {} for a text of another form.

    >>> read_notes("{'task': 'detect', 'imgsz': [640, 640]}")
    {'task': 'detect', 'imgsz': '[640, 640]'}
    """
    text = text.strip()
    if len(text) > MAX_CHARACTERS or text[:1] + text[-1:] != "{}":
        return {}
    notes: dict[str, str] = {}
    place, stop = 1, len(text) - 1
    while _BLANKS.match(text, place).end() < stop:  # type: ignore[union-attr]
        key = _KEY.match(text, place, stop)
        if key is None:
            return {}
        end = _value_end(text, key.end(), stop)
        if end < 0:
            return {}
        notes[_unquoted(key.group(1))] = _unquoted(text[key.end() : end].strip())
        place = end + 1
    return notes


def _value_end(text: str, place: int, stop: int) -> int:
    """Where the comma after the value at `place` is, or `stop`; -1 when its brackets or quotes do not close."""
    depth = 0
    while place < stop:
        part = _PART.match(text, place, stop)
        if part is None:
            return -1
        found = part.group()
        if found == "," and depth == 0:
            return place
        depth += (found in _OPEN) - (found in _CLOSE)
        if depth < 0:
            return -1
        place = part.end()
    return stop if depth == 0 else -1


def _unquoted(text: str) -> str:
    """A string without its quotes and escapes; any other text as it is."""
    if text[:1] not in "'\"" or not re.fullmatch(STRING, text, re.S):
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text[1:-1]
