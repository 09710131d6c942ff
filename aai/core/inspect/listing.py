"""The files of a folder, with what kind of file each is."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Callable, Sequence

from aai.core.fields import VARIANTS
from aai.core.inspect.kinds import file_kind
from aai.core.inspect.source import read_error
from aai.core.paths import why_outside

MAX_DEPTH = 2
"""Levels of sub-folders that are looked into."""
MAX_FILES = 50_000
NOT_LOOKED_INTO = (VARIANTS, "node_modules", "venv", "__pycache__")

_TEXTS = (".txt", ".md", ".rst", ".json", ".yaml", ".yml", ".py", ".ipynb", ".csv", ".log", ".names", ".labels")
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".mp4", ".avi")


@dataclass
class Listing:
    """The files of a folder, its sub-folders' after its own, by path relative to it.

    Args:
        folder: absolute.
        files: in order of depth, then of name.
        kinds: those that were asked for so far.
        closed: files that may not be read.
    """

    folder: Path
    files: list[PurePosixPath] = field(default_factory=list)
    kinds: dict[PurePosixPath, str] = field(default_factory=dict)
    closed: list[PurePosixPath] = field(default_factory=list)

    def kind(self, file: PurePosixPath) -> str:
        """The kind of a file; files that are texts or pictures by name are not opened."""
        if file not in self.kinds:
            skip = file.suffix.lower() in _TEXTS + _PICTURES
            self.kinds[file] = "text" if skip else file_kind(self.folder / file)
        return self.kinds[file]

    def of_kind(self, wanted: Callable[[str], bool]) -> list[PurePosixPath]:
        """The files whose kind passes `wanted`."""
        return [file for file in self.files if wanted(self.kind(file))]


def list_files(folder: Path) -> Listing:
    """The files of a folder and its sub-folders, hidden ones and links that leave it not among them.

    Raises:
        NotAllowed: the folder can't be read.
    """
    listing = Listing(folder)
    level = [PurePosixPath()]
    for _ in range(MAX_DEPTH + 1):
        level = [below for place in level for below in _list_level(listing, place)]
    return listing


def _list_level(listing: Listing, place: PurePosixPath) -> list[PurePosixPath]:
    """Puts the files of one folder on the list; returns its sub-folders."""
    try:
        entries = sorted(os.scandir(listing.folder / place), key=lambda entry: entry.name)
    except OSError as error:
        if place.parts:
            return []
        raise read_error(error, listing.folder) from error
    below = []
    for entry in entries:
        path = place / entry.name
        if entry.name.startswith(".") or (entry.is_symlink() and why_outside(listing.folder, str(path))):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in NOT_LOOKED_INTO:
                below.append(path)
        elif entry.is_file() and len(listing.files) < MAX_FILES:
            (listing.files if os.access(entry.path, os.R_OK) else listing.closed).append(path)
    return below


def names(files: Sequence[PurePosixPath]) -> str:
    """The first ten, for a message."""
    more = f" and {len(files) - 10} more" if len(files) > 10 else ""
    return ", ".join(file.as_posix() for file in files[:10]) + more
