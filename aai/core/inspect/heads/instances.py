"""Networks that find objects and their masks."""

from __future__ import annotations

from typing import Any

from aai.core.inspect.heads.grids import PROTOTYPES, match_grids
from aai.core.inspect.heads.question import Head, Question, describe, is_integer
from aai.ports import TensorSpec


def masks(question: Question) -> Head | None:
    """Ultralytics' segmentation heads: boxes with weights, and the prototypes that the weights belong to."""
    if question.notes.task not in ("", "segment") or len(question.outputs) != 2:
        return None
    tables = [spec for spec in question.outputs if len(spec.shape) == 3 and not is_integer(spec)]
    maps = [spec for spec in question.outputs if len(spec.shape) == 4 and PROTOTYPES in (spec.shape[1], spec.shape[3])]
    if len(tables) != 1 or len(maps) != 1 or tables[0].shape[0] not in (1, None):
        return None
    (table,), (prototypes,) = tables, maps
    settings, size = _settings(question, table)
    if settings is None:
        return None
    depth = table.shape[1] if not settings else table.shape[2]
    listed = bool(settings.get("end_to_end"))
    classes = None if listed else (depth or 0) - 4 - PROTOTYPES
    reason = (
        f"outputs {describe(table)} and {describe(prototypes)}: boxes with {PROTOTYPES} weights each, "
        "and the prototypes of the masks"
    )
    decoder: dict[str, Any] = {"name": "yolo-seg", **settings}
    return Head("InstanceSegmentation", reason, "yolov8", decoder, classes, size=size)


def _settings(question: Question, table: TensorSpec) -> tuple[dict[str, Any] | None, tuple[int, int] | None]:
    """The settings of the first order of axes that fits, and the size that the number of rows asks for."""
    first, second = table.shape[1:]
    for depth, rows, settings in (
        (first, second, {}),
        (second, first, {"end_to_end": True}),
        (second, first, {"transposed": True}),
    ):
        listed = "end_to_end" in settings
        found = match_grids(rows, question.closed_size, 1) if rows is not None else None
        if depth is None or (listed and (found or depth != 6 + PROTOTYPES)) or depth < 5 + PROTOTYPES:
            continue
        if rows is not None and not listed and found is None:
            continue
        return dict(settings), found[1] if found and not question.closed_size else None
    return None, None
