"""All that an install needs, found out and brought into the store for all models at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping, Sequence

from aai.core.app.install_contents import Contents, Site, contents_of
from aai.core.app.install_plan import NOTHING, Task
from aai.core.app.installed import InstalledFile
from aai.core.app.parallel import in_parallel
from aai.errors import AaiError, IntegrityError, InvalidFiles, RegistryError

WORKERS = 4
Progress = Callable[[int, int], None]
"""Called with (bytes that are there, bytes in all) while files are fetched."""


@dataclass
class Failures:
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


def all_contents(site: Site, tasks: Sequence[Task], failures: Failures) -> dict[str, Contents]:
    """What will be installed for each model that has something to do; those that fail are told to `failures`."""
    jobs = {task.model_id: lambda task=task: contents_of(site, task) for task in tasks if task.action != NOTHING}
    contents: dict[str, Contents] = {}
    for model_id, found, error in in_parallel(jobs, WORKERS):
        if error is not None:
            failures.add(model_id, error)
        else:
            contents[model_id] = found
    return contents


def fetch_all(
    site: Site,
    tasks: Sequence[Task],
    contents: Mapping[str, Contents],
    failures: Failures,
    progress: Progress | None,
) -> int:
    """Brings every file of every model into the store, each once; the bytes that were not there before."""
    damaged = {task.model_id for task in tasks if task.damage}
    wanted: dict[str, InstalledFile] = {}
    owners: dict[str, list[str]] = {}
    for model_id, found in contents.items():
        for file in found.files.values() if found.local is None else ():
            wanted[file.digest] = file
            owners.setdefault(file.digest, []).append(model_id)

    def job(file: InstalledFile, names: Sequence[str]) -> Callable[[], bool]:
        # What was installed and then changed may be a link to the very blob.
        check = any(name in damaged for name in names)
        return lambda: site.store.fetch(site.registry, names[0], file.digest, file.size_bytes, check)

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
