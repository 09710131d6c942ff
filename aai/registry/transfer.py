"""Bytes copied from one file to another, their digest taken on the way, and on the disk when the call returns.

Reading, hashing, writing and the disk's own work go on at the same time: two threads share the work, and the kernel is
told to write each part out while the next ones are still copied.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Iterator

from aai.package.digest import PieceDigests, read_through
from aai.package.oci import PIECE_BYTES
from aai.ports import PackageFile

_FICLONE = 0x40049409  # linux/fs.h


class SourceError(OSError):
    """The file that is read from failed, not the one that is written."""


def copy_file(path: str, source: Path, destination: Path, pieces: bool = True) -> PackageFile:
    """Copies `source` to `destination`, a new file; the copy as the file `path` of a package.

    Nothing is left on failure. Where the file system can share blocks between files (btrfs, xfs), no bytes are moved,
    and the digest is taken of the copy: the source may change meanwhile.

    Raises:
        SourceError: `source` is not there, is not a plain file or can't be read.
        OSError: `destination` can't be written, or is there already.
    """
    with _open_source(source) as reader, destination.open("x+b", buffering=0) as file:
        try:
            return _copy(path, reader, file, destination, pieces)
        except BaseException:
            destination.unlink()
            raise


def _copy(path: str, reader: _Source, file: BinaryIO, destination: Path, pieces: bool) -> PackageFile:
    whole = hashlib.sha256()
    parts = PieceDigests()
    writer = _Writer(file)
    in_pieces = pieces and reader.size_bytes > PIECE_BYTES
    cloned = _clone(reader, file)

    def write(data: memoryview) -> None:
        if not cloned:
            writer.write(data)
        if in_pieces:
            parts.update(data)

    size_bytes = read_through(_Source(file) if cloned else reader, whole.update, write)
    os.fsync(file.fileno())
    return PackageFile(path, destination, size_bytes, "sha256:" + whole.hexdigest(), parts.digests())


class _Source:
    """A plain file open for reading, whose failures are told from those of the file that is written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size_bytes = os.fstat(file.fileno()).st_size

    def readinto(self, buffer: memoryview) -> int:
        """As of an unbuffered file."""
        try:
            return int(self.file.readinto(buffer))  # type: ignore[attr-defined]
        except OSError as error:
            raise SourceError(error.errno, error.strerror) from error


class _Writer:
    """Writes in order, and starts the disk's work on each part at once."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.offset = 0

    def write(self, data: memoryview) -> None:
        """Writes all of `data`."""
        left = data
        while left:
            left = left[self.file.write(left) :]
        if hasattr(os, "posix_fadvise"):
            # On Linux this advice begins the writing out and returns; pages that are not yet written stay in memory.
            os.posix_fadvise(self.file.fileno(), self.offset, len(data), os.POSIX_FADV_DONTNEED)
        self.offset += len(data)


@contextlib.contextmanager
def _open_source(path: Path) -> Iterator[_Source]:
    """`path`, open for reading. A pipe or device in its place is refused, not waited for."""
    try:
        file = open(path, "rb", buffering=0, opener=_without_waiting)  # noqa: SIM115
    except OSError as error:
        raise SourceError(error.errno, error.strerror, str(path)) from error
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SourceError(errno.EINVAL, "not a plain file", str(path))
        yield _Source(file)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _clone(source: _Source, destination: BinaryIO) -> bool:
    """Whether `destination` now shares the blocks of `source`: Linux, one file system, and one that can."""
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        fcntl.ioctl(destination.fileno(), _FICLONE, source.file.fileno())
    except OSError:
        return False
    return True
