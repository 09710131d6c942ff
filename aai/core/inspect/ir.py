"""What an OpenVINO IR tells of its network, and whether the bin holds the constants that the xml describes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from aai.core.inspect.graph import GraphHints, for_pixels
from aai.core.inspect.ir_file import IrFile, Layer, check_constants, data_of, numbers, read_ir, whole
from aai.core.inspect.ir_notes import IrNotes, described_recipe, read_ir_notes
from aai.core.inspect.kinds import WAYS_OUT, content_kind, refusal
from aai.core.inspect.layout import read_layout
from aai.core.inspect.recipes import OPEN_MODEL_ZOO, PIXELS, Recipe
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import Data, check_file, mapped
from aai.errors import BadWeights

_ARITHMETIC = {"Subtract": "Sub", "Add": "Add", "Multiply": "Mul", "Divide": "Div"}
_PASSES_ON = ("Convert", "Transpose", "Reshape", "Split", "VariadicSplit", "Concat", "Gather", "StridedSlice", "Slice")
_RESHAPES = ("Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose")
_LOOK_AHEAD = 24
_LOOK_BACK = 16
_NAMED_FOR = {
    "face-detection": "face",
    "person-detection": "person",
    "pedestrian-detection": "pedestrian",
    "vehicle-detection": "vehicle",
}
"""How Open Model Zoo names its detectors of one class -> the class."""


def inspect_ir(binary: Path, xml: Path) -> Inspection:
    """Version, layers, inputs and outputs of an IR, and the pre-processing as far as it is told.

    Args:
        binary: the constants, .bin.
        xml: the structure.

    Raises:
        NotFound: one of the files is not there.
        BadWeights: the xml is not one of an IR of version 10 or later, or the bin is not the one that belongs to it.
    """
    binary, xml = binary.absolute(), xml.absolute()
    size = check_file(binary)
    for path in (binary, xml):
        kind = content_kind(path)
        if kind in WAYS_OUT:
            raise refusal(path, kind)
    _check_binary(binary)
    file = read_ir(xml)
    check_constants(file, size, binary)
    notes = read_ir_notes(file)
    report = Inspection("dldt", binary, xml)
    report.inputs, report.outputs = tuple(file.inputs()), tuple(file.outputs())
    report.metadata.update({key: value for key, value in notes.model.items() if len(value) < 4096})
    with mapped(binary) as data:
        hints = _hints(file, notes, data)
    known = {"names": repr(list(notes.labels))} if notes.labels else {}
    report.facts.update(read_layout(report.inputs, report.outputs, known, hints))
    report.facts.update(_detection_facts(file, binary.stem))
    if notes.labels:
        report.facts["labels"] = Fact(list(notes.labels), "rt_info model_info labels")
    report.details.update(_details(file, notes))
    report.details.update(hints.as_dict())
    return report


def _check_binary(binary: Path) -> None:
    """Refuses what shows that it is another file. The bin itself is nothing but numbers, and shows nothing."""
    kind = content_kind(binary)
    if kind == "ir-xml":
        fix = "name the bin with --model_file, and the xml with --config_file"
        raise BadWeights(f"{binary.name} is the xml of an IR, and the bin belongs here", str(binary), fix)
    # Few numbers may look like text, or like Darknet's header, which is four small ones.
    if kind not in ("unknown", "text", "darknet-weights"):
        what = f"{binary.name} is not the bin of an IR: its content is {kind}"
        raise BadWeights(what, str(binary), "name the right file: --model_file FILE")


def _details(file: IrFile, notes: IrNotes) -> dict[str, Any]:
    kinds: dict[str, int] = {}
    stored: dict[str, int] = {}
    for layer in file.layers.values():
        kind = layer.get("type", "")
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "Const":
            data = data_of(layer)
            name = data.get("element_type", "")
            stored[name] = stored.get(name, 0) + whole(data.get("size"), 0)
    return {
        "name": file.root.get("name", ""),
        "version": file.version,
        "converter": notes.tool,
        "converted_from": notes.framework,
        "precision": max(stored, key=lambda name: stored[name]) if stored else "",
        "quantised": "FakeQuantize" in kinds,
        "layers": len(file.layers),
        "kinds": dict(sorted(kinds.items())),
    }


def _hints(file: IrFile, notes: IrNotes, binary: Data) -> GraphHints:
    start, normalises = _start(file, binary)
    return GraphHints(
        start=start,
        normalises=normalises,
        end=_end(file),
        recipe=described_recipe(notes) or _converted_recipe(notes, normalises),
    )


def _converted_recipe(notes: IrNotes, normalises: bool) -> Recipe | None:
    """What follows from how the IR was converted, and from the way its graph starts."""
    inside = "in the graph, by the options of the converter" if notes.baked else "in the graph"
    if notes.baked or normalises:
        if notes.reversed:
            source = f"mean and scale are {inside}, and so is the order of the channels: 0 to 255, BGR"
            return Recipe(source, certain=notes.baked)
        rgb = notes.framework in ("tf", "onnx", "pytorch", "kaldi")
        recipe = PIXELS if rgb else OPEN_MODEL_ZOO
        return replace(recipe, source=f"mean and scale are {inside}: 0 to 255, {'RGB' if rgb else 'BGR'}")
    return OPEN_MODEL_ZOO if notes.reversed or notes.framework else None


def _start(file: IrFile, binary: Data) -> tuple[tuple[str, ...], bool]:
    """Types of the layers from the image to the first that learns, and whether they normalise pixel values."""
    image = next((layer for layer in file.of_type("Parameter")), None)
    kinds: list[str] = []
    pixel_sized, factor = False, 0.0
    waiting, seen = [image.get("id", "")] if image is not None else [], set()
    for _ in range(_LOOK_AHEAD):
        if not waiting:
            break
        for name in file.takers.get(waiting.pop(0), ())[:_LOOK_AHEAD]:
            layer = file.layers.get(name)
            kind = layer.get("type", "") if layer is not None else ""
            if layer is None or name in seen or kind == "ShapeOf":
                continue
            seen.add(name)
            kinds.append(kind)
            operator = _ARITHMETIC.get(kind)
            if operator is not None:
                values = _constant(file, layer, binary)
                pixel_sized = pixel_sized or any(for_pixels(operator, value) for value in values)
                # x * factor + shift takes off a mean of -shift / factor.
                pixel_sized = pixel_sized or bool(
                    operator == "Add" and factor and values and 16 <= -values[0] / factor <= 256
                )
                factor = values[0] if operator == "Mul" and values else factor
            if operator is not None or kind in _PASSES_ON:
                waiting.append(name)
            elif "Convolution" in kind:
                return tuple(kinds), pixel_sized
    return tuple(kinds), pixel_sized


def _constant(file: IrFile, layer: Layer, binary: Data) -> tuple[float, ...]:
    return numbers(file, file.taken(layer, 1), binary) or numbers(file, file.taken(layer, 0), binary)


def _end(file: IrFile) -> str:
    """Type of the layer that the first result comes from, those left out that only shape it anew."""
    results = file.of_type("Result")
    layer = file.taken(results[0]) if results else None
    for _ in range(_LOOK_BACK):
        if layer is None or layer.get("type") not in _RESHAPES:
            break
        layer = file.taken(layer)
    kind = layer.get("type", "") if layer is not None else ""
    return {"SoftMax": "Softmax"}.get(kind, kind)


def _detection_facts(file: IrFile, stem: str) -> dict[str, Fact]:
    """Classes of SSD's DetectionOutput, the background left out, and of YOLO's region layers."""
    for layer in file.of_type("DetectionOutput"):
        data = data_of(layer)
        classes, background = whole(data.get("num_classes"), 0), whole(data.get("background_label_id", "0"), -1)
        if classes > 1:
            objects = classes - (0 <= background < classes)
            source = f"{layer.get('name')}: {classes} classes"
            source += f", of which {background} is the background" if objects < classes else ""
            return {"classes": Fact(objects, source), **_named_class(objects, stem)}
    for layer in file.of_type("RegionYolo"):
        classes = whole(data_of(layer).get("classes"), 0)
        if classes > 0:
            source = f"{layer.get('name')}: a region of YOLO for {classes} classes"
            return {"purpose": Fact("ObjectDetection", source), "classes": Fact(classes, source)}
    return {}


def _named_class(classes: int, stem: str) -> dict[str, Fact]:
    """The class of a detector with one, by the file's name, where it is one of Open Model Zoo's."""
    label = next((label for start, label in _NAMED_FOR.items() if stem.startswith(start)), "")
    if classes != 1 or not label:
        return {}
    return {"labels": Fact([label], f"the name {stem}, as Open Model Zoo names its detectors", certain=False)}
