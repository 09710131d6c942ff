"""Pose decoders against what other implementations make of the same outputs; see scripts/oracles."""

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
from aai.vision.boxes import nms
from aai.vision.decode import openpose
from aai.vision.decode.candidates import Request
from aai.vision.decode.pose import POSES, pose_decoder
from aai.vision.skeletons import COCO_17, OPENPOSE_18

DATA = Path(__file__).resolve().parents[2] / "data" / "poses"


def load(name: str) -> Any:
    return np.load(DATA / f"{name}.npz")


def request(known: Any, **settings: Any) -> Request:
    return Request(tuple(known["network_size"].tolist()), float(known["confidence"]), settings)


def test_movenet_for_one_body_is_read_as_tensorflow_s_example_reads_it() -> None:
    known = load("movenet")
    found = POSES["movenet"]({"out": known["one"]}, request(known))
    assert [name.upper().replace(" ", "_") for name in found.names] == known["names"].tolist()
    # The example cuts to whole pixels.
    np.testing.assert_allclose(found.points[0], known["one_points"][:, :2] + 0.5, atol=0.51)
    np.testing.assert_allclose(found.point_scores[0], known["one_points"][:, 2], atol=1e-6)
    np.testing.assert_allclose(found.scores, [known["one_score"]], atol=1e-6)
    assert found.boxes_xyxy is None
    sure = Request((320, 256), float(known["one_score"]) + 0.01)
    assert len(POSES["movenet"]({"out": known["one"]}, sure).scores) == 0


def test_movenet_for_several_bodies_is_read_as_tensorflow_s_example_reads_it() -> None:
    known = load("movenet")
    found = POSES["movenet"]({"other": np.zeros((1, 4)), "out": known["many"]}, request(known))
    np.testing.assert_allclose(found.scores, known["many_scores"], atol=1e-6)
    np.testing.assert_allclose(found.points, known["many_points"][:, :, :2] + 0.5, atol=0.51)
    np.testing.assert_allclose(found.point_scores, known["many_points"][:, :, 2], atol=1e-6)
    assert found.boxes_xyxy is not None
    np.testing.assert_allclose(found.boxes_xyxy, known["many_boxes"] + 0.5, atol=0.51)


def test_a_body_without_a_key_point_has_no_score() -> None:
    nothing = np.zeros((1, 1, 17, 3), np.float32)
    assert POSES["movenet"]({"out": nothing}, Request((10, 10), 0.0)).scores.tolist() == []


@pytest.mark.parametrize("transposed", [False, True])
def test_yolo_pose_is_read_as_ultralytics_reads_it(transposed: bool) -> None:
    known = load("yolov8n-pose")
    raw = known["raw"].transpose(0, 2, 1) if transposed else known["raw"]
    found = POSES["yolo-pose"]({"output0": raw}, request(known, transposed=transposed))
    assert found.boxes_xyxy is not None and found.class_ids is not None and not found.suppressed
    kept = nms(found.boxes_xyxy, found.scores, found.class_ids, float(known["overlap"]))
    assert len(kept) == len(known["scores"]) < len(found.scores)
    np.testing.assert_allclose(found.scores[kept], known["scores"], atol=1e-6)
    np.testing.assert_allclose(found.boxes_xyxy[kept], known["boxes_xyxy"], atol=1e-4)
    np.testing.assert_allclose(found.points[kept], known["points"][:, :, :2], atol=1e-5)
    np.testing.assert_allclose(found.point_scores[kept], known["points"][:, :, 2], atol=1e-6)
    assert tuple(found.names) == COCO_17


def test_yolo_pose_with_the_suppression_in_the_graph_is_read_as_ultralytics_reads_it() -> None:
    known = load("yolo26n-pose")
    found = POSES["yolo-pose"]({"output0": known["raw"]}, request(known, end_to_end=True))
    assert found.suppressed and found.boxes_xyxy is not None
    np.testing.assert_array_equal(found.scores, known["scores"])
    np.testing.assert_array_equal(found.boxes_xyxy, known["boxes_xyxy"])
    np.testing.assert_array_equal(found.points, known["points"][:, :, :2])


