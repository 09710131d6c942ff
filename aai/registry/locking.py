"""Locks between processes that the kernel takes back when their holder ends, however it ends."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from aai.errors import RegistryError
from aai.storage import storage_error

if TYPE_CHECKING:
    from filelock import BaseFileLock

TIMEOUT_S = 600.0


@contextlib.contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """Runs its body with the lock at `path` held.

    Args:
        path: the lock's file; its folder is there.
        busy: what is said when somebody else holds it for too long: "another publish of a/b is at work".

    Raises:
        RegistryError: somebody else held it for ten minutes, or the file system has no locks.
        NotAllowed: the file can't be written.
    """
    import filelock

    lock = new_lock(path)
    try:
        lock.acquire(timeout=TIMEOUT_S)
    except filelock.Timeout as error:
        raise RegistryError(busy, str(path), "wait until it is done, then run the same command again") from error
    except NotImplementedError as error:
        raise RegistryError("the file system of the registry has no locks", str(path), "use a local folder") from error
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield
    finally:
        lock.release()


def new_lock(path: Path) -> BaseFileLock:
    """A lock that all users may take who may write the folder."""
    import filelock

    return filelock.FileLock(str(path), mode=0o666)


def is_dead(path: Path) -> bool:
    """Whether nobody holds the lock at `path`."""
    import filelock

    lock = new_lock(path)
    try:
        lock.acquire(timeout=0)
    except (filelock.Timeout, OSError):
        return False
    lock.release()
    return True
