"""alwaysai.lock.json: which bytes each pin of an app stands for.

alwaysai.app.json says what is wanted; the lock says what that was when it was decided. The lock is always written
first and the app file second, so the rename of alwaysai.app.json is the moment at which a change has happened. A kill
between the two leaves lock entries that no pin asks for, which `aai app install` mends.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from aai.core.app.config import LOCAL_VERSION
from aai.errors import Finding, InvalidFiles, NotFound
from aai.package.oci import is_digest
from aai.storage import read_json, write_json

LOCK_FILE = "alwaysai.lock.json"
SCHEMA = 1


@dataclass(frozen=True)
class LockedModel:
    """What one pin stands for.

    Args:
        version: the published version; LOCAL_VERSION for a model folder.
        digest: "sha256:..." of the version's index; "" for a model folder.
        path: of the model folder, relative to the app's folder where that can be; "" for a published version.
    """

    version: int
    digest: str = ""
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is a model folder, not a published version."""
        return self.version == LOCAL_VERSION

    def source(self, app_folder: Path) -> Path:
        """The model folder of a local model, absolute."""
        return Path(os.path.normpath(Path(os.path.realpath(app_folder)) / self.path))

    def as_dict(self) -> dict[str, Any]:
        """The entry as the lock file has it."""
        return {"version": self.version, **({"path": self.path} if self.is_local else {"digest": self.digest})}


@dataclass(frozen=True)
class Lock:
    """An app's lock.

    Args:
        folder: the app's folder.
        models: model id -> what it stands for.
    """

    folder: Path
    models: Mapping[str, LockedModel] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / LOCK_FILE

    def write(self) -> Path:
        """Writes the file, ids sorted so that changes of two people merge. Returns its path."""
        entries = {model_id: self.models[model_id].as_dict() for model_id in sorted(self.models)}
        write_json(self.path, {"schema": SCHEMA, "models": entries})
        return self.path


def load_lock(folder: Path) -> Lock:
    """The lock of the app in `folder`; an empty one when there is no file.

    Raises:
        InvalidFiles: a syntax error (with line and column), or all wrong entries at once.
    """
    path = folder / LOCK_FILE
    try:
        document = read_json(path)
    except NotFound:
        return Lock(folder)
    findings = _check(document, str(path))
    if findings:
        raise InvalidFiles(f"{LOCK_FILE} has errors", findings, str(path))
    return Lock(folder, {model_id: LockedModel(**_known(entry)) for model_id, entry in document["models"].items()})


def local_path(app_folder: Path, source: Path) -> str:
    """How the lock names the model folder `source`: relative to the app, with forward slashes, where that can be."""
    target = os.path.realpath(source)
    try:
        return os.path.relpath(target, os.path.realpath(app_folder)).replace(os.sep, "/")
    except ValueError:  # on Windows there is no way from one drive to another
        return target


def _known(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("version", "digest", "path") if name in entry}


def _check(document: Any, where: str) -> list[Finding]:
    fix = f"delete {LOCK_FILE} and run: aai app install"
    if not isinstance(document, dict) or not isinstance(document.get("models"), dict):
        return [Finding("error", "the lock holds no models object", where, fix)]
    schema = document.get("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        what = f"the lock has the form {schema!r}, and this program reads up to {SCHEMA}"
        return [Finding("error", what, f"{where}, schema", "use a newer aai")]
    return [
        Finding("error", f"the lock's entry for {model_id} is not a version with its digest or path", place, fix)
        for model_id, entry in document["models"].items()
        for place in [f'{where}, models."{model_id}"']
        if not _is_entry(entry)
    ]


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    version = entry.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < LOCAL_VERSION:
        return False
    if version == LOCAL_VERSION:
        return isinstance(entry.get("path"), str) and bool(entry["path"]) and "digest" not in entry
    return is_digest(entry.get("digest")) and "path" not in entry
