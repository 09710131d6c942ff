"""Where models are published: the client side of every kind of registry."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aai.errors import RegistryError, UsageError
from aai.storage import from_home

if TYPE_CHECKING:
    from aai.ports import Registry

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def open_registry(address: str) -> Registry:
    """The registry at `address`: "dir:PATH", a plain path, or "file://PATH".

    Nothing is made: a folder that is not there is an empty registry until somebody publishes.

    Raises:
        UsageError: an empty address, or a kind of registry that this version does not read.
        RegistryError: a file is where the folder should be.
    """
    from aai.registry.folder import FolderRegistry

    folder = _folder(address)
    there = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), None)
    if there is not None and not there.is_dir():
        what = (
            "the registry is not a folder" if there == folder else "the registry's folder can't be: a file is above it"
        )
        raise RegistryError(what, str(there), "name a folder: dir:PATH")
    return FolderRegistry(folder)


def default_registry_address() -> str:
    """The address of the registry that is used when none is set: a folder in the user's data folder."""
    import platformdirs

    return f"dir:{Path(platformdirs.user_data_dir('aai', appauthor=False)) / 'registry'}"


def _folder(address: str) -> Path:
    fix = "write a folder: dir:PATH, or a plain path"
    scheme = _SCHEME.match(address)
    if scheme and scheme.group(1).lower() != "file":
        raise UsageError("this version reads registries in folders only", address, fix)
    if scheme:
        parts = urlsplit(address)
        if parts.netloc not in ("", "localhost"):
            raise UsageError("a file:// address names another machine", address, fix)
        path = unquote(parts.path)
    else:
        path = address[len("dir:") :] if address.startswith("dir:") else address
    if not path.strip() or "\0" in path:
        raise UsageError("the address of the registry is empty or not a path", repr(address), fix)
    return from_home(path).absolute()
