"""`aai app install`: what the lock says, put into the app's `models` folder; what is there and right stays untouched.

First comes a look that opens no registry and hashes nothing. Only if it finds something to do are files fetched, all of
them before the first model is switched, so that a failing download leaves every model as it was.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence, Union

from aai.core.app_config import LOCAL_VERSION, AppConfig, load_app
from aai.core.generations import is_tidy, recover, remove_model, switch_to, tidy, write_receipt
from aai.core.installed import (
    MODELS,
    RECEIPT,
    STATE,
    InstalledFile,
    Receipt,
    installed_models,
    is_ours,
    model_path,
    models_with_state,
    read_receipt,
    unhealthy,
)
from aai.core.local_model import LocalModel, read_local_model
from aai.core.lock import Lock, LockedModel, load_lock
from aai.core.target import Choice, Machine, choose_variant
from aai.errors import AaiError, Finding, IntegrityError, InvalidFiles, NotFound, RegistryError
from aai.package.oci import MODEL_FILE_NAME
from aai.package.read import read_index, read_manifest
from aai.package.sealed import copy_checked, digest_of
from aai.ports import ContentStore, Registry
from aai.storage import alone_in, translated

INSTALL, UPDATE, REPAIR, REMOVE, NOTHING = "install", "update", "repair", "remove", "none"
WORKERS = 4
VariantWish = Union[str, Mapping[str, str], None]
"""The variant to take: one key for every model that has it, or model id -> key, or None to choose for this machine."""
Progress = Callable[[int, int], None]
"""Called with (bytes that are there, bytes in all) while files are fetched."""


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
class InstallResult:
    """What an install did, or would do.

    Args:
        folder: the app's folder.
        models: sorted by id, models with nothing to do among them.
        newly_locked: ids whose lock entry was missing or stood for another version, and is written now.
        kept: ids that are installed and no longer wanted, and stay because of `keep`.
        fetched_bytes: what was not on this machine before.
    """

    folder: Path
    models: tuple[ModelResult, ...]
    newly_locked: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    fetched_bytes: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.newly_locked) or any(model.action != NOTHING for model in self.models)

    def as_dict(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
        return {
            "app": str(self.folder),
            "changed": self.changed,
            "models": [model.as_dict() for model in self.models],
            "newly_locked": list(self.newly_locked),
            "kept": list(self.kept),
            "fetched_bytes": self.fetched_bytes,
        }


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
class _Task:
    """One model to be installed, with what a look at the app found."""

    model_id: str
    locked: LockedModel
    action: str
    reason: str
    before: Receipt | None
    asked: str | None = None
    damage: str = ""


@dataclass(frozen=True)
class _Contents:
    """What will be installed: the receipt without its files, the files, and where alwaysai.model.json comes from."""

    receipt: Receipt
    files: Mapping[str, InstalledFile]
    model_file: InstalledFile | None = None
    local: LocalModel | None = None


def install_app(
    folder: Path,
    registry: Registry,
    store: ContentStore,
    machine: Callable[[], Machine],
    options: InstallOptions | None = None,
    progress: Progress | None = None,
) -> InstallResult:
    """Makes the app's `models` folder what alwaysai.app.json and the lock say.

    Args:
        folder: the app's folder.
        registry: asked only for what neither the lock nor the store has.
        store: where files are fetched to, and linked from.
        machine: the machine to choose variants for; called only when there is something to choose.
        options: how; without it, the default.
        progress: called while files are fetched.

    Raises:
        NotFound: no app, a version that the registry does not have, or a model folder that is gone.
        InvalidFiles: broken app files; with `frozen`, a lock that differs.
        IntegrityError: a file is not the one that was published. That model stays as it was; the others are installed.
        StorageFailed, NotAllowed: no space, or no right to write. Models stay as they were.
    """
    options = options or InstallOptions()
    app = load_app(folder)
    lock, newly_locked = _complete_lock(app, load_lock(folder), registry, options)
    tasks = _look(app, lock, machine, options)
    unwanted = _unwanted(app)
    result = InstallResult(folder, (), newly_locked, tuple(unwanted) if options.keep else ())
    if options.dry_run:
        return replace(result, models=_planned(folder, tasks, [] if options.keep else unwanted))
    if newly_locked:
        _write_lock(lock)
    if _is_idle(app, tasks, [] if options.keep else unwanted):
        _check_somebody_has(options, {}, tasks)
        return replace(result, models=tuple(_untouched(folder, task) for task in tasks))
    with alone_in(folder / MODELS / STATE):
        for model_id in models_with_state(folder):
            recover(folder, model_id)
        # Somebody else may have been at work since the first look.
        tasks = _look(app, lock, machine, options)
        installed, fetched_bytes = _install_all(folder, tasks, registry, store, machine, options, progress)
        removed = [] if options.keep else [_remove(folder, model_id) for model_id in _unwanted(app)]
        for model_id in _orphans(app):
            remove_model(folder, model_id)
    return replace(
        result,
        models=tuple(sorted([*installed, *removed], key=lambda model: model.id)),
        fetched_bytes=fetched_bytes,
    )


def _unwanted(app: AppConfig) -> list[str]:
    return [model_id for model_id, _ in installed_models(app.folder) if model_id not in app.models]


def _orphans(app: AppConfig) -> list[str]:
    """Models of which a killed removal has left the files, but no place that they are read from."""
    return [
        model_id
        for model_id in models_with_state(app.folder)
        if model_id not in app.models and not os.path.lexists(model_path(app.folder, model_id))
    ]


def _is_idle(app: AppConfig, tasks: Sequence[_Task], to_remove: Sequence[str]) -> bool:
    return (
        not to_remove
        and all(task.action == NOTHING and is_tidy(app.folder, task.model_id) for task in tasks)
        and not _orphans(app)
    )


def _write_lock(lock: Lock) -> None:
    """Writes the entries of `lock` over those in the file; pins that somebody adds meanwhile keep theirs."""
    with alone_in(lock.folder):
        pins = load_app(lock.folder).models
        entries = {**load_lock(lock.folder).models, **lock.models}
        Lock(lock.folder, {model_id: entry for model_id, entry in entries.items() if model_id in pins}).write()


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


def _complete_lock(
    app: AppConfig, lock: Lock, registry: Registry, options: InstallOptions
) -> tuple[Lock, tuple[str, ...]]:
    """The lock that fits the pins, and the ids whose entries are new; only these are asked of the registry."""
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


def _look(app: AppConfig, lock: Lock, machine: Callable[[], Machine], options: InstallOptions) -> list[_Task]:
    return [_examine(app, model_id, lock.models[model_id], machine, options) for model_id in sorted(app.models)]


def _examine(
    app: AppConfig, model_id: str, locked: LockedModel, machine: Callable[[], Machine], options: InstallOptions
) -> _Task:
    path = model_path(app.folder, model_id)
    receipt = read_receipt(path) if is_ours(app.folder, model_id) else None
    # A variant that somebody asked for stays, also over an update.
    asked = options.wish(model_id) or (receipt.variant if receipt and receipt.asked else None)
    action, reason = _difference(app, model_id, locked, receipt, machine, options)
    damage = unhealthy(path, receipt, options.verify) if receipt else ""
    if action == NOTHING and damage:
        action, reason = REPAIR, damage
    return _Task(model_id, locked, action, reason, receipt, asked, damage)


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


def _planned(folder: Path, tasks: Sequence[_Task], unwanted: Sequence[str]) -> tuple[ModelResult, ...]:
    removals = [_removal(folder, model_id) for model_id in unwanted]
    return tuple(sorted([*(_untouched(folder, task) for task in tasks), *removals], key=lambda model: model.id))


def _untouched(folder: Path, task: _Task) -> ModelResult:
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


def _removal(folder: Path, model_id: str) -> ModelResult:
    path = model_path(folder, model_id)
    receipt = read_receipt(path)
    before = receipt.version if receipt else None
    return ModelResult(model_id, REMOVE, None, before, path, reason="no longer wanted")


def _remove(folder: Path, model_id: str) -> ModelResult:
    result = _removal(folder, model_id)
    remove_model(folder, model_id)
    return result


@dataclass
class _Failures:
    """What went wrong, by model: one model's failure does not stop the others."""

    by_model: dict[str, AaiError] = field(default_factory=dict)

    def add(self, model_id: str, error: BaseException) -> None:
        """Keeps a failure of the kind that is told to people; any other is a fault of ours and goes on."""
        if not isinstance(error, AaiError):
            raise error
        self.by_model.setdefault(model_id, error)

    def raise_any(self) -> None:
        """Raises the one failure, or one that speaks of all and has the kind of the first."""
        errors = [self.by_model[model_id] for model_id in sorted(self.by_model)]
        if len(errors) > 1:
            first = errors[0]
            what = f"{len(errors)} models could not be installed; " + "; ".join(
                f"{model_id}: {self.by_model[model_id].what}" for model_id in sorted(self.by_model)
            )
            kind = AaiError if isinstance(first, InvalidFiles) else type(first)
            raise kind(what, first.where, first.fix) from first
        if errors:
            raise errors[0]


