"""One network, with the same weights, in the files of seven frameworks: every engine gives the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aai import backend_table
from aai.core.model_config import ModelConfig
from aai.core.model_schema import normalise
from aai.ports import LoadOptions, ModelFiles
from aai.vision.services import ObjectDetection
from tests import same_network

ENGINES = [(framework, engine) for framework in same_network.WRITERS for engine in backend_table.engines(framework)]
NOT_HERE = ("DNN_CUDA", "TENSOR_RT", "HAILO_RT", "OAK", "TENSORFLOW")
"""Engines that need hardware, and TensorFlow itself, over a gigabyte, which is run by hand."""
HERE = [pair for pair in ENGINES if pair[1] not in NOT_HERE]
BOXES = 12
"""At least as many objects are found, so that equal answers mean something."""

PIXELS = 0.05
SCORE = 1e-4
OF_RANGE = 1e-4
"""Tolerances: of a box's sides, of a score, and of the raw head in shares of its range."""


def test_every_framework_is_run_by_an_engine_that_is_here() -> None:
    assert {framework for framework, _ in HERE} == set(same_network.WRITERS)


# OpenCV gives finished rows for Darknet: the next test compares its boxes.
@pytest.mark.parametrize(("framework", "engine"), [pair for pair in HERE if pair != ("darknet", "DNN")])
def test_the_raw_head_is_the_one_worked_out_in_numpy(tmp_path: Path, framework: str, engine: str) -> None:
    parameters = same_network.WRITERS[framework](tmp_path)
    config = tmp_path / parameters["config_file"] if "config_file" in parameters else None
    network = backend_table.load(
        framework, ModelFiles(tmp_path / parameters["model_file"], config), LoadOptions(), engine
    )
    (spec,) = network.inputs
    last = len(spec.shape) == 4 and spec.shape[3] == 3
    tensor = same_network.tensor().transpose(0, 2, 3, 1) if last else same_network.tensor()
    (found,) = network.infer({spec.name: np.ascontiguousarray(tensor)}).values()
    expected = same_network.raw_head()
    if found.shape != expected.shape:
        found = found.transpose(0, 3, 1, 2)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < OF_RANGE * np.ptp(expected)


@pytest.mark.parametrize(("framework", "engine"), HERE)
def test_the_boxes_are_the_same(tmp_path: Path, framework: str, engine: str) -> None:
    expected = _detect(tmp_path / "darknet", "darknet", "DNN")
    found = _detect(tmp_path / "other", framework, engine)
    assert len(expected[1]) >= BOXES and len(found[1]) == len(expected[1])
    np.testing.assert_allclose(found[0], expected[0], atol=PIXELS)
    np.testing.assert_allclose(found[1], expected[1], atol=SCORE)
    assert found[2].tolist() == expected[2].tolist()


def _detect(folder: Path, framework: str, engine: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folder.mkdir()
    section = {"decoder": same_network.DECODER}
    if framework in ("tflite", "tensorflow"):
        section["input"] = {"layout": "NHWC"}
    parameters = {
        **same_network.WRITERS[framework](folder),
        "purpose": "ObjectDetection",
        "size": [same_network.WIDTH, same_network.HEIGHT],
        "scalefactor": 1 / 255,
        "swaprb": True,
    }
    document, findings = normalise({"id": "acme/same", "model_parameters": parameters, "aai": section})
    assert not findings
    detector = ObjectDetection("acme/same", ModelConfig(document, folder)).load(engine)
    try:
        results = detector.detect_objects(same_network.image(), 0.3, 0.45)
        return results.boxes_xyxy, results.scores, results.class_ids
    finally:
        detector.close()
