from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aai.vision import boxes as boxes_module
from aai.vision.boxes import area, clip, from_centres, iou, nms

numbers = st.integers(-200, 200)


@st.composite
def some_boxes(draw: st.DrawFn, least: int = 1) -> np.ndarray:
    rows = draw(
        st.lists(st.tuples(numbers, numbers, st.integers(1, 150), st.integers(1, 150)), min_size=least, max_size=25)
    )
    return np.array([[x, y, x + w, y + h] for x, y, w, h in rows], np.float32)


@given(some_boxes(), some_boxes())
def test_iou_is_symmetric_in_0_to_1_and_1_on_itself(a: np.ndarray, b: np.ndarray) -> None:
    overlap = iou(a, b)
    assert ((overlap >= 0) & (overlap <= 1)).all()
    np.testing.assert_allclose(overlap, iou(b, a).T)
    np.testing.assert_allclose(np.diag(iou(a, a)), 1)


def test_iou_by_hand() -> None:
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 0, 0], [10, 0, 20, 10]], np.float32)
    np.testing.assert_allclose(iou(a, b), [[50 / 150, 0, 0, 0]])
    assert iou(b[2:3], b[2:3]).tolist() == [[0]]
    assert area(np.array([[0, 0, 2, 3], [5, 5, 1, 9]], np.float32)).tolist() == [6, 0]


@settings(max_examples=80, deadline=None)
@given(some_boxes(), st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 0.45, 0.7, 1.0]))
def test_nms_is_idempotent_sorted_and_the_same_with_and_without_opencv(
    boxes: np.ndarray, seed: int, overlap: float
) -> None:
    random = np.random.default_rng(seed)
    # Different scores: which of two equal ones stays is not laid down.
    scores = random.permutation(np.linspace(0.1, 0.9, len(boxes))).astype(np.float32)
    classes = random.integers(0, 3, len(boxes))
    kept = nms(boxes, scores, classes, overlap)
    assert (np.diff(scores[kept]) <= 0).all()
    assert nms(boxes[kept], scores[kept], classes[kept], overlap).tolist() == list(range(len(kept)))
    assert kept.tolist() == _greedy(boxes, scores, classes, overlap)
    with mock.patch.object(boxes_module, "_batched_nms", None):
        assert nms(boxes, scores, classes, overlap).tolist() == kept.tolist()
    close = iou(boxes[kept], boxes[kept]) > overlap
    same = classes[kept][:, None] == classes[kept][None]
    assert not (close & same & ~np.eye(len(kept), dtype=bool)).any()


def _greedy(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, overlap: float) -> list[int]:
    """Suppression as its definition says it."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        rivals = [one for one in kept if classes[one] == classes[index]]
        if all(iou(boxes[one : one + 1], boxes[index : index + 1])[0, 0] <= overlap for one in rivals):
            kept.append(int(index))
    return kept


def test_nms_lets_classes_alone() -> None:
    boxes = np.array([[0, 0, 10, 10]] * 3, np.float32)
    scores = np.array([0.5, 0.9, 0.7], np.float32)
    assert nms(boxes, scores, np.array([0, 1, 0]), 0.3).tolist() == [1, 2]
    assert nms(boxes[:0], scores[:0], np.array([], np.int64), 0.3).tolist() == []


def test_nms_without_opencv_s_own_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    boxes = from_centres(random.random((200, 4)).astype(np.float32) * 100)
    scores, classes = random.random(200).astype(np.float32), random.integers(0, 4, 200)
    expected = nms(boxes, scores, classes, 0.45).tolist()
    monkeypatch.setattr(boxes_module, "_batched_nms", None)
    assert nms(boxes, scores, classes, 0.45).tolist() == expected


def test_of_very_many_candidates_the_best_go_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes_module, "MOST_CANDIDATES", 3)
    boxes = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(6)], np.float32)
    scores = np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.7], np.float32)
    assert nms(boxes, scores, np.zeros(6, np.int64), 0.5).tolist() == [1, 3, 5]


def test_boxes_from_centres_and_clipping() -> None:
    boxes = from_centres(np.array([[10, 20, 4, 6, 0.9]], np.float32))
    assert boxes.tolist() == [[8, 17, 12, 23]]
    assert clip(np.array([[-5, -5, 50, 50]], np.float32), 20, 10).tolist() == [[0, 0, 20, 10]]
