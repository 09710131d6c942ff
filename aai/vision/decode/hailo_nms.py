"""Boxes that a Hailo device, or HailoRT for it, has suppressed already.

One output (N, 6) of rows [y1, x1, y2, x2, score, class], the box in 0..1 of the network's input, classes counted from
0: the form that the back end gives to HailoRT's boxes by class, by score and with masks (HailoRT, pyhailort.py,
get_buffer). An output of masks beside it is not read here. `classes` in the settings is their number, and `first_class`
the lowest class id that stands for an object: 1 for a network that keeps 0 for the background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.candidates import Candidates, Request, at_least, class_numbers, misfit
from aai.vision.decode.settings import wrong_setting

if TYPE_CHECKING:
    from aai.vision.image import Array

COLUMNS = 6
"""Numbers of a row."""
_XYXY = [1, 0, 3, 2]


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The boxes whose score is high enough.

    Raises:
        UsageError: a setting has an impossible value.
        AaiError: not one output of such rows.
    """
    tables = [output for output in outputs.values() if output.ndim == 2 and output.shape[1] == COLUMNS]
    if len(tables) != 1:
        raise misfit(outputs, "hailo-nms")
    classes, first = request.settings.get("classes"), request.settings.get("first_class", 0)
    if classes is not None and (type(classes) is not int or classes < 1):
        raise wrong_setting("classes", classes, "a whole number of 1 or more")
    if first not in (0, 1):
        raise wrong_setting("first_class", first, "0 or 1")
    (table,) = tables
    rows = table[at_least(table[:, 4], request.confidence)].astype(np.float32, copy=False)
    boxes = rows[:, _XYXY] * np.array(request.size * 2, np.float32)
    return Candidates(boxes, rows[:, 4].copy(), class_numbers(rows[:, 5]), classes, first, suppressed=True)
