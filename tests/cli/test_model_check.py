"""`aai model check`: what it prints, what it exits with, what it leaves behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aai.cli.main import run
from aai.core.model_config import load
from tests.check.lab import SCENE, coco_labels, digits_folder, photos
from tests.vision.models import classes_folder


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the digits detector in `digits`, wrongly configured in `wrong`, and four photos in `photos`."""
    folder = tmp_path_factory.mktemp("material")
    digits_folder(folder / "digits")
    digits_folder(folder / "wrong", scalefactor=1)
    photos(folder / "photos", 4)
    return folder


@pytest.fixture()
def work(tmp_path: Path, material: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a copy of `material`."""
    shutil.copytree(material, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_a_check_says_what_was_found_and_where_the_sheet_is(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "check", "digits", "--images", "photos", "--threads", "1"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].startswith("acme/digits: onnxruntime")
    assert "doubts:   none" in lines
    assert lines[-1] == "sheet:    check-digits.png"
    assert (work / "check-digits.png").is_file()
    assert "next: aai model check digits --golden IMAGE" in captured.err


def test_a_tuning_is_printed_with_its_reason(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "check", "wrong", "--images", "photos", "--threads", "1", "--tune", "--no-sheet"]) == 0
    text = capsys.readouterr().out
    assert "tuning:   changed: from 0 to 255, RGB, letterbox center on 114 to 0 to 1, RGB" in text
    assert "by confidence and constancy on 4 photos: its score is higher by" in text
    assert load(work / "wrong").parameters["scalefactor"] == pytest.approx(1 / 255)
    assert not (work / "check-wrong.png").exists()


@pytest.mark.slow
def test_labels_are_reported_by_halves(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos(work / "more", 10)
    coco_labels(work / "labels.json", 10)
    words = [
        "model",
        "check",
        "wrong",
        "--images",
        "more",
        "--labels",
        "labels.json",
        "--threads",
        "1",
        "--tune",
        "--no-sheet",
    ]
    assert run(words) == 0
    text = capsys.readouterr().out
    assert "configured, on the 5 photos not chosen on: AP 0.50 to 0.95" in text
    assert "chosen, on the 5 photos not chosen on: AP 0.50 to 0.95" in text
    assert "accuracy: AP 0.50 to 0.95" in text


def test_json_is_one_document_with_a_progress_that_is_silent(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["model", "check", "wrong", "--images", "photos", "--threads", "1", "--tune", "--json", "--dry-run"]) == 0
    )
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert captured.err == ""
    assert document["tuning"]["verdict"] == "changed" and document["written"] == []
    assert set(document) == {
        "model",
        "folder",
        "ok",
        "engine",
        "accelerator",
        "recipe",
        "load_s",
        "latency",
        "images",
        "failed",
        "doubts",
        "accuracy",
        "tuning",
        "golden",
        "sheets",
        "written",
    }
    assert load(work / "wrong").parameters["scalefactor"] == 1


def test_kept_results_are_the_self_test_of_a_model(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "check", "digits", "--golden", str(SCENE)]) == 0
    assert run(["model", "check", "digits", "--quiet"]) == 0
    assert capsys.readouterr().out.endswith("acme/digits\n")
    config = load(work / "digits")
    config.set("swaprb", False)
    config.set("scalefactor", 1)
    config.write()
    assert run(["model", "check", "digits", "--quiet"]) == 1
    assert capsys.readouterr().out == ""
    assert run(["model", "check", "digits"]) == 1
    assert "results differ from the kept ones" in capsys.readouterr().out


def test_answers_of_no_use_are_exit_code_1(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes_folder(work / "flat", softmax=True)
    assert run(["model", "check", "flat", "--images", "photos", "--no-sheet"]) == 1
    assert "error: the outputs are the same for different photos" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["digits"], 2),
        (["digits", "--tune"], 2),
        (["digits", "--golden", "scene.png", "--dry-run"], 2),
        (["digits", "--images", "nothing"], 3),
        (["digits", "--images", "photos", "--labels", "nothing.json"], 3),
        (["nothing", "--images", "photos"], 3),
        (["digits", "--images", "digits"], 2),
        (["digits", "--images", "photos", "--engine", "NO_SUCH"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_can_t_be_checked_is_told_with_a_way_out(
    work: Path, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "check", *words, "--json"]) == code
    captured = capsys.readouterr()
    error = json.loads(captured.err)["error"]
    assert captured.out == "" and error["what"] and error["fix"]


def test_a_published_model_brings_its_self_test(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = f"dir:{work / 'registry'}"
    assert run(["model", "check", "digits", "--golden", str(SCENE)]) == 0
    assert run(["model", "publish", "digits", "--registry", registry]) == 0
    assert run(["model", "pull", "acme/digits", "copy", "--registry", registry]) == 0
    assert run(["model", "check", "copy", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "acme/digits"


def test_predict_replays_what_the_model_brings(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "check", "digits", "--golden", str(SCENE)]) == 0
    capsys.readouterr()
    assert run(["model", "predict", "digits", "--self-test"]) == 0
    assert "golden:   1 image, results as kept" in capsys.readouterr().out
    assert run(["model", "predict", "digits", "--self-test", "--precision", "bfloat16"]) == 2
    assert "does not calculate with bfloat16" in capsys.readouterr().err
    assert run(["model", "predict", "digits", "--self-test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert run(["model", "predict", "digits", "photo.png", "--self-test"]) == 2
    assert run(["model", "predict", "wrong", "--self-test"]) == 3
    assert run(["model", "predict", "digits"]) == 2