@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo26n-pose"])
def test_places_as_shares_of_the_input_are_brought_to_pixels(name: str) -> None:
    # What Ultralytics does with its TFLite files: nn/backends/litert.py.
    known = load(name)
    raw, (width, height) = known["raw"].copy(), known["network_size"].tolist()
    listed = bool(known["end_to_end"])
    rows, start = (raw[0].T, 6) if listed else (raw[0], 5)
    rows[[0, 2]] /= width
    rows[[1, 3]] /= height
    rows[start::3] /= width
    rows[start + 1 :: 3] /= height
    plain = POSES["yolo-pose"]({"out": known["raw"]}, request(known, end_to_end=listed))
    shares = POSES["yolo-pose"]({"out": raw}, request(known, end_to_end=listed, normalised=True))
    np.testing.assert_allclose(shares.points, plain.points, atol=1e-3)
    assert shares.boxes_xyxy is not None and plain.boxes_xyxy is not None
    np.testing.assert_allclose(shares.boxes_xyxy, plain.boxes_xyxy, atol=1e-3)


def test_key_points_of_anything_are_told_by_the_settings() -> None:
    # cx, cy, w, h, two classes, two points of x, y.
    column = np.array([10, 20, 4, 6, 0.2, 0.9, 9, 18, 11, 22], np.float32).reshape(1, 10, 1)
    asked = Request((32, 32), 0.5, {"key_points": [2, 2], "names": ["Head", "Tail"]})
    found = POSES["yolo-pose"]({"out": column}, asked)
    assert (found.points.tolist(), found.point_scores.tolist()) == ([[[9, 18], [11, 22]]], [[1, 1]])
    assert found.boxes_xyxy is not None and found.boxes_xyxy.tolist() == [[8, 17, 12, 23]]
    assert (found.names, found.class_ids is not None and found.class_ids.tolist()) == (["Head", "Tail"], [1])
    plain = POSES["yolo-pose"]({"out": column}, Request((32, 32), 0.5, {"key_points": [2, 2]}))
    assert list(plain.names) == ["Point 1", "Point 2"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_points": 17},
        {"key_points": [0, 3]},
        {"key_points": [17, 4]},
        {"key_points": [True, 3]},
        {"key_points": [10**9, 3]},
        {"key_points": [2, 2], "names": ["Head", "Head"]},
        {"key_points": [2, 2], "names": "Head"},
        {"key_points": [2, 2], "names": [["Head"], "Tail"]},
    ],
)
def test_settings_that_no_pose_can_have_are_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="decoder"):
        POSES["yolo-pose"]({"out": np.zeros((1, 56, 10), np.float32)}, Request((32, 32), 0.5, wrong))


@pytest.mark.parametrize("scene", ["two", "crowd"])
@pytest.mark.parametrize("form", ["two outputs", "channels last", "one output"])
def test_openpose_puts_together_the_bodies_that_another_program_does(scene: str, form: str) -> None:
    known = load(f"openpose-{scene}")
    heat, fields = (known[name].astype(np.float32) for name in ("heat", "fields"))
    outputs = {"fields": fields, "heat": heat}
    if form == "channels last":
        outputs = {name: np.moveaxis(maps, 1, 3) for name, maps in outputs.items()}
    elif form == "one output":
        outputs = {"all": np.concatenate([heat, fields], axis=1)}
    found = openpose.decode(outputs, Request(tuple(known["network_size"].tolist()), 0.0))
    wanted = known["points"]
    assert len(found.points) == len(wanted)
    assert (np.diff(found.scores) <= 0).all()
    for body in wanted:
        away = [np.nanmean(np.abs(body[:, :2] - points)) for points in found.points]
        row = int(np.argmin(away))
        assert (np.isfinite(body[:, 0]) == np.isfinite(found.points[row, :, 0])).all()
        # It counts pixels from their middle, we from the edge: 0.5; and it takes the highest whole pixel of 8.
        assert np.nanmax(np.abs(found.points[row] - 0.5 - body[:, :2])) < 1.5
        there = np.isfinite(body[:, 2])
        np.testing.assert_allclose(found.point_scores[row][there], body[there, 2], atol=0.1)


def drawn(parts: dict[int, tuple[int, int]], links: list[int], size: int = 24) -> dict[str, np.ndarray[Any, Any]]:
    """Maps with a peak at each part, in cells, and a full field along the limbs whose numbers are given."""
    heat, fields = np.zeros((1, 19, size, size), np.float32), np.zeros((1, 38, size, size), np.float32)
    for part, (x, y) in parts.items():
        heat[0, part, y, x] = 0.9
    for number in links:
        start, end, channel = openpose.LIMBS[number]
        way = np.subtract(parts[end], parts[start])
        fields[0, channel : channel + 2] = (way / np.hypot(*way))[:, None, None]
    return {"heat": heat, "fields": fields}


