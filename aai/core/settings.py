"""Settings and where each comes from, in order: flag, AAI_* environment, the app's folder, the user's file, default."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from aai.core.names import SIDE_RULE, did_you_mean, parse_id
from aai.core.values import choose
from aai.errors import Finding, InvalidFiles, UsageError
from aai.storage import alone_in, read_json, write_json

APP_FILE = "alwaysai.app.json"
APP_KEY = "aai"
SECRET_MODE = 0o600

KEYS = {
    "registry": "where models are published and taken from, such as dir:/srv/models",
    "store": "folder of the content store that installed files are linked from",
    "trial": "when a model is first loaded in a process of its own, so that a crash is an error: first, always, never",
    "publisher": "first half of the ids of your models, set by aai user login",
}
APP_KEYS = ("registry",)
"""Settings that an app's folder may hold, under the key "aai" of alwaysai.app.json."""

CHOICES = {"trial": ("first", "always", "never")}
"""Settings that have one of these values."""

PATH_KEYS = ("registry", "store")
"""Settings that are a path, or an address that holds one."""


@dataclass(frozen=True)
class Setting:
    """One setting in force.

    Args:
        name: its key.
        value: the value, "" when nothing sets it.
        origin: who said so, for people: "AAI_REGISTRY", "/home/me/.config/aai/config.json", "default".
    """

    name: str
    value: str
    origin: str


def user_file() -> Path:
    """The user's settings file."""
    import platformdirs

    return Path(platformdirs.user_config_dir("aai", appauthor=False)) / "config.json"


def data_folder() -> Path:
    """The folder where the user's registry and content store live unless a setting says otherwise."""
    import platformdirs

    return Path(platformdirs.user_data_dir("aai", appauthor=False))


def load_settings(app_folder: Path, flags: Mapping[str, str | None] | None = None) -> dict[str, Setting]:
    """All settings in force, by name. A flag that is empty is an error: it comes of a variable that is not set.

    Raises:
        InvalidFiles: a settings file can't be read.
        UsageError: an empty flag.
    """
    for name, value in (flags or {}).items():
        if value is not None and not value.strip():
            raise UsageError(f"--{name} is empty", None, f"give --{name} a value, or leave it out")
    sources = [
        *([(dict(flags), "flag")] if flags else []),
        *(({name: os.environ.get(variable)}, variable) for name, variable in _variables().items()),
        (_app_values(app_folder), str(app_folder / APP_FILE)),
        (_values(user_file(), None), str(user_file())),
        (_defaults(), "default"),
    ]
    settings = {}
    for name in KEYS:
        found = next(((values[name], origin) for values, origin in sources if values.get(name)), ("", "not set"))
        _check_choice(name, str(found[0]), found[1])
        settings[name] = Setting(name, str(found[0]), found[1])
    return settings


def _defaults() -> dict[str, str]:
    return {"registry": f"dir:{data_folder() / 'registry'}", "store": str(data_folder() / "store"), "trial": "first"}


def _check_choice(name: str, value: str, where: str | None) -> None:
    allowed = CHOICES.get(name, ())
    if allowed and value and value not in allowed:
        raise UsageError(f'the setting {name} is "{value}"', where, choose(value, allowed))


def set_user_setting(name: str, value: str) -> Path:
    """Writes a setting of the user; an empty value takes it away. Returns the file.

    A path is written whole: a relative one means what it means in the working folder of now.

    Raises:
        UsageError: no such setting, or a value that it can't have.
    """
    _check(name, value, tuple(KEYS))
    path = user_file()
    with alone_in(path.parent):
        values = _values(path, None)
        _put(values, name, anchored(value, Path.cwd()) if name in PATH_KEYS else value)
        write_json(path, values, SECRET_MODE)
    return path


def set_app_setting(app_folder: Path, name: str, value: str) -> Path:
    """Writes a setting into the app's alwaysai.app.json, under "aai"; an empty value takes it away. Returns the file.

    A relative path is written as it is, and counts from the app's folder, wherever that lies on a machine.

    Raises:
        UsageError: not a setting that an app may hold.
        NotFound: there is no app here.
    """
    _check(name, value, APP_KEYS)
    path = app_folder / APP_FILE
    with alone_in(app_folder):
        document = read_json(path, "make the folder an app: aai app configure")
        section = dict(_values(path, APP_KEY))
        _put(section, name, value)
        rest = {key: content for key, content in document.items() if key != APP_KEY}
        write_json(path, {**document, APP_KEY: section} if section else rest)
    return path


def anchored(address: str, folder: Path) -> str:
    """`address` with a relative path in it counted from `folder`; one of another kind than a folder as it is."""
    prefix = "dir:" if address.startswith("dir:") else ""
    path = address[len(prefix) :]
    if "://" in path or not path.strip() or path.startswith("~"):
        return address
    return prefix + os.path.normpath(folder.absolute() / path)


def _put(values: dict[str, Any], name: str, value: str) -> None:
    if value:
        values[name] = value
    else:
        values.pop(name, None)


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if name not in allowed:
        guess = did_you_mean(name, allowed)
        raise UsageError(f'there is no setting "{name}" here', None, f"{guess} settings: {', '.join(allowed)}".strip())
    if value and not value.strip():
        raise UsageError(f"the value for {name} is blank", None, f'give {name} a value, or "" to take it away')
    _check_choice(name, value, None)
    if name == "publisher" and value:
        check_publisher(value)


def check_publisher(name: str) -> str:
    """`name`, if it can be the first half of a model id.

    Raises:
        UsageError: it can't.
    """
    try:
        return parse_id(f"{name}/x")[0]
    except UsageError as error:
        raise UsageError(f'"{name}" can\'t be a publisher', None, f"take {SIDE_RULE}") from error


def _variables() -> dict[str, str]:
    return {name: f"AAI_{name.upper()}" for name in KEYS}


def _app_values(app_folder: Path) -> dict[str, Any]:
    values = _values(app_folder / APP_FILE, APP_KEY)
    return {name: anchored(values[name], app_folder) for name in APP_KEYS if name in values}


def _values(path: Path, key: str | None) -> dict[str, Any]:
    if not path.is_file():
        return {}
    document = read_json(path)
    section = document.get(key, {}) if key and isinstance(document, dict) else document
    place = f"{path}, {key}" if key else str(path)
    if not isinstance(section, dict):
        raise InvalidFiles("the settings can't be read", [Finding("error", "an object belongs here", place)])
    wrong = [name for name in KEYS if not isinstance(section.get(name, ""), str)]
    if wrong:
        findings = [Finding("error", f"the setting {name} is not text", f"{place}, {name}") for name in wrong]
        raise InvalidFiles("the settings can't be read", findings)
    return section
