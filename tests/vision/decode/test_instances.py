"""Masks against what Ultralytics makes of the same outputs; see scripts/oracles/ultralytics_poses_and_masks.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aai.core.model_config import ModelConfig
from aai.errors import AaiError, UsageError
from aai.vision.decode.candidates import Request
from aai.vision.decode.instances import INSTANCES, instance_decoder
from aai.vision.decode.yolo_seg import Instances
from aai.vision.masks import cut_out
from aai.vision.preprocess import Placement, letterbox_window
from aai.vision.services.detection import best_candidates

DATA = Path(__file__).resolve().parents[2] / "data" / "instances"
decode = INSTANCES["yolo-seg"]


def load(name: str) -> Any:
    return np.load(DATA / f"{name}.npz")


def found_in(known: Any, raw: Any = None, prototypes: Any = None, **settings: Any) -> Instances:
    outputs = {
        "output1": known["prototypes"] if prototypes is None else prototypes,
        "output0": known["raw"] if raw is None else raw,
    }
    asked = {"end_to_end": bool(known["end_to_end"]), **settings}
    return decode(outputs, Request(tuple(known["network_size"].tolist()), float(known["confidence"]), asked))


@pytest.mark.parametrize("name", ["yolov8n-seg", "yolo26n-seg"])
def test_boxes_and_masks_are_those_of_ultralytics(name: str) -> None:
    known = load(name)
    instances = found_in(known)
    kept = best_candidates(instances.found, float(known["overlap"]))
    assert len(kept) == len(known["scores"])
    np.testing.assert_allclose(instances.found.scores[kept], known["scores"], atol=1e-6)
    np.testing.assert_allclose(instances.found.boxes_xyxy[kept], known["boxes_xyxy"], atol=1e-4)
    assert instances.found.class_ids[kept].tolist() == known["class_ids"].tolist()
    (width, height), size = known["image_size"].tolist(), tuple(known["network_size"].tolist())
    left, top, right, bottom = letterbox_window(width, height, size, "center")
    placement = Placement((right - left) / width, (bottom - top) / height, left, top, (width, height))
    boxes = known["image_boxes_xyxy"]
    cutouts = cut_out(instances.coefficients[kept], instances.prototypes, boxes, placement, size)
    wanted = np.unpackbits(known["masks"], axis=2)[:, :, :width].astype(bool)
    masks = np.stack([cutout.mask for cutout in cutouts])
    # It takes the border off before it interpolates, in two steps; pixels on the edges of masks may differ.
    shared, either = (masks & wanted).sum(axis=(1, 2)), (masks | wanted).sum(axis=(1, 2))
    large = either > 100
    assert large.sum() >= 5
    assert (shared[large] / either[large]).min() > 0.97
    assert (either - shared)[~large].max(initial=0) <= 5
    assert [cutout.area for cutout in cutouts] == masks.sum(axis=(1, 2)).tolist()


def test_other_orders_of_the_axes_are_read_the_same() -> None:
    known = load("yolov8n-seg")
    plain = found_in(known)
    turned = found_in(
        known, known["raw"].transpose(0, 2, 1), known["prototypes"].transpose(0, 2, 3, 1), transposed=True
    )
    np.testing.assert_array_equal(turned.found.boxes_xyxy, plain.found.boxes_xyxy)
    np.testing.assert_array_equal(turned.coefficients, plain.coefficients)
    np.testing.assert_array_equal(turned.prototypes, plain.prototypes)
    assert plain.found.classes == 3


@pytest.mark.parametrize("name", ["yolov8n-seg", "yolo26n-seg"])
def test_boxes_as_shares_of_the_input_are_brought_to_pixels(name: str) -> None:
    known = load(name)
    raw, (width, height) = known["raw"].copy(), known["network_size"].tolist()
    rows = raw[0].T if known["end_to_end"] else raw[0]
    rows[[0, 2]] /= width
    rows[[1, 3]] /= height
    found = found_in(known, raw, normalised=True)
    np.testing.assert_allclose(found.found.boxes_xyxy, found_in(known).found.boxes_xyxy, atol=1e-3)


@pytest.mark.parametrize(
    "shapes",
    [
        [],
        [(1, 39, 10)],
        [(1, 39, 10), (1, 39, 10)],
        [(1, 36, 10), (1, 32, 16, 24)],
        [(2, 39, 10), (1, 32, 16, 24)],
        [(1, 39, 10), (1, 32, 0, 24)],
        [(1, 39, 10), (1, 32, 16, 24), (1, 32, 16, 24)],
        [(), (0,)],
    ],
    ids=str,
)
@pytest.mark.parametrize("end_to_end", [False, True])
def test_outputs_of_another_form_are_told(shapes: list[tuple[int, ...]], end_to_end: bool) -> None:
    outputs = {f"out{place}": np.zeros(shape, np.float32) for place, shape in enumerate(shapes)}
    with pytest.raises(AaiError, match="yolo-seg"):
        decode(outputs, Request((96, 64), 0.3, {"end_to_end": end_to_end}))


def test_a_network_without_an_anchor_finds_nothing() -> None:
    outputs = {"a": np.zeros((1, 39, 0), np.float32), "b": np.zeros((1, 32, 16, 24), np.float32)}
    assert len(decode(outputs, Request((96, 64), 0.3)).found.scores) == 0


def test_a_layout_that_nobody_knows_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='"mask-rcnn"') as error:
        instance_decoder(ModelConfig({"aai": {"decoder": {"name": "mask-rcnn"}}}, tmp_path))
    assert "yolo-seg" in str(error.value.fix)
    assert instance_decoder(ModelConfig({}, tmp_path))[0] is decode


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (1, 7, 6), elements=st.floats(width=32)), arrays(np.float32, (1, 2, 4, 4)))
def test_any_numbers_end_in_masks_within_the_picture(table: Any, prototypes: Any) -> None:
    placement = Placement(0.5, 0.5, 0, 4, (30, 20))
    with np.errstate(all="ignore"):
        instances = decode({"a": table, "b": prototypes}, Request((16, 16), 0.0))
        kept = best_candidates(instances.found, 0.5)
        boxes = placement.to_image(instances.found.boxes_xyxy[kept])
        cutouts = cut_out(instances.coefficients[kept], instances.prototypes, boxes, placement, (16, 16))
    for cutout in cutouts:
        assert cutout.mask.shape == (20, 30) and cutout.area <= 600
