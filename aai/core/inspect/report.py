"""What a weight file says of itself, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aai.ports import TensorSpec


@dataclass(frozen=True)
class Fact:
    """One value that was told by a file, and how.

    Args:
        value: the value, JSON-like.
        source: where it was read, for people: "yolo.cfg [net] width, height".
        certain: False for a guess that the user should confirm.
    """

    value: Any
    source: str
    certain: bool = True


@dataclass
class Inspection:
    """What one weight file (with its structure file) says.

    Args:
        framework: one of `aai.core.fields.FRAMEWORKS`.
        model_file: absolute path.
        config_file: absolute path of the structure file, or None.
        inputs: inputs of the network, initializers left out.
        outputs: outputs of the network.
        facts: field name -> what the files tell. Names are those of `aai.core.fields` (size, purpose, mean, ...) and of
            the `aai` section: "decoder" (a dict with "name"), "input" (a dict with resize, anchor, pad, std, layout,
            dtype, quantisation, colour), "target" (a dict with the "chip" that the file is compiled for), "classes"
            (the number), "labels" (a list of names).
        metadata: what the exporter wrote about the model, as text.
        details: further structure for `aai model inspect`: opset, producer, layers, anchors, parameter count.
        extra_files: further files that belong to the model (ONNX external data), absolute.
        not_read: why the file was not read, when there is no reader for it; "" otherwise.
    """

    framework: str
    model_file: Path
    config_file: Path | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    facts: dict[str, Fact] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    extra_files: list[Path] = field(default_factory=list)
    not_read: str = ""
