"""alwaysai.app.json, which makes a folder an app, and alwaysai.project.json, which names the project it follows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from aai.core.names import parse_id
from aai.errors import AaiError, Finding, InvalidFiles, NotFound, UsageError
from aai.storage import read_json, write_json

APP_FILE = "alwaysai.app.json"
PROJECT_FILE = "alwaysai.project.json"
LOCAL_VERSION = 0
"""The version of a model that comes from a folder instead of a registry."""


@dataclass(frozen=True)
class AppConfig:
    """An app's folder and its file.

    Args:
        folder: the app's folder.
        document: the file's content, keys of others and their order kept.
    """

    folder: Path
    document: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / APP_FILE

    @property
    def models(self) -> dict[str, int]:
        """Model id -> the version that the app is pinned to; LOCAL_VERSION for a model folder. In the file's order."""
        return dict(self.document.get("models") or {})

    @property
    def scripts(self) -> dict[str, str]:
        """Name -> shell line."""
        return dict(self.document.get("scripts") or {})

    def with_models(self, models: Mapping[str, int]) -> AppConfig:
        """The same app with other pins; ids that stay keep their place in the file."""
        kept = {model_id: models[model_id] for model_id in self.models if model_id in models}
        return AppConfig(self.folder, {**self.document, "models": {**kept, **models}})

    def write(self) -> Path:
        """Writes the file into the app's folder, through a temporary file and a rename. Returns its path."""
        write_json(self.path, dict(self.document))
        return self.path

    def as_dict(self) -> dict[str, Any]:
        """The app as `--json` prints it."""
        return {"folder": str(self.folder), "scripts": self.scripts, "models": self.models}


def load_app(folder: Path) -> AppConfig:
    """The app in `folder`.

    Raises:
        NotFound: the folder has no alwaysai.app.json.
        InvalidFiles: a syntax error (with line and column), or all wrong types and ids at once.
    """
    return read_app_file(folder / APP_FILE)


def read_app_file(path: Path) -> AppConfig:
    """The app whose file is at `path`; see `load_app`."""
    document = read_json(path, "make the folder an app: aai app configure")
    findings = check_app(document, str(path))
    if findings:
        raise InvalidFiles(f"{path.name} has errors", findings, str(path))
    return AppConfig(path.parent, document)


def check_app(document: Any, where: str = APP_FILE) -> list[Finding]:
    """Everything that is wrong with the content of an alwaysai.app.json."""
    if not isinstance(document, dict):
        return [Finding("error", "the file does not hold a JSON object", where, 'write {"scripts": {}, "models": {}}')]
    findings: list[Finding] = []
    for name, shape in (("scripts", "name -> shell line"), ("models", "model id -> version")):
        if not isinstance(document.get(name, {}), dict):
            findings.append(Finding("error", f"{name} is not an object ({shape})", f"{where}, {name}", None))
    scripts, models = document.get("scripts"), document.get("models")
    if isinstance(scripts, dict):
        findings += [
            Finding("error", f'the script "{name}" is not text', f"{where}, scripts.{name}", "write a shell line")
            for name, line in scripts.items()
            if not isinstance(line, str)
        ]
    if isinstance(models, dict):
        findings += _check_models(models, where)
    return findings


def _check_models(models: Mapping[str, Any], where: str) -> list[Finding]:
    findings: list[Finding] = []
    for model_id, version in models.items():
        place = f'{where}, models."{model_id}"'
        try:
            parse_id(model_id)
        except UsageError as error:
            findings.append(Finding("error", error.what, place, error.fix))
        if not isinstance(version, int) or isinstance(version, bool) or version < LOCAL_VERSION:
            fix = f"write a whole number, or run: aai app models add {model_id}"
            findings.append(Finding("error", f"the version of {model_id} is not a whole number", place, fix))
    for first, second in same_but_for_case(models):
        fix = f"keep one: aai app models remove {second}"
        findings.append(Finding("error", f"{first} and {second} differ in case only", f"{where}, models", fix))
    return findings


def same_but_for_case(names: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of names that would be one folder on a file system that does not tell case apart."""
    seen: dict[str, str] = {}
    pairs = []
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            pairs.append((other, name))
    return pairs


def read_project(folder: Path) -> str | None:
    """The name of the project that the app in `folder` follows; None when it follows none.

    Raises:
        InvalidFiles: the file has a syntax error, or does not name a project.
    """
    path = folder / PROJECT_FILE
    try:
        document = read_json(path)
    except NotFound:
        return None
    project = document.get("project") if isinstance(document, dict) else None
    name = project.get("id") if isinstance(project, dict) else None
    if not isinstance(name, str) or not name.strip():
        fix = "name it: aai app configure --project NAME"
        raise InvalidFiles(
            "the file does not name a project",
            [Finding("error", "project.id is missing or not text", f"{path}, project.id", fix)],
        )
    return name.strip()


def write_project(folder: Path, name: str) -> Path:
    """Lets the app in `folder` follow project `name`; other keys of the file stay. Returns the file's path."""
    path = folder / PROJECT_FILE
    try:
        document = read_json(path)
    except AaiError:
        document = {}
    document = document if isinstance(document, dict) else {}
    project = document.get("project")
    write_json(path, {**document, "project": {**(project if isinstance(project, dict) else {}), "id": name}})
    return path
