"""`aai app ...` as a person types it: what is printed where, exit codes, and that the flags reach the core."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from app_lab import Lab

from aai.cli.main import run
from aai.core.app.config import write_project

COMMANDS = [
    ["app", "configure"],
    ["app", "install"],
    ["app", "show"],
    ["app", "status"],
    ["app", "models", "add", "acme/yolo"],
    ["app", "models", "remove", "acme/yolo"],
    ["app", "models", "remove-all"],
    ["app", "models", "show"],
    ["app", "models", "sync"],
    ["app", "models", "update"],
]
CHANGES = [words for words in COMMANDS if words[-1] != "show" and words != ["app", "status"]]


class Shell:
    """Runs commands in this process, and keeps what they printed."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.out = self.err = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        answer = run(list(words))
        self.out, self.err = self._capture.readouterr()
        assert answer == code, f"aai {' '.join(words)} ended with {answer}\n{self.out}\n{self.err}"
        return self.out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An app that follows the project shelves, pins acme/yolo@1 and has it installed; the newest is version 2."""
    lab = Lab(tmp_path)
    monkeypatch.setenv("AAI_REGISTRY", lab.registry.url)
    monkeypatch.setenv("AAI_STORE", str(lab.store.folder))
    monkeypatch.chdir(lab.app)
    lab.publish(weights=b"one")
    lab.publish(weights=b"two", tag="production")
    lab.publish("acme/faces")
    lab.registry.create_project("shelves")
    lab.registry.change_project("shelves", {"acme/yolo": 1, "acme/faces": None})
    write_project(lab.app, "shelves")
    lab.add("acme/yolo@1")
    lab.install()
    return lab


@pytest.fixture
def aai(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def pins(lab: Lab) -> dict[str, int]:
    models: dict[str, int] = lab.json("alwaysai.app.json")["models"]
    return models


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_takes_yes_and_no_input_and_prints_one_document(lab: Lab, aai: Shell, words: list[str]) -> None:
    document = aai.json(*words, "--yes", "--no-input")
    assert document
    assert "next:" not in aai.err


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_quiet_prints_ids_or_names_and_nothing_else(lab: Lab, aai: Shell, words: list[str]) -> None:
    lines = aai(*words, "--quiet", "--yes").splitlines()
    assert set(lines) <= {"acme/yolo", "acme/faces"}
    assert aai.err == ""


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_a_dry_run_says_so_and_changes_nothing(lab: Lab, aai: Shell, words: list[str]) -> None:
    before = tree(lab.folder)
    assert aai.json(*words, "--dry-run")["dry_run"] is True
    assert tree(lab.folder) == before


@pytest.mark.parametrize("words", COMMANDS[1:], ids=" ".join)
def test_a_folder_that_is_no_app_is_told_with_its_path(
    lab: Lab, aai: Shell, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab.folder)
    aai(*words, "--yes", code=3)
    assert f"where: {lab.folder}\n" in aai.err
    assert "aai app configure" in aai.err


def test_configure_makes_an_app_and_says_what_comes_next(
    lab: Lab, aai: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    document = aai.json("app", "configure")
    assert sorted(document["created"]) == sorted(path.name for path in (tmp_path / "new").iterdir())
    assert document["app"] == str(tmp_path / "new")
    aai("app", "configure", "--project", "shelves")
    assert "next: aai app models sync" in aai.err
    aai("app", "models", "add", "acme/yolo")
    lab.registry.create_project("doors")
    aai("app", "configure", "--project", "doors")
    assert "next: aai app models sync" in aai.err
    aai("app", "configure")
    assert "next: aai app install" in aai.err
    aai("app", "configure", "--project", "shelfs", code=3)
    assert 'did you mean "shelves"?' in aai.err
    aai("app", "configure", "--project", "", code=2)
    assert aai.json("app", "show")["project"] == "doors"


def test_add_takes_all_or_nothing(lab: Lab, aai: Shell) -> None:
    aai("app", "models", "add", "acme/faces", "acme/yollo", "acme/yolo@9", code=3)
    assert "2 of 3" in aai.err
    assert 'did you mean "acme/yolo"?' in aai.err
    assert pins(lab) == {"acme/yolo": 1}
    aai("app", "models", "add", "acme/faces", "acme/yolo@production", str(lab.model_folder("me/mine")), "-q")
    assert aai.out.split() == ["acme/faces", "acme/yolo", "me/mine"]
    assert pins(lab) == {"acme/yolo": 2, "acme/faces": 1, "me/mine": 0}


def test_add_and_remove_say_that_the_project_changes_unless_local(lab: Lab, aai: Shell) -> None:
    assert "project" not in aai("app", "models", "add", "acme/yolo@2", "--local")
    assert lab.registry.project("shelves")["acme/yolo"] == 1
    assert "project shelves is changed too" in aai("app", "models", "add", "acme/yolo@2")
    assert lab.registry.project("shelves")["acme/yolo"] == 2
    assert "project" not in aai("app", "models", "remove", "acme/yolo", "--local")
    aai("app", "models", "add", "acme/yolo@2", "--local")
    assert "project shelves is changed too" in aai("app", "models", "remove", "acme/yolo")
    assert lab.registry.project("shelves") == {"acme/faces": None}


def test_remove_knows_near_names(lab: Lab, aai: Shell) -> None:
    aai("app", "models", "remove", "acme/yollo", code=3)
    assert 'did you mean "acme/yolo"?' in aai.err


def test_remove_all_needs_a_yes(lab: Lab, aai: Shell) -> None:
    for words in ([], ["--no-input"]):
        aai("app", "models", "remove-all", *words, code=2)
        assert "--yes" in aai.err
    assert pins(lab) == {"acme/yolo": 1}
    aai("app", "models", "remove-all", "--yes")
    assert pins(lab) == {}
    assert aai("app", "models", "remove-all") == "nothing to change\n"


@pytest.mark.parametrize(
    ("words", "said"), [([], "off this app and the project shelves?"), (["--local"], "off this app?")]
)
def test_remove_all_asks_for_all_that_it_does(
    lab: Lab, aai: Shell, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = Yes(False)
    monkeypatch.setattr("aai.cli.options.terminal_prompter", lambda: somebody)
    aai("app", "models", "remove-all", *words, code=130)
    assert [question.endswith(said) for question in somebody.questions] == [True]
    assert pins(lab) == {"acme/yolo": 1}
    assert "acme/yolo" in lab.registry.project("shelves")


def test_update_moves_what_is_named_and_names_what_is_unknown(lab: Lab, aai: Shell) -> None:
    assert "~ acme/yolo 1 -> 2 (the project shelves wants 1" in aai("app", "models", "update", "--dry-run")
    aai("app", "models", "update", "acme/nope", code=3)
    aai("app", "models", "update")
    assert pins(lab) == {"acme/yolo": 2}


def test_sync_makes_the_app_its_project(lab: Lab, aai: Shell) -> None:
    lab.add("acme/yolo@2", local=True)
    document = aai.json("app", "models", "sync")
    assert [(c["action"], c["id"], c["from"], c["to"]) for c in document["changes"]] == [
        ("add", "acme/faces", None, 1),
        ("update", "acme/yolo", 2, 1),
    ]
    assert "nothing to change" in aai("app", "models", "sync")


def test_sync_from_nothing_is_an_error_and_not_the_project(lab: Lab, aai: Shell) -> None:
    aai("app", "models", "sync", "--from", "", code=2)
    aai("app", "models", "sync", "--from", "nowhere.txt", code=3)
    assert pins(lab) == {"acme/yolo": 1}


class Yes:
    """Somebody at a terminal who says `answer` to everything."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.questions: list[str] = []

    def confirm(self, question: str, default: bool = False) -> bool:
        self.questions.append(question)
        return self.answer


