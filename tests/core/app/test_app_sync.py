from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_lab import Lab

from aai.core.app.config import write_project
from aai.core.app.resolve import apply_plan
from aai.core.app.scaffold import configure_app
from aai.core.app.sync import plan_sync
from aai.errors import InvalidFiles, NotFound


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    for weights in (b"1", b"2", b"3"):
        lab.publish(weights=weights)
    for name in ("acme/faces", "acme/cars"):
        lab.publish(name, b"1")
        lab.publish(name, b"2")
    lab.registry.set_tag("acme/yolo", "production", 2)
    lab.registry.create_project("shelves")
    return lab


def sync(lab: Lab, from_: Path | None = None) -> list[tuple[str, str, Any, Any]]:
    plan = plan_sync(lab.app, lab.registry, from_)
    apply_plan(plan, lab.registry)
    return [(change.action, change.id, change.before, change.after) for change in plan.changes]


def pins(lab: Lab) -> dict[str, int]:
    locked = {model_id: entry["version"] for model_id, entry in lab.json("alwaysai.lock.json")["models"].items()}
    models: dict[str, int] = lab.json("alwaysai.app.json")["models"]
    assert locked == models
    return models


def test_sync_makes_the_app_equal_to_its_project(lab: Lab) -> None:
    lab.add("acme/cars@1", "acme/faces@1", "acme/yolo@3")
    write_project(lab.app, "shelves")
    lab.registry.change_project("shelves", {"acme/yolo": "production", "acme/faces": 2})
    assert sync(lab) == [
        ("remove", "acme/cars", 1, None),
        ("update", "acme/faces", 1, 2),
        ("update", "acme/yolo", 3, 2),
    ]
    assert pins(lab) == {"acme/faces": 2, "acme/yolo": 2}
    assert {action for action, *_ in sync(lab)} == {"keep"}
    assert lab.registry.project("shelves") == {"acme/yolo": "production", "acme/faces": 2}


def test_a_pin_is_kept_where_the_project_does_not_say_which(lab: Lab) -> None:
    lab.add("acme/yolo@1")
    write_project(lab.app, "shelves")
    lab.registry.change_project("shelves", {"acme/yolo": None, "acme/faces": None})
    assert sync(lab) == [("add", "acme/faces", None, 2), ("keep", "acme/yolo", 1, 1)]


def test_a_tag_that_moved_moves_the_pin(lab: Lab) -> None:
    write_project(lab.app, "shelves")
    lab.registry.change_project("shelves", {"acme/yolo": "production"})
    sync(lab)
    lab.registry.set_tag("acme/yolo", "production", 1)
    assert sync(lab) == [("update", "acme/yolo", 2, 1)]


def test_model_folders_stay_for_a_project_can_not_name_them(lab: Lab) -> None:
    lab.add(str(lab.model_folder("me/mine")))
    write_project(lab.app, "shelves")
    assert sync(lab) == [("keep", "me/mine", 0, 0)]


def test_a_project_that_names_what_is_not_there_changes_nothing(lab: Lab) -> None:
    write_project(lab.app, "shelves")
    lab.registry.change_project("shelves", {"acme/yolo": 9, "acme/faces": 1})
    with pytest.raises(NotFound):
        sync(lab)
    assert lab.json("alwaysai.app.json")["models"] == {}


def test_without_a_project_sync_says_what_to_do(lab: Lab) -> None:
    with pytest.raises(NotFound) as caught:
        sync(lab)
    assert "--project" in str(caught.value.fix)
    assert "--from" in str(caught.value.fix)


