"""One model's folder in a registry: an OCI image layout that a kill at any moment leaves as it was or as it shall be.

oci-layout            says what the folder is
index.json            the versions and tags; renaming it into place is what publishes
blobs/sha256/<hex>    documents and files, by digest
.lock                 held by the one writer
.staging-*/           files that are being taken in
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import ContextManager, Iterator

from aai.errors import IntegrityError, RegistryError
from aai.package.digest import bytes_digest
from aai.package.oci import is_digest
from aai.ports import Package, PackageFile, TakeFile
from aai.registry.index import ModelIndex, index_bytes, parse_index
from aai.registry.locking import held
from aai.registry.staging import Staging, is_staged, sweep
from aai.registry.transfer import SourceError, copy_file
from aai.storage import storage_error, translated, write_bytes

MOST_DOCUMENT_BYTES = 64 * 1024 * 1024
_COMPARE_BYTES = 1024 * 1024
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class Layout:
    """The folder of the model `model_id` at `folder`; it need not be there."""

    def __init__(self, folder: Path, model_id: str) -> None:
        self.folder = folder
        self.model_id = model_id
        self.index_path = folder / "index.json"
        self.blobs = folder / "blobs" / "sha256"

    def blob_path(self, digest: str) -> Path:
        """Where the blob `digest` is, or would be."""
        if not is_digest(digest):
            raise RegistryError(f"{digest!r} is not a sha256 digest", str(self.folder))
        return self.blobs / digest.partition(":")[2]

    def read(self) -> ModelIndex | None:
        """The model's versions and tags; None when nothing has been published.

        Raises:
            RegistryError: index.json is damaged or can't be read.
        """
        try:
            data = self.index_path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RegistryError(
                "the index of the model can't be read", str(self.index_path), f"check its rights: ls -ld {self.folder}"
            ) from error
        return parse_index(data, self.model_id, str(self.index_path))

    def document(self, digest: str) -> bytes:
        """The bytes of a document, its digest checked; see `ports.Registry.document`."""
        path = self.blob_path(digest)
        try:
            if path.stat().st_size > MOST_DOCUMENT_BYTES:
                raise _damaged(path)
            data = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        if bytes_digest(data) != digest:
            raise _damaged(path)
        return data

    def fetch(self, digest: str, size_bytes: int, destination: Path) -> None:
        """Copies a blob out, its digest checked; see `ports.Registry.fetch`."""
        path = self.blob_path(digest)
        try:
            copied = copy_file(destination.name, path, destination, pieces=False)
        except SourceError as error:
            raise _unreadable(path, error) from error
        except OSError as error:
            raise storage_error(error, destination) from error
        if copied.digest != digest or copied.size_bytes != size_bytes:
            destination.unlink()
            raise _damaged(path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Runs its body as the only writer of this model, with what dead writers left removed.

        Raises:
            NotAllowed: the registry can't be written.
            RegistryError: another writer did not finish in time.
        """
        with translated(self.folder):
            make_folder(self.folder)
        with held(self.folder / ".lock", f"another publish of {self.model_id} is at work"):
            sweep(self.folder)
            yield

    def staging(self) -> ContextManager[TakeFile]:
        """What copies files into a folder of their own, from which `add` moves them."""
        with self.locked():
            return Staging(self.folder)

    def add(self, package: Package) -> None:
        """Puts documents and files of `package` in their place, on the disk for good.

        Call it with the lock held. What is there already stays, unless it is damaged: it has another size, or other
        bytes than a file that was staged, whose digest was just taken.

        Raises:
            IntegrityError: a file is not the one any more that the package was built of.
            StorageFailed: no space.
        """
        with translated(self.folder):
            make_folder(self.blobs)
            write_bytes(self.folder / "oci-layout", _LAYOUT)
            for digest, data in {**package.documents, package.digest: package.index}.items():
                write_bytes(self.blob_path(digest), data)
        for file in package.files:
            with translated(self.blobs):
                there = self._has(file)
            if not there:
                self._add_file(file)
        with translated(self.blobs):
            sync_folder(self.blobs)

    def _has(self, file: PackageFile) -> bool:
        path = self.blob_path(file.digest)
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            return False
        return not is_staged(file.source, self.folder) or _same_bytes(file.source, path)

    def _add_file(self, file: PackageFile) -> None:
        target = self.blob_path(file.digest)
        if is_staged(file.source, self.folder):
            with translated(target):
                file.source.replace(target)
            return
        with Staging(self.folder) as take:
            taken = take(file.path, file.source)
            if taken.digest != file.digest:
                raise IntegrityError("the file changed while it was published", str(file.source), "publish again")
            with translated(target):
                taken.source.replace(target)

    def write(self, index: ModelIndex) -> None:
        """Makes `index` the model's versions and tags: the rename in here is the moment of publishing."""
        with translated(self.index_path):
            write_bytes(self.index_path, index_bytes(index))
            sync_folder(self.folder)


def make_folder(path: Path) -> None:
    """Makes a folder and its parents, and sees to it that the disk knows of each new one."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)  # the first one writes all of them out, so the others cost nothing


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk, where the system can (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _same_bytes(first: Path, second: Path) -> bool:
    with first.open("rb", buffering=0) as one, second.open("rb", buffering=0) as other:
        while True:
            data = one.read(_COMPARE_BYTES)
            if data != other.read(_COMPARE_BYTES):
                return False
            if not data:
                return True


def _unreadable(path: Path, error: OSError) -> RegistryError:
    if isinstance(error, FileNotFoundError) or error.errno == errno.ENOENT:
        return RegistryError(
            "a blob of this version is missing from the registry", str(path), "publish the model again, or put it back"
        )
    return RegistryError(
        f"a blob can't be read: {error.strerror or error}",
        str(path),
        f"check the registry's disk and rights: ls -l {path}",
    )


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(
        "a blob in the registry is damaged: its bytes are not the ones that were published",
        str(path),
        "publish the same model files again, which puts it right, or put back a copy of it",
    )
