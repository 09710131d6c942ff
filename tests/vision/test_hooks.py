"""Hooks of ObjectDetection: what they are given, what they return, and what is said when that does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.errors import UsageError
from aai.vision.services import ObjectDetection
from tests.vision.models import ssd_folder

FRAME = np.zeros((100, 200, 3), np.uint8)
ONE = ([[1, 2, 30, 40]], [0.7], [2])


def test_a_post_process_hook_takes_the_place_of_the_decoder(tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def post_process(**given: Any) -> Any:
        asked.update(given)
        return [[0, 0, 5, 5], [1, 2, 30, 40]], [0.4, 0.7], [1, 2]

    detector = ObjectDetection(ssd_folder(tmp_path), post_process=post_process).load()
    found = detector.detect_objects(FRAME, 0.2, 0.6)
    assert [(p.label, p.box.start_x, p.box.end_y) for p in found.predictions] == [("dog", 1, 40), ("cat", 0, 5)]
    assert [len(found) for found in detector.detect_objects_batch([FRAME, FRAME])] == [2, 2]
    assert asked["model_input_size"] == (32, 32)
    assert set(asked) == {"results", "image", "model_input_size", "confidence_level", "overlap_threshold"}


def test_a_pre_process_hook_gives_the_tensor_with_or_without_its_batch_axis_or_flat(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path)
    for shape in ((1, 3, 32, 32), (3, 32, 32), (3072,)):
        detector = ObjectDetection(
            folder, pre_process=lambda image, size, shape=shape: np.zeros(shape, np.float32)
        ).load()
        assert len(detector.detect_objects(FRAME)) == 2


def test_batch_hooks_get_all_images_at_once(tmp_path: Path) -> None:
    detector = ObjectDetection(
        ssd_folder(tmp_path),
        pre_process_batch=lambda images, size: np.zeros((len(images), 3, 32, 32), np.float32),
        post_process_batch=lambda images, **_: [ONE] * len(images),
    ).load()
    assert [len(found) for found in detector.detect_objects_batch([FRAME] * 3)] == [1, 1, 1]


@pytest.mark.parametrize("wrong", [None, ONE[:2], (ONE[0] * 2, *ONE[1:]), (*ONE[:2], [1, 2]), 5])
def test_what_a_post_process_hook_returns_is_looked_at(tmp_path: Path, wrong: Any) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path), post_process=lambda **_: wrong).load()
    with pytest.raises(UsageError, match="post_process returned"):
        detector.detect_objects(FRAME)


@pytest.mark.parametrize("wrong", [None, [ONE], [ONE, ONE, None]])
def test_what_a_post_process_batch_hook_returns_is_looked_at(tmp_path: Path, wrong: Any) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path), post_process_batch=lambda **_: wrong).load()
    with pytest.raises(UsageError, match="post_process"):
        detector.detect_objects_batch([FRAME] * 3)


def test_a_tensor_that_the_network_refuses_names_the_hook(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path)
    detector = ObjectDetection(folder, pre_process=lambda image, size: np.zeros((3, 3), np.float32)).load()
    with pytest.raises(UsageError) as caught:
        detector.detect_objects(FRAME)
    assert caught.value.where == "pre_process"
    one = ObjectDetection(folder, pre_process_batch=lambda images, size: np.zeros((1, 3, 32, 32), np.float32)).load()
    with pytest.raises(UsageError, match="1 tensors for 2 images"):
        one.detect_objects_batch([FRAME, FRAME])
