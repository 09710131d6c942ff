"""What is told of networks that were compiled for one chip: their files keep tensors, and little of what they mean."""

from __future__ import annotations

from typing import Sequence

from aai.core.inspect.layout import image_input, read_layout
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.tflite_input import plan_input
from aai.ports import TensorSpec

ASK_PURPOSE = "the file does not tell what the network is for: give it with --purpose"
_OF_THE_PURPOSE = ("purpose", "decoder", "classes", "softmax", "labels", "output_layer_names")


def layout_facts(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> dict[str, Fact]:
    """What shapes and types tell, with the pixels as they are where the input's scale leaves them so."""
    image = image_input(inputs)
    if image is None:
        return read_layout(inputs, outputs, {})
    plan = plan_input(image.spec, image.channels, None)
    facts = read_layout([plan.spec if spec is image.spec else spec for spec in inputs], outputs, {})
    facts.update(plan.facts)
    if plan.section:
        told = facts.get("input")
        section = {**(told.value if told else {}), **plan.section}
        facts["input"] = Fact(section, told.source if told else f"input {image.spec.name}", certain=False)
    return facts


def leave_purpose_open(report: Inspection) -> None:
    """Takes out a purpose that is only guessed from shapes: a vector may be classes, key points or features."""
    purpose = report.facts.get("purpose")
    if purpose is None or not purpose.certain:
        for name in _OF_THE_PURPOSE:
            report.facts.pop(name, None)
        report.details["purpose"] = ASK_PURPOSE
