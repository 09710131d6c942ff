"""How far two answers agree, by hand and by law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai.check.agreement import agreement
from aai.check.answers import BOXES, CLASSES, MAP, POINTS, VECTOR, Answer

SIZE = (100, 80)


def boxes(rows: list[tuple[float, float, float, float]], scores: list[float], class_ids: list[int]) -> Answer:
    return Answer(
        BOXES,
        SIZE,
        boxes_xyxy=np.array(rows, np.float32).reshape(-1, 4),
        scores=np.array(scores, np.float32),
        class_ids=np.array(class_ids, np.int64),
    )


ONE = boxes([(0, 0, 10, 10)], [0.8], [3])


def test_the_lower_score_of_a_pair_is_what_both_give() -> None:
    assert agreement(ONE, ONE) == pytest.approx(1.0)
    assert agreement(ONE, boxes([(0, 0, 10, 10)], [0.4], [3])) == pytest.approx(2 * 0.4 / 1.2)


def test_another_class_or_place_is_no_pair() -> None:
    assert agreement(ONE, boxes([(0, 0, 10, 10)], [0.8], [4])) == 0
    assert agreement(ONE, boxes([(6, 6, 16, 16)], [0.8], [3])) == 0


def test_a_box_pairs_once() -> None:
    twice = boxes([(0, 0, 10, 10), (0, 0, 10, 10)], [0.8, 0.8], [3, 3])
    assert agreement(twice, ONE) == pytest.approx(2 * 0.8 / 2.4)


def test_nothing_twice_is_worth_what_the_caller_says() -> None:
    nothing = boxes([], [], [])
    assert agreement(nothing, nothing) == 0
    assert agreement(nothing, nothing, both_empty=1.0) == 1
    assert agreement(ONE, nothing, both_empty=1.0) == 0


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_it_is_symmetric_within_rounding_and_between_0_and_1(one: int, other: int, seed: int) -> None:
    random = np.random.default_rng(seed)

    def some(count: int) -> Answer:
        corners = random.uniform(0, 60, (count, 2))
        rows = np.concatenate([corners, corners + random.uniform(5, 30, (count, 2))], axis=1)
        return boxes(rows.tolist(), random.uniform(0.1, 1, count).tolist(), random.integers(0, 2, count).tolist())

    value = agreement(some(one), some(other))
    assert 0 <= value <= 1 + 1e-6


def test_classes_agree_by_the_share_in_common() -> None:
    a = Answer(CLASSES, SIZE, vector=np.array([0.7, 0.2, 0.1], np.float32))
    b = Answer(CLASSES, SIZE, vector=np.array([0.1, 0.2, 0.7], np.float32))
    assert agreement(a, a) == pytest.approx(1.0)
    assert agreement(a, b) == pytest.approx(0.1 + 0.2 + 0.1)


def test_maps_agree_by_their_classes_and_not_by_their_pixels() -> None:
    background = np.zeros((10, 10), np.uint8)
    spot, moved = background.copy(), background.copy()
    spot[0:2, 0:2], moved[8:10, 8:10] = 1, 1
    a, b = Answer(MAP, SIZE, class_map=spot), Answer(MAP, SIZE, class_map=moved)
    assert agreement(a, a) == pytest.approx(1.0)
    # 92 of 100 pixels are background in both, but the spot is nowhere the same: (92 / 100 + 0) / 2.
    assert agreement(a, b) == pytest.approx(0.46)
    empty = Answer(MAP, SIZE, class_map=background)
    assert agreement(empty, empty) == 0


def poses(points: list[list[tuple[float, float]]], scores: float = 0.9) -> Answer:
    array = np.array(points, np.float32)
    marks = np.full(array.shape[:2], scores, np.float32)
    return Answer(POINTS, SIZE, scores=marks[:, 0], points=array, point_scores=marks, point_names=("a", "b", "c"))


def test_poses_agree_by_how_near_their_points_are() -> None:
    body = poses([[(10, 10), (50, 10), (30, 50)]])
    assert agreement(body, body) == pytest.approx(1.0)
    # A box of 40 x 40: at a distance of 4 pixels, a tenth of it, exp(-1/2).
    shifted = poses([[(14, 10), (54, 10), (34, 50)]])
    assert agreement(body, shifted) == pytest.approx(float(np.exp(-0.5)), abs=1e-3)
    assert agreement(body, poses([[(90, 70), (95, 75), (99, 79)]])) < 0.01


def test_vectors_agree_by_their_angle() -> None:
    a = Answer(VECTOR, SIZE, vector=np.array([1.0, 0.0], np.float32))
    b = Answer(VECTOR, SIZE, vector=np.array([1.0, 1.0], np.float32))
    assert agreement(a, b) == pytest.approx(2**-0.5)
    assert agreement(a, Answer(VECTOR, SIZE, vector=np.array([-1.0, 0.0], np.float32))) == 0
