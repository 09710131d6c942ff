"""One installed model of an app replaced by another: staged beside it, switched by a rename, the old one taken away.

Whoever reads `models/<publisher>/<name>` sees the old files or the new ones. Where links can't be made the switch is
two renames, and `recover` puts the old folder back if a kill came between them.
"""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterator, Mapping

from aai.core.app.installed import RECEIPT, InstalledFile, Receipt, is_ours, model_path, state_path
from aai.errors import AaiError, NotAllowed
from aai.package.digest import bytes_digest
from aai.package.oci import MODEL_FILE_NAME
from aai.package.sealed import remove_tree, seal
from aai.storage import read_json, translated, write_json

_STAGED = "staged"
_ASIDE = "aside"
_LINK = "link"
_NO_SYMLINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def switch_to(
    app_folder: Path,
    receipt: Receipt,
    document: Mapping[str, object],
    files: Mapping[str, InstalledFile],
    put: Callable[[InstalledFile, Path], None],
) -> Receipt:
    """Installs a model: its files, alwaysai.model.json with the version in it, and the receipt; then the switch.

    Args:
        app_folder: the app.
        receipt: what is installed; its `files` are filled in here.
        document: the content of alwaysai.model.json, as the package has it.
        files: path -> file, alwaysai.model.json left out.
        put: places a file at a path that is new.

    Raises:
        NotAllowed: the models folder can't be written, or holds a folder of the user in that place.
        StorageFailed: no space.
    """
    path, state = model_path(app_folder, receipt.id), state_path(app_folder, receipt.id)
    _refuse_foreign(app_folder, receipt.id)
    staged = state / _STAGED
    with translated(staged):
        try:
            complete = _stage(staged, receipt, document, files, put)
            path.parent.mkdir(parents=True, exist_ok=True)
            _switch(path, staged, _free_name(state, f"v{receipt.version}-{_short_name(complete)}"))
        except BaseException:
            with contextlib.suppress(OSError):
                remove_tree(staged)  # on a full disk what it holds is missed
            raise
    tidy(app_folder, receipt.id)
    return complete


def _stage(
    staged: Path,
    receipt: Receipt,
    document: Mapping[str, object],
    files: Mapping[str, InstalledFile],
    put: Callable[[InstalledFile, Path], None],
) -> Receipt:
    """Puts everything into the new folder `staged`, the receipt last; the receipt with its files."""
    remove_tree(staged)
    staged.mkdir(parents=True)
    model_file = _write_model_file(staged, {**document, "version": receipt.version})
    for file in files.values():
        destination = staged / file.path
        destination.parent.mkdir(parents=True, exist_ok=True)
        put(file, destination)
    everything = tuple(sorted([*files.values(), model_file], key=lambda file: file.path))
    complete = replace(receipt, files=everything)
    write_json(staged / RECEIPT, complete.as_dict())
    return complete


def write_receipt(app_folder: Path, receipt: Receipt) -> None:
    """Gives an installed model, whose files stay, another receipt."""
    write_json(model_path(app_folder, receipt.id) / RECEIPT, receipt.as_dict())


def remove_model(app_folder: Path, model_id: str) -> None:
    """Takes an installed model out of the app: first from its place in one step, then its files."""
    path, state = model_path(app_folder, model_id), state_path(app_folder, model_id)
    with translated(path):
        if path.is_symlink():
            path.unlink()
        elif path.is_dir():
            remove_tree(state)
            state.mkdir(parents=True)
            path.rename(state / _STAGED)
        remove_tree(state)
        for folder in (path.parent, state.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()  # only if it is empty


def recover(app_folder: Path, model_id: str) -> None:
    """Puts a folder back that a killed switch had moved aside and not replaced."""
    path, aside = model_path(app_folder, model_id), state_path(app_folder, model_id) / _ASIDE
    with translated(path):
        if aside.is_dir() and not os.path.lexists(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.rename(path)


def is_tidy(app_folder: Path, model_id: str) -> bool:
    """Whether nothing but the generation in use is left of earlier installs."""
    return not list(_left_over(app_folder, model_id))


def tidy(app_folder: Path, model_id: str) -> None:
    """Takes away generations that are no longer in use. What can't be removed stays until the next time."""
    for path in _left_over(app_folder, model_id):
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()


def _left_over(app_folder: Path, model_id: str) -> Iterator[Path]:
    path, state = model_path(app_folder, model_id), state_path(app_folder, model_id)
    in_use = Path(os.readlink(path)).name if path.is_symlink() else ""
    try:
        found = sorted(state.iterdir())
    except OSError:
        return
    for entry in found:
        # What was moved aside is the only copy until the place is filled again.
        if entry.name != in_use and (entry.name != _ASIDE or os.path.lexists(path)):
            yield entry


def _refuse_foreign(app_folder: Path, model_id: str) -> None:
    """Refuses to replace a folder that no install of ours, and none of the tool before us, has made.

    That tool left neither link nor receipt, but a `version` in alwaysai.model.json, which no model folder that somebody
    works in has.
    """
    path = model_path(app_folder, model_id)
    if not os.path.lexists(path) or is_ours(app_folder, model_id):
        return
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(AaiError):
            document = read_json(path / MODEL_FILE_NAME)
            if isinstance(document, dict) and type(document.get("version")) is int and document["version"] > 0:
                return
        if not any(path.iterdir()):
            return
    raise NotAllowed(
        "a folder that was not installed is in the model's place",
        str(path),
        f"move it away, then run the install again; to use it as it is: aai app models add ./{os.path.relpath(path)}",
    )


def _write_model_file(folder: Path, document: Mapping[str, object]) -> InstalledFile:
    path = folder / MODEL_FILE_NAME
    write_json(path, document)
    data = path.read_bytes()
    seal(path)
    return InstalledFile(MODEL_FILE_NAME, bytes_digest(data), len(data))


def _short_name(receipt: Receipt) -> str:
    identity = receipt.manifest_digest or bytes_digest(repr(receipt.files).encode())
    return identity.partition(":")[2][:12]


def _free_name(state: Path, name: str) -> Path:
    """A generation that is repaired gets a folder of its own beside the damaged one."""
    number = 1
    while os.path.lexists(state / name):
        number += 1
        name = f"{name.partition('_')[0]}_{number}"
    return state / name


def _switch(path: Path, staged: Path, generation: Path) -> None:
    state = generation.parent
    link = state / _LINK
    with contextlib.suppress(FileNotFoundError):
        link.unlink()
    try:
        link.symlink_to(os.path.relpath(generation, path.parent), target_is_directory=True)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_SYMLINKS:
            raise
        _set_aside(path, state)
        staged.rename(path)
        return
    staged.rename(generation)
    if path.is_dir() and not path.is_symlink():
        _set_aside(path, state)
    link.replace(path)


def _set_aside(path: Path, state: Path) -> None:
    if not os.path.lexists(path):
        return
    aside = state / _ASIDE
    if path.is_symlink():
        path.unlink()
        return
    remove_tree(aside)
    path.rename(aside)
