"""Boxes with masks that HailoRT has suppressed and put together (HAILO_NMS_WITH_BYTE_MASK).

Two outputs: the rows of `hailo_nms`, and (N, h, w) masks of them, 1 inside and 0 outside, over the whole of the
network's input: the form that the back end gives them. The settings are those of `hailo_nms`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode import hailo_nms
from aai.vision.decode.candidates import Request, at_least, misfit
from aai.vision.decode.yolo_seg import Instances

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Instances:
    """The boxes whose score is high enough, each with its mask as a prototype of its own.

    Raises:
        UsageError: a setting has an impossible value.
        AaiError: not rows of boxes and as many masks.
    """
    found = hailo_nms.decode(outputs, request)
    rows = next(output for output in outputs.values() if output.ndim == 2 and output.shape[1] == hailo_nms.COLUMNS)
    masks = [output for output in outputs.values() if output.ndim == 3]
    if len(masks) != 1 or len(masks[0]) != len(rows):
        raise misfit(outputs, "hailo-masks")
    chosen = masks[0][at_least(rows[:, 4], request.confidence)].astype(np.float32)
    # Between a pixel inside and one outside the edge lies in the middle.
    chosen -= 0.5
    return Instances(found, np.eye(len(chosen), dtype=np.float32), chosen)
