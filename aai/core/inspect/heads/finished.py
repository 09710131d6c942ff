"""Detectors that choose their boxes themselves: short lists of boxes with score and class, in one output or several."""

from __future__ import annotations

import re
from typing import Any, Mapping, Sequence

from aai.core.inspect.heads.question import Head, Question, describe, is_integer, only
from aai.ports import TensorSpec

MOST_ROWS = 1000
"""A list of more boxes than that is not a chosen one."""
_TF_DETECTION = {
    "boxes": "detection_boxes",
    "scores": "detection_scores",
    "classes": "detection_classes",
    "count": "num_detections",
}
_TFLITE_ORDER = ("boxes", "classes", "scores", "count")
"""The results of TFLite_Detection_PostProcess, as the operator has them."""
_WORDS = {
    "boxes": ("box", "location"),
    "classes": ("class", "categor", "label"),
    "scores": ("score",),
    "count": ("num", "count"),
}
_LOGITS = ("logit", "class", "score", "label")
_NUMBERED = re.compile(r"(.+?)(?::(\d))?")


def tf_detection(question: Question) -> Head | None:
    """The outputs of the TensorFlow Object Detection API, by their names."""
    by_name = {re.sub(r":0$", "", spec.name).rpartition("/")[2]: spec.name for spec in question.outputs}
    parts = {part: by_name[name] for part, name in _TF_DETECTION.items() if name in by_name}
    if not {"boxes", "scores", "classes"} <= set(parts):
        return None
    reason = "outputs detection_boxes, detection_scores, detection_classes: the TensorFlow Object Detection API"
    decoder = {"name": "listed", **parts, "corners": "yxyx", "unit": "shares", "first_class": 1}
    return Head("ObjectDetection", reason, "tf-detection", decoder, outputs=_several(question, parts))


def tflite_detection(question: Question) -> Head | None:
    """The four results of TFLite_Detection_PostProcess."""
    if len(question.outputs) != 4 or sum(_is_boxes(spec, 4) and len(spec.shape) == 3 for spec in question.outputs) != 1:
        return None
    if any(len(spec.shape) > 2 for spec in question.outputs if not _is_boxes(spec, 4)):
        return None
    parts, certain = _tflite_parts(question.outputs)
    boxes = next(spec for spec in question.outputs if spec.name == parts["boxes"])
    if not _is_boxes(boxes, 4):
        return None
    reason = f"four outputs, of which {describe(boxes)}: boxes, classes, scores and count of TFLite's post-processing"
    if not certain:
        reason += "; which of them are the classes, and which the scores, is a guess by their order"
    decoder = {"name": "listed", **parts, "corners": "yxyx", "unit": "shares"}
    return Head("ObjectDetection", reason, "tflite-detection", decoder, certain=certain)


def boxes_with_labels(question: Question) -> Head | None:
    """Boxes, and a class number for each: RT-DETR with its post-processing, Open Model Zoo, MMDeploy."""
    labels = [spec for spec in question.outputs if is_integer(spec) and len(_long(spec)) <= 1]
    boxes = [spec for spec in question.outputs if _is_boxes(spec, 4, 5) and not is_integer(spec)]
    if len(labels) != 1 or len(boxes) != 1:
        return None
    named = {"boxes": boxes[0].name, "classes": labels[0].name}
    if boxes[0].shape[-1] == 5:
        reason = f"outputs {describe(boxes[0])} and {describe(labels[0])}: boxes with score, and their classes"
        settings = {"name": "listed", **named, "corners": "xyxy", "unit": "pixels"}
        return Head("ObjectDetection", reason, "boxes-labels", settings, outputs=_several(question, named))
    scores = [spec for spec in question.outputs if spec not in (labels[0], boxes[0]) and len(_long(spec)) <= 1]
    if len(scores) != 1:
        return None
    named["scores"] = scores[0].name
    if len(boxes[0].shape) == 2:
        # Nothing to hold a decoder against was to be had.
        reason = "boxes, labels and scores as torchvision lists them, which there is no decoder for"
        return Head("ObjectDetection", reason, "unknown", certain=False)
    reason = f"outputs {describe(boxes[0])}, {describe(labels[0])} and {describe(scores[0])}: as RT-DETR has them"
    decoder = {"name": "listed", **named, "corners": "xyxy", "unit": "pixels"}
    return Head("ObjectDetection", reason, "rtdetr", decoder, outputs=_several(question, named))


