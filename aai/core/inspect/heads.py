"""What a network is for, and how its outputs are laid out, told from their shapes.

A detector that answers for each cell of its grids has as many rows as the grids have cells: that tells layouts apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

from aai.core.inspect.exporter import PURPOSE_OF_TASK, ExporterNotes
from aai.core.inspect.graph import GraphHints
from aai.ports import TensorSpec

STRIDE_SETS = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32))
"""Strides of the grids that detectors have, the usual ones first."""
ANCHORS = 3
"""Boxes per cell of YOLOv5 and its kin."""
KEY_POINTS = 17
SQUARES = range(128, 2049, 32)
"""Sides of square inputs that are tried where the file leaves the size open."""

_YUNET = {f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)}
_INTEGERS = ("int32", "int64", "uint8", "int8", "uint32")
_FEATURE_LENGTHS = (64, 128, 256, 512, 2048)


@dataclass(frozen=True)
class Head:
    """A reading of the outputs.

    Args:
        purpose: "" when the shapes do not say.
        reason: why, for people.
        family: whose pre-processing is the usual one: a key of `aai.core.inspect.recipes`.
        decoder: name and settings of the decoder; None while there is none for this layout.
        classes: number of classes, None when the shapes do not say.
        certain: False for a guess.
        outputs: names of the outputs to read; empty for all.
        size: (width, height) of the input that the number of rows asks for, when the input's own axes are open.
        labels: names of the classes, for a network that is made for one thing.
    """

    purpose: str
    reason: str
    family: str
    decoder: dict[str, Any] | None = None
    classes: int | None = None
    certain: bool = True
    outputs: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()


UNKNOWN = Head("", "the shapes of the outputs are of no layout that is known here", "unknown", certain=False)


@dataclass(frozen=True)
class Question:
    """All that a reading goes by: the outputs, the input's size as far as it is fixed, and what else is known."""

    outputs: Sequence[TensorSpec]
    size: tuple[int | None, int | None] = (None, None)
    notes: ExporterNotes = field(default_factory=ExporterNotes)
    hints: GraphHints = field(default_factory=GraphHints)

    @property
    def closed_size(self) -> tuple[int, int] | None:
        """(width, height), when both are fixed."""
        width, height = self.size
        return (width, height) if width and height else None


def read_head(question: Question) -> Head:
    """The first reading that fits, the most particular layouts tried first; `UNKNOWN` when none does."""
    if not question.outputs:
        return UNKNOWN
    for reading in (_yunet, _ssd, _key_points, _grids, _finished_boxes, _raw_grids, _class_map, _classes):
        head = reading(question)
        if head is not None:
            return head
    return UNKNOWN


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


def _yunet(question: Question) -> Head | None:
    if {spec.name for spec in question.outputs} != _YUNET:
        return None
    decoder = {"name": "yunet", "strides": [8, 16, 32]}
    reason = "12 outputs named cls, obj, bbox, kps at strides 8, 16, 32: YuNet, a face detector"
    return Head("ObjectDetection", reason, "yunet", decoder, 1, labels=("face",))


def _ssd(question: Question) -> Head | None:
    for spec in question.outputs:
        if len(spec.shape) == 4 and spec.shape[3] == 7 and spec.shape[0] in (1, None) and spec.shape[1] in (1, None):
            reason = f"output {describe(spec)}: rows of image, class, score and box, as SSD's DetectionOutput has them"
            return Head("ObjectDetection", reason, "ssd", {"name": "ssd"}, outputs=_only(question, spec))
    return None


def _key_points(question: Question) -> Head | None:
    for spec in question.outputs:
        if tuple(spec.shape[1:]) in ((1, KEY_POINTS, 3), (6, 56)):
            reason = f"output {describe(spec)}: y, x and score of the {KEY_POINTS} COCO key points"
            return Head("PoseEstimation", reason, "movenet", classes=None, outputs=_only(question, spec))
    return None


def _grids(question: Question) -> Head | None:
    """Detectors with a row, or a column, for each cell of their grids."""
    for spec in question.outputs:
        if len(spec.shape) != 3 or spec.dtype in _INTEGERS or spec.shape[0] not in (1, None):
            continue
        first, second = spec.shape[1:]
        head = _rows(question, spec, first, second) or _columns(question, spec, first, second)
        if head is not None:
            return head
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
    if depth == 5 or labels == depth - 4 or (not labels and depth == 84):
        return _detector(question, spec, "yolov8", depth - 4, reason, size, {"transposed": True})
    return _detector(question, spec, "yolox", depth - 5, reason, size, {"strides": list(strides)})


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
    if not purpose and name == "yolov8" and classes == 1 + 3 * KEY_POINTS:
        purpose, certain = "PoseEstimation", False
        reason += f"; 4 + 1 + {KEY_POINTS} x 3 values: a box and key points"
    if purpose not in ("", "ObjectDetection") or notes.task == "obb":
        return Head(purpose, _told_by(notes, reason), name, None, known, certain, size=implied)
    decoder = {"name": name, **(options or {})}
    outputs = _only(question, spec)
    return Head("ObjectDetection", reason, name, decoder, classes, certain, outputs, implied)


