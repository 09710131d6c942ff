"""sha256 of files and bytes, in the form that OCI writes it: "sha256:" and 64 hex digits."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Protocol

from aai.package.oci import PIECE_BYTES
from aai.ports import PackageFile
from aai.storage import translated

if TYPE_CHECKING:
    from concurrent.futures import Future

BUFFER_BYTES = 1024 * 1024
_BUFFERS = 4

Consumer = Callable[[memoryview], None]


def bytes_digest(data: bytes) -> str:
    """The digest of `data`, as "sha256:..."."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def package_file(path: str, source: Path) -> PackageFile:
    """`source` as the file `path` of a package: digest, size and piece digests. It is read once.

    Raises:
        NotFound: there is no such file.
        NotAllowed: its rights forbid reading.
        StorageFailed: the disk fails.
    """
    whole = hashlib.sha256()
    pieces = PieceDigests()
    with translated(source), source.open("rb", buffering=0) as file:
        large = os.fstat(file.fileno()).st_size > PIECE_BYTES
        size_bytes = read_through(file, whole.update, pieces.update if large else _nothing)
    return PackageFile(path, source, size_bytes, "sha256:" + whole.hexdigest(), pieces.digests())


class PieceDigests:
    """The digest of each piece of 8 MiB of a stream of bytes."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._hasher = hashlib.sha256()
        self._missing = PIECE_BYTES

    def update(self, data: memoryview) -> None:
        """Takes the next bytes of the stream, as many as there are."""
        while data:
            if not self._missing:
                self._done.append("sha256:" + self._hasher.hexdigest())
                self._hasher, self._missing = hashlib.sha256(), PIECE_BYTES
            part = data[: self._missing]
            self._hasher.update(part)
            self._missing -= len(part)
            data = data[len(part) :]

    def digests(self) -> tuple[str, ...]:
        """The digest of each piece, in order; empty when there is only one."""
        return (*self._done, "sha256:" + self._hasher.hexdigest()) if self._done else ()


class Source(Protocol):
    """An unbuffered file, or what reads like one."""

    def readinto(self, buffer: memoryview) -> int | None:
        """Reads some bytes into `buffer`; how many, 0 at the end."""
        ...


def read_through(file: Source, first: Consumer, second: Consumer) -> int:
    """Gives all bytes of an unbuffered file to two consumers, each in order; the number of bytes.

    `second` runs in a thread of its own: hashlib and the file calls let go of the GIL, so that the two work at the
    same time. A consumer must not keep the memory that it is given. Memory use does not depend on the file.
    """
    from concurrent.futures import ThreadPoolExecutor

    size_bytes = 0
    pending: deque[tuple[Future[None], memoryview]] = deque()
    with ThreadPoolExecutor(1) as thread:
        while True:
            if len(pending) < _BUFFERS:
                buffer = memoryview(bytearray(BUFFER_BYTES))
            else:
                done, buffer = pending.popleft()
                done.result()
            count = _fill(file, buffer)
            if not count:
                break
            part = buffer[:count]
            pending.append((thread.submit(second, part), buffer))
            first(part)
            size_bytes += count
        for future, _ in pending:
            future.result()
    return size_bytes


def _nothing(data: memoryview) -> None:
    """Leaves the second thread without work."""


def _fill(file: Source, buffer: memoryview) -> int:
    """Fills `buffer` as far as the file goes; the number of bytes, less only at the file's end."""
    filled = 0
    while filled < len(buffer):
        count = file.readinto(buffer[filled:])
        if not count:
            break
        filled += count
    return filled