def queries(question: Question) -> Head | None:
    """DETR and its kin: class logits and a box for each query."""
    for boxes in question.outputs:
        if not _is_list(boxes, 4) or _is_called(boxes, _LOGITS):
            continue
        others = [spec for spec in question.outputs if _is_list(spec) and spec.shape[1] == boxes.shape[1]]
        named = [spec for spec in others if spec is not boxes and _is_called(spec, _LOGITS)]
        only_other = [spec for spec in others if spec.shape[2] != 4 and len(question.outputs) == 2]
        for logits in (*named, *only_other):
            return _queries(question, logits, boxes)
    return None


def chosen_rows(question: Question) -> Head | None:
    """[1, N, 6] rows of box, score and class, and what else one short list of rows can be."""
    for spec in question.outputs:
        if len(spec.shape) == 2 and spec.shape[1] == 7 and "NonMaxSuppression" in question.hints.tail:
            reason = (
                f"output {describe(spec)} behind NonMaxSuppression: rows of image, box, class and score, as YOLOv7's"
            )
            return Head("ObjectDetection", reason, "yolov5", {"name": "yolov7-end2end"}, outputs=only(question, spec))
        if len(question.outputs) == 1 and _is_list(spec) and (spec.shape[2] or 0) >= 5:
            return _row_list(question, spec, spec.shape[2] or 0)
    return None


def _row_list(question: Question, spec: TensorSpec, depth: int) -> Head | None:
    notes = question.notes
    labels = len(notes.labels or ())
    if notes.task not in ("", "detect") or (depth != 6 and not notes.rtdetr and labels not in (0, depth - 4)):
        return None
    if depth == 6 and not notes.rtdetr:
        reason = f"output {describe(spec)}: rows of box, score and class"
        told = notes.end2end or "NonMaxSuppression" in question.hints.tail
        if not told:
            reason += "; a guess: YOLOv10's, in pixels, or Ultralytics' RT-DETR's, in shares of the input"
        return Head("ObjectDetection", reason, "yolov10", {"name": "yolov10"}, certain=told)
    decoder: dict[str, Any] = {"name": "rtdetr"}
    reason = (
        f"output {describe(spec)}: a box and {depth - 4} class scores for each query, as Ultralytics' RT-DETR has them"
    )
    # With two classes both forms have six columns; the exporter names its head since it chooses the boxes itself.
    listed = depth == 6 and (labels != 2 or bool(notes.head))
    if listed:
        decoder["listed"] = True
        reason = f"output {describe(spec)}: rows of box, score and class, as Ultralytics' RT-DETR has them"
    classes = labels or None if listed else depth - 4
    return Head(
        "ObjectDetection", reason, "rtdetr", decoder, classes, notes.rtdetr and not (depth == 6 and labels == 2)
    )


