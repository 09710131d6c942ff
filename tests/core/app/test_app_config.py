from __future__ import annotations

import json
from pathlib import Path

import pytest

from aai.core.app.config import load_app, read_project, write_project
from aai.errors import InvalidFiles, NotFound


def write(folder: Path, text: str) -> None:
    (folder / "alwaysai.app.json").write_text(text)


def test_unknown_keys_and_the_order_of_everything_stay(tmp_path: Path) -> None:
    document = {
        "my_config": {"z": 1, "a": [1, 2]},
        "scripts": {"start": "python app.py", "check": "true"},
        "models": {"z/last": 3, "a/first": 1, "m/gone": 2},
        "analytics": {"enable_file_publish": False},
    }
    write(tmp_path, json.dumps(document))
    load_app(tmp_path).with_models({"b/new": 1, "a/first": 7, "z/last": 3}).write()
    text = (tmp_path / "alwaysai.app.json").read_text()
    written = json.loads(text)
    assert list(written) == list(document)
    assert list(written["models"].items()) == [("z/last", 3), ("a/first", 7), ("b/new", 1)]
    assert {**written, "models": None} == {**document, "models": None}
    assert text == json.dumps(written, indent=2) + "\n"


def test_an_app_without_models_or_scripts_is_one(tmp_path: Path) -> None:
    write(tmp_path, "{}")
    app = load_app(tmp_path)
    assert (app.models, app.scripts) == ({}, {})


def test_a_folder_without_the_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load_app(tmp_path)
    assert "aai app configure" in str(caught.value.fix)


def test_all_wrong_types_are_told_at_once(tmp_path: Path) -> None:
    models = {"a/one": "3", "a/two": True, "a/three": -1, "a/four": 1.5, "a/five": None, "../up": 1, "A/ONE": 2}
    write(tmp_path, json.dumps({"scripts": {"start": 1}, "models": models}))
    with pytest.raises(InvalidFiles) as caught:
        load_app(tmp_path)
    text = str(caught.value)
    for word in ('script "start"', "a/one", "a/two", "a/three", "a/four", "a/five", '"../up"', "case only"):
        assert word in text
    assert len(caught.value.findings) == 8


@pytest.mark.parametrize("text", ["[]", "3", '"models"', '{"models": []}', '{"models": null}', '{"scripts": "run"}'])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(InvalidFiles):
        load_app(tmp_path)


def test_a_syntax_error_is_told_with_line_and_column(tmp_path: Path) -> None:
    write(tmp_path, '{\n  "models": {,}\n}')
    with pytest.raises(InvalidFiles) as caught:
        load_app(tmp_path)
    assert "line 2, column 14" in str(caught.value.where)


def test_the_project_is_written_and_read(tmp_path: Path) -> None:
    assert read_project(tmp_path) is None
    (tmp_path / "alwaysai.project.json").write_text('{"project": {"id": "old", "x": 1}, "y": 2}')
    write_project(tmp_path, "shelves")
    assert read_project(tmp_path) == "shelves"
    written = json.loads((tmp_path / "alwaysai.project.json").read_text())
    assert written == {"project": {"id": "shelves", "x": 1}, "y": 2}


@pytest.mark.parametrize("text", ["[]", "{}", '{"project": "x"}', '{"project": {"id": 3}}', '{"project": {"id": " "}}'])
def test_a_project_file_that_names_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "alwaysai.project.json").write_text(text)
    with pytest.raises(InvalidFiles, match="project"):
        read_project(tmp_path)
