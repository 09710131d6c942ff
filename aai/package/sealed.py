"""Files whose bytes were checked against their digest, and that say so: read-only, with one fixed modification time.

A later look then needs no hash: a file that still has its size and the fixed time was not written to since. It is not
a safeguard against somebody who forges times; the full hash is. Programs that copy times (rsync -a, cp -a, tar, docker)
copy the seal with the file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path

from aai.errors import IntegrityError

SEAL_NS = 946_684_800 * 10**9
"""1 January 2000, 00:00 UTC, in nanoseconds: a time that every file system can hold exactly."""
READ_ONLY = 0o444
_CHUNK = 1 << 20
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def digest_of(path: Path) -> str:
    """A file's digest, "sha256:<hex>"; it is read in pieces of 1 MiB."""
    sha = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            sha.update(chunk)
    return f"sha256:{sha.hexdigest()}"


def seal(path: Path) -> None:
    """Flushes a file whose digest was just checked to the disk, makes it read-only and gives it the fixed time."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    _mark(path)


def fault(path: Path, size_bytes: int, digest: str, full: bool = False) -> str:
    """What is wrong with a sealed file: "" when nothing is, else the rest of a sentence that starts with its name.

    Only when the fixed time is gone, or `full` is asked for, are the bytes hashed. A file that proves to be right gets
    its seal back, where rights allow.
    """
    try:
        status = path.lstat()
    except OSError:
        return "is missing"
    if not stat.S_ISREG(status.st_mode):
        return "is not a plain file"
    if status.st_size != size_bytes:
        return f"has {status.st_size} bytes, and {size_bytes} were installed"
    if status.st_mtime_ns == SEAL_NS and not full:
        return ""
    try:
        if digest_of(path) != digest:
            return "was changed: its digest is another"
    except OSError as error:
        return f"can't be read: {error.strerror}"
    if status.st_mtime_ns != SEAL_NS:
        with contextlib.suppress(OSError):
            _mark(path)
    return ""


def place(source: Path, destination: Path, digest: str) -> None:
    """Puts the sealed file `source` at `destination`, a new file: a hard link, or a checked copy where none can be.

    Raises:
        IntegrityError: the copy's bytes are not those of `digest`.
        OSError: the disk is full, or the rights forbid it.
    """
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        copy_checked(source, destination, digest)


def copy_checked(source: Path, destination: Path, digest: str) -> None:
    """Copies a file, hashing on the way, and seals the copy; nothing is left when the digest is another.

    Raises:
        IntegrityError: the bytes are not those of `digest`.
        OSError: the disk is full, or the rights forbid it.
    """
    sha = hashlib.sha256()
    try:
        with source.open("rb", buffering=0) as reader, destination.open("xb", buffering=0) as writer:
            for chunk in iter(lambda: reader.read(_CHUNK), b""):
                sha.update(chunk)
                _write_all(writer.fileno(), chunk)
        if f"sha256:{sha.hexdigest()}" != digest:
            raise IntegrityError(
                "a file changed while it was copied", str(source), "run the same command again: nothing was lost"
            )
        seal(destination)
    except BaseException:
        with contextlib.suppress(OSError):
            destination.unlink()
        raise


def remove_tree(folder: Path) -> None:
    """Takes a folder with read-only files away, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _mark(path: Path) -> None:
    path.chmod(READ_ONLY)
    os.utime(path, ns=(SEAL_NS, SEAL_NS))


def _write_all(handle: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(handle, view) :]