def _with_companions(question: Question, spec: TensorSpec) -> str:
    """[1, 32, h, w] beside the boxes is the mask prototypes of YOLACT's kind."""
    others = [other for other in question.outputs if other is not spec]
    prototypes = any(len(other.shape) == 4 and other.shape[1] == 32 for other in others)
    return "InstanceSegmentation" if prototypes and len(others) == 1 else ""


def _finished_boxes(question: Question) -> Head | None:
    spec = question.outputs[0]
    if len(spec.shape) == 3 and spec.shape[2] == 6 and spec.dtype not in _INTEGERS and (spec.shape[1] or 0) <= 1000:
        reason = f"output {describe(spec)}: a short list of boxes with score and class"
        return Head("ObjectDetection", reason, "yolov8", certain=False, outputs=_only(question, spec))
    return None


def _raw_grids(question: Question) -> Head | None:
    """[1, A*(5+C), h, w] or [1, A, h, w, 5+C] per stride: YOLO heads that still want their anchors."""
    size = question.closed_size
    if size is None or not 2 <= len(question.outputs) <= 4:
        return None
    width = size[0]
    found = set()
    for spec in question.outputs:
        shape = spec.shape
        places = {4: (3, 2), 5: (3, 2)}.get(len(shape), ())
        side = shape[places[0]] if places else None
        if side is None or width % side or width // side not in (4, 8, 16, 32, 64):
            return None
        found.add(width // side)
    if len(found) < 2:
        return None
    strides = ", ".join(str(stride) for stride in sorted(found))
    return Head(
        "ObjectDetection", f"{len(question.outputs)} outputs on grids of stride {strides}", "yolov8", certain=False
    )


def _class_map(question: Question) -> Head | None:
    spec = question.outputs[0]
    size = question.closed_size
    shape = list(spec.shape)
    outputs = _only(question, spec)
    if len(shape) == 3 and spec.dtype in _INTEGERS and _covers(shape[2], shape[1], size):
        reason = f"output {describe(spec)}: a class number for each pixel"
        return Head("SemanticSegmentation", reason, "segmentation", outputs=outputs)
    if len(shape) != 4:
        return None
    for (width, height), classes, axes in (
        ((shape[3], shape[2]), shape[1], "class, row, column"),
        ((shape[2], shape[1]), shape[3], "row, column, class"),
    ):
        if classes is not None and _covers(width, height, size) and classes < max(width or 1024, height or 1024):
            reason = f"output {describe(spec)}: a score for each {axes}"
            known = classes if classes > 1 else None
            # One map may be a depth or a mask, three may be a picture.
            certain = classes not in (1, 3)
            return Head("SemanticSegmentation", reason, "segmentation", None, known, certain, outputs)
    return None


def _covers(width: int | None, height: int | None, size: tuple[int, int] | None) -> bool:
    """Whether a map of this size lies over the whole input, at a stride of at most 8."""
    if width is None or height is None or size is None:
        return (width or 8) >= 8 and (height or 8) >= 8
    return size[0] <= 8 * width <= 8 * size[0] + 8 and size[1] <= 8 * height <= 8 * size[1] + 8


def _classes(question: Question) -> Head | None:
    spec = question.outputs[0]
    long = [axis for axis in spec.shape[1:] if axis != 1]
    if len(spec.shape) not in (2, 4) or len(long) != 1 or long[0] is None or long[0] < 2:
        return None
    classes = long[0]
    softmax = question.hints.end in ("Softmax", "LogSoftmax")
    labels = len(question.notes.labels or ())
    certain = classes in (1000, 1001) or softmax or labels == classes or question.notes.task == "classify"
    reason = f"output {describe(spec)}: one number for each of {classes} classes"
    if not certain and classes in _FEATURE_LENGTHS:
        reason += " (or a feature vector)"
    outputs = _only(question, spec)
    return Head("Classification", reason, "classification", {"name": "classification"}, classes, certain, outputs)


def _only(question: Question, spec: TensorSpec) -> tuple[str, ...]:
    """The output's name, when there are others that are not to be read."""
    return (spec.name,) if len(question.outputs) > 1 else ()


def _sum(spec: TensorSpec, rows: int, strides: Sequence[int], size: tuple[int, int], boxes: int) -> str:
    parts = " + ".join(f"{-(-size[0] // s)}x{-(-size[1] // s)}" for s in strides)
    total = f"{boxes} x ({parts})" if boxes > 1 else parts
    return (
        f"output {describe(spec)}: {rows} = {total}, the cells of the grids at strides {', '.join(map(str, strides))}"
    )


def _told_by(notes: ExporterNotes, reason: str) -> str:
    return f"metadata task: {notes.task}" if notes.task else reason


def describe(spec: TensorSpec) -> str:
    """`images [1, 3, 416, 416]`, with ? for an open axis."""
    return f"{spec.name} [{', '.join('?' if axis is None else str(axis) for axis in spec.shape)}]"
