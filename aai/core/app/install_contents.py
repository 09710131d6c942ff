"""What will be installed for one model: the variant, its files, and what becomes its alwaysai.model.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping

from aai.core.app.config import LOCAL_VERSION
from aai.core.app.install_plan import InstallOptions, Task
from aai.core.app.installed import RECEIPT, InstalledFile, Receipt
from aai.core.app.target import Choice, Machine, choose_variant
from aai.core.packed import model_document
from aai.errors import Finding, IntegrityError, InvalidFiles, NotFound
from aai.package.oci import MODEL_FILE_NAME
from aai.package.read import read_index, read_manifest
from aai.package.sealed import digest_of
from aai.ports import ContentStore, Registry
from aai.storage import translated

if TYPE_CHECKING:
    from aai.core.app.local_model import LocalModel


@dataclass(frozen=True)
class Contents:
    """What will be installed: the receipt without its files, the files, and where alwaysai.model.json comes from."""

    receipt: Receipt
    files: Mapping[str, InstalledFile]
    model_file: InstalledFile | None = None
    local: LocalModel | None = None


@dataclass(frozen=True)
class Site:
    """What one install works with.

    Args:
        folder: the app's folder.
        registry: asked only for what neither the lock nor the store has.
        store: where files are fetched to, and linked from.
        machine: the machine to choose variants for; called only when there is something to choose.
        options: how to install.
    """

    folder: Path
    registry: Registry
    store: ContentStore
    machine: Callable[[], Machine]
    options: InstallOptions


def contents_of(site: Site, task: Task) -> Contents:
    """What will be installed for one model. Writes nothing in a dry run.

    Raises:
        NotFound: no such variant, or the model folder is gone.
        InvalidFiles: the model folder has errors or holds another model.
        IntegrityError, RegistryError: the version's documents are not the ones that were published.
    """
    registry, store, options = site.registry, site.store, site.options
    if task.locked.is_local:
        return _local_contents(site.folder, task)
    keep = not options.dry_run
    entries = read_index(store.document(registry, task.model_id, task.locked.digest, keep))
    here = site.machine()
    asked = task.asked
    by_name = not isinstance(options.variant, str) and options.wish(task.model_id) is not None
    if asked is not None and not by_name and asked not in {entry.key for entry in entries}:
        # One key for several models, or one from an earlier version: a model that lacks it gets what suits it.
        choice = choose_variant(entries, here)
        choice = Choice(choice.entry, f"{choice.reason}; it has no variant {asked}")
    else:
        choice = choose_variant(entries, here, asked)
    manifest = read_manifest(store.document(registry, task.model_id, choice.entry.digest, keep))
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
    return Contents(receipt, files, files[MODEL_FILE_NAME])


def _local_contents(folder: Path, task: Task) -> Contents:
    from aai.core.app.local_model import read_local_model

    source = task.locked.source(folder)
    if not source.is_dir():
        fix = f"put it back, or take the model off the app: aai app models remove {task.model_id}"
        raise NotFound(f"the model folder of {task.model_id} is not there", str(source), fix)
    model = read_local_model(source)
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
    return Contents(receipt, files, local=model)


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


def package_document(contents: Contents, store: ContentStore) -> dict[str, Any]:
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
    return model_document((package / "files" / MODEL_FILE_NAME).read_bytes(), f"{receipt.id}@{receipt.version}")
