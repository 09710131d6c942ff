"""What a TFLite file tells of its model, read without TensorFlow or a runtime; the weights are not looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Sequence

from aai.core.inspect.damage import bad_weights
from aai.core.inspect.exporter import card_facts, read_exporter
from aai.core.inspect.layout import ImageInput, image_input, read_layout
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import mapped
from aai.core.inspect.tflite_file import CUSTOM, TfliteFile, read_tflite
from aai.core.inspect.tflite_graph import EDGE_TPU, detection_options, read_tflite_hints
from aai.core.inspect.tflite_input import plan_input
from aai.core.inspect.tflite_metadata import TfliteNotes, read_tflite_notes
from aai.core.inspect.tflite_operators import operator_name
from aai.ports import TensorSpec

_ULTRALYTICS = ("yolov5", "yolov8", "yolo-pose", "yolo-seg")
NEEDS_EDGE_TPU = "it is compiled for Google's Edge TPU, and runs nowhere else"


def inspect_tflite(path: Path) -> Inspection:
    """Inputs, outputs, quantisation, operators, metadata and labels of a TFLite file, and what they tell of the model.

    Raises:
        NotFound: the file is not there.
        BadWeights: not TFLite, cut off or damaged.
    """
    path = path.absolute()
    try:
        with mapped(path) as data:
            return _inspect(read_tflite(data), path)
    except Malformed as error:
        raise bad_weights(path, "tflite", "a TFLite file", error) from error


def is_edge_tpu_build(path: Path) -> bool:
    """Whether a TFLite file is compiled for the Edge TPU; False for a file that can't be read.

    Raises:
        NotFound, NotAllowed, BadWeights: the file can't be opened.
    """
    try:
        with mapped(path) as data:
            return EDGE_TPU in read_tflite(data).custom
    except Malformed:
        return False


def _inspect(file: TfliteFile, path: Path) -> Inspection:
    notes = read_tflite_notes(file)
    detection = detection_options(file)
    outputs = file.outputs if detection is None else _detection_outputs(file.outputs, detection)
    report = Inspection("tflite", path, inputs=tuple(file.inputs), outputs=tuple(outputs), metadata=notes.texts)
    report.facts.update(_layout_facts(file, outputs, notes))
    classes = _whole(detection, "num_classes")
    if classes:
        report.facts["classes"] = Fact(classes, "options of the detection post-processing: num_classes")
    report.facts.update(_label_facts(notes))
    report.facts.update(card_facts(notes.texts))
    report.details.update(_details(file, notes, detection))
    if EDGE_TPU in file.custom:
        report.facts["target"] = Fact({"chip": "edgetpu"}, f"operator {EDGE_TPU}")
    return report


def _layout_facts(file: TfliteFile, outputs: Sequence[TensorSpec], notes: TfliteNotes) -> dict[str, Fact]:
    image = image_input(file.inputs)
    if image is None:
        return read_layout(file.inputs, outputs, notes.texts)
    place = file.inputs.index(image.spec)
    hints = read_tflite_hints(file, file.input_tensors[place])
    plan = plan_input(image.spec, image.channels, notes.normalisation)
    inputs = [plan.spec if spec is image.spec else spec for spec in file.inputs]
    facts = read_layout(inputs, outputs, notes.texts, hints)
    facts.update(plan.facts)
    if notes.colour == "rgb" and image.channels == 3:
        facts["swaprb"] = Fact(True, "metadata color_space: RGB")
    _put_section(facts, image, plan.section, bool(plan.facts))
    _mark_normalised(facts, notes)
    return facts


def _put_section(facts: dict[str, Fact], image: ImageInput, section: dict[str, Any], own_recipe: bool) -> None:
    """Lays what the file itself says over the "input" section that the recipe made."""
    told = facts.get("input")
    made: dict[str, Any] = dict(told.value) if told else {}
    if own_recipe:
        made.pop("std", None)
    made.update(section)
    if made:
        source = told.source if told else f"input {image.spec.name}"
        facts["input"] = Fact(made, source, told.certain if told else True)


def _mark_normalised(facts: dict[str, Fact], notes: TfliteNotes) -> None:
    """Ultralytics' TFLite files give boxes as shares of the input's size, where its other exports give pixels.

    Source: Ultralytics, nn/modules/head.py, Detect for the formats tflite and edgetpu, and nn/backends/litert.py.
    """
    decoder, section = facts.get("decoder"), facts.get("input")
    # A list of boxes that the graph has chosen is in pixels in the newer exports, which keep the channels first.
    if decoder and decoder.value.get("end_to_end") and not (section and section.value.get("layout") == "NHWC"):
        return
    if decoder and decoder.value.get("name") in _ULTRALYTICS and read_exporter(notes.texts).ultralytics:
        facts["decoder"] = Fact({**decoder.value, "normalised": True}, decoder.source, decoder.certain)


def _label_facts(notes: TfliteNotes) -> dict[str, Fact]:
    own = read_exporter(notes.texts).label_facts()
    if own or not notes.labels:
        return own
    return {"labels": Fact(list(notes.labels), f"{notes.labels_from}, packed into the file")}


def _detection_outputs(outputs: Sequence[TensorSpec], options: dict[str, float]) -> list[TensorSpec]:
    """The four outputs of the detection post-processing, whose shapes some converters leave out."""
    boxes = _whole(options, "max_detections") or None
    shapes = ((1, boxes, 4), (1, boxes), (1, boxes), (1,))
    if len(outputs) != len(shapes):
        return list(outputs)
    return [spec if spec.shape else replace(spec, shape=shape) for spec, shape in zip(outputs, shapes)]


def _whole(options: dict[str, float] | None, name: str) -> int:
    """A count among the options; 0 when it is not one."""
    value = (options or {}).get(name, 0)
    return int(value) if 0 < value < 1 << 20 else 0


def _details(file: TfliteFile, notes: TfliteNotes, detection: dict[str, float] | None) -> dict[str, Any]:
    operators: dict[str, int] = {}
    for (number, custom), count in zip(file.codes, file.counts()):
        name = operator_name(number, custom if number == CUSTOM else "")
        operators[name] = operators.get(name, 0) + count
    details: dict[str, Any] = {
        "schema": file.version,
        "producer": file.description,
        "operators": dict(sorted(operators.items(), key=lambda item: (-item[1], item[0]))),
    }
    if file.custom:
        details["custom_operators"] = file.custom
    if notes.min_runtime:
        details["min_runtime"] = notes.min_runtime
    if notes.labels_from:
        details["packed_labels"] = notes.labels_from
    if notes.normalisation:
        details["normalisation"] = {"mean": list(notes.normalisation.mean), "std": list(notes.normalisation.std)}
    if detection is not None:
        details["detection_postprocess"] = detection
    if EDGE_TPU in file.custom:
        details["edge_tpu"] = NEEDS_EDGE_TPU
    return details
