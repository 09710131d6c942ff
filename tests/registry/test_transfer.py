from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from aai.package.digest import package_file
from aai.registry.transfer import SourceError, copy_file

LARGE = b"0123456789abcdef" * (20 * 65536 + 77)


@pytest.mark.parametrize("data", [b"", b"a", LARGE], ids=["empty", "small", "large"])
def test_a_copy_is_the_same_and_its_digests_are_those_of_the_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    copied = copy_file("a", tmp_path / "a", tmp_path / "b")
    there = package_file("a", tmp_path / "a")
    assert (tmp_path / "b").read_bytes() == data
    assert copied.digest == there.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (copied.size_bytes, copied.pieces, copied.source) == (len(data), there.pieces, tmp_path / "b")


def test_pieces_are_left_out_when_nobody_wants_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(LARGE)
    assert copy_file("a", tmp_path / "a", tmp_path / "b", pieces=False).pieces == ()


def test_a_destination_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    with pytest.raises(FileExistsError):
        copy_file("a", tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "old"


def test_a_source_that_can_not_be_read_is_told_from_a_destination_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").write_text("a")
    for source in ("missing", "folder", "pipe"):
        with pytest.raises(SourceError):
            copy_file("a", tmp_path / source, tmp_path / "b")
        assert not (tmp_path / "b").exists()
    with pytest.raises(FileNotFoundError) as raised:
        copy_file("a", tmp_path / "a", tmp_path / "none" / "b")
    assert not isinstance(raised.value, SourceError)


def test_the_access_rights_follow_the_umask(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0o700)
    mask = os.umask(0o027)
    try:
        copy_file("a", tmp_path / "a", tmp_path / "b")
    finally:
        os.umask(mask)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    tracemalloc.start()
    copy_file("large", tmp_path / "large", tmp_path / "copy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
