"""The content store: every file that was ever installed here, once, by its digest.

    blobs/sha256/<hex>            one file or document, read-only
    packages/<hex>/files/         the files of one manifest, linked to the blobs
    packages/<hex>/receipt.json   what they are: index and manifest digest, variant, file digests and sizes
    work/<hex>/                   what is being fetched or put together; left over only by a kill, and taken up then

A blob comes to its name by a rename, after its digest was checked and its bytes were flushed to the disk. Two processes
that want the same one wait for each other on the folder in `work`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Iterator, Mapping

from aai.errors import IntegrityError
from aai.package.digest import bytes_digest
from aai.package.oci import is_digest
from aai.package.sealed import fault, place, remove_tree, seal
from aai.ports import Registry
from aai.storage import alone_in, translated, write_bytes, write_json


class Store:
    """A content store in a folder, which is made when something is first put there.

    Args:
        folder: the store's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob(self, digest: str) -> Path:
        """Where the blob of `digest` is, or would be."""
        return self.folder / "blobs" / "sha256" / _hex(digest)

    def package(self, manifest_digest: str) -> Path:
        """Where the folder of a manifest is, or would be; the files are in its sub-folder `files`."""
        return self.folder / "packages" / _hex(manifest_digest)

    def document(self, registry: Registry, model_id: str, digest: str, keep: bool = True) -> bytes:
        """The bytes of an index or manifest: from the store, else from the registry, and then kept if `keep`.

        Raises:
            IntegrityError, RegistryError: as `Registry.document`.
        """
        path = self.blob(digest)
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            if bytes_digest(data) == digest:
                return data
        data = registry.document(model_id, digest)
        if bytes_digest(data) != digest:
            raise IntegrityError(
                "a document of the version is not the one that was published", f"{registry.url}, {digest}"
            )
        if keep:
            with self._working_on(digest):
                write_bytes(path, data)
                with translated(path):
                    seal(path)
        return data

    def fetch(self, registry: Registry, model_id: str, digest: str, size_bytes: int, check: bool = False) -> bool:
        """Sees to it that a blob is in the store; whether it had to be fetched.

        With `check` the bytes of a blob that is there are hashed; without, its size and its seal are looked at.

        Raises:
            IntegrityError, RegistryError, StorageFailed: as `Registry.fetch`; a bad blob never replaces a good one.
        """
        path = self.blob(digest)
        if not fault(path, size_bytes, digest, full=check):
            return False
        with self._working_on(digest) as work, translated(path):
            if not fault(path, size_bytes, digest, full=check):
                return False  # the one who was here before has brought it
            fetched = work / "blob"
            registry.fetch(model_id, digest, size_bytes, fetched)
            if fetched.stat().st_size != size_bytes:
                what = f"a file has {fetched.stat().st_size} bytes, and the manifest says {size_bytes}"
                raise IntegrityError(what, f"{registry.url}, {model_id}, {digest}", "publish the model again")
            seal(fetched)
            path.parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(path)
        return True

    def place(self, digest: str, destination: Path) -> None:
        """Puts a blob of the store at `destination`, a new file: a hard link, or a checked copy where none can be."""
        place(self.blob(digest), destination, digest)

    def keep(self, manifest_digest: str, receipt: Mapping[str, Any], files: Mapping[str, str]) -> Path:
        """The store's own read-only folder with the files of one manifest (path -> digest), and a receipt beside it.

        Raises:
            StorageFailed, NotAllowed: the folder can't be made.
        """
        package = self.package(manifest_digest)
        with self._working_on(manifest_digest) as work, translated(package):
            if (package / "receipt.json").is_file() and all(self._linked(package, *file) for file in files.items()):
                return package
            staged = work / "package"
            for path, digest in files.items():
                destination = staged / "files" / path
                destination.parent.mkdir(parents=True, exist_ok=True)
                self.place(digest, destination)
            write_json(staged / "receipt.json", receipt)
            if package.exists():
                package.replace(work / "damaged")
            package.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(package)
        return package

    def _linked(self, package: Path, path: str, digest: str) -> bool:
        """Whether a file of a package is still as good as its blob, which was checked just before."""
        with contextlib.suppress(OSError):
            return not fault(package / "files" / path, self.blob(digest).stat().st_size, digest)
        return False

    @contextlib.contextmanager
    def _working_on(self, digest: str) -> Iterator[Path]:
        """An empty folder for work on `digest`, for one process or thread at a time; gone afterwards."""
        work = self.folder / "work" / _hex(digest)
        with alone_in(work):
            with translated(work):
                for left_over in list(work.iterdir()):
                    if left_over.is_dir():
                        remove_tree(left_over)
                    else:
                        left_over.unlink()
            try:
                yield work
            finally:
                with contextlib.suppress(OSError):
                    remove_tree(work)


def _hex(digest: str) -> str:
    if not is_digest(digest):
        # As the name of a folder it could lead out of the store, and what lies there would be cleared away.
        raise IntegrityError(f"{digest!r} is not a sha256 digest", None, "publish the model again")
    return digest.partition(":")[2]
