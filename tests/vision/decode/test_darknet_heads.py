"""Darknet's raw heads through our decoder, against OpenCV's region layer on the same network."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aai.core.inspect.darknet import inspect_darknet
from aai.core.inspect.darknet_cfg import read_cfg
from aai.core.inspect.darknet_layers import read_layers
from aai.errors import AaiError, UsageError
from aai.vision.boxes import iou
from aai.vision.decode.candidates import Request
from aai.vision.decode.detection import DETECTION

NET = """[net]
width={width}
height={height}
channels=3

[convolutional]
filters=6
size=3
stride=8
pad=1
activation=leaky

[convolutional]
filters={filters}
size=1
stride=1
pad=1
activation={activation}
"""
YOLO = "[yolo]\nmask=1,3,2\nanchors=9,9, 10,14, 23,27, 37,58\nclasses=3\nnum=4\n"
COARSE = """
[route]
layers=0

[convolutional]
filters=24
size=2
stride=2
pad=0
activation=linear

[yolo]
mask=0,1,2
anchors=81,82, 135,169, 344,319
classes=3
num=3
"""
CFGS = {
    "yolo v3": NET.format(width=64, height=32, filters=24, activation="linear") + YOLO + COARSE,
    "yolo v4": NET.format(width=96, height=64, filters=24, activation="linear") + YOLO + "scale_x_y=1.2\n",
    "yolo v4 csp": NET.format(width=64, height=64, filters=24, activation="logistic")
    + YOLO
    + "scale_x_y=2.0\nnew_coords=1\n",
    "one class": NET.format(width=96, height=64, filters=18, activation="linear")
    + YOLO.replace("classes=3", "classes=1"),
}
REGION = (
    NET.format(width=96, height=64, filters=16, activation="linear")
    + "[region]\nanchors=0.5,0.6, 1.8,2.0\nclasses=3\nnum=2\nsoftmax=1\n"
)
REGION_OVERLAP = 0.4
"""OpenCV suppresses boxes inside of its region layer."""
THRESHOLD = 0.3
"""Over OpenCV's own threshold of 0.2, below which its rows hold no scores."""


def _files(folder: Path, cfg: str) -> tuple[Path, Path]:
    """A cfg, and random weights for it whose heads give scores of all sizes."""
    path = folder / "net.cfg"
    path.write_text(cfg)
    sections = read_cfg(path)
    net = sections[0]
    layers = read_layers(sections, net.positive("width", 0), net.positive("height", 0), 3)
    values = np.random.default_rng(5).normal(0, 1.5, sum(layer.weights or 0 for layer in layers)).astype("<f4")
    (folder / "net.weights").write_bytes(struct.pack("<iiiQ", 0, 2, 5, 64) + values.tobytes())
    return folder / "net.weights", path


