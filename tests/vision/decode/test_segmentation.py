from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from aai.core.model_config import ModelConfig
from aai.errors import AaiError, UsageError
from aai.vision.decode.candidates import Request
from aai.vision.decode.segmentation import ClassMap, decode, segmentation_settings

SIZE = (8, 4)


def read(output: Any, **settings: Any) -> ClassMap:
    with np.errstate(all="ignore"):
        return decode({"out": np.asarray(output)}, Request(SIZE, 0.0, settings))


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 300), st.integers(1, 70), st.integers(1, 9), st.integers(0, 1000))
def test_the_best_class_is_numpy_s_argmax_wherever_the_classes_stand(count: int, h: int, w: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(-9, 9, (1, count, h, w)).astype(np.float32)
    wanted = scores[0].argmax(axis=0)
    first, last = read(scores, axis=1), read(np.moveaxis(scores, 1, 3), axis=3)
    assert first.class_ids.tolist() == last.class_ids.tolist() == wanted.tolist()
    assert first.classes == last.classes == count
    assert first.class_ids.dtype == (np.uint8 if count <= 255 else np.uint16)


@pytest.mark.parametrize("shape", [(1, 3, 4, 8), (1, 21, 2, 4), (1, 2, 512, 1024), (1, 8, 4, 8), (1, 5, 5, 10)])
def test_the_axis_of_the_classes_is_told_by_the_proportions_of_the_input(shape: tuple[int, ...]) -> None:
    scores = np.random.default_rng(1).random(shape, np.float32)
    wanted = scores[0].argmax(axis=0).tolist()
    assert read(scores).class_ids.tolist() == wanted
    assert read(np.moveaxis(scores, 1, 3)).class_ids.tolist() == wanted


def test_scores_that_are_no_numbers_never_win() -> None:
    nan, inf = np.nan, np.inf
    scores = np.array([[nan, nan, -inf, 1, nan], [0, nan, -5, nan, -1], [-1, 2, nan, inf, nan]], np.float32)
    assert read(scores.reshape(1, 3, 1, 5), axis=1).class_ids.tolist() == [[1, 2, 1, 2, 1]]


def test_one_channel_is_a_probability_or_a_logit() -> None:
    probability = np.array([[0.1, 0.5, 0.6, np.nan]], np.float32)
    for shape in ((1, 1, 1, 4), (1, 1, 4, 1), (1, 1, 4), (1, 4)):
        assert read(probability.reshape(shape)).class_ids.tolist() == [[0, 0, 1, 0]]
    logit = np.array([[-3.0, 0.4, 9.0]], np.float32)
    assert read(logit.reshape(1, 1, 1, 3)).class_ids.tolist() == [[0, 1, 1]]
    assert read(logit.reshape(1, 1, 1, 3), values="probability").class_ids.tolist() == [[0, 0, 1]]
    assert read(probability.reshape(1, 1, 1, 4), values="logit").class_ids.tolist() == [[1, 1, 1, 0]]
    assert read(logit.reshape(1, 1, 1, 3)).classes == 2


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float32])
def test_class_numbers_are_taken_as_they_are(dtype: Any) -> None:
    ids = np.array([[0, 15, 20], [7, 7, 0]], dtype)
    for shape in ((1, 2, 3), (1, 1, 2, 3), (1, 2, 3, 1), (2, 3)):
        found = read(ids.reshape(shape))
        assert (found.class_ids.tolist(), found.classes) == (ids.tolist(), None)
        assert found.class_ids.dtype == np.uint8


def test_class_numbers_that_no_class_can_have_are_the_first_class() -> None:
    found = read(np.array([[-1, 2, 300, 10**12]]))
    assert (found.class_ids.tolist(), found.class_ids.dtype) == ([[0, 2, 300, 0]], np.uint16)
    assert read(np.array([[np.nan, 2, np.inf]], np.float32), values="ids").class_ids.tolist() == [[0, 2, 0]]


@settings(max_examples=100, deadline=None)
@given(
    arrays(
        st.sampled_from([np.float32, np.float16, np.int64, np.uint8, np.bool_]), array_shapes(min_dims=0, max_dims=5)
    ),
    st.sampled_from(["", "scores", "probability", "logit", "ids"]),
)
def test_any_output_is_a_map_or_an_error(output: Any, values: str) -> None:
    try:
        found = read(output, values=values)
    except AaiError as error:
        assert "segmentation" in error.what
    else:
        assert found.class_ids.ndim == 2 and found.class_ids.dtype in (np.uint8, np.uint16)
        assert found.classes is None or found.class_ids.max() < max(2, found.classes)


def test_no_output_and_other_settings_are_told(tmp_path: Path) -> None:
    with pytest.raises(AaiError, match="segmentation"):
        decode({}, Request(SIZE, 0.0))
    for wrong in ({"values": "colours"}, {"axis": 2}, {"axis": "first"}):
        with pytest.raises(UsageError, match=r"aai\.decoder"):
            segmentation_settings(ModelConfig({"aai": {"decoder": {"name": "segmentation", **wrong}}}, tmp_path))
    with pytest.raises(UsageError, match='"yolox"'):
        segmentation_settings(ModelConfig({"aai": {"decoder": {"name": "yolox"}}}, tmp_path))
    assert segmentation_settings(ModelConfig({}, tmp_path)) == {}
