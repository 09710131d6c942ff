from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from aai.errors import IntegrityError
from aai.package.sealed import SEAL_NS, copy_checked, digest_of, fault, seal

DATA = b"data" * 1000
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    seal(path)
    return path


def test_a_sealed_file_is_whole_and_read_only(file: Path) -> None:
    assert fault(file, len(DATA), DIGEST) == ""
    assert fault(file, len(DATA), DIGEST, full=True) == ""
    assert file.stat().st_mode & 0o222 == 0
    assert digest_of(file) == DIGEST


def test_a_write_breaks_the_seal(file: Path) -> None:
    file.chmod(0o644)
    file.write_bytes(DATA.replace(b"d", b"D", 1))
    assert "digest" in fault(file, len(DATA), DIGEST)
    file.write_bytes(DATA + b"x")
    assert "bytes" in fault(file, len(DATA), DIGEST)


def test_only_the_full_look_sees_through_a_forged_time(file: Path) -> None:
    file.chmod(0o644)
    file.write_bytes(DATA.replace(b"d", b"D", 1))
    os.utime(file, ns=(SEAL_NS, SEAL_NS))
    assert fault(file, len(DATA), DIGEST) == ""
    assert "digest" in fault(file, len(DATA), DIGEST, full=True)


def test_a_right_file_with_another_time_gets_its_seal_back(file: Path) -> None:
    os.utime(file)
    assert fault(file, len(DATA), DIGEST) == ""
    assert file.stat().st_mtime_ns == SEAL_NS


@pytest.mark.parametrize("kind", ["missing", "folder", "link"])
def test_what_is_no_file_is_told(file: Path, kind: str) -> None:
    file.rename(file.with_name("other"))
    if kind == "folder":
        file.mkdir()
    elif kind == "link":
        file.symlink_to(file.with_name("other"))
    assert fault(file, len(DATA), DIGEST) == ("is missing" if kind == "missing" else "is not a plain file")


def test_a_copy_with_another_digest_leaves_nothing(file: Path, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        copy_checked(file, tmp_path / "copy", "sha256:" + "0" * 64)
    assert not (tmp_path / "copy").exists()
    copy_checked(file, tmp_path / "copy", DIGEST)
    assert fault(tmp_path / "copy", len(DATA), DIGEST) == ""
