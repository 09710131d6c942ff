"""Files on their way into a model's folder: each publisher copies into a folder of its own, and moves from there.

The folder's lock is held as long as its publisher lives, so that the next writer can tell a dead one's and remove it.
Folders are made, and dead ones removed, under the model's lock only: nobody meets one that has no lock yet.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from aai.ports import PackageFile, TakeFile
from aai.registry.locking import is_dead, new_lock
from aai.registry.transfer import SourceError, copy_file
from aai.storage import storage_error, translated

_PREFIX = ".staging-"


class Staging:
    """A staging folder in `parent`, there from the start and gone when the context ends. Make it with the lock held."""

    def __init__(self, parent: Path) -> None:
        with translated(parent):
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self._lock = new_lock(self.folder / ".lock")
            self._lock.acquire(timeout=0)
        self._count = 0

    def __enter__(self) -> TakeFile:
        return self.take

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()

    def take(self, path: str, source: Path) -> PackageFile:
        """Copies `source` in and takes its digest in the same pass; the copy as the file `path` of a package.

        Raises:
            NotFound: `source` is not there.
            NotAllowed: its rights forbid reading.
            StorageFailed: no space for the copy.
        """
        self._count += 1
        destination = self.folder / str(self._count)
        try:
            return copy_file(path, source, destination)
        except SourceError as error:
            raise storage_error(error, source) from error
        except OSError as error:
            raise storage_error(error, destination) from error


def is_staged(source: Path, parent: Path) -> bool:
    """Whether `source` lies in a staging folder of `parent`."""
    return source.parent.parent == parent and source.parent.name.startswith(_PREFIX)


def sweep(parent: Path) -> None:
    """Removes what killed writers left in a model's folder. Call it with the lock held."""
    for folder in parent.glob(_PREFIX + "*"):
        if is_dead(folder / ".lock"):
            shutil.rmtree(folder, ignore_errors=True)
    for holder in (parent, parent / "blobs" / "sha256"):
        for left in holder.glob(".*.tmp"):
            with contextlib.suppress(OSError):
                left.unlink()
