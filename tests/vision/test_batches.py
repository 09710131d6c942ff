"""Several images at once: in one run where the network lets it, and with the results of one after the other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Mapping

import numpy as np
import pytest

from aai.core.configure import configure
from aai.ports import Capabilities, TensorSpec
from aai.vision.batches import infer_batch, one_by_one
from aai.vision.image import read_image
from aai.vision.services import ObjectDetection

ROOT = Path(__file__).resolve().parents[2]
SCENE = ROOT / "aai" / "demo" / "scene.png"
DIGITS = ROOT / "tests" / "data" / "digits-darknet"


class _Counting:
    """A network that gives each image its mean, and counts its runs; with `listed`, one table for all images."""

    capabilities = Capabilities(engines=("TEST",), accelerators=("CPU",), dynamic_batch=True)
    engine, accelerator = "test 1", "CPU"
    outputs = (TensorSpec("means", (None, 1), "float32"),)

    def __init__(self, batch: int | None, listed: bool = False) -> None:
        self.inputs = (TensorSpec("x", (batch, 3, 2, 2), "float32"),)
        self.runs: list[int] = []
        self._listed = listed

    def infer(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        x = tensors["x"]
        self.runs.append(len(x))
        means = x.mean(axis=(1, 2, 3))[:, None]
        return {"means": means[None] if self._listed else means}

    def close(self) -> None:
        pass


def _images(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float32)[:, None, None, None] * np.ones((1, 3, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("batch", "count", "runs"), [(None, 5, [5]), (1, 3, [1, 1, 1]), (4, 6, [4, 4]), (4, 3, [4]), (4, 1, [4])]
)
def test_a_batch_takes_as_few_runs_as_its_axis_allows(batch: int | None, count: int, runs: list[int]) -> None:
    network = _Counting(batch)
    outputs, together = infer_batch(network, "x", _images(count))
    assert network.runs == runs and together
    assert [output["means"].tolist() for output in outputs] == [[[index]] for index in range(count)]


def test_outputs_that_can_not_be_told_apart_cost_one_run_and_not_one_each_time() -> None:
    network = _Counting(None, listed=True)
    outputs, together = infer_batch(network, "x", _images(3))
    assert (network.runs, together) == ([3, 1, 1, 1], False)
    network.runs.clear()
    infer_batch(network, "x", _images(3), together)
    assert network.runs == [1, 1, 1]
    assert [output["means"].ravel().tolist() for output in outputs] == [[0], [1], [2]]


def test_one_image_on_a_fixed_batch_gets_its_own_answer() -> None:
    network = _Counting(4)
    assert one_by_one(network, "x", _images(2)[1:])["means"].tolist() == [[1]]


@pytest.mark.parametrize("engine", ["ONNX_RT", "DNN"])
def test_detections_of_a_batch_are_those_of_each_image_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    scene = read_image(SCENE)
    images = [scene, scene[:, ::-1].copy(), scene[: scene.shape[0] // 2], np.zeros_like(scene)]
    shutil.copytree(DIGITS, tmp_path / "digits")
    configure(tmp_path / "digits", {"id": "acme/digits"}).write()
    detector = ObjectDetection(tmp_path / "digits").load(engine)
    single = [detector.detect_objects(image) for image in images]
    network = detector._backend
    assert network is not None
    runs: list[int] = []
    infer = network.infer
    monkeypatch.setattr(network, "infer", lambda tensors: runs.append(len(*tensors.values())) or infer(tensors))
    together = detector.detect_objects_batch(images)
    assert runs == [4]
    assert sum(len(found) for found in single) > 5
    for one, other in zip(single, together):
        np.testing.assert_allclose(other.boxes_xyxy, one.boxes_xyxy, atol=0.05)
        assert other.class_ids.tolist() == one.class_ids.tolist()
