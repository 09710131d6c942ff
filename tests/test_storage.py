"""Files written whole, and what a failure of the disk or of the rights is called."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from aai.errors import InvalidFiles, NotAllowed, StorageFailed, UsageError
from aai.storage import from_home, read_json, storage_error, translated, write_json


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageFailed, match="a file is where a folder belongs") as caught, translated(tmp_path):
        (tmp_path / "out" / "deep").mkdir(parents=True)
    assert caught.value.where == str(tmp_path / "out")
    with pytest.raises(StorageFailed, match="exists already") as caught, translated(tmp_path):
        (tmp_path / "out").mkdir()
    assert caught.value.where == str(tmp_path / "out")


def test_a_reason_of_the_system_reads_as_part_of_a_sentence(tmp_path: Path) -> None:
    error = storage_error(OSError(errno.ENAMETOOLONG, "File name too long"), tmp_path)
    assert error.what == "file name too long"


def test_missing_rights_name_what_is_there_and_not_a_scratch_file(tmp_path: Path) -> None:
    error = storage_error(PermissionError(errno.EACCES, "Permission denied"), tmp_path / "new" / ".x.tmp")
    assert isinstance(error, NotAllowed)
    assert (error.what, error.where) == ("the folder or file can't be written", str(tmp_path))


def test_a_file_that_may_not_be_read_is_not_called_unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read everything, so the system's answer for an ordinary user is put in its place.
    monkeypatch.setattr(os, "access", lambda path, needed: not needed & os.R_OK)
    error = storage_error(PermissionError(errno.EACCES, "Permission denied"), tmp_path)
    assert error.what == "the folder or file can't be read"


def test_a_name_that_is_no_unicode_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with pytest.raises(InvalidFiles, match="not UTF-8") as caught:
        write_json(path, {"a": 1, "model_file": os.fsdecode(b"net\xff.onnx")})
    assert "model_file" in caught.value.what
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_with_its_characters_and_a_final_newline(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_json(path, {"name": "zebra crossing, 横断歩道"})
    assert path.read_text(encoding="utf-8") == '{\n  "name": "zebra crossing, 横断歩道"\n}\n'
    assert json.loads(path.read_bytes()) == {"name": "zebra crossing, 横断歩道"}


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[" * 400 + "]" * 400, "1" * 5000 + "x"])
def test_json_that_no_reader_takes_is_told_as_such(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InvalidFiles):
        read_json(tmp_path / "a.json")


def test_a_number_of_too_many_digits_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("9" * 5000)
    with pytest.raises(InvalidFiles, match="a number has too many digits"):
        read_json(tmp_path / "a.json")


def test_json_of_some_levels_is_read_and_written_again(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", json.loads('{"a":[' * 45 + "]}" * 45))
    assert read_json(tmp_path / "a.json") == json.loads('{"a":[' * 45 + "]}" * 45)


def test_the_home_of_nobody_is_a_usage_error() -> None:
    assert from_home("~") == Path.home()
    assert from_home("a/~b") == Path("a/~b")
    with pytest.raises(UsageError, match="home of nobody"):
        from_home("~nobody-of-this-name/x")
