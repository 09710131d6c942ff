"""Results in the forms of others: COCO's result files, and the package supervision."""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from aai.errors import BackendUnavailable, UsageError
from aai.vision.masks import Cutout
from aai.vision.results import (
    ClassificationResults,
    InstanceSegmentationResults,
    ObjectDetectionResults,
    PoseEstimationResults,
    SemanticSegmentationResults,
)
from aai.vision.skeletons import COCO_17

BOXES = np.array([[1.25, 2, 30.5, 40], [5, 5, 9, 9.5]], np.float32)
SCORES, CLASS_IDS = np.array([0.75, 0.5], np.float32), np.array([2, 0])
LABELS = ["ant", "bee", "cat"]
MASK = np.zeros((50, 60), bool)
MASK[2:40, 1:30] = True


def objects(count: int = 2) -> ObjectDetectionResults:
    return ObjectDetectionResults(BOXES[:count], SCORES[:count], CLASS_IDS[:count], LABELS.__getitem__, 0.1)


def instances(count: int = 2) -> InstanceSegmentationResults:
    cutouts = [Cutout.of_mask(MASK), Cutout.of_mask(~MASK)][:count]
    return InstanceSegmentationResults(
        BOXES[:count], SCORES[:count], CLASS_IDS[:count], cutouts, LABELS.__getitem__, 0.1
    )


def classes() -> ClassificationResults:
    return ClassificationResults(SCORES, CLASS_IDS, LABELS.__getitem__, 0.1)


def segments() -> SemanticSegmentationResults:
    class_map = np.where(MASK, 2, 0).astype(np.uint8)
    class_map[49] = 255
    return SemanticSegmentationResults(class_map, LABELS.__getitem__, 0.1)


def poses(count: int = 2) -> PoseEstimationResults:
    points = np.full((count, 17, 2), 7.0, np.float32)
    points[:, 3] = -1
    scores = np.full((count, 17), 0.5, np.float32)
    return PoseEstimationResults(points, scores, SCORES[:count], COCO_17, 0.1)


def test_objects_are_coco_s_detection_results() -> None:
    entries = json.loads(json.dumps(objects().to_coco(42, [1, 2, 3])))
    assert entries == [
        {"image_id": 42, "category_id": 3, "bbox": [1.25, 2.0, 29.25, 38.0], "score": 0.75},
        {"image_id": 42, "category_id": 1, "bbox": [5.0, 5.0, 4.0, 4.5], "score": 0.5},
    ]
    assert [entry["category_id"] for entry in objects().to_coco(1)] == [2, 0]
    assert [entry["category_id"] for entry in objects().to_coco(1, {0: 7, 2: 9})] == [9, 7]


@pytest.mark.parametrize("results", [objects(), instances(), classes(), segments()], ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("category_ids", [[1, 2], {0: 1}], ids=str)
def test_a_class_without_a_category_is_told(results: Any, category_ids: Any) -> None:
    with pytest.raises(UsageError, match="class 2"):
        results.to_coco(1, category_ids)


def test_classes_of_an_image_are_listed_in_the_same_manner() -> None:
    assert classes().to_coco(3)[0] == {"image_id": 3, "category_id": 2, "score": 0.75}


def test_each_class_of_pixels_has_its_runs_and_what_was_not_looked_at_has_none() -> None:
    entries = json.loads(json.dumps(segments().to_coco(1)))
    assert [entry["category_id"] for entry in entries] == [0, 2]
    assert entries[1]["segmentation"]["counts"][:4] == [50 + 2, 38, 12, 38]
    assert sum(entries[0]["segmentation"]["counts"][1::2]) == 49 * 60 - 38 * 29


def test_masks_of_objects_have_the_runs_of_the_whole_image() -> None:
    entry = json.loads(json.dumps(instances().to_coco(1)))[0]
    assert entry["segmentation"]["size"] == [50, 60] and entry["segmentation"]["counts"][0] == 52
    assert entry["bbox"] == [1.25, 2.0, 29.25, 38.0]


@dataclass
class _Detections:
    """As strict with shapes as supervision 0.31."""

    xyxy: Any
    mask: Any = None
    confidence: Any = None
    class_id: Any = None
    tracker_id: Any = None
    data: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.xyxy)
        assert self.xyxy.shape == (count, 4) and self.xyxy.dtype == np.float32
        assert self.mask is None or (self.mask.ndim == 3 and len(self.mask) == count and self.mask.dtype == bool)
        for column in (self.confidence, self.class_id, *self.data.values()):
            assert column is None or column.shape == (count,)

    def __len__(self) -> int:
        return len(self.xyxy)


@dataclass
class _Classifications:
    class_id: Any
    confidence: Any = None


@dataclass
class _KeyPoints:
    """As supervision 0.21 has it."""

    xy: Any
    class_id: Any = None
    confidence: Any = None

    @classmethod
    def empty(cls) -> _KeyPoints:
        return cls(np.empty((0, 0, 2), np.float32))


def _mask_to_xyxy(masks: Any) -> Any:
    return np.array([[x.min(), y.min(), x.max(), y.max()] for y, x in (np.nonzero(mask) for mask in masks)])


@pytest.fixture
def supervision(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package where it is installed; else a small one with the same forms. Tried by hand with 0.21 and 0.31."""
    if importlib.util.find_spec("supervision"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the packages that it imports
            return importlib.import_module("supervision")
    module: Any = ModuleType("supervision")
    module.Detections, module.Classifications, module.KeyPoints = _Detections, _Classifications, _KeyPoints
    module.mask_to_xyxy = _mask_to_xyxy
    monkeypatch.setitem(sys.modules, "supervision", module)
    return module


def test_objects_become_detections(supervision: Any) -> None:
    found = objects().to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.xyxy, BOXES)
    assert found.confidence.tolist() == [0.75, 0.5] and found.class_id.tolist() == [2, 0]
    assert found.data["class_name"].tolist() == ["cat", "ant"]
    assert len(objects(0).to_supervision()) == len(instances(0).to_supervision()) == 0


def test_masks_become_detections_with_masks(supervision: Any) -> None:
    found = instances().to_supervision()
    assert found.mask.tolist() == [MASK.tolist(), (~MASK).tolist()]
    areas = segments().to_supervision()
    assert areas.class_id.tolist() == [0, 2] and areas.mask[1].tolist() == MASK.tolist()
    assert areas.xyxy[1].tolist() == [1, 2, 29, 39] and areas.data["class_name"].tolist() == ["ant", "cat"]


def test_classes_and_poses_become_what_the_package_has_for_them(supervision: Any) -> None:
    found = classes().to_supervision()
    assert isinstance(found, supervision.Classifications) and found.class_id.tolist() == [2, 0]
    bodies = poses().to_supervision()
    assert isinstance(bodies, supervision.KeyPoints) and bodies.xy.shape == (2, 17, 2)
    assert bodies.xy[0, 3].tolist() == [0, 0] and bodies.xy[0, 0].tolist() == [7, 7]
    assert len(poses(0).to_supervision().xy) == 0


def test_without_the_package_its_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    for results in (objects(), instances(), classes(), segments(), poses()):
        with pytest.raises(BackendUnavailable) as caught:
            results.to_supervision()  # type: ignore[attr-defined]
        assert caught.value.fix == "pip install supervision"
