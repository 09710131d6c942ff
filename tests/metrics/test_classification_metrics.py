"""Places of the right class, counted against sorting, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai.metrics.classification import class_accuracy, ranks


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_place_is_that_of_a_stable_sort(images: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, (images, classes)).astype(np.float32)  # many equal ones
    right = random.integers(0, classes, images)
    order = np.argsort(-scores, axis=1, kind="stable")
    assert ranks(scores, right).tolist() == [int(np.flatnonzero(o == r)[0]) for o, r in zip(order, right)]


def test_shares_by_hand() -> None:
    scores = np.array([[0.1, 0.9, 0.0], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    accuracy = class_accuracy(scores, [1, 1, 0])
    assert accuracy.top1 == pytest.approx(1 / 3)
    assert accuracy.reciprocal_rank == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert (accuracy.top5, accuracy.k) == (1.0, 3)  # three classes: the first five are all


def test_the_sixth_place_is_not_among_the_first_five() -> None:
    scores = np.array([[6.0, 5, 4, 3, 2, 1]] * 2)
    accuracy = class_accuracy(scores, [4, 5])
    assert (accuracy.top1, accuracy.top5) == (0.0, 0.5)


def test_a_score_that_is_no_number_is_the_last() -> None:
    assert ranks(np.array([[np.nan, 0.1, 0.2]]), [0]).tolist() == [2]


def test_no_image_is_no_figure() -> None:
    accuracy = class_accuracy(np.zeros((0, 3)), [])
    assert (accuracy.top1, accuracy.top5, accuracy.images) == (None, None, 0)
