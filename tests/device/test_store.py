from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from aai.device.store import Store
from aai.errors import IntegrityError, RegistryError


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Shelf:
    """A registry that gives out `blobs`, digest -> bytes, whatever they are, and counts."""

    url = "shelf"

    def __init__(self, *blobs: bytes) -> None:
        self.blobs = {digest(data): data for data in blobs}
        self.asked: list[str] = []

    def document(self, model_id: str, digest: str) -> bytes:
        self.asked.append(digest)
        return self.blobs[digest]

    def fetch(self, model_id: str, digest: str, size_bytes: int, destination: Path) -> None:
        self.asked.append(digest)
        if digest not in self.blobs:
            raise RegistryError("a blob is missing")
        with destination.open("xb") as file:
            file.write(self.blobs[digest])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def fetch(store: Store, shelf: Any, data: bytes, check: bool = False) -> bool:
    return store.fetch(shelf, "a/b", digest(data), len(data), check)


def test_a_blob_is_fetched_once_and_read_only(store: Store) -> None:
    shelf = Shelf(b"data")
    assert fetch(store, shelf, b"data")
    assert not fetch(store, shelf, b"data")
    assert not fetch(store, shelf, b"data", check=True)
    assert len(shelf.asked) == 1
    path = store.blob(digest(b"data"))
    assert path.read_bytes() == b"data"
    assert path.stat().st_mode & 0o777 == 0o444
    assert not list((store.folder / "work").iterdir())


def test_an_empty_blob_is_one(store: Store) -> None:
    assert fetch(store, Shelf(b""), b"")
    assert store.blob(digest(b"")).read_bytes() == b""


@pytest.mark.parametrize("damage", [b"DATA", b"dat", b""])
def test_a_damaged_blob_is_fetched_again(store: Store, damage: bytes) -> None:
    shelf = Shelf(b"data")
    fetch(store, shelf, b"data")
    path = store.blob(digest(b"data"))
    path.chmod(0o644)
    path.write_bytes(damage)
    assert fetch(store, shelf, b"data")
    assert path.read_bytes() == b"data"


def test_a_blob_of_the_wrong_size_is_refused(store: Store) -> None:
    shelf = Shelf(b"data")
    with pytest.raises(IntegrityError, match="4 bytes, and the manifest says 5"):
        store.fetch(shelf, "a/b", digest(b"data"), 5)  # type: ignore[arg-type]
    assert not store.blob(digest(b"data")).exists()


def test_a_failing_fetch_leaves_the_store_as_it_was(store: Store) -> None:
    with pytest.raises(RegistryError):
        fetch(store, Shelf(), b"data")
    assert not [path for path in store.folder.rglob("*") if path.is_file()]
    assert fetch(store, Shelf(b"data"), b"data")


def test_what_a_killed_fetch_left_is_taken_up(store: Store) -> None:
    work = store.folder / "work" / digest(b"data").partition(":")[2]
    (work / "package" / "files").mkdir(parents=True)
    (work / "blob").write_bytes(b"da")
    assert fetch(store, Shelf(b"data"), b"data")
    assert not work.exists()


def test_documents_are_kept_and_checked(store: Store) -> None:
    shelf = Shelf(b"{}")
    for _ in range(2):
        assert store.document(shelf, "a/b", digest(b"{}")) == b"{}"  # type: ignore[arg-type]
    assert len(shelf.asked) == 1
    path = store.blob(digest(b"{}"))
    path.chmod(0o644)
    path.write_bytes(b"[]")
    assert store.document(shelf, "a/b", digest(b"{}")) == b"{}"  # type: ignore[arg-type]
    shelf.blobs[digest(b"x")] = b"y"
    with pytest.raises(IntegrityError):
        store.document(shelf, "a/b", digest(b"x"))  # type: ignore[arg-type]


def test_many_that_want_one_blob_fetch_it_once(store: Store) -> None:
    shelf = Shelf(os.urandom(2_000_000))
    (data,) = shelf.blobs.values()
    answers: list[Any] = []

    def want() -> None:
        try:
            answers.append(fetch(Store(store.folder), shelf, data))
        except BaseException as error:
            answers.append(error)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]
    assert len(shelf.asked) == 1


def test_a_package_has_its_files_and_a_receipt_and_mends_itself(store: Store) -> None:
    fetch(store, Shelf(b"data"), b"data")
    manifest = digest(b"manifest")
    files = {"cfg/net.cfg": digest(b"data"), "copy.bin": digest(b"data")}
    package = store.keep(manifest, {"id": "a/b"}, files)
    assert package == store.package(manifest)
    assert (package / "receipt.json").is_file()
    for path in files:
        file = package / "files" / path
        assert file.read_bytes() == b"data"
        assert file.stat().st_ino == store.blob(digest(b"data")).stat().st_ino
    (package / "files" / "copy.bin").unlink()
    assert (store.keep(manifest, {"id": "a/b"}, files) / "files" / "copy.bin").read_bytes() == b"data"
    assert not list((store.folder / "work").iterdir())


def test_a_placed_file_never_overwrites(store: Store, tmp_path: Path) -> None:
    fetch(store, Shelf(b"data"), b"data")
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        store.place(digest(b"data"), tmp_path / "mine")
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_what_is_no_digest_names_nothing_in_the_store_or_outside(store: Store, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    shelf: Any = Shelf()
    for name in ("sha256:../../precious", "../../precious:x", "", "sha256:"):
        with pytest.raises(IntegrityError, match="not a sha256 digest"):
            store.fetch(shelf, "a/b", name, 4)
        with pytest.raises(IntegrityError, match="not a sha256 digest"):
            store.document(shelf, "a/b", name)
        with pytest.raises(IntegrityError, match="not a sha256 digest"):
            store.keep(name, {}, {})
    assert (precious / "file").read_text() == "kept"
    assert shelf.asked == []
