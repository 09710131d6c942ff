"""Real third-party models, from a configuration to the results that the zoo's own engines gave."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.core.model_config import ModelConfig
from aai.core.model_schema import normalise
from aai.vision.boxes import iou
from aai.vision.image import read_image
from aai.vision.predict import predict, service_for
from aai.vision.services import ObjectDetection

DECODERS = {
    "yolox-nano": {"name": "yolox", "strides": [8, 16, 32]},
    "yunet-n-320": {"name": "yunet", "strides": [8, 16, 32]},
}
MODELS = [
    "darknet/yolo-fastest-1.1-coco",
    "darknet/yoloface-500k-v2",
    "onnx/yolox-nano",
    "onnx/yunet-n-320",
    "onnx/shufflenet-v2-int8",
    "caffe/res10-300x300-ssd-face",
    "caffe/mnist-lenet",
    "tensorflow/opencv-face-detector-uint8",
    "tensorflow/lenet5-mnist",
]
LISTED = 0.3
"""The least score of the detections that the zoo lists."""


def _entries(zoo: Path) -> dict[str, dict[str, Any]]:
    return {entry["path"]: entry for entry in json.loads((zoo / "MANIFEST.json").read_text())}


def _config(zoo: Path, entry: dict[str, Any]) -> ModelConfig:
    given = entry["input"]
    resize = given.get("resize", "stretch").split()[0]
    section: dict[str, Any] = {"resize": resize, "anchor": "top-left"} if resize == "letterbox" else {}
    if given.get("gray"):
        section["colour"] = "gray"
    if "std_rgb" in given:
        section["std"] = given["std_rgb"]
    document = {
        "id": f"zoo/{entry['name']}",
        "model_parameters": {
            "framework_type": entry["framework"],
            "purpose": entry["purpose"],
            "model_file": _file(entry, ".onnx", ".weights", ".caffemodel", ".pb"),
            "config_file": _file(entry, ".cfg", ".prototxt", ".pbtxt"),
            "label_file": _file(entry, ".names", "synset.txt"),
            "size": given["size_wh"],
            "mean": given["mean"] if "mean" in given else [255 * value for value in given["mean_rgb"]],
            "scalefactor": given["scale"],
            "swaprb": given.get("swapRB", False),
            "softmax": "logits" in entry["output"],
        },
        "aai": {"input": section, "decoder": DECODERS.get(entry["name"])},
    }
    normal, findings = normalise(document)
    assert not findings
    return ModelConfig(normal, zoo / entry["path"])


def _file(entry: dict[str, Any], *endings: str) -> str:
    return next((name for name in entry["files"] if name.endswith(endings)), "")


@pytest.mark.parametrize("path", MODELS)
def test_the_results_are_those_of_the_zoo(zoo: Path, path: str) -> None:
    entry = _entries(zoo)[path]
    expected, tolerance = entry["expected"], entry["expected"]["tolerance"]
    least = 0.6 if "score .6" in entry["output"] else LISTED
    if entry["purpose"] == "Classification":
        least = 0.0
    document = predict(_config(zoo, entry), [zoo / expected["image"]], confidence=least, overlap=0.45)
    found = document["results"][0]["predictions"]
    if entry["purpose"] == "Classification":
        wanted = expected["results"][0]
        assert found[0]["index"] == wanted["class_id"]
        by_class = {p["index"]: p["confidence"] for p in found}
        assert abs(by_class[wanted["class_id"]] - wanted["score"]) <= tolerance["score_abs"]
        for other in expected["results"]:
            assert abs(by_class[other["class_id"]] - other["score"]) <= tolerance["score_abs"]
        return
    sure = [w for w in expected["results"] if w["score"] >= least + tolerance["score_abs"]]
    assert sure
    for wanted in sure:
        assert any(_same(p, wanted, tolerance) for p in found), (wanted, found)
    for prediction in found:
        if prediction["confidence"] >= least + tolerance["score_abs"]:
            assert any(_same(prediction, w, tolerance) for w in expected["results"]), prediction


def _same(prediction: dict[str, Any], wanted: dict[str, Any], tolerance: dict[str, Any]) -> bool:
    return (
        prediction["index"] == wanted["class_id"]
        and abs(prediction["confidence"] - wanted["score"]) <= tolerance["score_abs"]
        and iou(np.array([prediction["box"]]), np.array([wanted["box"]]))[0, 0] >= tolerance["box_iou_min"]
    )


def test_every_model_of_the_zoo_that_can_run_is_listed_here(zoo: Path) -> None:
    runnable = {
        path
        for path, entry in _entries(zoo).items()
        if entry["framework"] in ("onnx", "darknet", "caffe", "tensorflow")
        and entry["purpose"] in ("ObjectDetection", "Classification")
    }
    assert runnable == set(MODELS)


def test_labels_come_from_the_model_s_file(zoo: Path) -> None:
    entries = _entries(zoo)
    for path, label in (("darknet/yolo-fastest-1.1-coco", "dog"), ("onnx/shufflenet-v2-int8", "Egyptian cat")):
        image = zoo / entries[path]["expected"]["image"]
        found = predict(_config(zoo, entries[path]), [image])["results"][0]["predictions"]
        assert label in [p["label"] for p in found]


def test_onnxruntime_and_opencv_find_the_same(zoo: Path) -> None:
    config = _config(zoo, _entries(zoo)["onnx/yolox-nano"])
    image = read_image(zoo / "images" / "dog.jpg")
    answers = [service_for(config).load(engine) for engine in ("ONNX_RT", "DNN")]
    one, other = (service.detect_objects(image) for service in answers if isinstance(service, ObjectDetection))
    assert one.class_ids.tolist() == other.class_ids.tolist()
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-3)
    np.testing.assert_allclose(one.boxes_xyxy, other.boxes_xyxy, atol=0.5)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the thread count is read from Linux' /proc")
def test_threads_are_as_many_as_asked_for(zoo: Path) -> None:
    config = _config(zoo, _entries(zoo)["onnx/yolox-nano"])
    tasks = Path("/proc/self/task")
    before = len(list(tasks.iterdir()))
    service = service_for(config).load(threads=3)
    assert len(list(tasks.iterdir())) == before + 2
    service.close()
    service_for(config).load(threads=1)
    assert len(list(tasks.iterdir())) == before
