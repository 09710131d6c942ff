"""Files opened for reading in place: mapped into memory, so that only the pages that are looked at are read."""

from __future__ import annotations

import contextlib
import errno
import mmap
import shlex
import stat
from pathlib import Path
from typing import Iterator, Union

from aai.errors import AaiError, BadWeights, NotAllowed
from aai.storage import storage_error

Data = Union[bytes, mmap.mmap]


def read_error(error: OSError, path: Path) -> AaiError:
    """The domain error for a file that could not be opened or read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotAllowed(
            "the file or folder can't be read", str(path), f"check its rights: ls -ld {shlex.quote(str(path))}"
        )
    return storage_error(error, path)


def check_file(path: Path) -> int:
    """Size of a weight or structure file, in bytes.

    Raises:
        NotFound: it is not there.
        BadWeights: it is a folder or a device, or empty.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise read_error(error, path) from error
    if not stat.S_ISREG(status.st_mode):
        raise BadWeights("not a file", str(path), "name the weight file itself")
    if status.st_size == 0:
        raise BadWeights("the file is empty", str(path), "copy or download it again")
    return status.st_size


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """The bytes of a file that has some, without reading them all.

    Raises:
        NotFound: it is not there.
        NotAllowed: the rights forbid reading it.
        BadWeights: it is not a file, or empty.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise read_error(error, path) from error
    except ValueError as error:
        raise BadWeights("the file was emptied while it was read", str(path)) from error
    with contextlib.closing(data):
        yield data


def read_text(path: Path, limit_bytes: int) -> str:
    """The content of a structure file. Bytes that are not UTF-8 are read as Latin-1: only comments have them.

    Raises:
        NotFound: it is not there.
        BadWeights: it is empty, longer than `limit_bytes`, or not text.
    """
    size = check_file(path)
    if size > limit_bytes:
        raise BadWeights(
            f"the file has {size:,} bytes, and a text of at most {limit_bytes:,} belongs here",
            str(path),
            "name the structure file",
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise read_error(error, path) from error
    if b"\0" in data:
        raise BadWeights("the file is not text", str(path), "name the structure file, not the weights")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