def _install_all(
    folder: Path,
    tasks: Sequence[_Task],
    registry: Registry,
    store: ContentStore,
    machine: Callable[[], Machine],
    options: InstallOptions,
    progress: Progress | None,
) -> tuple[list[ModelResult], int]:
    from aai.core.parallel import in_parallel

    failures = _Failures()
    todo = {task.model_id: task for task in tasks if task.action != NOTHING}
    jobs = {
        model_id: lambda task=task: _contents(folder, task, registry, store, machine, options)
        for model_id, task in todo.items()
    }
    contents: dict[str, _Contents] = {}
    for model_id, found, error in in_parallel(jobs, WORKERS):
        if error is not None:
            failures.add(model_id, error)
        else:
            contents[model_id] = found
    if not failures.by_model:
        _check_somebody_has(options, contents, tasks)
    fetched_bytes = _fetch_all(contents, todo, registry, store, failures, progress)
    results = []
    for task in tasks:
        try:
            if task.model_id in contents and task.model_id not in failures.by_model:
                results.append(_switch(folder, task, contents[task.model_id], store))
            elif task.action == NOTHING:
                tidy(folder, task.model_id)
                results.append(_untouched(folder, task))
        except AaiError as error:
            failures.add(task.model_id, error)
    failures.raise_any()
    return results, fetched_bytes


