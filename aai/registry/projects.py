"""The projects of a folder registry: one small JSON file each, in a folder that no publisher can have."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, Sequence, Union

from aai.core.names import did_you_mean, parse_id
from aai.errors import NotFound, RegistryError, UsageError
from aai.ports import Wanted
from aai.registry.locking import held
from aai.registry.staging import sweep
from aai.storage import translated, write_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")

Models = Dict[str, Union[int, str, None]]


class Projects:
    """The projects in `folder`, which need not be there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of all projects, sorted."""
        return sorted(self._load(path)["name"] for path in self.folder.glob("*.json"))

    def read(self, name: str) -> Models:
        """The wanted models of a project; see `ports.Registry.project`."""
        path = self._path(name)
        if path.is_file():
            document = self._load(path)
            if document["name"] == name:
                models: Models = document["models"]
                return models
        near = did_you_mean(name, self.names())
        raise NotFound(f'there is no project "{name}"', str(self.folder), near or f"make it: aai project create {name}")

    def create(self, name: str) -> None:
        """Makes an empty project; see `ports.Registry.create_project`."""
        path = self._path(name)
        with self._locked():
            if path.exists():
                taken = self._load(path)["name"]
                raise UsageError(f'there is a project "{taken}" already', str(path), "take another name")
            self._write(path, name, {})

    def change(self, name: str, set_models: Wanted, remove_models: Sequence[str]) -> None:
        """Sets and removes wanted models; see `ports.Registry.change_project`."""
        for model_id in set_models:
            parse_id(model_id)
        self.read(name)  # an unknown project is found out before a folder is made for it
        with self._locked():
            models = {**self.read(name), **set_models}
            for model_id in remove_models:
                models.pop(model_id, None)
            self._write(self._path(name), name, models)

    def _path(self, name: str) -> Path:
        if not _NAME.match(name):
            raise UsageError(
                f'"{name}" is not a project name',
                None,
                "use letters, digits, dots, underscores and dashes, at most 64, a letter or digit first",
            )
        return self.folder / f"{name.lower()}.json"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with translated(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with held(self.folder / ".lock", "somebody else is changing the projects"):
            sweep(self.folder)
            yield

    def _write(self, path: Path, name: str, models: Models) -> None:
        write_json(path, {"name": name, "models": dict(sorted(models.items()))})

    def _load(self, path: Path) -> dict[str, Any]:
        try:
            document = json.loads(path.read_bytes().decode("utf-8"))
        except OSError as error:
            raise RegistryError("the project can't be read", str(path), f"check its rights: ls -l {path}") from error
        except (ValueError, RecursionError) as error:
            raise _damaged(path) from error
        if not (isinstance(document, dict) and isinstance(document.get("name"), str) and _are_models(document)):
            raise _damaged(path)
        return document


def _are_models(document: dict[str, Any]) -> bool:
    models = document.get("models")
    return isinstance(models, dict) and all(
        value is None or (isinstance(value, (int, str)) and not isinstance(value, bool)) for value in models.values()
    )


def _damaged(path: Path) -> RegistryError:
    return RegistryError(
        "the project's file is damaged", str(path), "put back a copy of it, or remove it and start anew"
    )
