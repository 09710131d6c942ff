from __future__ import annotations

from pathlib import Path

import pytest
from app_lab import Lab

from aai.core.app.references import project_entries, resolve_reference, wish_of
from aai.errors import NotFound, UsageError


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.publish(weights=b"one")
    lab.publish(weights=b"two", tag="production")
    lab.publish("acme/faces")
    return lab


def test_a_project_gets_what_was_asked_for_not_what_it_stands_for_today(lab: Lab) -> None:
    references = ["acme/yolo@production", "acme/faces"]
    assert project_entries(references, lab.registry) == {"acme/yolo": "production", "acme/faces": None}
    assert project_entries(["acme/yolo@1"], lab.registry) == {"acme/yolo": 1}
    assert project_entries(["acme/yolo@latest"], lab.registry) == {"acme/yolo": "latest"}


def test_a_project_is_told_of_all_that_is_missing_at_once(lab: Lab) -> None:
    with pytest.raises(NotFound) as caught:
        project_entries(["acme/nope", "acme/yolo@7", "acme/faces"], lab.registry)
    assert "2 of 3" in caught.value.what
    assert "acme/nope" in caught.value.what
    assert "acme/yolo has no version 7" in caught.value.what


@pytest.mark.parametrize("references", [["acme/yolo@1", "acme/yolo"], ["acme/yolo@1", "acme/yolo@2"], ["./models/x"]])
def test_what_a_project_can_not_want_is_a_usage_error(lab: Lab, references: list[str]) -> None:
    with pytest.raises(UsageError):
        project_entries(references, lab.registry)


def test_one_model_named_twice_in_the_same_way_is_one(lab: Lab) -> None:
    assert project_entries(["acme/yolo@1", "acme/yolo@1"], lab.registry) == {"acme/yolo": 1}


@pytest.mark.parametrize("reference", ["yolo", "Yolo", "yolo@2"])
def test_a_name_without_its_publisher_gets_the_whole_id(lab: Lab, reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_reference(reference, lab.registry)
    assert caught.value.fix == 'did you mean "acme/yolo"?'


def test_a_name_that_nobody_has_gets_the_rule(lab: Lab) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_reference("olo", lab.registry)
    assert "publisher/name" in str(caught.value.fix)


def test_a_folder_is_told_by_its_whole_path(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab.app)
    (lab.folder / "empty").mkdir()
    with pytest.raises(NotFound) as caught:
        wish_of(lab.app, "../empty", lab.registry)
    assert caught.value.where == str(lab.folder / "empty")
    with pytest.raises(UsageError, match="file"):
        wish_of(lab.app, "./app.py", lab.registry)
