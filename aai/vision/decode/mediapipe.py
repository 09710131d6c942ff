"""MediaPipe's detectors with anchors: faces (short range, back, full range).

Boxes [1, N, 4 + 2 * K]: per anchor cx, cy, w, h and K key points, in pixels of the network's input, the centre relative
to the anchor, which has no size of its own. Scores [1, N, 1]: logits. The anchors of a grid lie in the middle of its
cells, `anchors` of them in each cell, grid by grid (MediaPipe, ssd_anchors_calculator.cc with fixed_anchor_size, and
tensors_to_detections_calculator.cc). The key points are not read here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.boxes import from_centres
from aai.vision.decode.activations import sigmoid
from aai.vision.decode.candidates import Candidates, Request, at_least, misfit
from aai.vision.decode.grid import cell_count, cells, strides_of
from aai.vision.decode.settings import whole_numbers, wrong_setting

if TYPE_CHECKING:
    from aai.vision.image import Array

_ANCHORS = (2, 6)


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The box of each anchor.

    Raises:
        UsageError: `strides` and `anchors` in the settings do not belong together.
        AaiError: not two outputs of that shape, or they do not have the anchors of the input size.
    """
    strides = strides_of(request.settings)
    counts = whole_numbers(request.settings, "anchors", _ANCHORS)
    if len(counts) != len(strides):
        raise wrong_setting("anchors", counts, f"a number for each of the strides {strides}")
    # Counted first: the settings may ask for more anchors than fit into memory.
    total = cell_count(request.size, strides, counts)
    parts = [output.reshape(output.shape[1:]) for output in outputs.values() if output.ndim == 3 and len(output) == 1]
    if len(parts) != len(outputs) or len(parts) != 2 or any(len(part) != total for part in parts):
        raise misfit(outputs, f"mediapipe, which has {total} anchors for {request.size[0]}x{request.size[1]} pixels")
    boxes, logits = parts if parts[1].shape[1] == 1 else parts[::-1]
    if logits.shape[1] != 1 or boxes.shape[1] < 4:
        raise misfit(outputs, "mediapipe")
    scores = sigmoid(logits[:, 0])
    keep = at_least(scores, request.confidence)
    chosen = boxes[keep, :4].astype(np.float32)
    chosen[:, :2] += _centres(request.size, strides, counts)[keep]
    return Candidates(from_centres(chosen), scores[keep], np.zeros(len(keep), np.int64), 1)


@lru_cache(maxsize=4)
def _centres(size: tuple[int, int], strides: tuple[int, ...], counts: tuple[int, ...]) -> Array:
    """(N, 2) float32 centres of the anchors, in pixels of the network's input; read-only.

    A grid that its stride does not divide is stretched over the input.
    """
    parts = []
    for stride, count in zip(strides, counts):
        corner, _ = cells(size, (stride,))
        pitch = np.array([size[0] / -(-size[0] // stride), size[1] / -(-size[1] // stride)], np.float32)
        parts.append(np.repeat((corner + np.float32(0.5)) * pitch, count, axis=0))
    centres: Array = np.concatenate(parts)
    centres.flags.writeable = False
    return centres
