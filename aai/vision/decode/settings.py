"""The settings of a layout as `aai.decoder` gives them, checked when they are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Mapping

from aai.core.fields import FILE_NAME
from aai.errors import UsageError

if TYPE_CHECKING:
    from typing import Collection, Sequence

    from aai.core.model_config import ModelConfig


def no_decoder(config: ModelConfig, purpose: str, layouts: Collection[str]) -> UsageError:
    """The error for a configuration whose layout none of the decoders of a purpose reads.

    Args:
        config: the configuration.
        purpose: in words: "pose".
        layouts: the names that there are.
    """
    name = str(config.decoder.get("name", ""))
    what = f'there is no {purpose} decoder called "{name}"'
    if not name:
        what = "how the outputs of the network are laid out is not known"
    names = ", ".join(sorted(layouts))
    fix = f"let the weights be read: aai model configure {config.folder}; or set one of: {names}"
    if len(layouts) == 1:
        fix = f'set it to "{names}"'
    return UsageError(what, f"{config.folder / FILE_NAME}, aai.decoder.name", fix)


def wrong_setting(name: str, value: Any, belongs: str) -> UsageError:
    """The error for a setting that the layout can't have."""
    return UsageError(
        f"aai.decoder.{name} is {str(value)[:60]}, and has to be {belongs}",
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


def number(settings: Mapping[str, Any], name: str, default: float) -> float:
    """A finite number; `default` where the settings have none.

    Raises:
        UsageError: the setting is something else.
    """
    value = settings.get(name, default)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise wrong_setting(name, value, "a number")
    return float(value)


def choice(settings: Mapping[str, Any], name: str, choices: Sequence[str]) -> str:
    """One of `choices`; the first where the settings have none.

    Raises:
        UsageError: the setting is something else.
    """
    value = settings.get(name, choices[0])
    if value not in choices:
        raise wrong_setting(name, value, f"one of {', '.join(choices)}")
    return str(value)