def test_a_body_of_three_key_points_is_none_and_of_four_it_is_one() -> None:
    parts = {1: (10, 2), 2: (6, 2), 3: (6, 8), 4: (6, 14)}
    four = openpose.decode(drawn(parts, [0, 2, 3]), Request((24, 24), 0.3))
    assert [OPENPOSE_18[part] for part in np.flatnonzero(four.point_scores[0])] == [
        "Neck",
        "Right Shoulder",
        "Right Elbow",
        "Right Wrist",
    ]
    assert four.points[0, 4].tolist() == [6.5, 14.5]
    assert np.isnan(four.points[0, 0]).all()
    assert len(openpose.decode(drawn(parts, [0, 2]), Request((24, 24), 0.3)).scores) == 0


def test_a_field_that_points_the_other_way_joins_nothing() -> None:
    outputs = drawn({1: (10, 2), 2: (6, 2), 3: (6, 8), 4: (6, 14)}, [0, 2, 3])
    outputs["fields"] = -outputs["fields"]
    assert len(openpose.decode(outputs, Request((24, 24), 0.0)).scores) == 0


def test_halves_of_a_body_are_joined_at_the_limb_between_them() -> None:
    # Right elbow to wrist, then neck to hip and knee, are found before the limb neck to shoulder to elbow is complete.
    parts = {1: (12, 2), 2: (8, 2), 3: (8, 8), 8: (12, 12), 9: (12, 18), 0: (12, 0)}
    found = openpose.decode(drawn(parts, [0, 2, 6, 7, 12]), Request((24, 24), 0.0))
    assert np.flatnonzero(found.point_scores[0]).tolist() == [0, 1, 2, 3, 8, 9]
    assert len(found.scores) == 1


def test_equal_neighbours_are_one_peak_and_it_lies_between_them() -> None:
    heat = np.zeros((6, 6), np.float32)
    heat[2, 2:4] = 0.8
    ((x, y, value),) = openpose._peaks(heat).tolist()
    assert (x, y) == (2.5, 2)
    assert value == pytest.approx(0.9)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (1, 57, 5, 6), elements=st.floats(width=32)))
def test_openpose_of_any_numbers_ends_in_bodies_within_the_network_s_input(maps: np.ndarray[Any, Any]) -> None:
    with np.errstate(all="ignore"):
        found = openpose.decode({"out": maps}, Request((48, 40), 0.0))
    assert found.points.shape == (len(found.scores), 18, 2)
    places = found.points[np.isfinite(found.points).all(axis=2)]
    assert (places >= 0).all() and (places <= (48, 40)).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_maps_full_of_peaks_end_in_time() -> None:
    random = np.random.default_rng(1)
    maps = random.uniform(-1, 1, (1, 57, 120, 160)).astype(np.float32)
    found = openpose.decode({"out": maps}, Request((1280, 960), 0.0))
    assert len(found.scores) <= 18 * openpose.MOST_PEAKS


@pytest.mark.parametrize("layout", sorted(POSES))
@pytest.mark.parametrize(
    "shapes",
    [
        [],
        [()],
        [(0,)],
        [(3,)],
        [(1, 17)],
        [(1, 1, 17, 4)],
        [(2, 6, 56)],
        [(1, 56, 0)],
        [(1, 19, 8, 8)],
        [(1, 19, 8, 8), (1, 38, 4, 4)],
        [(1, 57, 0, 4)],
        [(1, 55, 10)],
    ],
    ids=str,
)
def test_outputs_of_another_form_are_told(layout: str, shapes: list[tuple[int, ...]]) -> None:
    outputs = {f"out{place}": np.zeros(shape, np.float32) for place, shape in enumerate(shapes)}
    try:
        found = POSES[layout](outputs, Request((32, 32), 0.3))
    except AaiError as error:
        assert layout in error.what
    else:
        assert len(found.scores) == 0


def test_a_layout_that_nobody_knows_is_told_and_openpose_is_the_reference_s(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='"hourglass"') as error:
        pose_decoder(ModelConfig({"aai": {"decoder": {"name": "hourglass"}}}, tmp_path))
    assert "movenet, openpose, yolo-pose" in str(error.value.fix)
    assert pose_decoder(ModelConfig({}, tmp_path))[0] is openpose.decode
