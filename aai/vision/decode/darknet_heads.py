"""Darknet's [yolo] and [region] heads as the convolution before them gives them: the raw heads of a converted network.

One output [1, A * (5 + C), h, w], or [1, h, w, A * (5 + C)], for each head: for each of the A anchors tx, ty, tw, th,
objectness, C classes. In cells, x = column + scale_x_y * (sigmoid(tx) - 0.5) + 0.5; the side is exp(tw) * anchor, and
with `new_coords` (whose values come out of a sigmoid already) 4 * tw * tw * anchor. An anchor is in pixels of the
network's input in [yolo], in cells in [region]. Source: Darknet, yolo_layer.c (get_yolo_box) and region_layer.c
(get_region_box).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence

import numpy as np

from aai.vision.decode.activations import least_logit, sigmoid, softmax
from aai.vision.decode.candidates import Candidates, Request, at_least, misfit
from aai.vision.decode.settings import wrong_setting

if TYPE_CHECKING:
    from aai.vision.image import Array

_COORDINATES = 5
_HALF = np.float32(0.5)


class _Head(NamedTuple):
    anchors: Array
    classes: int
    region: bool
    scale: float
    new_coords: bool
    exclusive: bool


def decode_heads(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The boxes of all heads; the outputs are in the order of `heads` in the settings.

    Raises:
        UsageError: the settings lack the heads, or one of them is damaged.
        AaiError: the outputs are not those of the heads.
    """
    heads = [_head(given) for given in _listed(request.settings)]
    grids = [_channels_first(output, head) for head, output in zip(heads, outputs.values())]
    if len(heads) != len(outputs) or any(
        grid.ndim != 4 or grid.shape[:2] != (1, _channels(head)) for head, grid in zip(heads, grids)
    ):
        raise misfit(outputs, "darknet-region, by its heads")
    found = [_boxes(grid, head, request) for head, grid in zip(heads, grids)]
    boxes, scores, class_ids = (np.concatenate(parts) for parts in zip(*found))
    return Candidates(boxes, scores, class_ids, max(head.classes for head in heads))


def _channels(head: _Head) -> int:
    return len(head.anchors) * (_COORDINATES + head.classes)


def _channels_first(output: Array, head: _Head) -> Array:
    """The head with its channels on the second axis, where TensorFlow and its kin have them on the last."""
    if output.ndim == 4 and output.shape[1] != _channels(head) == output.shape[3]:
        output = output.transpose(0, 3, 1, 2)
    return output


def _boxes(output: Array, head: _Head, request: Request) -> tuple[Array, Array, Array]:
    """(K, 4) boxes in pixels, (K,) scores, (K,) class ids of one head."""
    rows, columns = output.shape[2:]
    cells = output.reshape(len(head.anchors), _COORDINATES + head.classes, rows * columns)
    least = request.confidence if head.new_coords else least_logit(request.confidence)
    anchor, cell = (cells[:, 4] >= np.float32(least)).nonzero()
    values = cells[anchor, :, cell].astype(np.float32)
    squash = _same if head.new_coords else sigmoid
    shares = softmax(values[:, 5:]) if head.exclusive else squash(values[:, 5:])
    scores = squash(values[:, 4]) * shares.max(axis=1)
    keep = at_least(scores, request.confidence)
    values, anchor, cell = values[keep], anchor[keep], cell[keep]
    stride = np.array([request.size[0] / columns, request.size[1] / rows], np.float32)
    centres = (squash(values[:, :2]) - _HALF) * np.float32(head.scale) + _HALF
    centres += np.stack([cell % columns, cell // columns], axis=1)
    centres *= stride
    sides = np.square(values[:, 2:4] * 2) if head.new_coords else np.exp(values[:, 2:4])
    sides *= head.anchors[anchor] * (stride if head.region else 1)
    sides *= _HALF
    boxes: Array = np.concatenate([centres - sides, centres + sides], axis=1)
    return boxes, scores[keep], shares[keep].argmax(axis=1)


def _same(values: Array) -> Array:
    return values


def _listed(settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    heads = settings.get("heads")
    if not isinstance(heads, list) or not heads or not all(isinstance(head, dict) for head in heads):
        raise wrong_setting("heads", heads, "a list with the kind, classes and anchors of each head")
    return heads


def _head(given: Mapping[str, Any]) -> _Head:
    kind, classes, scale = given.get("kind", "yolo"), given.get("classes"), given.get("scale_x_y", 1.0)
    if kind not in ("yolo", "region") or type(classes) is not int or classes < 1 or not _is_number(scale):
        raise wrong_setting(
            "heads", dict(given), 'heads with a kind ("yolo" or "region"), a number of classes and a scale_x_y'
        )
    return _Head(
        _anchors(given.get("anchors")),
        classes,
        kind == "region",
        float(scale),
        bool(given.get("new_coords", False)),
        bool(given.get("softmax", kind == "region")),
    )


def _anchors(given: Any) -> Array:
    """(A, 2) float32 width and height."""
    pairs = given if isinstance(given, list) else []
    if not pairs or not all(
        isinstance(pair, list) and len(pair) == 2 and all(_is_number(side) for side in pair) for pair in pairs
    ):
        raise wrong_setting("heads.anchors", given, "a list with the width and height of each anchor")
    return np.array(pairs, np.float32)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
