"""Average precision, against what COCO's own evaluation gave (scripts/oracles/coco_ap.py) and cases worked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.metrics.detection import FoundBoxes, TrueBoxes, box_accuracy

CASES = json.loads((Path(__file__).parent.parent / "data" / "metrics" / "coco-ap.json").read_text())["cases"]


def _rows(rows: list[list[Any]], image: int) -> np.ndarray:
    own = np.array([row[1:] for row in rows if row[0] == image], np.float64).reshape(-1, 6)
    own[:, 3:5] += own[:, 1:3]
    return own


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_figures_are_those_of_coco_s_own_evaluation(case: dict[str, Any]) -> None:
    truths, found = [], []
    for image in range(case["images"]):
        true = _rows(case["truths"], image)
        truths.append(TrueBoxes(true[:, 1:5], true[:, 0].astype(int), true[:, 5].astype(bool)))
        boxes = _rows(case["found"], image)
        found.append(FoundBoxes(boxes[:, 1:5], boxes[:, 5], boxes[:, 0].astype(int)))
    accuracy = box_accuracy(truths, found)
    for name in ("ap", "ap50", "ap75", "recall"):
        assert getattr(accuracy, name) == pytest.approx(case["expected"][name], abs=1e-9)
    assert {str(c): v for c, v in accuracy.by_class.items()} == pytest.approx(case["expected"]["by_class"], abs=1e-9)


def _one(boxes: list[list[float]], scores: list[float]) -> FoundBoxes:
    return FoundBoxes(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores), np.zeros(len(scores), int))


TRUTH = TrueBoxes(np.array([[0.0, 0, 10, 10]]), np.array([0]))
NOTHING = TrueBoxes(np.zeros((0, 4)), np.zeros(0, int))


def test_the_right_box_alone_is_worth_one() -> None:
    assert box_accuracy([TRUTH], [_one([[0, 0, 10, 10]], [0.4])]).ap == pytest.approx(1.0)


def test_a_better_scored_wrong_box_halves_the_precision() -> None:
    accuracy = box_accuracy([TRUTH], [_one([[50, 50, 60, 60], [0, 0, 10, 10]], [0.9, 0.8])])
    assert accuracy.ap == pytest.approx(0.5)
    assert accuracy.recall == pytest.approx(1.0)


def test_a_box_of_one_image_never_matches_a_truth_of_another() -> None:
    accuracy = box_accuracy([TRUTH, NOTHING], [_one([], []), _one([[0, 0, 10, 10]], [0.9])])
    assert accuracy.ap50 == 0


def test_a_second_box_on_the_same_object_is_wrong() -> None:
    first = box_accuracy([TRUTH, TRUTH], [_one([[0, 0, 10, 10], [0, 0, 10, 10]], [0.9, 0.8]), _one([], [])])
    # One of two objects found, and at that recall nothing wrong before it: 51 of the 101 points.
    assert first.ap == pytest.approx(51 / 101)


def test_a_box_that_takes_an_overlap_of_0_6_counts_at_three_of_ten_thresholds() -> None:
    accuracy = box_accuracy([TRUTH], [_one([[0, 0, 10, 6.001]], [0.9])])
    assert (accuracy.ap50, accuracy.ap75) == (pytest.approx(1.0), 0)
    assert accuracy.ap == pytest.approx(0.3)


def test_a_class_without_truth_is_left_out_and_no_truth_at_all_is_no_figure() -> None:
    other = FoundBoxes(np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]]), np.array([0.9, 0.8]), np.array([7, 0]))
    accuracy = box_accuracy([TRUTH], [other])
    assert (accuracy.ap, list(accuracy.by_class)) == (pytest.approx(1.0), [0])
    assert box_accuracy([NOTHING], [_one([[0, 0, 1, 1]], [0.9])]).ap is None
    assert box_accuracy([], []).ap is None


def test_in_one_list_a_box_still_matches_only_its_own_class() -> None:
    truths = [TrueBoxes(np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]]), np.array([0, 1]))]
    boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10], [20, 20, 30, 30]])
    found = [FoundBoxes(boxes, np.array([0.9, 0.95, 0.8]), np.array([0, 1, 1]))]
    # In one list: wrong, right, right. The precision is 1/2 at recall 1/2 and 2/3 at recall 1, and so 2/3 all along.
    assert box_accuracy(truths, found, one_class=True).ap == pytest.approx(2 / 3)
    # By class: class 0 is 1; class 1 has the wrong box first, which is 1/2.
    assert box_accuracy(truths, found).ap == pytest.approx(0.75)


def test_only_the_best_boxes_of_an_image_count() -> None:
    found = [_one([[50, 50, 60, 60]] * 100 + [[0, 0, 10, 10]], [0.9] * 100 + [0.1])]
    assert box_accuracy([TRUTH], found).ap == 0
    assert box_accuracy([TRUTH], found, most_boxes=101).ap == pytest.approx(1 / 101, rel=1e-3)


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="1 images have truths, and 0"):
        box_accuracy([TRUTH], [])
