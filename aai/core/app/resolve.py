"""Changes to the models of an app: planned whole, then made in one step that holds or leaves everything as it was.

A plan is made of plain data and can be shown. Applying it writes the lock, then alwaysai.app.json (the moment at which
it has happened), then the project in the registry, which is the step most likely to fail; a failure of any of them puts
the files back.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from aai.core.app.config import LOCAL_VERSION, AppConfig, load_app, read_project, same_but_for_case
from aai.core.app.lock import Lock, LockedModel, load_lock
from aai.core.app.references import Wish, raise_missing, wish_of
from aai.core.names import did_you_mean
from aai.errors import AaiError, NotFound, UsageError
from aai.ports import Registry
from aai.storage import alone_in, write_bytes

ADD, UPDATE, REMOVE, KEEP = "add", "update", "remove", "keep"


@dataclass(frozen=True)
class Change:
    """What a plan does to one model of an app.

    Args:
        id: the model.
        action: ADD, UPDATE, REMOVE, or KEEP.
        before: the pin before; None when there was none.
        after: the pin after; None when there is none.
        note: why, when it is not plain: "tag production", "a model folder".
        locked: what the pin stands for after the change; None when it goes, or when the lock's entry stays.
    """

    id: str
    action: str
    before: int | None
    after: int | None
    note: str = ""
    locked: LockedModel | None = None

    def as_dict(self) -> dict[str, Any]:
        """The change as `--json` prints it."""
        return {"id": self.id, "action": self.action, "from": self.before, "to": self.after, "note": self.note}


@dataclass(frozen=True)
class Plan:
    """Changes to an app's models, not made yet: `apply_plan` makes them.

    Args:
        folder: the app's folder.
        changes: sorted by id, models that stay as they are among them.
        project: the project that changes too; None when none does.
        project_set: what the project will want: model id -> version or tag.
        project_remove: what it will want no more.
    """

    folder: Path
    changes: tuple[Change, ...]
    project: str | None = None
    project_set: Mapping[str, int | str | None] = field(default_factory=dict)
    project_remove: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the plan does anything."""
        return bool(self.project_set or self.project_remove) or any(c.action != KEEP for c in self.changes)

    def as_dict(self) -> dict[str, Any]:
        """The plan as `--json` prints it."""
        return {
            "app": str(self.folder),
            "project": self.project,
            "changed": self.changed,
            "changes": [change.as_dict() for change in self.changes],
        }


def plan_add(folder: Path, references: Sequence[str], registry: Registry, local: bool = False) -> Plan:
    """The plan that pins `references`: ID (the newest), ID@VERSION, ID@TAG, or ./DIR for a model folder.

    With a project that the app follows, the project will want them too, unless `local`; model folders stay the app's.

    Raises:
        NotFound: models, versions or tags that the registry does not have, all at once; a folder that is not there.
        UsageError: one model asked for in two versions, or two that differ in case only.
        InvalidFiles: a model folder whose configuration has errors or no id.
    """
    app, lock = load_app(folder), load_lock(folder)
    wishes: dict[str, Wish] = {}
    missing: list[NotFound] = []
    for reference in references:
        try:
            model_id, wish = wish_of(folder, reference, registry)
        except NotFound as error:
            missing.append(error)
            continue
        if model_id in wishes and wishes[model_id].locked != wish.locked:
            raise UsageError(f"{model_id} is asked for in two versions", reference, "name one of them")
        wishes[model_id] = wish
    raise_missing(missing, len(references))
    _check_case({**app.models, **dict.fromkeys(wishes, LOCAL_VERSION)})
    changes = tuple(change_for(app, lock, model_id, wishes[model_id]) for model_id in sorted(wishes))
    published = {model_id: wish for model_id, wish in wishes.items() if not wish.locked.is_local}
    project = None if local or not published else read_project(folder)
    if project is None:
        return Plan(folder, changes)
    have = registry.project(project)
    return Plan(folder, changes, project, _project_set(published, have))


def _project_set(wishes: Mapping[str, Wish], have: Mapping[str, int | str | None]) -> dict[str, int | str | None]:
    """What a project will want that it does not want already.

    A tag that was asked for stays a tag. Where neither version nor tag was asked for, a project that leaves the version
    open goes on so; any other will want the version that the app has got.
    """
    entries: dict[str, int | str | None] = {}
    for model_id, wish in wishes.items():
        entry = wish.locked.version if wish.asked is None else wish.asked
        if model_id not in have or (have[model_id] != entry and not (wish.asked is None and have[model_id] is None)):
            entries[model_id] = entry
    return entries


def plan_remove(folder: Path, model_ids: Sequence[str], registry: Registry, local: bool = False) -> Plan:
    """The plan that takes models off the app, and off the project that it follows unless `local`.

    Raises:
        NotFound: a model that the app does not have; `fix` holds the nearest ids.
    """
    app = load_app(folder)
    missing = [_not_in_app(app, model_id) for model_id in model_ids if model_id not in app.models]
    raise_missing(missing, len(model_ids))
    return _plan_removal(app, sorted(set(model_ids)), registry, local)


