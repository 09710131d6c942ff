"""What the converter wrote into an IR about the model: the pre-processing that is in the graph or belongs before it.

Sources: Model Optimizer's `meta_data/cli_parameters` (to 2022.1) and `rt_info/conversion_parameters` (from 2022.2);
OpenVINO Model API's `rt_info/model_info`, which Ultralytics' exporter writes, too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Mapping

from aai.core.inspect.ir_file import IrFile, Layer
from aai.core.inspect.recipes import Recipe

MAX_CHARACTERS = 1_000_000
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_LETTERBOX = {"fit_to_window_letterbox": "center", "fit_to_window": "top-left"}
"""Model API's names of resize types -> anchor."""


@dataclass(frozen=True)
class IrNotes:
    """The notes.

    Args:
        converter: name -> value of the options that the converter was called with.
        model: name -> value of Model API's description.
        tool: the converter, with its version.
    """

    converter: Mapping[str, str] = field(default_factory=dict)
    model: Mapping[str, str] = field(default_factory=dict)
    tool: str = ""

    @property
    def framework(self) -> str:
        """The framework that the model came from, as the converter has it: "caffe", "tf", "onnx"."""
        return self.converter.get("framework", "")

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; Model API keeps them apart by blanks, and has _ for a blank in a name."""
        return tuple(name.replace("_", " ") for name in self.model.get("labels", "")[:MAX_CHARACTERS].split())

    @property
    def reversed(self) -> bool:
        """Whether the converter turned the channels of the input round: it takes BGR then."""
        return _yes(self.converter.get("reverse_input_channels", ""))

    @property
    def baked(self) -> bool:
        """Whether the converter put a mean or a scale into the graph: it takes pixel values then."""
        options = ("mean_values", "scale_values", "scale", "mean_scale_values")
        return any(_numbers(self.converter.get(name, "")) for name in options)


def read_ir_notes(file: IrFile) -> IrNotes:
    """The notes of an IR."""
    old, new = file.root.find("meta_data"), file.root.find("rt_info")
    converter, tool = {}, ""
    if old is not None:
        converter = _values(old.find("cli_parameters"))
        tool = _value(old.find("MO_version"))
    if new is not None:
        converter.update(_values(new.find("conversion_parameters")))
        tool = tool or _value(new.find("Runtime_version")) or _value(new.find("MO_version"))
    model = _values(new.find("model_info")) if new is not None else {}
    return IrNotes(converter, model, tool)


def described_recipe(notes: IrNotes) -> Recipe | None:
    """The pre-processing that Model API's description asks for; None when it says nothing of it.

    With `embedded_processing` it is in the graph already.
    """
    model = notes.model
    if _yes(model.get("embedded_processing", "")):
        return Recipe("rt_info model_info: mean, scale and order of channels are in the graph; 0 to 255, BGR")
    mean, scale = _numbers(model.get("mean_values", "")), _numbers(model.get("scale_values", ""))
    if not mean and not scale and "reverse_input_channels" not in model:
        return None
    anchor, pad = _LETTERBOX.get(model.get("resize_type", "")), _numbers(model.get("pad_value", ""))
    return Recipe(
        "rt_info model_info: mean_values, scale_values, reverse_input_channels",
        mean=mean * 3 if len(mean) == 1 else mean or (0, 0, 0),
        scalefactor=1 / scale[0] if scale and scale[0] else 1,
        std=tuple(value / scale[0] for value in scale) if len(set(scale)) > 1 and scale[0] else (),
        swaprb=_yes(model.get("reverse_input_channels", "")),
        letterbox=(anchor, pad[0] if pad else 0) if anchor else None,
        crop=model.get("resize_type") == "crop",
    )


def _yes(text: str) -> bool:
    return text.strip().lower() in ("true", "yes", "1")


def _numbers(text: str) -> tuple[float, ...]:
    """The finite numbers in a text such as "data(127.5,127.5,127.5)" or "58.395 57.12 57.375", names left out."""
    if len(text) > 4096:
        return ()
    bare = re.sub(r"[A-Za-z_][\w./:-]*", " ", text)
    found = tuple(float(word) for word in _NUMBER.findall(bare))
    return tuple(value for value in found if math.isfinite(value))[:4]


def _values(parent: Layer | None) -> dict[str, str]:
    return {child.tag: _value(child) for child in parent} if parent is not None else {}


def _value(element: Layer | None) -> str:
    return element.get("value", "") if element is not None else ""
