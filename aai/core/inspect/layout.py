"""Inputs and outputs of a network, put together into what its configuration needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping, Sequence

from aai.core.inspect.exporter import read_exporter
from aai.core.inspect.graph import GraphHints
from aai.core.inspect.heads import Head, Question, describe, read_head
from aai.core.inspect.recipes import Circumstances, recipe_facts, usual_recipe
from aai.core.inspect.report import Fact
from aai.ports import TensorSpec

_USUAL_SIZE = {
    "yolox": (640, 640),
    "yolov8": (640, 640),
    "yolov5": (640, 640),
    "yunet": (320, 320),
    "movenet": (192, 192),
    "openpose": (368, 368),
    "embedding": (128, 256),
    "ssd": (300, 300),
    "rtdetr": (640, 640),
    "detr": (800, 800),
    "nanodet": (320, 320),
    "nanodet-plus": (416, 416),
    "tf-detection": (640, 640),
    "classification": (224, 224),
    "segmentation": (512, 512),
}


@dataclass(frozen=True)
class ImageInput:
    """The input that takes the image.

    Args:
        spec: the input.
        layout: "NCHW" or "NHWC".
        channels: 3, or 1 for grey images.
        size: (width, height), None for an axis that the file leaves open.
    """

    spec: TensorSpec
    layout: str
    channels: int
    size: tuple[int | None, int | None]


def image_input(inputs: Sequence[TensorSpec]) -> ImageInput | None:
    """The first input with four axes that can be an image, batch first; None when there is none."""
    for spec in inputs:
        if len(spec.shape) != 4:
            continue
        _, second, third, fourth = spec.shape
        if second in (1, 3) or (second is None and fourth not in (1, 3)):
            return ImageInput(spec, "NCHW", second or 3, (fourth, third))
        if fourth in (1, 3):
            return ImageInput(spec, "NHWC", fourth, (third, second))
    return None


def read_layout(
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    metadata: Mapping[str, str],
    hints: GraphHints | None = None,
) -> dict[str, Fact]:
    """What shapes and metadata tell: size, purpose, decoder, classes, labels, the family's usual pre-processing.

    Args:
        inputs: inputs of the network, initializers left out.
        outputs: outputs of the network.
        metadata: what the exporter wrote.
        hints: how the graph starts and ends, where that is known.

    Returns:
        Facts by field name: purpose, decoder, classes, labels, size, mean, scalefactor, swaprb, crop, softmax, input,
        output_layer_names; each only when something is known of it. "input" holds only what differs from the
        reference's semantics (stretched, NCHW, float32).
    """
    image = image_input(inputs)
    hints = hints or GraphHints()
    notes = read_exporter(metadata)
    head = read_head(Question(outputs, image.size if image else (None, None), notes, hints))
    facts = _head_facts(head)
    if image is None:
        return facts
    at = Circumstances(
        family=head.family,
        channels=image.channels,
        layout=image.layout,
        dtype=image.spec.dtype,
        normalises=hints.normalises,
        from_tensorflow=hints.from_tensorflow or image.layout == "NHWC",
        ultralytics=notes.ultralytics,
        tensor=describe(image.spec),
        told=hints.recipe,
    )
    facts["size"] = _size(image, head, notes.size)
    recipe = usual_recipe(at)
    if not head.certain and not (at.told and at.told.certain):
        recipe = replace(recipe, certain=False)
    facts.update(recipe_facts(recipe, at))
    if head.family == "classification":
        facts["softmax"] = _softmax(hints, notes.ultralytics)
    return facts


def _head_facts(head: Head) -> dict[str, Fact]:
    facts = {}
    if head.purpose:
        facts["purpose"] = Fact(head.purpose, head.reason, head.certain)
    if head.decoder:
        facts["decoder"] = Fact(head.decoder, head.reason, head.certain)
    if head.classes:
        facts["classes"] = Fact(head.classes, head.reason, head.certain)
    if head.labels:
        facts["labels"] = Fact(list(head.labels), head.reason, head.certain)
    if head.outputs:
        facts["output_layer_names"] = Fact(list(head.outputs), f"the other outputs are not read; {head.reason}")
    return facts


def _size(image: ImageInput, head: Head, exported: tuple[int, int] | None) -> Fact:
    width, height = image.size
    if width and height:
        return Fact([width, height], f"input {describe(image.spec)}")
    if width or height:
        side = width or height
        return Fact([side, side], f"input {describe(image.spec)}: taken to be square", certain=False)
    if exported:
        return Fact(list(exported), f"metadata imgsz; input {describe(image.spec)} leaves it open", certain=False)
    if head.size:
        return Fact(list(head.size), f"the square size that fits {head.reason}", certain=False)
    usual = _USUAL_SIZE.get(head.family, (224, 224))
    return Fact(list(usual), f"input {describe(image.spec)} leaves it open; a guess", certain=False)


def _softmax(hints: GraphHints, ultralytics: bool) -> Fact:
    if hints.end in ("Softmax", "LogSoftmax", "Sigmoid"):
        return Fact(False, f"the graph ends in {hints.end}")
    if ultralytics:
        return Fact(False, "what Ultralytics' classifiers do: probabilities come out")
    reason = (
        f"the graph ends in {hints.end}, not in Softmax" if hints.end else "what classifiers often do: logits come out"
    )
    return Fact(True, reason, certain=False)
