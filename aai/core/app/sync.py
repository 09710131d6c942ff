"""`aai app models sync`: the app's models made equal to a project's, another app's, or a list's."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

from aai.core.app.config import APP_FILE, LOCAL_VERSION, PROJECT_FILE, AppConfig, load_app, read_app_file, read_project
from aai.core.app.lock import LOCK_FILE, Lock, LockedModel, load_lock, local_path
from aai.core.app.references import Wish, raise_missing, resolve_reference
from aai.core.app.resolve import KEEP, REMOVE, Change, Plan, change_for
from aai.core.names import parse_reference, version_number
from aai.errors import AaiError, Finding, InvalidFiles, NotFound
from aai.ports import Registry
from aai.storage import storage_error

_MOST_FINDINGS = 10
"""Of a file that is no list of models at all, every line would be wrong."""


def plan_sync(folder: Path, registry: Registry, from_: Path | None = None) -> Plan:
    """The plan after which the app has the models that its project names, in the versions that it names.

    A number is that version. A tag is the version that it names now. Where neither is said, a pin that the app has is
    kept, and a new model gets its newest version. Models of the app that the source does not name are removed, except
    model folders when the source can't name such: only another app can.

    Args:
        folder: the app's folder.
        registry: where project and versions are.
        from_: instead of the project: an app's folder, its alwaysai.app.json or lock, an alwaysai.project.json, or a
            text file with ID, ID@VERSION or ID@TAG on each line (`#` starts a comment).

    Raises:
        NotFound: the app follows no project, or there is no such project, source, model, version or tag.
        InvalidFiles: the source can't be read.
    """
    app, lock = load_app(folder), load_lock(folder)
    if from_ is not None and from_.name == LOCK_FILE:
        from_ = from_.parent
    if from_ is None or from_.name == PROJECT_FILE:
        wanted = _from_project(folder if from_ is None else from_.parent, registry)
    elif from_.is_dir() or from_.suffix == ".json":
        return _plan(app, lock, _from_app(app, lock, from_, registry), keep_local=False)
    else:
        wanted = _from_list(from_)
    wishes: dict[str, Wish] = {}
    missing = []
    for model_id, entry in wanted.items():
        try:
            wishes[model_id] = _decide(app, lock, model_id, entry, registry)
        except NotFound as error:
            missing.append(error)
    raise_missing(missing, len(wanted))
    return _plan(app, lock, wishes, keep_local=True)


def _plan(app: AppConfig, lock: Lock, wishes: Mapping[str, Wish], keep_local: bool) -> Plan:
    changes = [change_for(app, lock, model_id, wish) for model_id, wish in wishes.items()]
    for model_id, pin in app.models.items():
        if model_id in wishes:
            continue
        if keep_local and pin == LOCAL_VERSION:
            changes.append(Change(model_id, KEEP, pin, pin, "a model folder"))
        else:
            changes.append(Change(model_id, REMOVE, pin, None))
    return Plan(app.folder, tuple(sorted(changes, key=lambda change: change.id)))


def _decide(app: AppConfig, lock: Lock, model_id: str, entry: int | str | None, registry: Registry) -> Wish:
    """What an entry of a project or list stands for, now and in this app."""
    pin, locked = app.models.get(model_id), lock.models.get(model_id)
    if locked is not None and pin == locked.version and pin != LOCAL_VERSION and entry in (None, pin):
        return Wish(locked)  # decided before, and still so: what the lock says is not asked again
    if entry is None and pin is not None and pin != LOCAL_VERSION:
        entry = pin
    reference = model_id if entry is None else f"{model_id}@{entry}"
    return resolve_reference(reference, registry)[1]


def _from_project(folder: Path, registry: Registry) -> dict[str, int | str | None]:
    name = read_project(folder)
    if name is None:
        raise NotFound(
            "the app follows no project",
            str(folder),
            "let it follow one: aai app configure --project NAME; or say what to follow: --from FILE",
        )
    return registry.project(name)


def _from_app(app: AppConfig, lock: Lock, source: Path, registry: Registry) -> dict[str, Wish]:
    other = read_app_file(source / APP_FILE if source.is_dir() else source)
    if "models" not in other.document:
        # Any JSON object would do for an app without models, and the sync would take all of ours away.
        fix = f"name an app's folder, its {APP_FILE}, or a text file with an id on each line"
        raise InvalidFiles(
            "the file names no models",
            [Finding("error", "there are no models in it", str(other.path if source.is_dir() else source), fix)],
        )
    other_lock = load_lock(other.folder)
    wishes: dict[str, Wish] = {}
    for model_id, version in other.models.items():
        locked = other_lock.models.get(model_id)
        if locked is None or locked.version != version:
            if version == LOCAL_VERSION:
                fix = "add it there again: aai app models add ./DIR"
                raise NotFound(f"where the model folder of {model_id} is, nothing says", str(other.path), fix)
            wishes[model_id] = _decide(app, lock, model_id, version, registry)
        elif locked.is_local:
            path = local_path(app.folder, locked.source(other.folder))
            wishes[model_id] = Wish(LockedModel(LOCAL_VERSION, path=path), "a model folder")
        else:
            wishes[model_id] = Wish(locked)
    return wishes


def _from_list(path: Path) -> dict[str, int | str | None]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise storage_error(error, path) from error
    except UnicodeDecodeError as error:
        finding = Finding("error", "the file is not UTF-8 text", str(path), "save it as UTF-8")
        raise InvalidFiles("the file can't be read", [finding]) from error
    wanted: dict[str, int | str | None] = {}
    findings = []
    for row, line in enumerate(lines, 1):
        reference = line.partition("#")[0].strip()
        if not reference:
            continue
        try:
            model_id, entry = parse_reference(reference)
            if model_id in wanted:
                findings.append(Finding("error", f"{model_id} is named twice", f"{path}, line {row}", "keep one"))
            number = version_number(entry or "")
            wanted[model_id] = entry if number is None else number
        except AaiError as error:
            findings.append(Finding("error", error.what, f"{path}, line {row}", error.fix))
    if len(findings) > _MOST_FINDINGS:
        more = Finding(
            "error", f"and {len(findings) - _MOST_FINDINGS} more lines", str(path), "see that it is a list of models"
        )
        findings = [*findings[:_MOST_FINDINGS], more]
    if findings:
        raise InvalidFiles("the list has errors", findings, str(path))
    return wanted
