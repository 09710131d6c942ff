"""NanoDet and NanoDet-Plus heads, whose sides are distributions (GFL).

One output [1, N, C + 4 * (reg_max + 1)]: per cell C class probabilities, then for left, top, right and bottom the
logits of the distances 0, 1 ... reg_max in units of the stride; the distance is their mean under softmax. It is taken
from the cell's corner in NanoDet-Plus, which has four grids, and from its centre in NanoDet, which has three (NanoDet,
nanodet/model/head/nanodet_plus_head.py and gfl_head.py; Li et al., Generalized Focal Loss, 2020, section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode.activations import softmax
from aai.vision.decode.best import best_of_rows
from aai.vision.decode.candidates import Candidates, Request, misfit, single
from aai.vision.decode.grid import cell_count, cells, strides_of
from aai.vision.decode.settings import number, wrong_setting

if TYPE_CHECKING:
    from aai.vision.image import Array

_REG_MAX = 7
_HALF = 0.5


def decode(outputs: Mapping[str, Array], request: Request) -> Candidates:
    """The best class of each cell.

    Raises:
        UsageError: `reg_max` or `offset` in the settings is no such number.
        AaiError: not one output of that shape, or its cells are not those of the input size.
    """
    strides = strides_of(request.settings)
    reg_max = request.settings.get("reg_max", _REG_MAX)
    if type(reg_max) is not int or not 1 <= reg_max <= 255:
        raise wrong_setting("reg_max", reg_max, "a whole number from 1 to 255")
    offset = number(request.settings, "offset", _HALF if len(strides) == 3 else 0.0)
    columns = 4 * (reg_max + 1)
    rows = single(outputs, "nanodet", columns + 1)
    # Counted first: the settings may ask for more cells than fit into memory.
    count = cell_count(request.size, strides)
    if len(rows) != count:
        raise misfit(outputs, f"nanodet, which has {count} cells for {request.size[0]}x{request.size[1]} pixels")
    corner, stride = cells(request.size, strides)
    classes = rows.shape[1] - columns
    indices, scores, class_ids = best_of_rows(rows[:, :classes], request.confidence)
    shares = softmax(rows[indices, classes:].reshape(len(indices), 4, reg_max + 1))
    distances = shares @ np.arange(reg_max + 1, dtype=np.float32)
    points = corner[indices] + np.float32(offset)
    boxes = np.concatenate([points - distances[:, :2], points + distances[:, 2:]], axis=1) * stride[indices]
    # NanoDet cuts boxes at the border before it suppresses.
    np.clip(boxes, 0, np.array(request.size * 2, np.float32), out=boxes)
    return Candidates(boxes, scores, class_ids, classes)
