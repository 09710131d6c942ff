from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aai.core.model_config import ModelConfig, load
from aai.errors import BadImage, NotFound, UsageError
from aai.vision.image import read_image, write_image
from aai.vision.predict import copy_paths, predict
from tests.vision.models import classes_folder, ssd_folder

FRAME = np.full((100, 200, 3), 90, np.uint8)


def test_the_document_has_the_model_and_what_it_finds_in_each_picture(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path / "m")
    images = [write_image(tmp_path / name, FRAME) for name in ("a.png", "b.png")]
    document = json.loads(json.dumps(predict(folder, images, confidence=0.6)))
    assert list(document) == ["model", "version", "engine", "engine_reason", "accelerator", "results"]
    assert (document["engine_reason"], document["accelerator"]) == ("the first choice for onnx models", "CPU")
    assert (document["model"], document["version"]) == ("acme/net", None)
    assert document["engine"].startswith("onnxruntime")
    first = document["results"][0]
    assert list(first) == ["image", "width", "height", "duration_s", "predictions"]
    assert (first["image"], first["width"], first["height"]) == (str(images[0]), 200, 100)
    assert first["predictions"] == [{"label": "dog", "index": 2, "confidence": 0.9, "box": [50.0, 50.0, 200.0, 100.0]}]
    assert predict(load(folder), images)["results"][1]["image"] == str(images[1])


def test_classes_have_no_box(tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.png", FRAME)
    found = predict(classes_folder(tmp_path / "m", version=3), [image])["results"][0]["predictions"]
    assert found[0] == {"label": "bee", "index": 1, "confidence": 3.0}


def test_copies_are_drawn_on_and_the_pictures_stay_as_they_are(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path / "m")
    image = write_image(tmp_path / "a.png", FRAME)
    before = image.read_bytes()
    for _ in range(2):
        result = predict(folder, [image], save=tmp_path)["results"][0]
        assert result["saved"] == str(tmp_path / "a-predicted.png")
    assert image.read_bytes() == before
    assert (read_image(result["saved"]) != FRAME).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-predicted.png", "a.png", "m"]
    # Its own copy as a picture: it is not overwritten either.
    again = predict(folder, [result["saved"], image], save=tmp_path)["results"]
    assert [Path(r["saved"]).name for r in again] == ["a-predicted-predicted.png", "a-predicted-2.png"]


def test_pictures_of_one_name_get_copies_of_different_names(tmp_path: Path) -> None:
    images = [Path("x/a.jpg"), Path("y/a.jpg"), Path("z/a.gif"), Path("z/a.JPG")]
    names = [path.name for path in copy_paths(images, tmp_path)]
    assert names == ["a-predicted.jpg", "a-predicted-2.jpg", "a-predicted.png", "a-predicted.JPG"]


def test_pictures_models_and_calls_that_can_t_be_used_are_told(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path / "m")
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    with pytest.raises(BadImage):
        predict(folder, [bad])
    with pytest.raises(NotFound):
        predict(folder, [tmp_path / "none.jpg"])
    with pytest.raises(UsageError, match="no image"):
        predict(folder, [])
    captions = ModelConfig({"model_parameters": {"purpose": "Captioning"}}, tmp_path)
    with pytest.raises(UsageError, match="Captioning"):
        predict(captions, [bad])


def test_a_picture_that_cannot_be_read_does_not_keep_the_others_from_being_run(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path / "m")
    good = write_image(tmp_path / "a.png", FRAME)
    bad = tmp_path / "b.png"
    bad.write_text("no picture")
    document = predict(folder, [bad, tmp_path / "gone.png", tmp_path / ("n" * 300), good], save=tmp_path / "out")
    assert [result["image"] for result in document["results"]] == [str(good)]
    assert [(f["image"], f["error"]["code"]) for f in document["failed"]] == [
        (str(bad), "bad_image"),
        (str(tmp_path / "gone.png"), "not_found"),
        (str(tmp_path / ("n" * 300)), "storage"),
    ]
    with pytest.raises(BadImage):
        predict(folder, [bad])


def test_a_weight_file_in_place_of_its_folder_is_told(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path / "m")
    weights = next(folder.glob("*.onnx"))
    with pytest.raises(NotFound, match="is a file, where a model folder or an id belongs"):
        predict(weights, [write_image(tmp_path / "a.png", FRAME)])


def test_a_link_that_was_copied_without_its_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "net").symlink_to("nowhere")
    with pytest.raises(NotFound, match="leads nowhere"):
        predict(tmp_path / "net", [write_image(tmp_path / "a.png", FRAME)])
