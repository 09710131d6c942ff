"""YOLO in a TensorRT engine: the reference's architecture "yolo". Two layouts come under it, told from the shapes.

YoloLayer_TRT, the plugin of jkjung-avt/tensorrt_demos (plugins/yolo_layer.cu, CalDetection): one output of 7 * N
numbers for each YOLO layer, in whatever shape, rows [x, y, w, h, objectness, class, class probability], the upper left
corner and the size in 0..1 of the network's input; score = objectness * probability. They are not suppressed.

EfficientNMS_TRT and BatchedNMS_TRT, NVIDIA's plugins (plugin/efficientNMSPlugin/README.md): four outputs, the number of
boxes [1, 1], boxes [1, N, 4], scores [1, N] and classes [1, N]. `corners` and `unit` in the settings are those of
`listed`; without `unit` the boxes are taken for shares of the input where none reaches 2, as NVIDIA's own sample does
(samples/python/efficientdet/infer.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.vision.decode import listed
from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, misfit

if TYPE_CHECKING:
    from aai.vision.image import Array

_COLUMNS = 7
_FINISHED = 4
_LARGEST_SHARE = 2.0


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The boxes of all layers, or the suppressed ones.

    Raises:
        UsageError: a setting has an impossible value.
        AaiError: the outputs are of neither layout.
    """
    parts = finished_parts(outputs)
    if parts:
        settings = {**parts, "unit": _unit(outputs, parts), **request.settings}
        return listed.decode(outputs, request._replace(settings=settings))
    if not outputs or any(output.size % _COLUMNS for output in outputs.values()):
        raise misfit(outputs, "tensorrt-yolo")
    rows = np.concatenate([_likely(output.reshape(-1, _COLUMNS), request.confidence) for output in outputs.values()])
    scores = rows[:, 4] * rows[:, 6]
    keep = at_least(scores, request.confidence)
    rows, scores = rows[keep], scores[keep]
    corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    corners *= np.array(request.size * 2, np.float32)
    return Candidates(corners, scores, class_numbers(rows[:, 5]))


def finished_parts(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Which of four outputs are "boxes", "count", "scores" and "classes", by name; empty when they are not those.

    Args:
        outputs: anything with a `shape`, by name.
    """
    if len(outputs) != _FINISHED:
        return {}
    parts = {}
    for name, output in outputs.items():
        shape = output.shape
        if len(shape) == 3 and shape[2] == 4:
            parts["boxes"] = name
        elif all(length == 1 for length in shape) and "count" not in parts and "num" in name.lower():
            parts["count"] = name
        elif "score" in name.lower():
            parts["scores"] = name
        elif "class" in name.lower() or "label" in name.lower():
            parts["classes"] = name
    return parts if len(parts) == _FINISHED else {}


def _likely(rows: Array, confidence: float) -> Array:
    # A score is the objectness times a probability, so that it is never above the objectness.
    likely: Array = rows[at_least(rows[:, 4], confidence)].astype(np.float32, copy=False)
    return likely


def _unit(outputs: Mapping[str, Array], parts: Mapping[str, str]) -> str:
    boxes = outputs[parts["boxes"]]
    count = outputs[parts["count"]].reshape(-1)
    used = boxes.reshape(-1, 4)[: int(count[0]) if count.size and np.isfinite(count[0]) and count[0] > 0 else 0]
    return "shares" if used.size and used.max() < _LARGEST_SHARE else "pixels"
