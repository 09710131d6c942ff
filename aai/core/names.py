"""Model ids, version references, and the nearest name to one that was mistyped."""

from __future__ import annotations

import difflib
import re
from typing import Iterable

from aai.errors import UsageError

_SIDE = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
SIDE_RULE = "letters and digits, joined by single dots, one or two underscores or dashes, at most 64 characters"
_RULE = f"write publisher/name; each side is {SIDE_RULE}"
MAX_SIDE = 64
MAX_DIGITS = 9
"""Of a version: a longer number names none."""


def parse_id(text: str) -> tuple[str, str]:
    """(publisher, name) of a model id, case kept.

    Each side, lower-cased, is a path component of the OCI distribution specification 1.1, "Pulling manifests".

    Raises:
        UsageError: not of the form publisher/name.
    """
    sides = text.split("/")
    # Some letters beyond ASCII, such as the Kelvin sign, become one of ASCII when they are lower-cased.
    if len(sides) != 2 or not all(
        side.isascii() and len(side) <= MAX_SIDE and _SIDE.match(side.lower()) for side in sides
    ):
        raise UsageError(f'"{text}" is not a model id', None, _RULE)
    return sides[0], sides[1]


def differs_in_case(model_id: str, published: str) -> UsageError:
    """The error for publishing `model_id` beside `published`: some file systems and registries hold them for one."""
    return UsageError(
        f"{model_id} differs only in case from {published}, which is published already",
        None,
        f"publish as {published}, or take another name",
    )


def parse_reference(text: str) -> tuple[str, str | None]:
    """(model id, version or tag or None) of `publisher/name`, `publisher/name@3` or `publisher/name@production`.

    Raises:
        UsageError: not of that form.
    """
    model_id, at, reference = text.partition("@")
    parse_id(model_id)
    if at and not reference:
        raise UsageError(f'"{text}" names no version', None, f"write {model_id}@3, {model_id}@TAG or {model_id}")
    return model_id, reference or None


def version_number(reference: str) -> int | None:
    """The version that a reference of digits names; None for a tag or a digest."""
    return int(reference) if reference.isascii() and reference.isdigit() and len(reference) <= MAX_DIGITS else None


def check_tag(tag: str) -> str:
    """`tag`, if it can name a version.

    Raises:
        UsageError: it is all digits (that is a version), or has characters that a tag can't have.
    """
    if tag.isdigit():
        raise UsageError(f'"{tag}" can\'t be a tag: all digits name a version', None, "take a word, such as production")
    if tag == "latest":
        raise UsageError('"latest" always names the newest version', None, "take another word, such as stable")
    if not _TAG.match(tag):
        raise UsageError(
            f'"{tag}" can\'t be a tag', None, "use letters, digits, dots, underscores and dashes, at most 128"
        )
    return tag


def nearest(word: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Up to `most` of `known` that look like `word`, the nearest first."""
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    return tuple(
        by_lower[name] for name in difflib.get_close_matches(word.lower(), sorted(by_lower), n=most, cutoff=0.6)
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "...", "..."?`, or "" when nothing is near."""
    near = nearest(word, known)
    return "did you mean {}?".format(", ".join(f'"{name}"' for name in near)) if near else ""
