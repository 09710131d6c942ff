"""What a TensorRT engine tells of its model, read without TensorRT: notes in front of it, a hint of its version."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Mapping

from aai.core import machine
from aai.core.inspect.damage import bad_weights
from aai.core.inspect.exporter import PURPOSE_OF_TASK, ExporterNotes, card_facts, read_exporter
from aai.core.inspect.kinds import content_kind
from aai.core.inspect.layout import read_layout
from aai.core.inspect.notes import MAX_CHARACTERS, read_notes
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.recipes import Circumstances, recipe_facts, usual_recipe
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import Data, mapped
from aai.core.inspect.tensorrt_plan import Plan, read_plan

_COCO_KEY_POINTS = (17, 3)


def inspect_engine(path: Path) -> Inspection:
    """Notes and version of an engine, and what they tell of the model.

    Returns:
        A report without inputs and outputs, which only TensorRT itself can read (but for TensorRT 5). For a file that
        shows no sign of an engine it says in `not_read` that nothing was read.

    Raises:
        NotFound: the file is not there.
        BadWeights: of another kind, or cut off.
    """
    path = path.absolute()
    try:
        with mapped(path) as data:
            return _inspect(data, path)
    except Malformed as error:
        raise bad_weights(path, "engine", "a TensorRT engine", error) from error


def split_notes(data: Data) -> tuple[str, int]:
    """(the text of the notes in front of an engine, where the engine itself starts); ("", 0) when there are none.

    Ultralytics writes the length of the notes (u32), then JSON, then the engine.

    Raises:
        Malformed: the file ends inside of the notes.
    """
    if len(data) < 8 or data[4:5] != b"{":
        return "", 0
    (length,) = struct.unpack_from("<I", data)
    if length > MAX_CHARACTERS:
        return "", 0
    if 4 + length > len(data):
        raise Malformed("the notes in front of the engine end past the file", 4 + length)
    return data[4 : 4 + length].decode("utf-8", "replace"), 4 + length


def _inspect(data: Data, path: Path) -> Inspection:
    text, start = split_notes(data)
    plan = read_plan(data, start)
    report = Inspection("tensor-rt", path)
    if plan is None:
        if start or content_kind(path) not in ("unknown", "text"):
            raise Malformed("no engine starts where one belongs", start + 4 if start else 0)
        report.not_read = "its content shows no sign of a TensorRT engine"
        return report
    metadata = read_notes(text)
    report.inputs, report.outputs, report.metadata = plan.inputs, plan.outputs, metadata
    if plan.inputs:
        report.facts.update(read_layout(plan.inputs, plan.outputs, metadata))
    report.facts.update(_notes_facts(read_exporter(metadata), metadata))
    report.facts.update(card_facts(metadata))
    report.facts.update(_device_facts())
    report.details.update(_details(plan, metadata))
    return report


def _notes_facts(notes: ExporterNotes, metadata: Mapping[str, str]) -> dict[str, Fact]:
    """What Ultralytics' notes imply: task, classes, size, and the pre-processing that all of its networks share."""
    facts: dict[str, Fact] = {}
    if notes.task:
        facts["purpose"] = Fact(PURPOSE_OF_TASK[notes.task], f"metadata task: {notes.task}")
        decoder = _decoder(notes)
        if decoder:
            facts["decoder"] = Fact(decoder, f"metadata task: {notes.task}")
        family = "classification" if notes.task == "classify" else "rtdetr" if notes.rtdetr else "yolov8"
        at = Circumstances(family, 1 if metadata.get("channels") == "1" else 3, ultralytics=True)
        facts.update(recipe_facts(usual_recipe(at), at))
        if notes.task == "classify":
            facts["softmax"] = Fact(False, "what Ultralytics' classifiers do: probabilities come out")
    if notes.size:
        facts["size"] = Fact(list(notes.size), "metadata imgsz")
    if notes.labels:
        facts["classes"] = Fact(len(notes.labels), "metadata names")
    batch = metadata.get("batch", "")
    if batch.isdecimal() and 0 < int(batch[:6]) <= 1024:
        facts["batch_size"] = Fact(int(batch[:6]), "metadata batch")
    facts.update(notes.label_facts())
    return facts


def _decoder(notes: ExporterNotes) -> dict[str, Any]:
    """The decoder of a task; {} while there is none. YOLOv5's own repository writes no task: these are v8 and later."""
    listed = {"end_to_end": True} if notes.end2end else {}
    if notes.task == "classify":
        return {"name": "classification"}
    if notes.task == "segment":
        return {"name": "yolo-seg", **listed}
    if notes.task == "pose":
        return {"name": "yolo-pose", "key_points": list(notes.key_points or _COCO_KEY_POINTS), **listed}
    if notes.task != "detect":
        return {}
    if notes.rtdetr:
        return {"name": "rtdetr"}
    return {"name": "yolov10" if notes.end2end else "yolov8"}


def _device_facts() -> dict[str, Fact]:
    """An engine runs where it was built: on a Jetson that is most likely this one."""
    device = machine.jetson()
    if not device:
        return {}
    return {
        "device": Fact(device, f"this machine: {machine.board()}; an engine runs where it was built", certain=False)
    }


def _details(plan: Plan, metadata: Mapping[str, str]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if plan.version:
        details["tensorrt"] = plan.version
        details["tensorrt_source"] = "a hint: bytes of the header that NVIDIA does not document"
    if plan.gpu:
        details["gpu"] = plan.gpu
    if metadata:
        details["notes"] = "in front of the engine, as Ultralytics writes them"
    return details