def _contents(
    folder: Path,
    task: _Task,
    registry: Registry,
    store: ContentStore,
    machine: Callable[[], Machine],
    options: InstallOptions,
) -> _Contents:
    if task.locked.is_local:
        return _local_contents(folder, task)
    entries = read_index(store.document(registry, task.model_id, task.locked.digest))
    here = machine()
    asked = task.asked
    by_name = not isinstance(options.variant, str) and options.wish(task.model_id) is not None
    if asked is not None and not by_name and asked not in {entry.key for entry in entries}:
        # One key for several models, or one from an earlier version: a model that lacks it gets what suits it.
        choice = choose_variant(entries, here)
        choice = Choice(choice.entry, f"{choice.reason}; it has no variant {asked}")
    else:
        choice = choose_variant(entries, here, asked)
    manifest = read_manifest(store.document(registry, task.model_id, choice.entry.digest))
    files = {entry.path: InstalledFile(entry.path, entry.digest, entry.size_bytes) for entry in manifest.files}
    _check_names(files, task.model_id)
    receipt = Receipt(
        task.model_id,
        task.locked.version,
        task.locked.digest,
        choice.entry.digest,
        choice.entry.key,
        choice.reason,
        choice.asked,
        len(entries),
        str(here),
    )
    return _Contents(receipt, files, files[MODEL_FILE_NAME])


def _local_contents(folder: Path, task: _Task) -> _Contents:
    model = read_local_model(task.locked.source(folder))
    if model.config.id != task.model_id:
        raise InvalidFiles(
            "the model folder holds another model now",
            [
                Finding(
                    "error",
                    f"the model folder of {task.model_id} holds {model.config.id} now",
                    str(model.folder),
                    f"add it again: aai app models add {model.folder}",
                )
            ],
        )
    files = {}
    for path, (size_bytes, _) in model.files.items():
        if path != MODEL_FILE_NAME:
            with translated(model.folder / path):
                files[path] = InstalledFile(path, digest_of(model.folder / path), size_bytes)
    _check_names({**files, MODEL_FILE_NAME: None}, task.model_id)
    receipt = Receipt(
        task.model_id, LOCAL_VERSION, reason="a model folder", source=str(model.folder), source_files=model.files
    )
    return _Contents(receipt, files, local=model)


def _check_names(files: Mapping[str, object], model_id: str) -> None:
    """Refuses files that would be one on some disks, and one that would be taken for our receipt."""
    seen = {RECEIPT.casefold(): RECEIPT}
    if RECEIPT in files:
        raise IntegrityError(
            f"a file has the name of the receipt, {RECEIPT}", model_id, "publish it under another name"
        )
    for path in files:
        other = seen.setdefault(path.casefold(), path)
        if other != path:
            what = f"the files {other!r} and {path!r} differ in case only, and some disks would make them one"
            raise IntegrityError(what, model_id, "rename one of them and publish the model again")


def _check_somebody_has(options: InstallOptions, contents: Mapping[str, _Contents], tasks: Sequence[_Task]) -> None:
    """Refuses a variant that no model of the app has: it is a mistyped one."""
    wish = options.variant
    if not isinstance(wish, str) or not tasks:
        return
    have = {found.receipt.variant for found in contents.values()}
    have |= {task.before.variant for task in tasks if task.before and task.action == NOTHING}
    if wish not in have:
        raise NotFound(
            f'no model of the app has a variant "{wish}"', None, "see the variants: aai model show PUBLISHER/NAME"
        )


