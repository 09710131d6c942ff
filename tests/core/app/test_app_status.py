from __future__ import annotations

import json
from pathlib import Path

import pytest
from app_lab import Lab

from aai.core.app.config import write_project
from aai.core.app.status import app_status, check_installed
from aai.errors import InvalidFiles, NotFound


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.publish(weights=b"one")
    lab.publish(weights=b"two")
    return lab


def only(lab: Lab) -> tuple[int | None, int | None, int | None, bool, str]:
    (model,) = app_status(lab.app).models
    return model.wanted, model.locked, model.installed, model.healthy, model.reason


def test_each_stage_of_a_model_is_told(lab: Lab) -> None:
    (lab.app / "alwaysai.app.json").write_text('{"models": {"acme/yolo": 1}}')
    assert only(lab) == (1, None, None, False, "not in the lock")
    lab.add("acme/yolo@1")
    assert only(lab) == (1, 1, None, False, "not installed")
    lab.install()
    assert only(lab) == (1, 1, 1, True, "")
    lab.add("acme/yolo@2")
    assert only(lab) == (2, 2, 1, False, "version 1 is installed, and 2 is wanted")
    (lab.app / "alwaysai.app.json").write_text('{"models": {"acme/yolo": 1}}')
    assert only(lab) == (1, 2, 1, False, "pinned to 1, and the lock has 2")
    (lab.app / "alwaysai.app.json").write_text('{"models": {}}')
    assert only(lab) == (None, 2, 1, False, "installed, and no longer wanted")


def test_other_bytes_of_the_same_version_are_told(lab: Lab) -> None:
    lab.add("acme/yolo@1")
    lab.install()
    lock = lab.json("alwaysai.lock.json")
    lock["models"]["acme/yolo"]["digest"] = "sha256:" + "1" * 64
    (lab.app / "alwaysai.lock.json").write_text(json.dumps(lock))
    assert "another digest" in only(lab)[4]


def test_a_model_that_nobody_wants_does_not_stop_a_start(lab: Lab) -> None:
    lab.add("acme/yolo")
    lab.install()
    (lab.app / "alwaysai.app.json").write_text('{"models": {}}')
    assert not app_status(lab.app).healthy
    check_installed(lab.app)


def test_the_check_names_every_model_that_is_wrong(lab: Lab) -> None:
    lab.publish("acme/faces")
    lab.add("acme/yolo", "acme/faces")
    with pytest.raises(InvalidFiles) as caught:
        check_installed(lab.app)
    assert [finding.what for finding in caught.value.findings] == [
        "acme/faces: not installed",
        "acme/yolo: not installed",
    ]


def test_the_status_is_plain_data_and_names_the_project(lab: Lab) -> None:
    write_project(lab.app, "shelves")
    document = json.loads(json.dumps(app_status(lab.app).as_dict()))
    assert document == {"app": str(lab.app), "project": "shelves", "healthy": True, "models": []}


def test_a_folder_that_is_no_app_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        app_status(tmp_path)