def plan_remove_all(folder: Path, registry: Registry, local: bool = False) -> Plan:
    """The plan that takes all models off the app, and off the project that it follows unless `local`."""
    app = load_app(folder)
    return _plan_removal(app, sorted(app.models), registry, local)


def plan_update(folder: Path, model_ids: Sequence[str], registry: Registry) -> Plan:
    """The plan that moves pins to the newest versions: those of `model_ids`, or all when it is empty.

    Pins never go down, and model folders stay what they are. The project, if any, is not changed: others follow it.

    Raises:
        NotFound: a model that the app or the registry does not have.
    """
    app, lock = load_app(folder), load_lock(folder)
    missing = [_not_in_app(app, model_id) for model_id in model_ids if model_id not in app.models]
    raise_missing(missing, len(model_ids))
    project = read_project(folder)
    others = registry.project(project) if project is not None else {}
    changes = []
    for model_id in sorted(set(model_ids) or app.models):
        pin = app.models[model_id]
        if pin == LOCAL_VERSION:
            changes.append(Change(model_id, KEEP, pin, pin, "a model folder"))
            continue
        newest = registry.resolve(model_id)
        if newest.number < pin:
            changes.append(Change(model_id, KEEP, pin, pin, f"the registry's newest is {newest.number}"))
            continue
        entry, note = others.get(model_id), ""
        if entry not in (None, newest.number, "latest"):
            note = f"the project {project} wants {entry}: a sync goes back to it"
        changes.append(change_for(app, lock, model_id, Wish(LockedModel(newest.number, newest.digest), note)))
    return Plan(folder, tuple(changes))


def apply_plan(plan: Plan, registry: Registry) -> None:
    """Makes the changes of a plan, all or none.

    Each change is made to the files as they are now, so that of two people who add a model each, both get theirs.

    Raises:
        StorageFailed, NotAllowed: the app's files could not be written; they are as before.
        RegistryError: the project could not be changed; the app's files are as before.
    """
    if not plan.changed:
        return
    with alone_in(plan.folder):
        app, lock = load_app(plan.folder), load_lock(plan.folder)
        pins, locked = app.models, dict(lock.models)
        for change in plan.changes:
            if change.after is None:
                pins.pop(change.id, None)
                locked.pop(change.id, None)
            elif change.action != KEEP:
                pins[change.id] = change.after
            if change.locked is not None:
                locked[change.id] = change.locked
        _check_case(pins)
        with _put_back_on_failure([lock.path, app.path]):
            Lock(plan.folder, {model_id: entry for model_id, entry in locked.items() if model_id in pins}).write()
            app.with_models(pins).write()
            if plan.project is not None and (plan.project_set or plan.project_remove):
                registry.change_project(plan.project, plan.project_set, plan.project_remove)


def change_for(app: AppConfig, lock: Lock, model_id: str, wish: Wish) -> Change:
    """The change that gives `model_id` what `wish` says."""
    before, after = app.models.get(model_id), wish.locked.version
    if before is None:
        action = ADD
    elif before != after or (wish.locked.is_local and lock.models.get(model_id) != wish.locked):
        action = UPDATE
    elif lock.models.get(model_id) != wish.locked:
        action = UPDATE
        have = lock.models.get(model_id)
        wish = Wish(wish.locked, "was not in the lock" if have is None else "the lock had other bytes")
    else:
        action = KEEP
    return Change(model_id, action, before, after, wish.note, wish.locked)


def _plan_removal(app: AppConfig, model_ids: Sequence[str], registry: Registry, local: bool) -> Plan:
    changes = tuple(Change(model_id, REMOVE, app.models[model_id], None) for model_id in model_ids)
    project = None if local else read_project(app.folder)
    if project is None:
        return Plan(app.folder, changes)
    have = registry.project(project)
    return Plan(app.folder, changes, project, {}, tuple(model_id for model_id in model_ids if model_id in have))


def _not_in_app(app: AppConfig, model_id: str) -> NotFound:
    near = did_you_mean(model_id, app.models)
    return NotFound(f"the app has no model {model_id}", str(app.path), near or "see its models: aai app models show")


def _check_case(models: Mapping[str, Any]) -> None:
    for first, second in same_but_for_case(models):
        raise UsageError(
            f"{first} and {second} differ in case only, and some disks would give both one folder",
            None,
            f"remove one first: aai app models remove {first}",
        )


@contextlib.contextmanager
def _put_back_on_failure(paths: Sequence[Path]) -> Iterator[None]:
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        # In reverse, so that a kill in here also leaves a lock that is written before the app file.
        for path, data in reversed(list(before.items())):
            with contextlib.suppress(AaiError, OSError):
                if data is None:
                    path.unlink()
                else:
                    write_bytes(path, data)
        raise
