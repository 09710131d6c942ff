"""What an install has to do: the lock completed, each model looked at. Reads no file that still has its seal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Union

from aai.core.app.config import LOCAL_VERSION, AppConfig, load_app
from aai.core.app.installed import Receipt, is_ours, model_path, read_receipt, unhealthy
from aai.core.app.lock import Lock, LockedModel, load_lock
from aai.core.app.target import Machine
from aai.errors import Finding, InvalidFiles, NotFound
from aai.ports import Registry
from aai.storage import alone_in

INSTALL, UPDATE, REPAIR, REMOVE, NOTHING = "install", "update", "repair", "remove", "none"
VariantWish = Union[str, Mapping[str, str], None]
"""The variant to take: one key for every model that has it, or model id -> key, or None to choose for this machine."""


@dataclass(frozen=True)
class ModelResult:
    """What an install did, or would do, with one model.

    Args:
        id: the model.
        action: INSTALL, UPDATE, REPAIR, REMOVE or NOTHING.
        version: the version that is installed now; None after a removal.
        before: the version that was installed before; None when there was none.
        variant: key of the variant; "" for a model folder.
        reason: why it was done: "not installed", "yolo.cfg was changed: its digest is another".
        variant_reason: why that variant.
        size_bytes: of all files.
        folder: where the app reads the model.
    """

    id: str
    action: str
    version: int | None
    before: int | None
    folder: Path
    variant: str = ""
    reason: str = ""
    variant_reason: str = ""
    size_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
        return {**self.__dict__, "folder": str(self.folder)}


@dataclass(frozen=True)
class InstallOptions:
    """How to install.

    Args:
        frozen: refuse when the lock and alwaysai.app.json differ, instead of writing the lock.
        keep: leave models that are no longer wanted.
        verify: hash every installed file.
        variant: see `VariantWish`.
        dry_run: only say what would be done.
    """

    frozen: bool = False
    keep: bool = False
    verify: bool = False
    variant: VariantWish = None
    dry_run: bool = False

    def wish(self, model_id: str) -> str | None:
        """The variant asked for, for one model."""
        return self.variant if self.variant is None or isinstance(self.variant, str) else self.variant.get(model_id)


@dataclass(frozen=True)
class Task:
    """One model to be installed, with what a look at the app found."""

    model_id: str
    locked: LockedModel
    action: str
    reason: str
    before: Receipt | None
    asked: str | None = None
    damage: str = ""


def lock_differences(app: AppConfig, lock: Lock) -> list[str]:
    """How the lock differs from the pins of the app, a sentence each; empty when it stands for exactly them."""
    differences = []
    for model_id, version in sorted(app.models.items()):
        locked = lock.models.get(model_id)
        if locked is None:
            differences.append(f"{model_id} is not in the lock")
        elif locked.version != version:
            differences.append(f"{model_id} is pinned to {version}, and the lock has {locked.version}")
    extra = sorted(set(lock.models) - set(app.models))
    return differences + [f"{model_id} is in the lock, and the app has no such model" for model_id in extra]


def complete_lock(
    app: AppConfig, lock: Lock, registry: Registry, options: InstallOptions
) -> tuple[Lock, tuple[str, ...]]:
    """The lock that fits the pins, and the ids whose entries are new or gone.

    Only what is new is asked of the registry.
    """
    differences = lock_differences(app, lock)
    if not differences:
        return lock, ()
    if options.frozen:
        fix = "run the install without --frozen, and commit alwaysai.lock.json"
        findings = [Finding("error", what, str(lock.path), fix) for what in differences]
        raise InvalidFiles("the lock and alwaysai.app.json differ", findings, str(lock.path))
    entries: dict[str, LockedModel] = {}
    new = []
    for model_id, version in app.models.items():
        locked = lock.models.get(model_id)
        if locked is None or locked.version != version:
            locked = _lock_entry(app, model_id, version, registry)
            new.append(model_id)
        entries[model_id] = locked
    dropped = set(lock.models) - set(app.models)
    return Lock(app.folder, entries), tuple(sorted({*new, *dropped}))


def _lock_entry(app: AppConfig, model_id: str, version: int, registry: Registry) -> LockedModel:
    if version == LOCAL_VERSION:
        raise NotFound(
            f"where the model folder of {model_id} is, nothing says",
            f'{app.path}, models."{model_id}"',
            "add it again: aai app models add ./DIR",
        )
    info = registry.resolve(model_id, str(version))
    return LockedModel(info.number, info.digest)


def write_lock(lock: Lock) -> None:
    """Writes the entries of `lock` over those in the file; pins that somebody adds meanwhile keep theirs."""
    with alone_in(lock.folder):
        pins = load_app(lock.folder).models
        entries = {**load_lock(lock.folder).models, **lock.models}
        Lock(lock.folder, {model_id: entry for model_id, entry in entries.items() if model_id in pins}).write()


def look(app: AppConfig, lock: Lock, machine: Callable[[], Machine], options: InstallOptions) -> list[Task]:
    """What is to be done with each model of the app, sorted by id."""
    return [_examine(app, model_id, lock.models[model_id], machine, options) for model_id in sorted(app.models)]


def _examine(
    app: AppConfig, model_id: str, locked: LockedModel, machine: Callable[[], Machine], options: InstallOptions
) -> Task:
    path = model_path(app.folder, model_id)
    receipt = read_receipt(path) if is_ours(app.folder, model_id) else None
    # A variant that somebody asked for stays, also over an update.
    asked = options.wish(model_id) or (receipt.variant if receipt and receipt.asked else None)
    action, reason = _difference(app, model_id, locked, receipt, machine, options)
    damage = unhealthy(path, receipt, options.verify) if receipt else ""
    if action == NOTHING and damage:
        action, reason = REPAIR, damage
    return Task(model_id, locked, action, reason, receipt, asked, damage)


def _difference(
    app: AppConfig,
    model_id: str,
    locked: LockedModel,
    receipt: Receipt | None,
    machine: Callable[[], Machine],
    options: InstallOptions,
) -> tuple[str, str]:
    """What is to be done with one model whose files are whole, and why."""
    if locked.is_local and _is_in_place(app.folder, model_id, locked):
        return NOTHING, "the model folder itself"
    if receipt is None:
        return INSTALL, "not installed"
    if receipt.version != locked.version or receipt.index_digest != locked.digest:
        what = f"version {receipt.version} is installed" if receipt.version != locked.version else "other bytes"
        return UPDATE, what
    if locked.is_local:
        source = locked.source(app.folder)
        if source.is_dir() and _has_changed(source, receipt):
            return UPDATE, "the model folder has changed"
    elif _wants_other_variant(model_id, receipt, machine, options):
        return UPDATE, f"variant {receipt.variant} is installed"
    return NOTHING, ""


def _has_changed(source: Path, receipt: Receipt) -> bool:
    from aai.core.app.local_model import read_local_model

    return receipt.source != str(source) or receipt.source_files != read_local_model(source).files


def _wants_other_variant(
    model_id: str, receipt: Receipt, machine: Callable[[], Machine], options: InstallOptions
) -> bool:
    wish = options.wish(model_id)
    if wish is not None:
        return receipt.variants > 1 and receipt.variant != wish
    return receipt.variants > 1 and not receipt.asked and receipt.machine != str(machine())


def _is_in_place(app_folder: Path, model_id: str, locked: LockedModel) -> bool:
    """Whether a local model's folder is the very folder that the app reads it from."""
    path = model_path(app_folder, model_id)
    return not path.is_symlink() and path.is_dir() and path.resolve() == locked.source(app_folder).resolve()


def untouched(folder: Path, task: Task) -> ModelResult:
    """The result of a model that was looked at only: `action` is what is to be done with it."""
    receipt = task.before
    return ModelResult(
        task.model_id,
        task.action,
        task.locked.version,
        receipt.version if receipt else None,
        model_path(folder, task.model_id),
        receipt.variant if receipt else "",
        task.reason,
        receipt.reason if receipt else "",
        sum(file.size_bytes for file in receipt.files) if receipt else 0,
    )
