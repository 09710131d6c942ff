"""YOLOv3 on a Hailo device: the reference's architecture "yolov3".

Either raw heads, one output [1, h, w, A * (5 + C)] for each, whose numbers are those of `darknet_heads` with the
channels last (Hailo Model Zoo, yolov3_416.yaml and core/postprocessing/detection/yolo.py), or boxes that were
suppressed on the way, as `hailo_nms` reads them. The outputs may stand in any order: the coarsest grid comes first.
`heads` in the settings is that of `darknet_heads`, the coarsest first; without it they are those of YOLOv3, or of its
tiny form where there are two outputs, on COCO's anchors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.vision.decode import hailo_nms
from aai.vision.decode.candidates import Candidates, Request, misfit
from aai.vision.decode.darknet_heads import decode_heads

if TYPE_CHECKING:
    from aai.vision.image import Array

ANCHORS: Mapping[int, tuple[list[list[int]], ...]] = {
    3: (
        [[116, 90], [156, 198], [373, 326]],
        [[30, 61], [62, 45], [59, 119]],
        [[10, 13], [16, 30], [33, 23]],
    ),
    2: ([[81, 82], [135, 169], [344, 319]], [[10, 14], [23, 27], [37, 58]]),
}
"""Number of outputs -> anchors in pixels, the coarsest grid first (Darknet, cfg/yolov3.cfg and cfg/yolov3-tiny.cfg)."""
_COORDINATES = 5


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The boxes of all heads.

    Raises:
        UsageError: `heads` is damaged.
        AaiError: the outputs are neither such heads nor suppressed boxes.
    """
    if any(output.ndim == 2 for output in outputs.values()):
        return hailo_nms.decode(outputs, request)
    if any(output.ndim != 4 or 0 in output.shape for output in outputs.values()):
        raise misfit(outputs, "hailo-yolov3")
    coarsest_first = sorted(outputs.items(), key=lambda item: item[1].shape[1] * item[1].shape[2])
    channels_second = {name: np.moveaxis(output, 3, 1) for name, output in coarsest_first}
    settings = request.settings if "heads" in request.settings else {"heads": _usual_heads(channels_second)}
    return decode_heads(channels_second, request._replace(settings=settings))


def _usual_heads(outputs: Mapping[str, Array]) -> list[dict[str, Any]]:
    anchors = ANCHORS.get(len(outputs), ())
    channels = {output.shape[1] for output in outputs.values()}
    if not anchors or len(channels) != 1:
        raise misfit(outputs, "hailo-yolov3")
    classes = channels.pop() // len(anchors[0]) - _COORDINATES
    if classes < 1:
        raise misfit(outputs, "hailo-yolov3")
    return [{"kind": "yolo", "classes": classes, "anchors": pairs} for pairs in anchors]
