from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aai.core.app.lock import Lock, LockedModel, load_lock, local_path
from aai.errors import InvalidFiles

DIGEST = "sha256:" + "a" * 64


def test_what_is_written_is_read(tmp_path: Path) -> None:
    models = {"z/z": LockedModel(3, DIGEST), "a/a": LockedModel(0, path="../mine")}
    Lock(tmp_path, models).write()
    assert load_lock(tmp_path).models == models
    document = json.loads((tmp_path / "alwaysai.lock.json").read_text())
    assert list(document["models"]) == ["a/a", "z/z"]
    assert document["models"]["z/z"] == {"version": 3, "digest": DIGEST}


def test_without_a_file_the_lock_is_empty(tmp_path: Path) -> None:
    assert load_lock(tmp_path).models == {}


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"version": 1},
        {"version": "1", "digest": DIGEST},
        {"version": True, "digest": DIGEST},
        {"version": 1, "digest": "sha256:short"},
        {"version": 0},
        {"version": 0, "path": ""},
        {"version": 1, "path": "../x"},
        {"version": 0, "path": "../x", "digest": DIGEST},
    ],
    ids=str,
)
def test_a_wrong_entry_is_refused_with_its_place(tmp_path: Path, entry: object) -> None:
    (tmp_path / "alwaysai.lock.json").write_text(json.dumps({"models": {"a/a": entry}}))
    with pytest.raises(InvalidFiles) as caught:
        load_lock(tmp_path)
    assert 'models."a/a"' in str(caught.value.where)


@pytest.mark.parametrize("text", ["[]", "{}", '{"models": []}', '{"schema": 2, "models": {}}', "<<<<<<< HEAD"])
def test_a_lock_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "alwaysai.lock.json").write_text(text)
    with pytest.raises(InvalidFiles):
        load_lock(tmp_path)


def test_the_path_of_a_model_folder_is_relative_and_leads_back(tmp_path: Path) -> None:
    app, source = tmp_path / "apps" / "one", tmp_path / "models" / "mine"
    app.mkdir(parents=True)
    source.mkdir(parents=True)
    path = local_path(app, source)
    assert path == "../../models/mine"
    assert LockedModel(0, path=path).source(app) == source.resolve()


def test_the_path_holds_when_the_app_is_reached_through_a_link(tmp_path: Path) -> None:
    app, source = tmp_path / "deep" / "er" / "app", tmp_path / "mine"
    app.mkdir(parents=True)
    source.mkdir()
    link = tmp_path / "app"
    link.symlink_to(app)
    path = local_path(link, source)
    assert LockedModel(0, path=path).source(link) == Path(os.path.realpath(source))
