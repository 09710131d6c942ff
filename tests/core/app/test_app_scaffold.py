from __future__ import annotations

import json
from pathlib import Path

import pytest

from aai.core.app.config import load_app, read_project
from aai.core.app.scaffold import configure_app
from aai.errors import InvalidFiles, NotFound, UsageError
from aai.registry.folder import FolderRegistry

NAMES = {"alwaysai.app.json", "app.py", "requirements.txt", ".gitignore", "Dockerfile"}


def test_a_new_folder_gets_every_file_and_a_second_run_none(tmp_path: Path) -> None:
    app = tmp_path / "new" / "app"
    made = configure_app(app)
    assert set(made.created) == NAMES == {path.name for path in app.iterdir()}
    again = configure_app(app)
    assert (again.created, set(again.kept)) == ((), NAMES)
    assert load_app(app).scripts["start"]
    assert json.dumps(made.as_dict())


def test_files_that_are_there_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("mine")
    (tmp_path / "alwaysai.app.json").write_text('{"models": {"a/b": 1}}')
    made = configure_app(tmp_path)
    assert set(made.kept) == {"app.py", "alwaysai.app.json"}
    assert (tmp_path / "app.py").read_text() == "mine"
    assert load_app(tmp_path).models == {"a/b": 1}


def test_a_broken_app_file_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "alwaysai.app.json").write_text("{")
    with pytest.raises(InvalidFiles):
        configure_app(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["alwaysai.app.json"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    made = configure_app(tmp_path / "app", "shelves", dry_run=True)
    assert set(made.created) == NAMES | {"alwaysai.project.json"}
    assert not (tmp_path / "app").exists()


def test_the_project_must_be_there_and_can_be_changed(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path / "registry")
    registry.create_project("shelves")
    registry.create_project("doors")
    app = tmp_path / "app"
    with pytest.raises(NotFound):
        configure_app(app, "shelfs", registry)
    assert not app.exists()
    assert configure_app(app, "shelves", registry).project == "shelves"
    assert configure_app(app).project == "shelves"
    assert configure_app(app, "shelves", registry).created == ()
    assert configure_app(app, "doors", registry).created == ("alwaysai.project.json",)
    assert read_project(app) == "doors"


def test_a_file_is_no_folder_for_an_app(tmp_path: Path) -> None:
    (tmp_path / "app").write_text("")
    with pytest.raises(UsageError):
        configure_app(tmp_path / "app")