def _fetch_all(
    contents: Mapping[str, _Contents],
    todo: Mapping[str, _Task],
    registry: Registry,
    store: ContentStore,
    failures: _Failures,
    progress: Progress | None,
) -> int:
    """Brings every file of every model into the store, each once; the bytes that were not there before."""
    from aai.core.parallel import in_parallel

    wanted: dict[str, InstalledFile] = {}
    owners: dict[str, list[str]] = {}
    for model_id, found in contents.items():
        for file in found.files.values() if found.local is None else ():
            wanted[file.digest] = file
            owners.setdefault(file.digest, []).append(model_id)

    def job(file: InstalledFile, names: Sequence[str]) -> Callable[[], bool]:
        # What was installed and then changed may be a link to the very blob.
        check = any(todo[name].damage for name in names)
        return lambda: store.fetch(registry, names[0], file.digest, file.size_bytes, check)

    # The largest first, so that none of them is left to the end, for one thread alone.
    order = sorted(wanted.values(), key=lambda file: -file.size_bytes)
    jobs = {file.digest: job(file, owners[file.digest]) for file in order}
    total = sum(file.size_bytes for file in order)
    there = fetched = 0
    for digest, was_fetched, error in in_parallel(jobs, WORKERS):
        if error is not None:
            for model_id in owners[digest]:
                failures.add(model_id, _named(error, model_id, wanted[digest]))
            continue
        there += wanted[digest].size_bytes
        fetched += wanted[digest].size_bytes if was_fetched else 0
        if progress is not None:
            progress(there, total)
    return fetched


def _named(error: BaseException, model_id: str, file: InstalledFile) -> BaseException:
    """`error` with the model and the file in it, which a registry that was asked for a blob can't know."""
    if not isinstance(error, (IntegrityError, RegistryError)):
        return error
    where = f"{error.where}; it is {file.path} of {model_id}" if error.where else f"{file.path} of {model_id}"
    named = type(error)(error.what, where, error.fix)
    named.__cause__ = error
    return named


def _switch(folder: Path, task: _Task, contents: _Contents, store: ContentStore) -> ModelResult:
    if _is_the_same(task, contents.receipt):
        # Chosen anew, for another machine or by name, and the choice is what is there: only the receipt is new.
        receipt = replace(contents.receipt, files=task.before.files if task.before else ())
        write_receipt(folder, receipt)
        return _untouched(folder, replace(task, action=NOTHING, reason="", before=receipt))
    files = {path: file for path, file in contents.files.items() if path != MODEL_FILE_NAME}
    if contents.local is not None:
        source = contents.local.folder
        document = contents.local.config.document
        receipt = switch_to(
            folder,
            contents.receipt,
            document,
            files,
            lambda file, place: copy_checked(source / file.path, place, file.digest),
        )
    else:
        document = _package_document(contents, store)
        receipt = switch_to(
            folder, contents.receipt, document, files, lambda file, place: store.place(file.digest, place)
        )
    return ModelResult(
        task.model_id,
        task.action,
        receipt.version,
        task.before.version if task.before else None,
        model_path(folder, task.model_id),
        receipt.variant,
        task.reason,
        receipt.reason,
        sum(file.size_bytes for file in receipt.files),
    )


def _is_the_same(task: _Task, new: Receipt) -> bool:
    before = task.before
    return (
        task.action == UPDATE
        and before is not None
        and bool(new.manifest_digest)
        and (before.version, before.index_digest, before.manifest_digest)
        == (new.version, new.index_digest, new.manifest_digest)
        and not task.damage
    )


def _package_document(contents: _Contents, store: ContentStore) -> dict[str, Any]:
    """The content of the package's alwaysai.model.json."""
    receipt = contents.receipt
    package = store.keep(
        receipt.manifest_digest,
        {
            "id": receipt.id,
            "index_digest": receipt.index_digest,
            "manifest_digest": receipt.manifest_digest,
            "variant": receipt.variant,
            "files": {
                file.path: {"digest": file.digest, "size_bytes": file.size_bytes} for file in contents.files.values()
            },
        },
        {file.path: file.digest for file in contents.files.values()},
    )
    path = package / "files" / MODEL_FILE_NAME
    try:
        document = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise IntegrityError(
            f"the {MODEL_FILE_NAME} of the package is not a JSON object",
            f"{receipt.id}@{receipt.version}",
            "publish the model again",
        )
    return document
