from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_lab import Lab

from aai.core.app.config import write_project
from aai.core.app.resolve import Plan, apply_plan, plan_add, plan_remove, plan_remove_all, plan_update
from aai.errors import AaiError, InvalidFiles, NotFound, RegistryError, UsageError


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    for weights in (b"1", b"2", b"3"):
        lab.publish(weights=weights)
    lab.publish("acme/faces")
    lab.registry.set_tag("acme/yolo", "production", 2)
    return lab


def pins(lab: Lab) -> dict[str, int]:
    models: dict[str, int] = lab.json("alwaysai.app.json")["models"]
    return models


def locked(lab: Lab) -> dict[str, int]:
    return {model_id: entry["version"] for model_id, entry in lab.json("alwaysai.lock.json")["models"].items()}


def shown(plan: Plan) -> list[tuple[str, str, Any, Any]]:
    return [(change.action, change.id, change.before, change.after) for change in plan.changes]


def files(lab: Lab) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in lab.app.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("reference", "version"),
    [("acme/yolo", 3), ("acme/yolo@1", 1), ("acme/yolo@production", 2), ("acme/yolo@latest", 3)],
)
def test_add_pins_and_locks_what_a_reference_names(lab: Lab, reference: str, version: int) -> None:
    plan = lab.add(reference)
    assert shown(plan) == [("add", "acme/yolo", None, version)]
    assert pins(lab) == locked(lab) == {"acme/yolo": version}
    digest = lab.json("alwaysai.lock.json")["models"]["acme/yolo"]["digest"]
    assert digest == lab.registry.resolve("acme/yolo", str(version)).digest
    assert json.dumps(plan.as_dict())


def test_a_plan_alone_changes_nothing(lab: Lab) -> None:
    before = files(lab)
    plan = plan_add(lab.app, ["acme/yolo"], lab.registry)
    assert plan.changed
    assert files(lab) == before


def test_add_is_all_or_nothing_and_tells_all_that_is_missing(lab: Lab) -> None:
    before = files(lab)
    with pytest.raises(NotFound) as caught:
        lab.add("acme/yolo", "acme/yoloo", "acme/facs", "acme/yolo@9")
    assert "3 of 4" in caught.value.what
    assert '"acme/yolo"' in str(caught.value.fix)
    assert '"acme/faces"' in str(caught.value.fix)
    assert files(lab) == before


def test_adding_again_moves_the_pin_or_keeps_it(lab: Lab) -> None:
    lab.add("acme/yolo@1")
    assert shown(lab.add("acme/yolo")) == [("update", "acme/yolo", 1, 3)]
    again = lab.add("acme/yolo")
    assert shown(again) == [("keep", "acme/yolo", 3, 3)]
    assert not again.changed


@pytest.mark.parametrize(
    "references", [["acme/yolo@1", "acme/yolo@2"], ["acme"], ["acme/yolo@"], ["a/b/c"], ["acme/.."], ["a b/c"]]
)
def test_references_that_can_not_be_are_a_usage_error(lab: Lab, references: list[str]) -> None:
    before = files(lab)
    with pytest.raises(UsageError):
        lab.add(*references)
    assert files(lab) == before


def test_two_ids_that_differ_in_case_only_are_refused(lab: Lab) -> None:
    (lab.app / "alwaysai.app.json").write_text('{"models": {"Acme/Yolo": 1}}')
    with pytest.raises(UsageError, match="case only"):
        lab.add("acme/yolo")


def test_a_folder_is_added_as_version_zero_with_a_relative_path(lab: Lab) -> None:
    folder = lab.model_folder("me/mine")
    assert shown(lab.add(str(folder))) == [("add", "me/mine", None, 0)]
    assert pins(lab) == {"me/mine": 0}
    assert lab.json("alwaysai.lock.json")["models"]["me/mine"] == {"version": 0, "path": "../models/me-mine"}


def test_a_folder_replaces_a_published_version_and_back(lab: Lab) -> None:
    lab.add("acme/yolo@2")
    assert shown(lab.add(str(lab.model_folder("acme/yolo")))) == [("update", "acme/yolo", 2, 0)]
    assert shown(lab.add("acme/yolo")) == [("update", "acme/yolo", 0, 3)]


