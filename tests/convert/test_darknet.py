"""A Darknet model with its ONNX variant: the same boxes from both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aai.check.golden import replay
from aai.cli.main import run
from aai.convert.darknet import darknet_to_onnx
from aai.core.configure import configure
from aai.core.model_config import ModelConfig, load
from aai.core.publish import build
from aai.core.validate import validate
from aai.errors import UsageError
from aai.vision.image import read_image
from aai.vision.services import ObjectDetection

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "tests" / "data" / "digits-darknet"
SCENE = ROOT / "aai" / "demo" / "scene.png"


@pytest.fixture()
def digits(tmp_path: Path) -> ModelConfig:
    folder = tmp_path / "digits"
    shutil.copytree(DIGITS, folder)
    configure(folder, {"id": "acme/digits"}).write()
    return load(folder)


def _boxes(config: ModelConfig, engine: str | None = None) -> tuple[np.ndarray, list[str]]:
    detector = ObjectDetection(config.folder).load(engine)
    found = detector.detect_objects(read_image(SCENE))
    detector.close()
    return found.boxes_xyxy, [prediction.label for prediction in found.predictions]


def test_the_variant_finds_what_the_original_finds(digits: ModelConfig) -> None:
    variant = darknet_to_onnx(digits)
    assert variant.folder == digits.folder / "variants" / "onnx"
    boxes, labels = _boxes(load(variant.folder))
    expected, names = _boxes(digits, "DNN")
    assert len(labels) > 3 and labels == names
    np.testing.assert_allclose(boxes, expected, atol=0.05)


def test_the_variant_is_whole_and_is_published_with_the_model(digits: ModelConfig) -> None:
    variant = darknet_to_onnx(digits)
    assert not [finding for finding in validate(digits.folder)[1] if finding.level == "error"]
    assert sorted(path.name for path in variant.folder.iterdir()) == [
        "alwaysai.model.json",
        "digits.names",
        "digits.onnx",
    ]
    document = json.loads((variant.folder / "alwaysai.model.json").read_text())
    assert document["model_parameters"]["framework_type"] == "onnx" and "told" not in document["aai"]
    assert build(digits).summary["variants"] == "default, onnx"


def test_the_variant_brings_the_known_results_along_and_repeats_them(
    digits: ModelConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "check", str(digits.folder), "--golden", str(SCENE), "--no-sheet"]) == 0
    capsys.readouterr()
    assert run(["model", "convert", str(digits.folder), "--to", "onnx", "--json"]) == 0
    tested = json.loads(capsys.readouterr().out)["self_test"]
    assert (tested["ok"], tested["cases"], tested["differences"]) == (True, 1, [])
    variant = load(digits.folder / "variants" / "onnx")
    assert all((variant.folder / name).is_file() for name in variant.golden_files) and variant.golden_files
    # A variant that answers otherwise is told.
    kept = variant.folder / variant.golden_files[0]
    document = json.loads(kept.read_text())
    document["cases"][0]["predictions"][0]["index"] += 1
    kept.write_text(json.dumps(document))
    assert not replay(variant.folder).ok


def test_the_onnx_file_alone_tells_what_it_is(digits: ModelConfig, tmp_path: Path) -> None:
    variant = darknet_to_onnx(digits)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copyfile(str(variant.folder / "digits.onnx"), str(alone / "digits.onnx"))
    shutil.copyfile(str(DIGITS / "digits.names"), str(alone / "digits.names"))
    result = configure(alone, {"id": "acme/alone"})
    assert not [origin for origin in result.origins if origin.how == "guessed"]
    result.write()
    boxes, labels = _boxes(load(alone))
    expected, names = _boxes(digits, "DNN")
    assert labels == names
    np.testing.assert_allclose(boxes, expected, atol=0.05)


def test_a_variant_that_the_model_has_left_behind_is_told(digits: ModelConfig) -> None:
    darknet_to_onnx(digits)
    assert not [finding for finding in validate(digits.folder)[1] if "converted before" in finding.what]
    configure(digits.folder, {"scalefactor": 0.5}).write()
    with (digits.folder / "digits.weights").open("r+b") as weights:
        weights.seek(1000)
        weights.write(b"\0\0\0\0")
    (found,) = [finding for finding in validate(digits.folder)[1] if "converted before" in finding.what]
    assert found.what.endswith("scalefactor, weights") and "--to onnx" in (found.fix or "")


def test_a_second_conversion_replaces_the_first_and_leaves_nothing_else(digits: ModelConfig) -> None:
    folder = darknet_to_onnx(digits).folder
    first = (folder / "digits.onnx").read_bytes()
    (folder / "left-over").write_text("of another conversion")
    darknet_to_onnx(digits)
    assert (folder / "digits.onnx").read_bytes() == first
    assert not (folder / "left-over").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["onnx"]


def test_a_model_of_another_framework_is_refused(digits: ModelConfig) -> None:
    variant = darknet_to_onnx(digits)
    with pytest.raises(UsageError, match="Darknet"):
        darknet_to_onnx(load(variant.folder))
