"""How an app's models are: wanted, locked, installed, healthy; and the check before an app is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aai.core.app.config import LOCAL_VERSION, AppConfig, load_app, read_project
from aai.core.app.installed import (
    Receipt,
    installed_models,
    is_ours,
    model_path,
    read_receipt,
    unhealthy,
)
from aai.core.app.local_model import read_local_model
from aai.core.app.lock import Lock, load_lock
from aai.errors import AaiError, Finding, InvalidFiles


@dataclass(frozen=True)
class ModelStatus:
    """How one model of an app is.

    Args:
        id: the model.
        wanted: the pin in alwaysai.app.json; None when the app has no such model.
        locked: the version in the lock; None when it has none.
        installed: the version that is installed; None when none is.
        healthy: whether what is installed is what is wanted and locked, whole and unchanged.
        reason: why not; "" when healthy.
        variant: key of the installed variant.
        variant_reason: why that variant was chosen.
        size_bytes: of the installed files.
        folder: where the app reads the model.
    """

    id: str
    wanted: int | None
    locked: int | None
    installed: int | None
    healthy: bool
    reason: str
    folder: Path
    variant: str = ""
    variant_reason: str = ""
    size_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The status as `--json` prints it."""
        return {**self.__dict__, "folder": str(self.folder)}


@dataclass(frozen=True)
class AppStatus:
    """How an app is.

    Args:
        folder: the app's folder.
        project: the project that it follows; None for none.
        models: sorted by id; those that are installed and not wanted among them.
    """

    folder: Path
    project: str | None
    models: tuple[ModelStatus, ...]

    @property
    def healthy(self) -> bool:
        """Whether every model is."""
        return all(model.healthy for model in self.models)

    def as_dict(self) -> dict[str, Any]:
        """The status as `--json` prints it."""
        return {
            "app": str(self.folder),
            "project": self.project,
            "healthy": self.healthy,
            "models": [model.as_dict() for model in self.models],
        }


def app_status(folder: Path, verify: bool = False) -> AppStatus:
    """How the models of the app in `folder` are. Asks no registry.

    Args:
        folder: the app's folder.
        verify: hash every file; without it, sizes and times are looked at.

    Raises:
        NotFound: no app.
        InvalidFiles: broken app files.
    """
    app, lock = load_app(folder), load_lock(folder)
    installed = {model_id for model_id, _ in installed_models(folder)}
    ids = sorted({*app.models, *installed})
    return AppStatus(folder, read_project(folder), tuple(_status(app, lock, model_id, verify) for model_id in ids))


def check_installed(folder: Path) -> AppStatus:
    """The status of an app whose installed models are exactly what is locked; models that nobody wants don't matter.

    Raises:
        InvalidFiles: they are not, with a finding for each.
    """
    status = app_status(folder)
    wrong = [model for model in status.models if model.wanted is not None and not model.healthy]
    if wrong:
        findings = [
            Finding("error", f"{model.id}: {model.reason}", str(model.folder), "run: aai app install")
            for model in wrong
        ]
        raise InvalidFiles("what is installed is not what the app asks for", findings, str(folder))
    return status


def _status(app: AppConfig, lock: Lock, model_id: str, verify: bool) -> ModelStatus:
    path = model_path(app.folder, model_id)
    wanted, locked = app.models.get(model_id), lock.models.get(model_id)
    receipt = read_receipt(path) if is_ours(app.folder, model_id) else None
    if receipt is None and locked is not None and locked.is_local and path.is_dir():
        return _in_place(app, lock, model_id)
    reason = _reason(app, lock, model_id, receipt, verify)
    return ModelStatus(
        model_id,
        wanted,
        locked.version if locked else None,
        receipt.version if receipt else None,
        not reason,
        reason,
        path,
        receipt.variant if receipt else "",
        receipt.reason if receipt else "",
        sum(file.size_bytes for file in receipt.files) if receipt else 0,
    )


def _reason(app: AppConfig, lock: Lock, model_id: str, receipt: Receipt | None, verify: bool) -> str:
    """Why a model is not healthy; "" when it is."""
    wanted, locked = app.models.get(model_id), lock.models.get(model_id)
    if wanted is None:
        return "installed, and no longer wanted"
    if locked is None:
        return "not in the lock"
    if locked.version != wanted:
        return f"pinned to {wanted}, and the lock has {locked.version}"
    if receipt is None:
        return "not installed"
    if receipt.version != wanted:
        return f"version {receipt.version} is installed, and {wanted} is wanted"
    if receipt.index_digest != locked.digest:
        return "what is installed has another digest than the lock"
    return unhealthy(model_path(app.folder, model_id), receipt, verify) or _changed_since(app, lock, model_id, receipt)


def _changed_since(app: AppConfig, lock: Lock, model_id: str, receipt: Receipt) -> str:
    """Whether a local model's folder was changed after it was installed. A folder that is gone does no harm."""
    locked = lock.models[model_id]
    if not locked.is_local:
        return ""
    try:
        same = read_local_model(locked.source(app.folder)).files == receipt.source_files
    except AaiError:
        return ""
    return "" if same else "the model folder has changed since it was installed"


def _in_place(app: AppConfig, lock: Lock, model_id: str) -> ModelStatus:
    """The status of a local model whose folder is the very folder that the app reads."""
    path = model_path(app.folder, model_id)
    locked = lock.models[model_id]
    reason, size_bytes = "", 0
    try:
        if path.resolve() != locked.source(app.folder).resolve():
            reason = "not installed"
        size_bytes = sum(size for size, _ in read_local_model(path).files.values())
    except AaiError as error:
        reason = reason or error.what
    wanted = app.models.get(model_id)
    reason = reason or ("" if wanted == LOCAL_VERSION else f"pinned to {wanted}, and the lock has {LOCAL_VERSION}")
    installed = None if reason == "not installed" else LOCAL_VERSION
    return ModelStatus(model_id, wanted, locked.version, installed, not reason, reason, path, "", "", size_bytes)
