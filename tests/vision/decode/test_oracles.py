"""Decoders against raw outputs, and the boxes that the layouts' own programs made of them; see scripts/oracles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.vision.boxes import nms
from aai.vision.decode.candidates import Candidates, Request
from aai.vision.decode.detection import DETECTION

DATA = Path(__file__).resolve().parents[2] / "data" / "layouts"
OLD = {"yolov8", "yolo11", "yolov5"}
"""Those of test_layouts.py."""
NAMES = sorted({path.stem for path in DATA.glob("*.npz")} - OLD)


def _read(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray], Any]:
    """(facts, outputs by name, the file itself)."""
    known = np.load(DATA / f"{name}.npz")
    outputs = {key.partition(":")[2]: known[key] for key in known.files if key.startswith("output:")}
    return json.loads(str(known["facts"])), outputs, known


def _decode(facts: dict[str, Any], outputs: dict[str, np.ndarray], confidence: float) -> Candidates:
    request = Request(tuple(facts["size"]), confidence, facts["decoder"])
    return DETECTION[facts["decoder"]["name"]](outputs, request)


def _left(found: Candidates, overlap: float | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What stays after suppression, by falling score."""
    if overlap is None or found.suppressed:
        kept = np.argsort(-found.scores, kind="stable")
    else:
        kept = nms(found.boxes_xyxy, found.scores, found.class_ids, overlap)
    return found.boxes_xyxy[kept], found.scores[kept], found.class_ids[kept]


@pytest.mark.parametrize("name", NAMES)
def test_the_boxes_are_those_of_the_layout_s_own_program(name: str) -> None:
    facts, outputs, known = _read(name)
    boxes, scores, class_ids = _left(_decode(facts, outputs, facts["confidence"]), facts["overlap"])
    theirs = np.argsort(-known["scores"], kind="stable")
    assert class_ids.tolist() == known["class_ids"][theirs].tolist()
    np.testing.assert_allclose(scores, known["scores"][theirs], atol=2e-6)
    np.testing.assert_allclose(boxes, known["boxes_xyxy"][theirs], atol=2e-3)
    assert (boxes.dtype, scores.dtype, class_ids.dtype) == (np.float32, np.float32, np.int64)


@pytest.mark.parametrize("name", NAMES)
def test_a_higher_confidence_leaves_some_of_the_same_boxes(name: str) -> None:
    facts, outputs, known = _read(name)
    middle = float(np.sort(known["scores"])[len(known["scores"]) // 2])
    low, high = (_decode(facts, outputs, confidence) for confidence in (facts["confidence"], middle))
    some = low.scores >= np.float32(middle)
    assert 0 < some.sum() < len(low.scores)
    order, other = np.argsort(-low.scores[some], kind="stable"), np.argsort(-high.scores, kind="stable")
    np.testing.assert_array_equal(low.scores[some][order], high.scores[other])
    np.testing.assert_allclose(low.boxes_xyxy[some][order], high.boxes_xyxy[other], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_outputs_give_the_boxes_in_full_precision(name: str) -> None:
    facts, outputs, _ = _read(name)
    with np.errstate(over="ignore"):  # TensorFlow Lite leaves unused rows as they were
        halves = {
            key: array.astype(np.float16) if array.dtype == np.float32 else array for key, array in outputs.items()
        }
    found = _decode(facts, halves, facts["confidence"])
    assert found.boxes_xyxy.dtype == np.float32
    assert abs(len(found.scores) - len(_decode(facts, outputs, facts["confidence"]).scores)) <= 2


def test_every_layout_is_held_against_another_program() -> None:
    held = {_read(name)[0]["decoder"]["name"] for name in NAMES} | {"yolov5", "yolov8"}
    elsewhere = {"darknet-region": "test_darknet_heads.py", "yunet": "the zoo"}
    accelerated = {"hailo-nms", "hailo-yolov3", "tensorrt-yolo"}
    assert held | set(elsewhere) | accelerated == set(DETECTION)
