from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aai.errors import NotFound
from aai.package.digest import PieceDigests, bytes_digest, package_file
from aai.package.oci import PIECE_BYTES


def _sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_the_digest_is_that_of_the_sha256_standard() -> None:
    # FIPS 180-2, appendix B.1.
    assert bytes_digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 5_000_000, PIECE_BYTES])
def test_a_file_of_one_piece_has_no_list_of_pieces(tmp_path: Path, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    (tmp_path / "a").write_bytes(data)
    file = package_file("a", tmp_path / "a")
    assert (file.digest, file.size_bytes, file.pieces) == (_sha(data), size, ())


@pytest.mark.parametrize("size", [PIECE_BYTES + 1, 2 * PIECE_BYTES, 2 * PIECE_BYTES + 12345])
def test_a_larger_file_has_the_digest_of_each_piece(tmp_path: Path, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    (tmp_path / "a").write_bytes(data)
    file = package_file("a", tmp_path / "a")
    assert file.digest == _sha(data)
    assert list(file.pieces) == [_sha(data[at : at + PIECE_BYTES]) for at in range(0, size, PIECE_BYTES)]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, PIECE_BYTES + 7), min_size=1, max_size=4))
def test_pieces_do_not_depend_on_how_the_bytes_come_in(lengths: list[int]) -> None:
    data = memoryview(bytes(sum(lengths)))
    pieces, at = PieceDigests(), 0
    for length in lengths:
        pieces.update(data[at : at + length])
        at += length
    wanted = [_sha(bytes(data[start : start + PIECE_BYTES])) for start in range(0, len(data), PIECE_BYTES)]
    assert list(pieces.digests()) == (wanted if len(wanted) > 1 else [])


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    tracemalloc.start()
    package_file("large", tmp_path / "large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as raised:
        package_file("a", tmp_path / "missing.onnx")
    assert raised.value.where == str(tmp_path / "missing.onnx")
