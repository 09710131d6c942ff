from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aai.vision.boxes import iou
from aai.vision.results import BoundingBox, ClassificationResults, ObjectDetectionResults

BOX = BoundingBox(10, 20, 40, 60)


def test_a_box_tells_its_measures() -> None:
    assert (BOX.width, BOX.height, BOX.area, BOX.center) == (30, 40, 1200, (25, 40))
    assert BOX.opencv_bbox == (10, 20, 30, 40)
    assert BoundingBox(10, 20, 40, 60) == BOX
    assert BoundingBox(10, 20, 40, 61) != BOX
    assert BoundingBox.from_width_height_center(30, 40, (25, 40)) == BOX
    assert BOX.compute_distance(BoundingBox(13, 24, 43, 64)) == 5


def test_boxes_that_overlap_share_a_box() -> None:
    other = BoundingBox(25, 20, 55, 60)
    assert BOX.get_intersection(other) == BoundingBox(25, 20, 40, 60)
    assert BOX.compute_iou(other) == 600 / 1800
    assert BOX.compute_overlap(BoundingBox(0, 0, 25, 100)) == 0.5
    apart = BoundingBox(100, 100, 110, 110)
    assert BOX.get_intersection(apart).area == 0
    assert BOX.compute_iou(apart) == BOX.compute_overlap(apart) == 0
    nothing = BoundingBox(0, 0, 0, 0)
    assert nothing.compute_iou(nothing) == nothing.compute_overlap(BOX) == 0


def test_boxes_are_scaled_with_their_image_and_about_their_centre() -> None:
    assert BOX * 0.5 == 0.5 * BOX == BOX.scale(0.5) == BoundingBox(5, 10, 20, 30)
    assert BOX.scale(2, 1) == BoundingBox(20, 20, 80, 60)
    assert BOX.scale_about_center(2, 0.5) == BoundingBox(-5, 30, 55, 50)


corner = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50))


@given(corner, corner)
def test_the_iou_of_boxes_is_that_of_arrays(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    one, two = (BoundingBox(x, y, x + w, y + h) for x, y, w, h in (a, b))
    arrays = [np.array([[box.start_x, box.start_y, box.end_x, box.end_y]]) for box in (one, two)]
    assert abs(one.compute_iou(two) - iou(*arrays)[0, 0]) < 1e-9
    assert one.compute_iou(two) == two.compute_iou(one)


def _results() -> ObjectDetectionResults:
    boxes = np.array([[0.4, 0.6, 10.125, 20.5], [1, 2, 3, 4]], np.float32)
    labels = ["cat", "dog"]
    return ObjectDetectionResults(
        boxes, np.array([0.912345, 0.5], np.float32), np.array([1, 0]), labels.__getitem__, 0.0123456789
    )


def test_predictions_are_made_once_and_an_application_may_rename_them() -> None:
    results = _results()
    first = results.predictions[0]
    assert (first.label, first.index, first.box) == ("dog", 1, BoundingBox(0, 1, 10, 20))
    assert isinstance(first.confidence, float)
    first.label = "wolf"
    assert results.predictions[0].label == "wolf"
    assert len(results) == 2


def test_the_json_form_has_plain_numbers_in_pixels() -> None:
    document = json.loads(json.dumps(_results().as_dict()))
    assert document == {
        "duration_s": 0.012346,
        "predictions": [
            {"label": "dog", "index": 1, "confidence": 0.9123, "box": [0.4, 0.6, 10.12, 20.5]},
            {"label": "cat", "index": 0, "confidence": 0.5, "box": [1.0, 2.0, 3.0, 4.0]},
        ],
    }


def test_classes_have_no_box() -> None:
    results = ClassificationResults(np.array([0.75], np.float32), np.array([2]), str, 0.5)
    assert results.as_dict() == {
        "duration_s": 0.5,
        "predictions": [{"label": "2", "index": 2, "confidence": 0.75}],
    }
    assert [(p.label, p.confidence, p.index) for p in results.predictions] == [("2", 0.75, 2)]
