"""Results that are kept, and replayed on another day, engine or machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.check.comparison import TOLERANCE, compare
from aai.check.golden import DOCUMENT, FOLDER, LARGEST_BYTES, keep, replay
from aai.core.model_config import load
from aai.core.publish import collect_files
from aai.errors import AaiError, BadImage, InvalidFiles, NotFound, UsageError
from aai.vision.image import read_image, write_image
from aai.vision.predict import service_for
from tests.check.lab import SCENE, digits_folder
from tests.vision.models import classes_folder, constant_onnx, write_model


def kept(folder: Path, *images: Path) -> Path:
    config = load(folder)
    service = service_for(config).load(threads=1)
    keep(service, images or (SCENE,), config)
    config.write()
    service.close()
    return folder


@pytest.fixture()
def model(tmp_path: Path) -> Path:
    return kept(digits_folder(tmp_path / "digits"))


def test_what_was_kept_is_small_and_named_by_the_configuration(model: Path) -> None:
    config = load(model)
    assert config.golden_files == ("golden/golden.json", "golden/1.png")
    assert (model / "golden" / "1.png").stat().st_size <= LARGEST_BYTES
    document = json.loads((model / FOLDER / DOCUMENT).read_text())
    assert {found["label"] for found in document["cases"][0]["predictions"]} >= {"seven", "eight", "one"}
    assert str(model) not in json.dumps(document)


def test_publish_packs_it(model: Path) -> None:
    assert {"golden/golden.json", "golden/1.png"} <= set(collect_files(load(model)))


def test_a_replay_on_the_same_machine_is_as_it_was(model: Path) -> None:
    found = replay(model, threads=1)
    assert found.ok and found.cases == 1 and found.engine.startswith("onnxruntime")


def test_a_replay_on_another_engine_is_within_the_tolerance(model: Path) -> None:
    found = replay(model, engine="DNN")
    assert found.ok, found.differences
    assert "opencv" in found.engine.lower()


def test_a_replay_with_a_wrong_pre_processing_fails_and_says_what(model: Path) -> None:
    config = load(model)
    config.set("scalefactor", 1)
    config.write()
    found = replay(model)
    assert not found.ok
    assert any("is no longer found" in text for text in found.differences)


def test_a_converted_model_replays_what_its_source_kept(model: Path, tmp_path: Path) -> None:
    other = digits_folder(tmp_path / "variant")
    with pytest.raises(NotFound, match="no image with results"):
        replay(other)
    assert replay(other, golden=model).ok
    strict = replay(other, golden=model, tolerance={"score": -1.0})
    assert not strict.ok


def test_an_image_that_was_changed_is_told(model: Path) -> None:
    image = model / "golden" / "1.png"
    write_image(image, read_image(image)[::-1].copy())
    assert "not the one that was kept" in replay(model).differences[0]


def test_keeping_anew_takes_away_what_is_no_longer_named(model: Path, tmp_path: Path) -> None:
    second = write_image(tmp_path / "second.png", read_image(SCENE)[:400].copy())
    kept(model, SCENE, second)
    assert len(load(model).golden_files) == 3
    kept(model, second)
    assert len(list((model / FOLDER).iterdir())) == 2


def test_an_image_in_which_nothing_is_found_proves_nothing(tmp_path: Path) -> None:
    empty = write_image(tmp_path / "empty.png", np.full((60, 80, 3), 200, np.uint8))
    folder = digits_folder(tmp_path / "digits")
    with pytest.raises(BadImage, match="would prove nothing"):
        kept(folder, empty)
    assert not (folder / FOLDER).exists()


def test_a_small_picture_is_kept_without_loss(tmp_path: Path) -> None:
    small = write_image(tmp_path / "small.png", read_image(SCENE)[150:420, 60:460].copy())
    folder = kept(digits_folder(tmp_path / "digits"), small)
    np.testing.assert_array_equal(read_image(folder / "golden" / "1.png"), read_image(small))


def test_a_large_photo_is_made_small(tmp_path: Path) -> None:
    scene = read_image(SCENE)
    large = np.repeat(np.repeat(scene, 3, axis=0), 3, axis=1)
    noise = np.random.default_rng(0).integers(0, 40, large.shape).astype(np.uint8)
    path = write_image(tmp_path / "large.jpg", np.minimum(large, 215) + noise)
    folder = kept(digits_folder(tmp_path / "digits"), path)
    assert (folder / "golden" / "1.jpg").stat().st_size <= LARGEST_BYTES
    assert replay(folder).ok


def test_a_classifier_keeps_its_best_classes(tmp_path: Path) -> None:
    folder = kept(classes_folder(tmp_path / "net", (0.1, 0.7, 0.2)))
    predictions = json.loads((folder / FOLDER / DOCUMENT).read_text())["cases"][0]["predictions"]
    assert [entry["label"] for entry in predictions] == ["bee", "cat", "ant"]
    assert replay(folder).ok
    classes_folder(tmp_path / "other", (0.7, 0.1, 0.2))
    (folder / "net.onnx").write_bytes((tmp_path / "other" / "net.onnx").read_bytes())
    assert "bee came first, and now ant does" in replay(folder).differences[0]


def test_a_feature_vector_is_kept_too(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "net", constant_onnx([1.0, 2.0, 2.0], (1, 3)), "ReIdentification")
    kept(folder)
    assert replay(folder).ok
    (folder / "net.onnx").write_bytes(constant_onnx([2.0, -1.0, 0.0], (1, 3)))
    assert "cosine" in replay(folder).differences[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 9, "cases": []}',
        '{"schema": 1, "cases": [{"image": 1}]}',
        '{"schema": 1}',
        "{" * 400,
    ],
)
def test_damaged_results_are_an_error_in_time(model: Path, text: str) -> None:
    (model / FOLDER / DOCUMENT).write_text(text)
    with pytest.raises(InvalidFiles):
        replay(model)


@pytest.mark.parametrize("image", ["../outside.png", "/etc/passwd"])
def test_no_image_outside_of_the_folder_is_read(model: Path, image: str) -> None:
    document = json.loads((model / FOLDER / DOCUMENT).read_text())
    document["cases"][0]["image"] = image
    (model / FOLDER / DOCUMENT).write_text(json.dumps(document))
    with pytest.raises(UsageError):
        replay(model)


def test_a_missing_image_is_told(model: Path) -> None:
    (model / "golden" / "1.png").unlink()
    with pytest.raises(AaiError):
        replay(model)


def box(confidence: float, x: float = 0.0, index: int = 1) -> dict[str, Any]:
    return {"label": "cat", "index": index, "confidence": confidence, "box": [x, 0, x + 100, 100]}


@pytest.mark.parametrize(
    ("before", "now", "differs"),
    [
        ([box(0.8)], [box(0.84)], 0),
        ([box(0.8)], [box(0.74)], 2),
        ([box(0.8)], [box(0.8, x=4)], 0),  # IoU 96 / 104
        ([box(0.8)], [box(0.8, x=8)], 2),  # IoU 92 / 108
        ([box(0.8)], [box(0.8, index=2)], 2),
        ([box(0.8), box(0.34, x=300)], [box(0.8)], 0),  # near the limit it may vanish
        ([box(0.8)], [box(0.8), box(0.34, x=300)], 0),
        ([box(0.8)], [box(0.8), box(0.6, x=300)], 1),
        ([box(0.8)], [], 1),
    ],
)
def test_boxes_by_class_overlap_and_score(before: list[Any], now: list[Any], differs: int) -> None:
    assert len(compare(before, now, TOLERANCE, 640)) == differs


def test_maps_by_the_share_of_each_class() -> None:
    before = [{"label": "road", "index": 1, "fraction": 0.6}, {"label": "sky", "index": 2, "fraction": 0.4}]
    near = [{"label": "road", "index": 1, "fraction": 0.58}, {"label": "sky", "index": 2, "fraction": 0.42}]
    assert compare(before, near, TOLERANCE, 640) == []
    third = [*near, {"label": "car", "index": 3, "fraction": 0.05}]
    assert compare(before, third, TOLERANCE, 640) == ["car covered 0.0% of the pixels, and now 5.0%"]


def test_poses_by_the_distance_of_their_points() -> None:
    def pose(x: float, score: float = 0.9) -> dict[str, Any]:
        return {"score": 0.8, "key_points": {"nose": {"x": x, "y": 10, "score": score}, "tail": None}}

    assert compare([pose(100)], [pose(120)], TOLERANCE, 640) == []
    assert compare([pose(100)], [pose(140)], TOLERANCE, 640) == ["nose of body 1 has moved by 40 pixels"]
    assert compare([pose(100, 0.2)], [pose(400, 0.2)], TOLERANCE, 640) == []  # was not sure before
    assert len(compare([pose(100)], [], TOLERANCE, 640)) == 1


def test_results_of_another_form_differ() -> None:
    assert compare([box(0.8)], [{"embedding": [1]}], TOLERANCE, 640)
    assert compare([{"embedding": [1.0]}], [], TOLERANCE, 640)