def test_a_dot_path_is_a_folder_and_a_bare_one_gets_the_hint(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.model_folder("me/mine", name="mine")
    lab.model_folder("me/two", name="sub/two")
    monkeypatch.chdir(lab.folder / "models")
    lab.add("./mine")
    assert pins(lab) == {"me/mine": 0}
    for bare in ("mine", "sub/two"):
        with pytest.raises(AaiError) as caught:
            lab.add(bare)
        assert f"./{bare}" in str(caught.value.fix)


def test_a_folder_without_an_id_is_refused_with_the_fix(lab: Lab) -> None:
    folder = lab.model_folder("<username>/<modelname>", name="mine")
    with pytest.raises(UsageError) as caught:
        lab.add(str(folder))
    assert "--id" in str(caught.value.fix)


def test_folders_that_are_no_model_are_refused(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.add("./nowhere")
    with pytest.raises(NotFound, match="alwaysai"):
        lab.add(str(lab.app))
    folder = lab.model_folder("me/mine")
    (folder / "weights.onnx").unlink()
    with pytest.raises(InvalidFiles, match=r"weights\.onnx"):
        lab.add(str(folder))


def test_remove_takes_pin_and_lock_and_knows_near_names(lab: Lab) -> None:
    lab.add("acme/yolo", "acme/faces")
    with pytest.raises(NotFound) as caught:
        plan_remove(lab.app, ["acme/yolo", "acme/face"], lab.registry)
    assert '"acme/faces"' in str(caught.value.fix)
    plan = plan_remove(lab.app, ["acme/faces"], lab.registry)
    assert shown(plan) == [("remove", "acme/faces", 1, None)]
    apply_plan(plan, lab.registry)
    assert pins(lab) == locked(lab) == {"acme/yolo": 3}


def test_remove_all_takes_all(lab: Lab) -> None:
    lab.add("acme/yolo", "acme/faces")
    apply_plan(plan_remove_all(lab.app, lab.registry), lab.registry)
    assert pins(lab) == locked(lab) == {}


def test_update_moves_pins_up_never_down_and_leaves_folders(lab: Lab) -> None:
    lab.add("acme/yolo@1", "acme/faces", str(lab.model_folder("me/mine")))
    plan = plan_update(lab.app, [], lab.registry)
    assert shown(plan) == [
        ("keep", "acme/faces", 1, 1),
        ("update", "acme/yolo", 1, 3),
        ("keep", "me/mine", 0, 0),
    ]
    apply_plan(plan, lab.registry)
    assert pins(lab) == locked(lab) == {"acme/yolo": 3, "acme/faces": 1, "me/mine": 0}
    (lab.app / "alwaysai.app.json").write_text('{"models": {"acme/yolo": 9}}')
    assert shown(plan_update(lab.app, ["acme/yolo"], lab.registry)) == [("keep", "acme/yolo", 9, 9)]


def test_update_of_a_model_that_the_app_lacks_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFound):
        plan_update(lab.app, ["acme/yolo"], lab.registry)


# --- an app that follows a project


@pytest.fixture
def following(lab: Lab) -> Lab:
    lab.registry.create_project("shelves")
    write_project(lab.app, "shelves")
    return lab


def test_add_and_remove_change_the_project_too(following: Lab) -> None:
    lab = following
    plan = lab.add("acme/yolo@production", "acme/faces", str(lab.model_folder("me/mine")))
    assert plan.as_dict()["project"] == "shelves"
    assert lab.registry.project("shelves") == {"acme/yolo": "production", "acme/faces": 1}
    apply_plan(plan_remove(lab.app, ["acme/yolo", "me/mine"], lab.registry), lab.registry)
    assert lab.registry.project("shelves") == {"acme/faces": 1}


def test_local_changes_leave_the_project(following: Lab) -> None:
    lab = following
    lab.add("acme/yolo", local=True)
    assert lab.registry.project("shelves") == {}
    lab.add("acme/yolo")
    assert lab.registry.project("shelves") == {"acme/yolo": 3}
    apply_plan(plan_remove_all(lab.app, lab.registry, local=True), lab.registry)
    assert lab.registry.project("shelves") == {"acme/yolo": 3}


def test_a_project_that_leaves_the_version_open_goes_on_so_unless_one_is_named(following: Lab) -> None:
    lab = following
    lab.registry.change_project("shelves", {"acme/yolo": None})
    assert lab.add("acme/yolo").project_set == {}
    assert lab.json("alwaysai.app.json")["models"] == {"acme/yolo": 3}
    assert lab.registry.project("shelves") == {"acme/yolo": None}
    lab.add("acme/yolo@3")
    assert lab.registry.project("shelves") == {"acme/yolo": 3}
    lab.add("acme/yolo@latest")
    assert lab.registry.project("shelves") == {"acme/yolo": "latest"}


def test_an_update_says_when_the_next_sync_would_undo_it(following: Lab) -> None:
    lab = following
    lab.add("acme/yolo@1", "acme/faces")
    lab.publish("acme/faces", b"newer")
    lab.registry.change_project("shelves", {"acme/faces": None})
    notes = {change.id: change.note for change in plan_update(lab.app, [], lab.registry).changes}
    assert "the project shelves wants 1" in notes["acme/yolo"]
    assert notes["acme/faces"] == ""


def test_a_model_folder_is_added_where_the_project_can_not_be_asked(lab: Lab) -> None:
    write_project(lab.app, "gone")
    lab.add(str(lab.model_folder("me/mine")))
    assert lab.json("alwaysai.app.json")["models"] == {"me/mine": 0}


def test_an_unknown_project_is_told_before_anything_changes(lab: Lab) -> None:
    write_project(lab.app, "shelfs")
    lab.registry.create_project("shelves")
    before = files(lab)
    with pytest.raises(NotFound) as caught:
        lab.add("acme/yolo")
    assert "shelves" in str(caught.value.fix)
    assert files(lab) == before


class DeafRegistry:
    """A registry that takes no change of a project."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def change_project(self, name: str, set_models: Any, remove_models: Any = ()) -> None:
        raise RegistryError("the registry can't be reached")


@pytest.mark.parametrize("with_lock", [True, False])
def test_a_project_that_can_not_be_changed_leaves_the_app_as_it_was(following: Lab, with_lock: bool) -> None:
    lab = following
    if with_lock:
        lab.add("acme/faces")
    before = files(lab)
    inner, lab.registry = lab.registry, DeafRegistry(lab.registry)
    with pytest.raises(RegistryError):
        lab.add("acme/yolo")
    assert files(lab) == before
    assert "acme/yolo" not in inner.project("shelves")
