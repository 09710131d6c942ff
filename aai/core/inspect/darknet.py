"""What a Darknet cfg tells of its network, and whether the weights file is as long as the cfg says."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from aai.core.inspect.darknet_cfg import Section, read_cfg
from aai.core.inspect.darknet_layers import Layer, read_layers
from aai.core.inspect.kinds import WAYS_OUT, content_kind, refusal
from aai.core.inspect.recipes import DARKNET, Circumstances, recipe_facts
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import check_file
from aai.errors import BadWeights
from aai.ports import TensorSpec

_HEADS = {"yolo": 1, "gaussian_yolo": 5, "region": 1, "detection": 1}
"""Layers that make boxes, and how many values besides the box and the classes they have for each."""
_BYTES = 4
_NOT_IN_OPENCV = "detection"


def inspect_darknet(weights: Path, cfg: Path) -> Inspection:
    """Size, classes, head and anchors of a Darknet network.

    Raises:
        NotFound: one of the files is not there.
        BadWeights: the cfg has an error (its line is named); the weights file is none, or not as long as the cfg says.
    """
    weights, cfg = weights.absolute(), cfg.absolute()
    sections = read_cfg(cfg)
    network = sections[0]
    width, height = network.positive("width", 0), network.positive("height", 0)
    channels = network.positive("channels", 3)
    layers = read_layers(sections, width, height, channels)
    unknown = sorted({layer.kind for layer in layers if layer.weights is None})
    length = sum(layer.weights or 0 for layer in layers)
    report = Inspection("darknet", weights, cfg)
    report.inputs = (TensorSpec("data", (1, channels, height, width), "float32"),)
    source = f"{cfg.name} [net] width, height"
    report.facts["size"] = Fact([width, height], source)
    at = Circumstances("darknet", 1 if channels == 1 else 3, tensor=f"of {cfg.name}, {channels} channels")
    report.facts.update(recipe_facts(DARKNET, at))
    report.details.update(_details(layers, None if unknown else length, unknown))
    _read_head(report, layers, cfg.name)
    _check_weights(weights, cfg, None if unknown else length)
    return report


def _details(layers: list[Layer], length: int | None, unknown: list[str]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
    details: dict[str, Any] = {"layers": len(layers), "kinds": dict(sorted(counts.items())), "parameters": length}
    if unknown:
        kinds = ", ".join(f"[{kind}]" for kind in unknown)
        details["length"] = f"not checked: how many weights {kinds} takes is not known here"
    return details


def _read_head(report: Inspection, layers: list[Layer], name: str) -> None:
    heads = [(index, layer) for index, layer in enumerate(layers) if layer.kind in _HEADS]
    if heads:
        _read_boxes(report, layers, heads, name)
        return
    last = next((layer for layer in reversed(layers) if layer.kind not in ("cost", "dropout")), None)
    if last is None or last.width != 1 or last.height != 1 or last.channels < 2:
        return
    softmax = last.kind in ("softmax", "soft")
    source = f"{name} ends in [{last.section.kind}] with {last.channels} values"
    report.outputs = (TensorSpec(f"{last.kind}_{layers.index(last)}", (1, last.channels), "float32"),)
    report.facts["purpose"] = Fact("Classification", source, certain=softmax)
    report.facts["decoder"] = Fact({"name": "classification"}, source, certain=softmax)
    report.facts["classes"] = Fact(last.channels, source, certain=softmax)
    report.facts["softmax"] = Fact(not softmax, source, certain=softmax)


def _read_boxes(report: Inspection, layers: list[Layer], heads: list[tuple[int, Layer]], name: str) -> None:
    outputs = []
    anchors = []
    for index, layer in heads:
        kept, per_box = _check_head(layer, layers[index - 1] if index else None)
        outputs.append(TensorSpec(f"{layer.kind}_{index}", (layer.width * layer.height * kept, per_box), "float32"))
        anchors.append(_anchors(layer.section))
    classes = sorted({layer.section.positive("classes", 20) for _, layer in heads})
    if len(classes) > 1:
        raise heads[-1][1].section.wrong(f"and the other heads disagree on the classes: {classes}")
    kinds = sorted({layer.kind for _, layer in heads})
    source = f"{name}: {len(heads)} [{kinds[0]}] head{'s' if len(heads) > 1 else ''}"
    report.outputs = tuple(outputs)
    report.facts["purpose"] = Fact("ObjectDetection", source)
    if _NOT_IN_OPENCV not in kinds:
        decoder: dict[str, Any] = {"name": "darknet-region"}
        settings = [_head_settings(layer, pairs) for (_, layer), pairs in zip(heads, anchors)]
        if all(settings):
            decoder["heads"] = settings
        report.facts["decoder"] = Fact(decoder, source)
    report.facts["classes"] = Fact(classes[0], f"{name} [{kinds[0]}] classes")
    report.details["heads"] = kinds
    report.details["anchors"] = anchors


def _check_head(layer: Layer, before: Layer | None) -> tuple[int, int]:
    """(boxes per cell, values per box) of a head, if the layer before it has as many channels."""
    section = layer.section
    classes = section.positive("classes", 20)
    if layer.kind == "detection":
        side, boxes = section.positive("side", 7), section.positive("num", 1)
        return boxes * side * side, 5 + classes
    coordinates = section.positive("coords", 4)
    boxes = len(section.integers("mask")) or section.positive("num", 1)
    per_box = coordinates + _HEADS[layer.kind] + classes
    if before is not None and before.channels != boxes * per_box:
        raise section.wrong(
            f"wants {boxes} x {per_box} = {boxes * per_box} channels for {classes} classes, "
            f"and the layer before it has {before.channels}"
        )
    return boxes, per_box


def _anchors(section: Section) -> list[list[float]]:
    """(width, height) pairs of a head, its mask applied."""
    values = section.numbers("anchors")
    pairs = [values[place : place + 2] for place in range(0, len(values) - 1, 2)]
    mask = section.integers("mask")
    if any(not 0 <= index < len(pairs) for index in mask):
        raise section.wrong(f"mask names an anchor that is not there: there are {len(pairs)}")
    return [pairs[index] for index in mask] if mask else pairs


def _head_settings(layer: Layer, anchors: list[list[float]]) -> dict[str, Any]:
    """What the decoder needs where the head is not part of the network; {} for a head that it does not know."""
    section = layer.section
    boxes = len(section.integers("mask")) or section.positive("num", 1)
    plain = section.positive("coords", 4) == 4 and "tree" not in section.options and len(anchors) == boxes
    if layer.kind not in ("yolo", "region") or not plain:
        return {}
    settings: dict[str, Any] = {"kind": layer.kind, "classes": section.positive("classes", 20), "anchors": anchors}
    if layer.kind == "region":
        return {**settings, "softmax": bool(section.integer("softmax", 0))}
    scale = (section.numbers("scale_x_y") or [1.0])[0]
    return {**settings, "scale_x_y": scale, "new_coords": bool(section.integer("new_coords", 0))}


def _check_weights(weights: Path, cfg: Path, length: int | None) -> None:
    size = check_file(weights)
    kind = content_kind(weights)
    if kind in WAYS_OUT:
        raise refusal(weights, kind)
    if kind not in ("darknet-weights", "unknown"):
        raise BadWeights(
            f"{weights.name} is not Darknet weights: its content is {kind}", str(weights), "name the right weights file"
        )
    if size < 16:
        raise BadWeights(f"the file is cut off: it has {size} bytes", str(weights), "copy or download it again")
    with weights.open("rb") as file:
        major, minor = struct.unpack("<ii", file.read(8))
    header = 20 if major * 10 + minor >= 2 else 16
    if length is None or size == header + _BYTES * length:
        return
    if kind == "unknown":
        what = f"{weights.name} does not start as Darknet weights do: version {major}.{minor}"
        raise BadWeights(what, str(weights), "name the right weights file")
    cut = "; it may be cut off" if size < header + _BYTES * length else ""
    raise BadWeights(
        f"{weights.name} has {size:,} bytes, and {cfg.name} describes {header + _BYTES * length:,}{cut}",
        f"{weights} and {cfg}",
        "bring the weights and the cfg that belong together: --model_file FILE --config_file FILE",
    )
