"""YOLOX heads.

One output [1, N, 5 + C]: per cell dx, dy, log w, log h in units of the cell's stride, objectness, C class
probabilities. Centre = (cell + d) * stride, side = exp(log) * stride (YOLOX, yolox/utils/demo_utils.py). With `decoded`
in the settings the graph has done that (yolox/tools/export_onnx.py --decode_in_inference): cx, cy, w, h in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from aai.vision.boxes import from_centres
from aai.vision.decode.candidates import Candidates, Request, misfit, single
from aai.vision.decode.grid import cell_count, cells, from_cells, strides_of
from aai.vision.decode.objectness import best_classes

if TYPE_CHECKING:
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The best class of each cell.

    Raises:
        AaiError: not one output of that shape, or its cells are not those of the input size.
    """
    rows = single(outputs, "yolox", 6)
    if request.settings.get("decoded", False):
        _, chosen, scores, class_ids = best_classes(rows, request.confidence)
        return Candidates(from_centres(chosen), scores, class_ids, rows.shape[1] - 5)
    strides = strides_of(request.settings)
    # Counted first: the settings may ask for more cells than fit into memory.
    count = cell_count(request.size, strides)
    if len(rows) != count:
        raise misfit(outputs, f"yolox, which has {count} cells for {request.size[0]}x{request.size[1]} pixels")
    corner, stride = cells(request.size, strides)
    indices, chosen, scores, class_ids = best_classes(rows, request.confidence)
    boxes = from_cells(chosen, corner[indices], stride[indices])
    return Candidates(boxes, scores, class_ids, rows.shape[1] - 5)
