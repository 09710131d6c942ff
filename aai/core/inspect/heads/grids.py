"""Detectors that answer for each cell of their grids: the number of rows tells their layouts apart."""

from __future__ import annotations

from typing import Any, Sequence

from aai.core.inspect.exporter import PURPOSE_OF_TASK
from aai.core.inspect.heads.question import Head, Question, describe, is_integer, only, told_by
from aai.ports import TensorSpec

STRIDE_SETS = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32))
"""Strides of the grids that detectors have, the usual ones first."""
DISTRIBUTIONS = 4 * 8
"""Values that NanoDet has for a box."""
PROTOTYPES = 32
"""Maps that masks are put together from, as YOLACT has them, and Ultralytics' networks after it."""
ANCHORS = 3
"""Boxes per cell of YOLOv5 and its kin."""
SQUARES = range(128, 2049, 32)
"""Sides of square inputs that are tried where the file leaves the size open."""


def grids(question: Question) -> Head | None:
    """Detectors with a row, or a column, for each cell of their grids."""
    for spec in question.outputs:
        if len(spec.shape) != 3 or is_integer(spec) or spec.shape[0] not in (1, None):
            continue
        first, second = spec.shape[1:]
        head = _rows(question, spec, first, second) or _columns(question, spec, first, second)
        if head is not None:
            return head
    return None


