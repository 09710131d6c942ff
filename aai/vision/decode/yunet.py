"""YuNet face detector: outputs cls_S, obj_S, bbox_S and kps_S for each stride S.

Score = sqrt(cls * obj); centre = (cell + d) * stride, side = exp(log) * stride (OpenCV, objdetect/src/face_detect.cpp).
The five key points in kps_S are not read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.candidates import Candidates, Request, at_least, misfit
from aai.vision.decode.grid import cells, from_cells, strides_of

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The faces of all strides.

    Raises:
        AaiError: an output of a stride is missing, or does not have the cells of the input size.
    """
    strides = strides_of(request.settings)
    corner, stride = cells(request.size, strides)
    try:
        parts = {
            kind: np.concatenate([outputs[f"{kind}_{step}"].reshape(-1, columns) for step in strides])
            for kind, columns in (("cls", 1), ("obj", 1), ("bbox", 4))
        }
    except (KeyError, ValueError) as error:
        raise misfit(outputs, "yunet") from error
    if any(len(part) != len(corner) for part in parts.values()):
        raise misfit(outputs, "yunet")
    # Exported weights give values a hair outside of 0..1.
    scores = np.sqrt(np.clip(parts["cls"], 0, 1) * np.clip(parts["obj"], 0, 1)).ravel()
    keep = at_least(scores, request.confidence)
    boxes = from_cells(parts["bbox"][keep], corner[keep], stride[keep])
    return Candidates(boxes, scores[keep], np.zeros(len(keep), np.int64), 1)
