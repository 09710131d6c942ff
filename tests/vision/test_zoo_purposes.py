"""Real models for segmentation and poses, from their files alone to the results that the zoo's own engines gave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.core.configure import configure
from aai.vision.image import read_image, write_image
from aai.vision.predict import predict

SEGMENTATION = [
    "enet/enet-cityscapes",
    "onnx/deeplab-v3-mobilenet",
    "onnx/deeplabv3-mnv2-dm05-pascal",
    "tflite/deeplabv3-mnv2-dm05-pascal-quant",
]
POSES = ["onnx/movenet-lightning", "tflite/movenet-lightning-ptq"]


def _entries(zoo: Path) -> dict[str, dict[str, Any]]:
    return {entry["path"]: entry for entry in json.loads((zoo / "MANIFEST.json").read_text())}


def _configured(zoo: Path, entry: dict[str, Any], folder: Path) -> Path:
    """A folder with the model's files and what `configure` makes of them, with nothing told but the id."""
    folder.mkdir()
    for name in entry["files"]:
        shutil.copyfile(zoo / entry["path"] / name, folder / name)
    configured = configure(folder, {"id": f"zoo/{entry['name']}"})
    configured.write()
    assert configured.config.purpose == entry["purpose"]
    return folder


def _run(folder: Path, image: Path, **more: Any) -> dict[str, Any]:
    (result,) = predict(folder, [image], **more)["results"]
    return dict(result)


@pytest.mark.parametrize("path", SEGMENTATION)
def test_the_share_of_each_class_is_that_of_the_zoo(zoo: Path, tmp_path: Path, path: str) -> None:
    entry = _entries(zoo)[path]
    expected = entry["expected"]
    folder = _configured(zoo, entry, tmp_path / "model")
    result = _run(folder, zoo / expected["image"], save=tmp_path / "out")
    found = {prediction["index"]: prediction for prediction in result["predictions"]}
    for wanted in expected["results"]:
        fraction = found.get(wanted["class_id"], {"fraction": 0})["fraction"]
        assert abs(fraction - wanted["fraction"]) <= expected["tolerance"]["fraction_abs"] / 10
    assert sum(prediction["fraction"] for prediction in found.values()) == pytest.approx(1, abs=1e-3)
    if path in ("enet/enet-cityscapes", "onnx/deeplab-v3-mobilenet"):
        labels = {wanted["class_id"]: wanted["label"] for wanted in expected["results"] if wanted["fraction"] > 0.01}
        assert {class_id: found[class_id]["label"] for class_id in labels} == labels
    class_map = read_image(result["class_map"])[:, :, 0]
    assert class_map.shape == (result["height"], result["width"])
    share = np.mean(class_map == result["predictions"][0]["index"])
    assert share == pytest.approx(result["predictions"][0]["fraction"], abs=1e-4)


@pytest.mark.parametrize("path", POSES)
def test_the_key_points_are_those_of_the_zoo(zoo: Path, tmp_path: Path, path: str) -> None:
    entry = _entries(zoo)[path]
    expected, tolerance = entry["expected"], entry["expected"]["tolerance"]
    x1, y1, x2, y2 = entry["input"]["crop_xyxy"]
    crop = write_image(tmp_path / "crop.png", read_image(zoo / expected["image"])[y1:y2, x1:x2])
    document = predict(_configured(zoo, entry, tmp_path / "model"), [crop])
    (pose,) = document["results"][0]["predictions"]
    same_engine = document["engine"].split()[0] == expected["engine"].split()[0]
    assert len(expected["results"]) == len(pose["key_points"]) == 17
    points = {part: pose["key_points"][part.replace("_", " ").title()] for part in _parts(expected)}
    # One pixel in a corner that is made black moves single scores of the 8-bit network by up to 0.27, and another
    # engine as much: of its scores the mean alone says something then.
    means = [np.mean([entry["score"] for entry in part]) for part in (points.values(), expected["results"])]
    assert abs(means[0] - means[1]) <= tolerance["score_abs"] / 2
    for wanted in expected["results"]:
        point = points[wanted["part"]]
        assert not same_engine or abs(point["score"] - wanted["score"]) <= tolerance["score_abs"]
        assert abs(point["x"] + x1 - wanted["x"]) <= tolerance["xy_px"]
        assert abs(point["y"] + y1 - wanted["y"]) <= tolerance["xy_px"]


def _parts(expected: dict[str, Any]) -> list[str]:
    return [wanted["part"] for wanted in expected["results"]]


def test_every_model_of_these_purposes_that_can_run_is_listed_here(zoo: Path) -> None:
    runnable = {
        path
        for path, entry in _entries(zoo).items()
        if entry["input"] and entry["purpose"] not in ("ObjectDetection", "Classification")
    }
    assert runnable == {*SEGMENTATION, *POSES}
