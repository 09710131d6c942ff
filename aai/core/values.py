"""Single values as the fields of alwaysai.model.json take them, from JSON or from the command line."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping

from aai.core.names import did_you_mean


def choose(value: str, allowed: tuple[str, ...]) -> str:
    """A fix that names the nearest of `allowed`, then all of them."""
    near = did_you_mean(value, allowed)
    return f"{near} allowed values: {', '.join(allowed)}".strip()


def coerce(kind: str, value: Any) -> Any:
    """`value` as the field kind `kind`, from JSON or from the command line.

    Raises:
        ValueError: with the rest of a sentence that starts with the field's name.
    """
    return _COERCE[kind](value)


def _text(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"is {kind_of(value)}, where text belongs")
    return value.strip()


def _path(value: Any) -> str:
    text = _text(value)
    if "\0" in text or "\n" in text:
        raise ValueError("holds a character that no path can have")
    return text


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("is true or false, where a number belongs")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"is {kind_of(value)}, where a number belongs") from None
    except OverflowError:
        raise ValueError("is a number of too many digits") from None
    if not math.isfinite(number):
        raise ValueError(f"is {value}, where a finite number belongs")
    return int(number) if number.is_integer() and not isinstance(value, float) else number


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError(f"is {value}, where a whole number belongs")
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"is {kind_of(value)}, where true or false belongs")


def _items(value: Any, separators: str) -> list[Any]:
    if isinstance(value, str):
        for separator in separators:
            value = value.replace(separator, " ")
        return list(value.split())
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"is {kind_of(value)}, where a list belongs")
    return list(value)


def _numbers(value: Any) -> list[float]:
    items = [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else _items(value, ",")
    if len(items) not in (1, 3):
        raise ValueError(f"has {_count(items)}, where one or three belong")
    return [_number(v) for v in items]


def _size(value: Any) -> list[int]:
    try:
        items = [_integer(v) for v in _items(value, ",xX")]
    except ValueError:
        raise ValueError(f"is {kind_of(value)}, where two whole numbers belong: width and height") from None
    if len(items) != 2:
        raise ValueError(f"has {_count(items)}, where two belong: width and height")
    if min(items) < 1 or max(items) > 65535:
        raise ValueError(f"is {items[0]}x{items[1]}, where two numbers from 1 to 65535 belong")
    return items


def _count(items: list[Any]) -> str:
    return "1 number" if len(items) == 1 else f"{len(items)} numbers"


def _names(value: Any) -> list[str]:
    if value == "":
        return []
    items = value.split(",") if isinstance(value, str) else _items(value, "")
    return [name for name in (_text(item) for item in items) if name]


_COERCE: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "path": _path,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "numbers": _numbers,
    "size": _size,
    "names": _names,
}


def kind_of(value: Any) -> str:
    """What a JSON value is, for an error: the text "abc", the number 3, a list."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    if isinstance(value, (int, float)):
        return f"the number {value}"
    names: dict[type, str] = {list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