@pytest.mark.parametrize("answer", [True, False])
def test_sync_shows_its_plan_before_it_asks_on_a_terminal(
    lab: Lab, aai: Shell, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = Yes(answer)
    monkeypatch.setattr("aai.cli.options.terminal_prompter", lambda: somebody)
    lab.registry.change_project("shelves", {}, ["acme/yolo"])
    aai("app", "models", "sync", code=0 if answer else 130)
    assert ["acme/yolo" in question for question in somebody.questions] == [True]
    assert "- acme/yolo 1" in aai.err
    assert pins(lab) == ({"acme/faces": 1} if answer else {"acme/yolo": 1})
    aai("app", "models", "sync", "--yes")
    assert len(somebody.questions) == 1
    assert pins(lab) == {"acme/faces": 1}


def test_install_says_what_it_did_then_that_there_is_nothing_to_do(lab: Lab, aai: Shell) -> None:
    lab.add("acme/yolo@2", "acme/faces", local=True)
    text = aai("app", "install")
    assert "~ acme/yolo 1 -> 2" in text
    assert "+ acme/faces 1" in text
    assert "nothing to do: everything is installed" in aai("app", "install")
    document = aai.json("app", "install")
    assert document["app"] == str(lab.app)
    assert document["changed"] is False
    aai("app", "models", "remove", "acme/faces")
    assert "- acme/faces 1\n" in aai("app", "install")


def test_the_flags_of_install_reach_it(lab: Lab, aai: Shell) -> None:
    lab.publish("acme/faces", b"three", variants={"int8": {"weights": b"small"}})
    aai("app", "models", "add", "acme/faces", "--local")
    assert "variant int8: asked for" in aai("app", "install", "--variant", "int8", "--dry-run")
    assert "variant int8: asked for" in aai("app", "install", "--variant", "int8")
    assert lab.weights("acme/faces") == b"small"
    aai("app", "install", "--variant", "int9", code=3)
    (lab.app / "alwaysai.app.json").write_text('{"models": {"acme/yolo": 2}}')
    aai("app", "install", "--frozen", code=1)
    assert "commit alwaysai.lock.json" in aai.err
    assert "= acme/faces is kept" in aai("app", "install", "--keep")
    assert "lock: acme/faces, acme/yolo" not in aai("app", "install", "--store", str(lab.folder / "other"))
    assert not lab.place("acme/faces").exists()
    assert not (lab.folder / "other").exists(), "nothing was missing, and all the same something was fetched"


def test_install_tells_what_it_locks(lab: Lab, aai: Shell) -> None:
    (lab.app / "alwaysai.lock.json").unlink()
    assert "lock: acme/yolo\n" in aai("app", "install")


def test_a_damaged_blob_ends_with_7_names_the_file_and_keeps_the_model(lab: Lab, aai: Shell) -> None:
    (blob,) = (path for path in lab.registry.root.rglob("*") if path.is_file() and path.read_bytes() == b"two")
    blob.write_bytes(b"TWO")
    aai("app", "models", "add", "acme/yolo@2", "--local")
    aai("app", "install", code=7)
    assert str(blob) in aai.err
    assert "weights.onnx of acme/yolo" in aai.err
    assert (lab.version(), lab.weights()) == (1, b"one")


def test_status_ends_with_1_until_everything_is_healthy(lab: Lab, aai: Shell) -> None:
    assert aai.json("app", "status")["healthy"] is True
    lab.add("acme/faces", local=True)
    text = aai("app", "status", code=1)
    assert "no: not installed" in text
    assert "next: aai app install" in aai.err
    aai("app", "install")
    aai("app", "status", "--verify")


def test_show_tells_scripts_models_and_project(lab: Lab, aai: Shell) -> None:
    document = aai.json("app", "show")
    assert document == {
        "folder": str(lab.app),
        "scripts": {"start": "python app.py"},
        "models": {"acme/yolo": 1},
        "project": "shelves",
    }
    assert aai("app", "models", "show") == "acme/yolo@1\n"
    assert aai.json("app", "models", "show") == {"models": [{"id": "acme/yolo", "version": 1}]}


def with_script(lab: Lab, source: str) -> None:
    document = lab.json("alwaysai.app.json")
    document["scripts"]["start"] = f"'{sys.executable}' app.py"
    (lab.app / "alwaysai.app.json").write_text(json.dumps(document))
    (lab.app / "app.py").write_text(source)


def test_start_passes_on_arguments_whole_and_the_exit_code(
    lab: Lab, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_script(lab, "import json, sys; print(json.dumps(sys.argv[1:])); sys.exit(42)")
    words = ["a b", "it's", '"', "$HOME", "new\nline", "é", "", "--yes", "--json", "--"]
    assert run(["app", "start", "--yes", "--no-input", "--", *words]) == 42
    assert json.loads(capfd.readouterr().out) == words


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lab: lab.add("acme/yolo@2", local=True),
        lambda lab: (lab.app / "alwaysai.lock.json").unlink(),
        lambda lab: lab.place().unlink(),
        lambda lab: (lab.place() / "labels.txt").unlink(),
    ],
    ids=["another version is locked", "no lock", "not installed", "a file is gone"],
)
def test_start_refuses_what_is_not_installed_as_locked(lab: Lab, aai: Shell, spoil: Callable[[Lab], Any]) -> None:
    with_script(lab, "raise SystemExit(42)")
    aai("app", "start", code=42)
    spoil(lab)
    aai("app", "start", code=1)
    assert "aai app install" in aai.err
    aai("app", "install", "-q")
    aai("app", "start", code=42)


def test_an_address_that_can_not_be_read_is_told_with_who_said_it(
    lab: Lab, aai: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AAI_REGISTRY", "http://host")
    aai("app", "models", "add", "acme/yolo", code=2)
    assert "http://host, said by: AAI_REGISTRY" in aai.err
    monkeypatch.setenv("AAI_REGISTRY", str(lab.app / "app.py"))
    aai("app", "models", "add", "acme/yolo", code=5)
    aai("app", "models", "add", "acme/yolo", "--registry", "", code=2)