def raw_grids(question: Question) -> Head | None:
    """[1, A*(5+C), h, w] or [1, A, h, w, 5+C] per stride: YOLO heads that still want their anchors."""
    size = question.closed_size
    if size is None or not 2 <= len(question.outputs) <= 4:
        return None
    width = size[0]
    found = set()
    for spec in question.outputs:
        shape = spec.shape
        side = shape[3] if len(shape) in (4, 5) else None
        if not side or width % side or width // side not in (4, 8, 16, 32, 64):
            return None
        found.add(width // side)
    if len(found) < 2:
        return None
    strides = ", ".join(str(stride) for stride in sorted(found))
    return Head(
        "ObjectDetection", f"{len(question.outputs)} outputs on grids of stride {strides}", "yolov8", certain=False
    )


def cells(size: tuple[int, int], strides: Sequence[int]) -> int:
    """Number of cells of all grids over an input of (width, height) pixels."""
    width, height = size
    return sum(-(-width // stride) * -(-height // stride) for stride in strides)


def match_grids(rows: int, size: tuple[int, int] | None, boxes: int) -> tuple[tuple[int, ...], tuple[int, int]] | None:
    """(strides, size) of the grids that have `rows` boxes, `boxes` to a cell; without a size, of a square input.

    For square inputs no number of rows fits both one box and three boxes to a cell.
    """
    for strides in STRIDE_SETS:
        sizes = [size] if size else [(side, side) for side in SQUARES if side % strides[-1] == 0]
        for candidate in sizes:
            if boxes * cells(candidate, strides) == rows:
                return strides, candidate
    return None


def _rows(question: Question, spec: TensorSpec, rows: int | None, depth: int | None) -> Head | None:
    """[1, N, 5+C] or [1, N, 4+C]."""
    if depth is None or depth < 5:
        return None
    if rows is None:
        return _open_rows(question, spec, depth)
    three = match_grids(rows, question.closed_size, ANCHORS)
    one = match_grids(rows, question.closed_size, 1)
    if three and depth >= 6:
        strides, size = three
        return _detector(question, spec, "yolov5", depth - 5, _sum(spec, rows, strides, size, ANCHORS), size)
    if not one:
        return None
    strides, size = one
    reason = _sum(spec, rows, strides, size, 1)
    labels = len(question.notes.labels or ())
    nanodet = _nanodet(question, spec, depth, labels, strides, size, reason)
    if nanodet is not None:
        return nanodet
    if depth == 5 or labels == depth - 4 or (not labels and depth == 84):
        return _detector(question, spec, "yolov8", depth - 4, reason, size, {"transposed": True})
    options: dict[str, Any] = {"strides": list(strides)}
    if "Exp" in question.hints.tail:
        options = {"decoded": True}
        reason += "; Exp among the last nodes: the graph has decoded the boxes"
    return _detector(question, spec, "yolox", depth - 5, reason, size, options)


def _nanodet(
    question: Question,
    spec: TensorSpec,
    depth: int,
    labels: int,
    strides: Sequence[int],
    size: tuple[int, int],
    reason: str,
) -> Head | None:
    """[1, N, C+32]: NanoDet's four distributions of eight distances beside the classes."""
    classes = depth - DISTRIBUTIONS
    told = labels == classes or (not labels and classes == 80)
    # Four grids are NanoDet-Plus's, unless the number of classes speaks for YOLOX.
    guess = len(strides) == 4 and not labels and depth != 85
    if classes < 1 or not (told or guess):
        return None
    plus = len(strides) == 4
    reason += f"; {classes} classes + 4 x 8 distances: NanoDet{'-Plus' if plus else ''}"
    if not told:
        reason += f", or else YOLOX with {depth - 5} classes"
    decoder = {"name": "nanodet", "strides": list(strides)}
    family = "nanodet-plus" if plus else "nanodet"
    implied = None if question.closed_size else size
    return Head("ObjectDetection", reason, family, decoder, classes, told, only(question, spec), implied)


def _columns(question: Question, spec: TensorSpec, depth: int | None, rows: int | None) -> Head | None:
    """[1, 4+C, N]."""
    if depth is None or depth < 5:
        return None
    if rows is None:
        reason = f"output {describe(spec)}: 4 + {depth - 4} values for each of an open number of boxes"
        return _detector(question, spec, "yolov8", depth - 4, reason, None)
    found = match_grids(rows, question.closed_size, 1)
    if found is None:
        return None
    strides, size = found
    return _detector(question, spec, "yolov8", depth - 4, _sum(spec, rows, strides, size, 1), size)


def _open_rows(question: Question, spec: TensorSpec, depth: int) -> Head | None:
    """[1, open, D]: the grid can't be counted; the exporter's notes decide, else it is a guess."""
    if depth < 6 or spec.shape[1] is not None:
        return None
    name = "yolov5" if question.notes.ultralytics else "yolox"
    options = {} if name == "yolov5" else {"strides": list(STRIDE_SETS[0])}
    reason = f"output {describe(spec)}: 5 + {depth - 5} values for each of an open number of boxes"
    return _detector(question, spec, name, depth - 5, reason, None, options, certain=question.notes.ultralytics)


def _detector(
    question: Question,
    spec: TensorSpec,
    name: str,
    classes: int,
    reason: str,
    size: tuple[int, int] | None,
    options: dict[str, Any] | None = None,
    certain: bool = True,
) -> Head:
    """The head of a YOLO, unless the notes or its companions say that it does more than boxes."""
    notes = question.notes
    known = len(notes.labels) if notes.labels else None
    implied = None if question.closed_size else size
    purpose = PURPOSE_OF_TASK.get(notes.task, "") or _with_companions(question, spec)
    if purpose not in ("", "ObjectDetection") or notes.task == "obb":
        return Head(purpose, told_by(notes, reason), name, None, known, certain, size=implied)
    decoder = {"name": name, **(options or {})}
    outputs = only(question, spec)
    return Head("ObjectDetection", reason, name, decoder, classes, certain, outputs, implied)


def _with_companions(question: Question, spec: TensorSpec) -> str:
    """[1, 32, h, w] beside the boxes are prototypes of masks."""
    others = [other for other in question.outputs if other is not spec]
    prototypes = any(len(other.shape) == 4 and other.shape[1] == PROTOTYPES for other in others)
    return "InstanceSegmentation" if prototypes and len(others) == 1 else ""


def _sum(spec: TensorSpec, rows: int, strides: Sequence[int], size: tuple[int, int], boxes: int) -> str:
    parts = " + ".join(f"{-(-size[0] // s)}x{-(-size[1] // s)}" for s in strides)
    total = f"{boxes} x ({parts})" if boxes > 1 else parts
    return (
        f"output {describe(spec)}: {rows} = {total}, the cells of the grids at strides {', '.join(map(str, strides))}"
    )
