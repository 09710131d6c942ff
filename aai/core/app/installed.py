"""What is in the `models` folder of an app, read and judged.

    models/<publisher>/<name>                        what applications read: a link to the generation in use
    models/.installed/<publisher>/<name>/<generation>/   one installed version, with its receipt

Where links can't be made, `models/<publisher>/<name>` is itself the folder. Files are sealed (see `package.sealed`), so
that a look at sizes and times is enough to see that nobody wrote to them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aai.core.names import parse_id
from aai.errors import UsageError
from aai.package.oci import MODEL_FILE_NAME, is_digest
from aai.package.sealed import fault

MODELS = "models"
STATE = ".installed"
RECEIPT = ".aai-receipt.json"
SCHEMA = 1


@dataclass(frozen=True)
class InstalledFile:
    """One file of an installed model: path relative to its folder (forward slashes), digest and size."""

    path: str
    digest: str
    size_bytes: int


@dataclass(frozen=True)
class Receipt:
    """What was installed, and why that.

    Args:
        id: the model.
        version: the published version; 0 for a model folder.
        index_digest: of the version's index; "" for a model folder.
        manifest_digest: of the variant's manifest; "" for a model folder.
        variant: its key; "" for a model folder.
        reason: why that variant.
        asked: whether somebody asked for the variant.
        variants: how many there were to choose from.
        machine: the machine that it was chosen for, as text.
        source: the model folder that was copied; "" for a published version.
        source_files: path -> (size, time of change in ns) of the copied files as they were.
        files: all files, alwaysai.model.json among them, the receipt not.
    """

    id: str
    version: int
    index_digest: str = ""
    manifest_digest: str = ""
    variant: str = ""
    reason: str = ""
    asked: bool = False
    variants: int = 1
    machine: str = ""
    source: str = ""
    source_files: dict[str, tuple[int, int]] = field(default_factory=dict)
    files: tuple[InstalledFile, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The receipt as its file has it."""
        document = {name: getattr(self, name) for name in _PLAIN}
        document["source_files"] = {path: list(stamp) for path, stamp in self.source_files.items()}
        document["files"] = [[file.path, file.digest, file.size_bytes] for file in self.files]
        return {"schema": SCHEMA, **document}


_PLAIN = {
    "id": str,
    "version": int,
    "index_digest": str,
    "manifest_digest": str,
    "variant": str,
    "reason": str,
    "asked": bool,
    "variants": int,
    "machine": str,
    "source": str,
}


def model_path(app_folder: Path, model_id: str) -> Path:
    """Where the app reads a model."""
    publisher, name = parse_id(model_id)
    return app_folder / MODELS / publisher / name


def state_path(app_folder: Path, model_id: str) -> Path:
    """Where the generations of a model are."""
    publisher, name = parse_id(model_id)
    return app_folder / MODELS / STATE / publisher / name


def read_receipt(folder: Path) -> Receipt | None:
    """The receipt in a model's folder; None when there is none that can be read, and the files count for nothing."""
    try:
        document = json.loads((folder / RECEIPT).read_bytes().decode("utf-8"))
        if document["schema"] != SCHEMA or any(type(document[name]) is not kind for name, kind in _PLAIN.items()):
            return None
        files = tuple(InstalledFile(path, digest, size) for path, digest, size in document["files"])
        if not all(map(_is_file, files)):
            return None
        stamps = {path: (size, time) for path, (size, time) in document["source_files"].items()}
        return Receipt(files=files, source_files=stamps, **{name: document[name] for name in _PLAIN})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_file(file: InstalledFile) -> bool:
    return isinstance(file.path, str) and is_digest(file.digest) and type(file.size_bytes) is int


def unhealthy(folder: Path, receipt: Receipt, full: bool = False) -> str:
    """What is wrong with the files of an installed model, as a sentence; "" when nothing is.

    Args:
        folder: the model's folder.
        receipt: what belongs there.
        full: hash every file, instead of those alone whose time is not the sealed one.
    """
    if not any(file.path == MODEL_FILE_NAME for file in receipt.files):
        return f"{MODEL_FILE_NAME} is missing in the receipt"
    for file in receipt.files:
        wrong = fault(folder / file.path, file.size_bytes, file.digest, full)
        if wrong:
            return f"{file.path} {wrong}"
    return ""


def installed_models(app_folder: Path) -> list[tuple[str, Receipt | None]]:
    """(model id, receipt) of every model in the app that was installed by us, sorted by id.

    What is neither a link to a generation nor a folder with our receipt for that very place is somebody else's, and is
    not listed. The receipt is None where it is damaged.
    """
    found = []
    for publisher in _entries(app_folder / MODELS):
        for entry in _entries(publisher):
            model_id = f"{publisher.name}/{entry.name}"
            receipt = read_receipt(entry)
            if is_ours(app_folder, model_id):
                found.append((model_id, receipt))
    return found


def models_with_state(app_folder: Path) -> list[str]:
    """Ids of the models that have generations in the app, in use or not; sorted."""
    return [
        f"{publisher.name}/{entry.name}"
        for publisher in _entries(app_folder / MODELS / STATE)
        for entry in _entries(publisher)
    ]


def is_ours(app_folder: Path, model_id: str) -> bool:
    """Whether what lies at a model's place was put there by an install."""
    try:
        path, state = model_path(app_folder, model_id), state_path(app_folder, model_id)
    except UsageError:
        return False
    if path.is_symlink():
        return Path(os.path.normpath(path.parent / os.readlink(path))).parent == Path(os.path.normpath(state))
    receipt = read_receipt(path)
    return receipt is not None and receipt.id == model_id


def _entries(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