def _run(weights: Path, cfg: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(rows of OpenCV's region layers, what goes into these layers) for one random picture."""
    net = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    rows = list(net.getUnconnectedOutLayersNames())
    names = list(net.getLayerNames())
    raw = [names[_before(names, name)] for name in rows]
    section = read_cfg(cfg)[0]
    shape = (1, 3, section.positive("height", 0), section.positive("width", 0))
    net.setInput(np.random.default_rng(6).random(shape, np.float32))
    found = net.forward(rows + raw)
    return dict(zip(rows, found)), dict(zip(raw, found[len(rows) :]))


def _before(names: list[str], head: str) -> int:
    """The layer that a head reads; OpenCV puts a permutation between the two."""
    place = names.index(head) - 1
    return place - 1 if names[place].startswith("permute") else place


def _settings(weights: Path, cfg: Path) -> Any:
    report = inspect_darknet(weights, cfg)
    return report.facts["decoder"].value, tuple(report.facts["size"].value)


def _same(ours: Any, theirs: Any) -> None:
    assert len(ours.scores) == len(theirs.scores) > 0
    assert ours.classes == theirs.classes
    mine = np.lexsort((ours.boxes_xyxy[:, 0], ours.scores.round(4)))
    other = np.lexsort((theirs.boxes_xyxy[:, 0], theirs.scores.round(4)))
    assert ours.class_ids[mine].tolist() == theirs.class_ids[other].tolist()
    np.testing.assert_allclose(ours.scores[mine], theirs.scores[other], atol=1e-5)
    np.testing.assert_allclose(ours.boxes_xyxy[mine], theirs.boxes_xyxy[other], rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("name", sorted(CFGS))
def test_raw_heads_give_the_boxes_of_opencv_s_region_layer(tmp_path: Path, name: str) -> None:
    weights, cfg = _files(tmp_path, CFGS[name])
    settings, size = _settings(weights, cfg)
    rows, raw = _run(weights, cfg)
    request = Request(size, THRESHOLD, settings)
    ours, theirs = (DETECTION["darknet-region"](outputs, request) for outputs in (raw, rows))
    assert len(theirs.scores) < sum(len(output) for output in rows.values())
    _same(ours, theirs)


def test_raw_region_heads_give_the_boxes_that_opencv_s_own_suppression_leaves(tmp_path: Path) -> None:
    weights, cfg = _files(tmp_path, REGION)
    settings, size = _settings(weights, cfg)
    rows, raw = _run(weights, cfg)
    # Over a half only one class of a box can be, so that OpenCV's suppression of each class is that of the best one.
    request = Request(size, 0.5, settings)
    ours, theirs = (DETECTION["darknet-region"](outputs, request) for outputs in (raw, rows))
    overlaps = iou(ours.boxes_xyxy, theirs.boxes_xyxy) * (ours.class_ids[:, None] == theirs.class_ids[None])
    near = np.isclose(ours.boxes_xyxy[:, None], theirs.boxes_xyxy[None], rtol=1e-4, atol=2e-3).all(axis=2)
    same = near & np.isclose(ours.scores[:, None], theirs.scores[None], atol=1e-5)
    assert same.any(axis=0).all()
    better = ours.scores[:, None] < theirs.scores[None]
    suppressed = (overlaps * better).max(axis=1) > REGION_OVERLAP - 0.01
    assert (same.any(axis=1) | suppressed).all()
    assert suppressed.any()


def test_real_weights_give_the_same_boxes_either_way(zoo: Path) -> None:
    for weights in sorted(zoo.glob("darknet/*/*.weights")):
        cfg = next(weights.parent.glob("*.cfg"))
        settings, size = _settings(weights, cfg)
        net = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
        names, rows = list(net.getLayerNames()), list(net.getUnconnectedOutLayersNames())
        raw = [names[_before(names, name)] for name in rows]
        photo = cv2.imread(str(zoo / "images" / ("face.jpg" if "face" in weights.name else "dog.jpg")))
        net.setInput(cv2.dnn.blobFromImage(photo, 1 / 255, size, swapRB=True))
        found = net.forward(rows + raw)
        request = Request(size, THRESHOLD, settings)
        theirs = DETECTION["darknet-region"](dict(zip(rows, found)), request)
        _same(DETECTION["darknet-region"](dict(zip(raw, found[len(rows) :])), request), theirs)


HEAD: dict[str, Any] = {"kind": "yolo", "classes": 2, "anchors": [[8, 16]]}
WRONG: list[Any] = [
    None,
    [],
    "yolo",
    [1],
    [{**HEAD, "kind": "iseg"}],
    [{**HEAD, "classes": 0}],
    [{**HEAD, "classes": True}],
    [{**HEAD, "classes": 2.0}],
    [{**HEAD, "scale_x_y": "1"}],
    [{**HEAD, "scale_x_y": float("inf")}],
    [{**HEAD, "anchors": []}],
    [{**HEAD, "anchors": [8, 16]}],
    [{**HEAD, "anchors": [[8]]}],
    [{**HEAD, "anchors": [[8, "16"]]}],
    [{**HEAD, "anchors": [[8, float("nan")]]}],
]


@pytest.mark.parametrize("heads", WRONG)
def test_damaged_settings_of_heads_are_told(heads: Any) -> None:
    outputs = {"a": np.zeros((1, 7, 4, 8), np.float32)}
    with pytest.raises(UsageError, match=r"decoder\.heads") as caught:
        DETECTION["darknet-region"](outputs, Request((64, 32), 0.3, {"heads": heads}))
    assert "aai.decoder.heads" in str(caught.value.where)


@pytest.mark.parametrize(
    "shapes", [[(1, 8, 4, 8)], [(2, 7, 4, 8)], [(1, 7, 4, 8), (1, 7, 2, 4)], [(1, 7, 4, 8), (9, 7)]]
)
def test_outputs_that_are_not_of_the_heads_are_told(shapes: list[Any]) -> None:
    outputs = {str(index): np.zeros(shape, np.float32) for index, shape in enumerate(shapes)}
    with pytest.raises(AaiError, match="by its heads") as caught:
        DETECTION["darknet-region"](outputs, Request((64, 32), 0.3, {"heads": [HEAD]}))
    assert "aai model configure" in str(caught.value.fix)


def test_a_cell_worked_out_by_hand() -> None:
    output = np.full((1, 7, 2, 4), -50, np.float32)
    output[0, :, 1, 2] = [0, 0, np.log(2), 0, 50, -50, 50]
    found = DETECTION["darknet-region"]({"a": output}, Request((64, 32), 0.3, {"heads": [HEAD]}))
    assert found.boxes_xyxy.tolist() == [[32, 16, 48, 32]]
    assert (found.scores.tolist(), found.class_ids.tolist(), found.classes) == ([1], [1], 2)
