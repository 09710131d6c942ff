"""The settings of a layout as `aai.decoder` gives them, checked when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from aai.core.fields import FILE_NAME
from aai.errors import UsageError

if TYPE_CHECKING:
    from typing import Sequence


def wrong_setting(name: str, value: Any, belongs: str) -> UsageError:
    """The error for a setting that the layout can't have."""
    return UsageError(
        f"the {name} of the decoder are {str(value)[:60]}, where {belongs} belong",
        f"{FILE_NAME}, aai.decoder.{name}",
        "let the weights be read again: aai model configure",
    )


def whole_numbers(settings: Mapping[str, Any], name: str, default: Sequence[int]) -> tuple[int, ...]:
    """A list of whole numbers of 1 or more; `default` where the settings have none.

    Raises:
        UsageError: the setting is something else.
    """
    values = settings.get(name) or default
    if not isinstance(values, (list, tuple)) or not all(type(value) is int and value > 0 for value in values):
        raise wrong_setting(name, values, "whole numbers of 1 or more")
    return tuple(values)
