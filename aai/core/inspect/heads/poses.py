"""Networks that find key points."""

from __future__ import annotations

from typing import Any

from aai.core.inspect.heads.grids import match_grids
from aai.core.inspect.heads.question import Head, Question, describe, is_integer, only, told_by
from aai.ports import TensorSpec

COCO = (17, 3)
"""Key points of COCO's bodies, and values of each: x, y and score."""
HEAT_MAPS, FIELDS = 19, 38
"""Channels of OpenPose's maps for COCO's key points, a neck and the background, and of its fields along limbs."""


def key_points(question: Question) -> Head | None:
    """MoveNet, OpenPose, or Ultralytics' pose heads."""
    return _movenet(question) or _openpose(question) or _yolo_pose(question)


def _movenet(question: Question) -> Head | None:
    for spec in question.outputs:
        shape = tuple(spec.shape[1:])
        if shape in ((1, *COCO), (6, 56)):
            bodies = "" if shape == (1, *COCO) else ", of up to 6 bodies with a box each"
            reason = f"output {describe(spec)}: y, x and score of the {COCO[0]} COCO key points{bodies}"
            decoder = {"name": "movenet"}
            return Head("PoseEstimation", reason, "movenet", decoder, outputs=only(question, spec))
    return None


def _openpose(question: Question) -> Head | None:
    """The last heat maps and the last fields: earlier stages of the network may be outputs as well."""
    found: dict[int, TensorSpec] = {}
    for spec in question.outputs:
        if len(spec.shape) == 4 and spec.shape[0] in (1, None):
            for channels in (spec.shape[1], spec.shape[3]):
                if channels in (HEAT_MAPS, FIELDS, HEAT_MAPS + FIELDS):
                    found[channels] = spec
                    break
    decoder = {"name": "openpose"}
    if HEAT_MAPS + FIELDS in found:
        spec = found[HEAT_MAPS + FIELDS]
        reason = f"output {describe(spec)}: {HEAT_MAPS} heat maps and {FIELDS} part affinity fields of OpenPose"
        return Head("PoseEstimation", reason, "openpose", decoder, outputs=only(question, spec))
    if HEAT_MAPS not in found or FIELDS not in found or found[HEAT_MAPS].shape[2] != found[FIELDS].shape[2]:
        return None
    heat, fields = found[HEAT_MAPS], found[FIELDS]
    reason = f"outputs {describe(heat)} and {describe(fields)}: heat maps and part affinity fields of OpenPose"
    names = (heat.name, fields.name) if len(question.outputs) > 2 else ()
    return Head("PoseEstimation", reason, "openpose", decoder, outputs=names)


def _yolo_pose(question: Question) -> Head | None:
    """A box, C class scores and K key points to a cell, or to each of a short list of bodies."""
    notes = question.notes
    if notes.task not in ("", "pose") or len(question.outputs) != 1:
        return None
    spec = question.outputs[0]
    if len(spec.shape) != 3 or is_integer(spec) or spec.shape[0] not in (1, None):
        return None
    count, values = notes.key_points or COCO
    length = count * values
    for depth, rows, settings in _readings(spec):
        listed = bool(settings.get("end_to_end"))
        classes = 1 if listed else (depth or 0) - 4 - length
        on_grids = match_grids(rows, question.closed_size, 1) if rows is not None else None
        if listed:
            fits = depth == 6 + length and rows is not None and not on_grids
        else:
            fits = classes >= 1 and (rows is None or on_grids is not None)
        alike = not settings and rows is not None and classes == 1 and len(notes.labels or ("body",)) == 1
        if not fits or not (notes.task == "pose" or alike):
            continue
        size = on_grids[1] if on_grids and not question.closed_size else None
        reason = f"output {describe(spec)}: a box, {classes} scores and {count} x {values} values of key points"
        decoder: dict[str, Any] = {"name": "yolo-pose", "key_points": [count, values], **settings}
        certain = notes.task == "pose"
        return Head("PoseEstimation", told_by(notes, reason), "yolov8", decoder, None, certain, size=size)
    return None


def _readings(spec: TensorSpec) -> list[tuple[int | None, int | None, dict[str, Any]]]:
    """(values of a body, bodies, settings) of [1, D, N], of a list [1, N, D], and of [1, N, D] on grids."""
    first, second = spec.shape[1:]
    return [(first, second, {}), (second, first, {"end_to_end": True}), (second, first, {"transposed": True})]
