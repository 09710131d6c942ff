"""`aai project ...` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_lab import Lab

from aai.cli.main import run


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(tmp_path)
    monkeypatch.setenv("AAI_REGISTRY", lab.registry.url)
    lab.publish(tag="production")
    lab.publish("acme/faces")
    return lab


@pytest.fixture
def project(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str, code: int = 0) -> tuple[str, str]:
        answer = run(["project", *words])
        out, err = capsys.readouterr()
        assert answer == code, f"aai project {' '.join(words)} ended with {answer}\n{out}\n{err}"
        return out, err

    return call


def test_a_project_is_made_filled_shown_and_emptied(lab: Lab, project: Any) -> None:
    out, err = project("create", "shelves", "--yes", "--no-input")
    assert out == "project shelves is made\n"
    assert "next: aai project models add shelves" in err
    assert project("show", "shelves")[0] == ""
    references = ["acme/yolo@production", "acme/faces"]
    document = json.loads(project("models", "add", "shelves", *references, "--json")[0])
    assert document == {"project": "shelves", "models": {"acme/yolo": "production", "acme/faces": None}}
    assert project("show", "shelves")[0].splitlines()[1:] == ["acme/faces  any", "acme/yolo   production"]
    assert project("show", "shelves", "-q")[0] == "acme/faces\nacme/yolo\n"
    assert project("models", "remove", "shelves", "acme/faces", "-q")[0] == "acme/faces\n"
    assert json.loads(project("show", "shelves", "--json")[0])["models"] == {"acme/yolo": "production"}


def test_projects_are_listed(lab: Lab, project: Any) -> None:
    out, err = project("list")
    assert out == ""
    assert lab.registry.url in err
    for name in ("b", "a"):
        project("create", name)
    assert project("list", "-q")[0] == "a\nb\n"
    assert json.loads(project("list", "--json")[0]) == {"projects": ["a", "b"]}


def test_adding_is_all_or_nothing_and_tells_all_that_is_missing(lab: Lab, project: Any) -> None:
    project("create", "shelves")
    _, err = project("models", "add", "shelves", "acme/faces", "acme/fases", "acme/yolo@9", code=3)
    assert "2 of 3" in err
    assert 'did you mean "acme/faces"?' in err
    assert lab.registry.project("shelves") == {}


@pytest.mark.parametrize(
    ("references", "said"),
    [
        (["./models/x"], "aai model publish ./models/x"),
        (["acme/yolo@1", "acme/yolo"], "two versions"),
        (["yolo"], 'did you mean "acme/yolo"?'),
    ],
)
def test_what_a_project_can_not_want_is_a_usage_error(lab: Lab, project: Any, references: list[str], said: str) -> None:
    project("create", "shelves")
    assert said in project("models", "add", "shelves", *references, code=2)[1]
    assert lab.registry.project("shelves") == {}


def test_removing_what_is_not_there_removes_nothing(lab: Lab, project: Any) -> None:
    project("create", "shelves")
    project("models", "add", "shelves", "acme/yolo")
    _, err = project("models", "remove", "shelves", "acme/yolo", "acme/yollo", code=3)
    assert 'did you mean "acme/yolo"?' in err
    assert lab.registry.project("shelves") == {"acme/yolo": None}


@pytest.mark.parametrize("words", [["show"], ["models", "add"], ["models", "remove"]], ids=" ".join)
def test_an_unknown_project_gets_its_neighbour(lab: Lab, project: Any, words: list[str]) -> None:
    project("create", "shelves")
    models = ["acme/yolo"] if words[0] == "models" else []
    assert 'did you mean "shelves"?' in project(*words, "shelfs", *models, code=3)[1]


@pytest.mark.parametrize("name", ["shelves", "SHELVES", "a b", "../x", ""])
def test_a_name_that_is_taken_or_none_is_refused(lab: Lab, project: Any, name: str) -> None:
    project("create", "shelves")
    project("create", name, code=2)
    assert lab.registry.projects() == ["shelves"]


def test_errors_are_one_document_too(lab: Lab, project: Any) -> None:
    out, err = project("show", "nothing", "--json", code=3)
    assert out == ""
    assert json.loads(err)["error"]["code"] == "not_found"
