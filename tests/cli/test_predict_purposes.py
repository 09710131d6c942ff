"""`aai model predict` prints a table for each purpose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aai.cli.main import run
from aai.vision.image import write_image
from tests.vision.test_purposes import instances_folder, movenet_folder, reid_folder, segmentation_folder


def predict(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, *words: str) -> tuple[str, str]:
    image = str(write_image(tmp_path / "a.png", np.full((40, 80, 3), 90, np.uint8)))
    assert run(["model", "predict", str(folder), image, *words]) == 0
    told = capsys.readouterr()
    return told.out, told.err


def test_shares_of_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = predict(capsys, segmentation_folder(tmp_path / "m"), tmp_path, "--save", str(tmp_path / "out"))
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["LABEL", "SHARE"],
        ["road", "50.0%"],
        ["background", "25.0%"],
        ["sky", "25.0%"],
    ]
    assert f"class of each pixel: {tmp_path / 'out' / 'a-predicted-classes.png'}" in err


def test_key_points_of_bodies_and_no_missing_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = predict(capsys, movenet_folder(tmp_path / "m"), tmp_path)
    lines = out.splitlines()[1:]
    assert lines[0].split() == ["POSE", "SCORE", "KEY", "POINT", "PLACE", "SCORE"]
    assert lines[1].split() == ["1", "0.75", "Nose", "40", "20", "0.90"]
    assert len(lines) == 3
    out, _ = predict(capsys, movenet_folder(tmp_path / "m"), tmp_path, "--confidence", "0.9")
    assert out.splitlines()[1:] == ["nothing found with a confidence of 0.9 or more (--confidence)"]


def test_objects_with_the_pixels_of_their_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = predict(capsys, instances_folder(tmp_path / "m"), tmp_path)
    assert out.splitlines()[2].split() == ["cat", "0.90", "10", "10", "30", "30", "200"]


def test_how_alike_the_pictures_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = str(write_image(tmp_path / "b.png", np.zeros((9, 9, 3), np.uint8)))
    out, _ = predict(capsys, reid_folder(tmp_path / "m"), tmp_path, other)
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["1", "2", "IMAGE"],
        ["1", "1.00", "1.00", str(tmp_path / "a.png")],
        ["2", "1.00", "1.00", other],
    ]
    out, _ = predict(capsys, reid_folder(tmp_path / "m"), tmp_path, "--json")
    assert json.loads(out)["results"][0]["embedding"] == [0.6, 0.8]
