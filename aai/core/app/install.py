"""`aai app install`: what the lock says, put into the app's `models` folder; what is there and right stays untouched.

First comes a look that opens no registry and hashes nothing. Only if it finds something to do are files fetched, all of
them before the first model is switched: models change close together, and one whose download fails stays as it was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from aai.core.app.config import AppConfig, load_app
from aai.core.app.generations import is_tidy, recover, remove_model, switch_to, tidy, write_receipt
from aai.core.app.install_contents import Contents, Site, package_document
from aai.core.app.install_fetch import Failures, Progress, all_contents, fetch_all
from aai.core.app.install_plan import (
    NOTHING,
    REMOVE,
    UPDATE,
    InstallOptions,
    ModelResult,
    Task,
    complete_lock,
    look,
    untouched,
    write_lock,
)
from aai.core.app.installed import (
    MODELS,
    STATE,
    Receipt,
    installed_models,
    model_path,
    models_with_state,
    read_receipt,
)
from aai.core.app.lock import load_lock
from aai.core.app.target import Machine
from aai.errors import AaiError, NotFound
from aai.package.oci import MODEL_FILE_NAME
from aai.package.sealed import copy_checked
from aai.ports import ContentStore, Registry
from aai.storage import alone_in

__all__ = ["InstallOptions", "InstallResult", "ModelResult", "Progress", "install_app"]


@dataclass(frozen=True)
class InstallResult:
    """What an install did, or would do.

    Args:
        folder: the app's folder.
        models: sorted by id, models with nothing to do among them.
        newly_locked: ids whose lock entry was missing, stood for another version or for no pin, and is mended now.
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
    site = Site(folder, registry, store, machine, options)
    app = load_app(folder)
    lock, newly_locked = complete_lock(app, load_lock(folder), registry, options)
    tasks = look(app, lock, machine, options)
    unwanted = _unwanted(app)
    result = InstallResult(folder, (), newly_locked, tuple(unwanted) if options.keep else ())
    if options.dry_run:
        planned = _planned(site, tasks)
        removed = [] if options.keep else [_removal(folder, model_id) for model_id in unwanted]
        return replace(result, models=_sorted(planned, removed))
    if newly_locked:
        write_lock(lock)
    if _is_idle(app, tasks, [] if options.keep else unwanted):
        _check_somebody_has(options, {}, tasks)
        return replace(result, models=tuple(untouched(folder, task) for task in tasks))
    with alone_in(folder / MODELS / STATE):
        for model_id in models_with_state(folder):
            recover(folder, model_id)
        # Somebody else may have been at work since the first look.
        tasks = look(app, lock, machine, options)
        installed, fetched_bytes = _install_all(site, tasks, progress)
        removed = [] if options.keep else [_remove(folder, model_id) for model_id in _unwanted(app)]
        for model_id in _orphans(app):
            remove_model(folder, model_id)
    return replace(result, models=_sorted(installed, removed), fetched_bytes=fetched_bytes)


def _sorted(*results: Sequence[ModelResult]) -> tuple[ModelResult, ...]:
    return tuple(sorted((model for some in results for model in some), key=lambda model: model.id))


def _unwanted(app: AppConfig) -> list[str]:
    return [model_id for model_id, _ in installed_models(app.folder) if model_id not in app.models]


def _orphans(app: AppConfig) -> list[str]:
    """Models of which a killed removal has left the files, but no place that they are read from."""
    return [
        model_id
        for model_id in models_with_state(app.folder)
        if model_id not in app.models and not os.path.lexists(model_path(app.folder, model_id))
    ]


def _is_idle(app: AppConfig, tasks: Sequence[Task], to_remove: Sequence[str]) -> bool:
    return (
        not to_remove
        and all(task.action == NOTHING and is_tidy(app.folder, task.model_id) for task in tasks)
        and not _orphans(app)
    )


def _planned(site: Site, tasks: Sequence[Task]) -> list[ModelResult]:
    """What an install would do with each wanted model, told by the documents of its version; no file is fetched."""
    failures = Failures()
    contents = all_contents(site, tasks, failures)
    failures.raise_any()
    _check_somebody_has(site.options, contents, tasks)
    return [_expected(site.folder, task, contents.get(task.model_id)) for task in tasks]


def _expected(folder: Path, task: Task, contents: Contents | None) -> ModelResult:
    if contents is None or _is_the_same(task, contents.receipt):
        return untouched(folder, replace(task, action=NOTHING, reason=""))
    size_bytes = sum(file.size_bytes for file in contents.files.values())
    if contents.local is not None:
        size_bytes += contents.local.files[MODEL_FILE_NAME][0]
    return ModelResult(
        task.model_id,
        task.action,
        task.locked.version,
        task.before.version if task.before else None,
        model_path(folder, task.model_id),
        contents.receipt.variant,
        task.reason,
        contents.receipt.reason,
        size_bytes,
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


def _install_all(site: Site, tasks: Sequence[Task], progress: Progress | None) -> tuple[list[ModelResult], int]:
    failures = Failures()
    contents = all_contents(site, tasks, failures)
    if not failures.by_model:
        _check_somebody_has(site.options, contents, tasks)
    fetched_bytes = fetch_all(site, tasks, contents, failures, progress)
    results = []
    for task in tasks:
        try:
            if task.model_id in contents and task.model_id not in failures.by_model:
                results.append(_switch(site, task, contents[task.model_id]))
            elif task.action == NOTHING:
                tidy(site.folder, task.model_id)
                results.append(untouched(site.folder, task))
        except AaiError as error:
            failures.add(task.model_id, error)
    failures.raise_any()
    return results, fetched_bytes


def _check_somebody_has(options: InstallOptions, contents: Mapping[str, Contents], tasks: Sequence[Task]) -> None:
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


def _switch(site: Site, task: Task, contents: Contents) -> ModelResult:
    folder, store = site.folder, site.store
    if _is_the_same(task, contents.receipt):
        # Chosen anew, for another machine or by name, and the choice is what is there: only the receipt is new.
        receipt = replace(contents.receipt, files=task.before.files if task.before else ())
        write_receipt(folder, receipt)
        return untouched(folder, replace(task, action=NOTHING, reason="", before=receipt))
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
        document = package_document(contents, store)
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


def _is_the_same(task: Task, new: Receipt) -> bool:
    before = task.before
    return (
        task.action == UPDATE
        and before is not None
        and bool(new.manifest_digest)
        and (before.version, before.index_digest, before.manifest_digest)
        == (new.version, new.index_digest, new.manifest_digest)
        and not task.damage
    )
