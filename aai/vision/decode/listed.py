"""Finished boxes, their scores and their classes in outputs of their own: networks that suppress by themselves.

`boxes`, `scores`, `classes` and `count` in the settings name the outputs; `count` is optional, and with scores in the
fifth column of the boxes `scores` is too. `corners` is "xyxy" or "yxyx", `unit` "shares" (0..1 of the network's input)
or "pixels" of it, and `first_class` the lowest class id that stands for an object. So come:

- TFLite_Detection_PostProcess: yxyx, shares, classes from 0 (TensorFlow, lite/kernels/detection_postprocess.cc);
- the TensorFlow Object Detection API: yxyx, shares, classes from 1 (exporter_main_v2.py, exporter_lib_v2.py);
- RT-DETR and D-FINE with their post-processing: xyxy, pixels of `orig_target_sizes`, classes from 0;
- Open Model Zoo: boxes [N, 5] with the score, and labels, pixels (model_api, models/ssd.py, BoxesLabelsParser).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, misfit
from aai.vision.decode.settings import choice, wrong_setting

if TYPE_CHECKING:
    from aai.vision.image import Array

_XYXY = [0, 1, 2, 3]
_CORNERS = {"xyxy": _XYXY, "yxyx": [1, 0, 3, 2]}
_UNITS = ("shares", "pixels")


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The listed boxes whose score is high enough.

    Raises:
        UsageError: a setting has an impossible value.
        AaiError: an output that the settings name is not there, or not as long as the boxes.
    """
    settings = request.settings
    order = _CORNERS[choice(settings, "corners", tuple(_CORNERS))]
    first = settings.get("first_class", 0)
    if first not in (0, 1):
        raise wrong_setting("first_class", first, "0 or 1")
    table = _output(outputs, settings, "boxes").astype(np.float32, copy=False)
    if table.ndim < 2 or table.shape[-1] not in (4, 5) or table.size != table.shape[-1] * table.shape[-2]:
        raise misfit(outputs, "listed")
    table = table.reshape(-1, table.shape[-1])
    scores = table[:, 4] if table.shape[1] == 5 else _column(outputs, settings, "scores", len(table))
    classes = (
        _column(outputs, settings, "classes", len(table)) if settings.get("classes") else np.full(len(table), first)
    )
    keep = at_least(scores[: _count(outputs, settings, len(table))], request.confidence)
    boxes = table[keep][:, order]
    if choice(settings, "unit", _UNITS) == "shares":
        boxes *= np.array(request.size * 2, np.float32)
    best = scores[keep].astype(np.float32)
    return Candidates(boxes, best, class_numbers(classes[keep]), first_class=first, suppressed=True)


def _count(outputs: Mapping[str, Array], settings: Mapping[str, Any], rows: int) -> int:
    """How many rows are used."""
    if not settings.get("count"):
        return rows
    count = _output(outputs, settings, "count")
    if count.size != 1:
        raise misfit(outputs, "listed")
    used = float(count.reshape(-1)[0])
    return int(max(0, min(rows, used))) if math.isfinite(used) else 0


def _column(outputs: Mapping[str, Array], settings: Mapping[str, Any], part: str, rows: int) -> Array:
    column = _output(outputs, settings, part)
    if column.size != rows:
        raise misfit(outputs, "listed")
    flat: Array = column.reshape(-1)
    return flat


def _output(outputs: Mapping[str, Array], settings: Mapping[str, Any], part: str) -> Array:
    name = settings.get(part)
    if not isinstance(name, str) or name not in outputs:
        raise misfit(outputs, f'listed, whose {part} are in "{name}"')
    return outputs[name]