@pytest.mark.parametrize("source", ["folder", "file", "lock"])
def test_sync_from_another_app_takes_its_pins_folders_and_digests(lab: Lab, source: str) -> None:
    other = Lab(lab.folder / "deep" / "other")
    other.registry = lab.registry
    other.add("acme/yolo@1", str(other.model_folder("me/mine")))
    lab.add("acme/yolo@3", str(lab.model_folder("me/old")))
    path = {"folder": other.app, "file": other.app / "alwaysai.app.json", "lock": other.app / "alwaysai.lock.json"}[
        source
    ]
    assert sync(lab, path) == [
        ("update", "acme/yolo", 3, 1),
        ("add", "me/mine", None, 0),
        ("remove", "me/old", 0, None),
    ]
    assert pins(lab) == {"acme/yolo": 1, "me/mine": 0}
    lab.install()
    assert lab.weights("me/mine") == b"weights"


@pytest.mark.parametrize("name", ["package.json", "other.json"])
def test_a_json_file_that_lists_no_models_never_empties_the_app(lab: Lab, name: str) -> None:
    lab.add("acme/yolo")
    path = lab.folder / name
    path.write_text('{"scripts": {}}')
    with pytest.raises(InvalidFiles, match="no models"):
        sync(lab, path)
    assert pins(lab) == {"acme/yolo": 3}


def test_sync_from_a_project_file_takes_that_project(lab: Lab) -> None:
    other = lab.folder / "other"
    configure_app(other)
    write_project(other, "shelves")
    lab.registry.change_project("shelves", {"acme/faces": 1})
    assert sync(lab, other / "alwaysai.project.json") == [("add", "acme/faces", None, 1)]


def test_all_that_a_list_names_and_nobody_has_is_told_at_once(lab: Lab) -> None:
    names = lab.folder / "wanted.txt"
    names.write_text("acme/yolo\nacme/x\nacme/yolo2\n")
    with pytest.raises(NotFound, match="2 of 3"):
        sync(lab, names)


def test_a_file_that_is_no_list_is_not_told_line_by_line(lab: Lab) -> None:
    names = lab.folder / "wanted.txt"
    names.write_text("not an id\n" * 1000)
    with pytest.raises(InvalidFiles, match="990 more lines") as caught:
        sync(lab, names)
    assert len(caught.value.findings) == 11


def test_sync_from_an_app_without_a_lock_asks_the_registry(lab: Lab) -> None:
    other = lab.folder / "other"
    configure_app(other)
    (other / "alwaysai.app.json").write_text(json.dumps({"models": {"acme/yolo": 2}}))
    assert sync(lab, other) == [("add", "acme/yolo", None, 2)]
    (other / "alwaysai.app.json").write_text(json.dumps({"models": {"me/mine": 0}}))
    with pytest.raises(NotFound, match="me/mine"):
        sync(lab, other)


def test_sync_from_a_list_of_names(lab: Lab) -> None:
    names = lab.folder / "wanted.txt"
    names.write_text("# the shop\nacme/yolo@production\n\nacme/faces@1 # old camera\nacme/cars\n")
    assert sync(lab, names) == [
        ("add", "acme/cars", None, 2),
        ("add", "acme/faces", None, 1),
        ("add", "acme/yolo", None, 2),
    ]


def test_a_broken_list_tells_all_lines(lab: Lab) -> None:
    names = lab.folder / "wanted.txt"
    names.write_text("nonsense\nacme/yolo\nacme/yolo@1\na b\n")
    with pytest.raises(InvalidFiles) as caught:
        sync(lab, names)
    text = str(caught.value)
    assert all(f"line {number}" in text for number in (1, 3, 4))
    names.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidFiles, match="UTF-8"):
        sync(lab, names)
    with pytest.raises(NotFound):
        sync(lab, lab.folder / "nowhere")


@pytest.mark.parametrize("reference", ["\u00b2", "9" * 5000], ids=["superscript", "long"])
def test_digits_that_are_no_number_name_no_version(lab: Lab, reference: str) -> None:
    names = lab.folder / "wanted.txt"
    names.write_text(f"acme/yolo@{reference}\n", encoding="utf-8")
    with pytest.raises(NotFound, match="has no version"):
        sync(lab, names)
