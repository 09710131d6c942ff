"""The laws of what the decoders share."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aai.vision.decode.activations import least_logit, sigmoid, softmax
from aai.vision.decode.best import best_of_rows

SCORES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(0, 12), st.integers(1, 9)),
    elements=st.one_of(st.floats(0, 1, width=32), st.just(float("nan"))),
)
LOGITS = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-90, 90, width=32)
)


@given(SCORES, st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans())
def test_the_best_of_each_row_is_what_looking_at_every_row_finds(
    scores: np.ndarray, confidence: float, view: bool
) -> None:
    table = np.asfortranarray(scores) if view else scores
    rows, best, columns = best_of_rows(table, confidence)
    expected = [
        (index, max(row), row.tolist().index(max(row)))
        for index, row in enumerate(scores)
        if not np.isnan(row).any() and max(row) >= confidence and max(row) > 0
    ]
    assert list(zip(rows.tolist(), best.tolist(), columns.tolist())) == expected


@given(LOGITS)
def test_probabilities_are_those_of_the_textbook(logits: np.ndarray) -> None:
    wide = logits.astype(np.float64)
    np.testing.assert_allclose(sigmoid(logits), 1 / (1 + np.exp(-wide)), atol=1e-6)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    np.testing.assert_allclose(softmax(logits), powers / powers.sum(axis=1, keepdims=True), atol=1e-6)


@given(st.floats(-200, 200, width=32), st.floats(0, 1))
def test_no_logit_below_the_least_one_has_the_probability(logit: float, confidence: float) -> None:
    if logit < least_logit(confidence):
        assert sigmoid(np.array([logit], np.float32))[0] < np.float32(confidence)


def test_probabilities_of_huge_logits_do_not_overflow() -> None:
    assert sigmoid(np.array([-1e30, 1e30, -np.inf, np.inf], np.float32)).tolist() == [0, 1, 0, 1]
    assert softmax(np.array([[-1e30, 1e30]], np.float32)).tolist() == [[0, 1]]