def _queries(question: Question, logits: TensorSpec, boxes: TensorSpec) -> Head:
    depth, labels = logits.shape[2] or 0, len(question.notes.labels or ())
    if {spec.name for spec in question.outputs} >= {"dets", "labels"}:
        reason = f"outputs dets and {describe(logits)}: {depth} logits and a box for each query, as RF-DETR names them"
        named = {"boxes": boxes.name, "logits": logits.name}
        # Its classes are counted as the labels were numbered; one logit more than there are classes is never the best.
        return Head("ObjectDetection", reason, "detr", {"name": "detr"}, outputs=_several(question, named))
    softmax, certain = _has_no_object(logits.shape[1], depth, labels)
    decoder: dict[str, Any] = {"name": "detr"}
    family, how = "rtdetr", "each a probability under sigmoid, as RT-DETR's"
    if softmax:
        decoder["softmax"] = True
        family, how = "detr", 'the last of them for "no object", as DETR\'s'
    reason = f"outputs {describe(logits)} and {describe(boxes)}: {depth} logits and a box for each query, {how}"
    if not certain:
        reason += "; a guess between DETR's kin and RT-DETR's"
    named = {"logits": logits.name, "boxes": boxes.name}
    return Head("ObjectDetection", reason, family, decoder, depth - softmax, certain, outputs=_several(question, named))


def _has_no_object(queries: int | None, depth: int, labels: int) -> tuple[bool, bool]:
    """(whether the last logit stands for "no object", whether that is certain)."""
    if labels in (depth, depth - 1):
        return labels == depth - 1, True
    # COCO has 80 classes, or 91 numbers: with "no object" these are 81 and 92.
    if depth in (80, 92):
        return depth == 92, True
    return queries is not None and queries <= 100, False


def _tflite_parts(outputs: Sequence[TensorSpec]) -> tuple[dict[str, str], bool]:
    """Name of each part, and whether the names tell them."""
    found = [_NUMBERED.fullmatch(spec.name) for spec in outputs]
    numbers = [int(match.group(2) or 0) if match else -1 for match in found]
    if len({match.group(1) for match in found if match}) == 1 and sorted(numbers) == [0, 1, 2, 3]:
        ordered = [spec for _, spec in sorted(zip(numbers, outputs), key=lambda pair: pair[0])]
        if _is_boxes(ordered[0], 4):
            return _named(ordered), True
        # Converters of TensorFlow 2 before 2.9 numbered them backwards.
        if _is_boxes(ordered[3], 4):
            return _named(ordered[::-1]), True
    by_word = {part: [spec.name for spec in outputs if _is_called(spec, words)] for part, words in _WORDS.items()}
    if all(len(names) == 1 for names in by_word.values()):
        return {part: names[0] for part, names in by_word.items()}, True
    boxes = [spec for spec in outputs if _is_boxes(spec, 4)]
    count = [spec for spec in outputs if len(_long(spec)) == 0]
    others = [spec for spec in outputs if spec not in boxes and spec not in count[:1]]
    if outputs[0] in boxes or len(others) != 2:
        return _named(outputs), False
    # Otherwise the scores have been seen to come first.
    return _named([boxes[0], others[1], others[0], count[0]]), False


def _named(outputs: Sequence[TensorSpec]) -> dict[str, str]:
    return {part: spec.name for part, spec in zip(_TFLITE_ORDER, outputs)}


def _is_boxes(spec: TensorSpec, *columns: int) -> bool:
    """[N, columns] or [1, N, columns]."""
    shape = spec.shape
    return (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, None))) and shape[-1] in columns


def _is_list(spec: TensorSpec, columns: int | None = None) -> bool:
    """[1, N, columns] with few rows, floats."""
    shape = spec.shape
    if len(shape) != 3 or is_integer(spec) or shape[0] not in (1, None) or shape[1] is None or shape[2] is None:
        return False
    return 10 <= shape[1] <= MOST_ROWS and (shape[2] >= 2 if columns is None else shape[2] == columns)


def _is_called(spec: TensorSpec, words: Sequence[str]) -> bool:
    return any(word in spec.name.lower() for word in words)


def _long(spec: TensorSpec) -> list[int | None]:
    """The axes that are longer than 1, or open; the first one is the batch where there are several."""
    return [axis for axis in (spec.shape[1:] if len(spec.shape) > 1 else spec.shape) if axis != 1]


def _several(question: Question, parts: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the outputs that are read, when there are others."""
    return tuple(parts.values()) if len(parts) < len(question.outputs) else ()
