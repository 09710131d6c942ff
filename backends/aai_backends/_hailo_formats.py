"""The streams of a HEF as arrays: their types, shapes and quantisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.errors import AaiError, UsageError
from aai.ports import Quantisation, TensorSpec

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

DTYPES = {"UINT8": "uint8", "UINT16": "uint16", "FLOAT32": "float32"}
BY_CLASS = ("HAILO_NMS", "HAILO_NMS_BY_CLASS")
"""Orders of boxes by class; the first is what HailoRT before 4.20 calls it."""
BY_SCORE = "HAILO_NMS_BY_SCORE"
WITH_MASKS = "HAILO_NMS_WITH_BYTE_MASK"
MASKS = "/masks"
"""What the name of an output with masks gets for the masks themselves."""
_CAMERA_ORDERS = ("YUY2", "NV12", "NV21", "I420", "RGB4", "BAYER_RGB", "HAILO_YYUV", "HAILO_YYVU", "HAILO_YYYYUV")


@dataclass(frozen=True)
class Stream:
    """One input or output of a HEF.

    Args:
        name: as the file has it.
        shape: of one frame: (height, width, channels), (height, width), (channels,); of boxes the flat buffer.
        type: "UINT8", "UINT16" or "FLOAT32": what goes over the host's side.
        order: "NHWC", "NC", "HAILO_NMS_BY_CLASS" and the like.
        quantisation: (scale, zero point) for the whole stream, or one for each channel.
        classes: of boxes.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    order: str
    quantisation: tuple[tuple[float, float], ...] = ()
    classes: int = 0

    @property
    def boxes(self) -> bool:
        """Whether boxes come out, suppressed by the device or HailoRT."""
        return self.order in (*BY_CLASS, BY_SCORE, WITH_MASKS)


def name_of(member: Any) -> str:
    """The name of a member of HailoRT's enumerations, "FLOAT32" of FormatType.FLOAT32."""
    return str(getattr(member, "name", member)).rpartition(".")[2]


def wanted_type(parameters: Mapping[str, Any], side: str) -> str:
    """The format type to ask HailoRT for: "AUTO", "UINT8", "UINT16" or "FLOAT32".

    "auto" is what the chip itself takes or gives. Without a format it is that, too, unless `quantize_` is false: then
    real numbers are passed, and HailoRT converts them (HailoRT, InputVStreamParams.make).

    Args:
        parameters: `model_parameters`.
        side: "input" or "output".

    Raises:
        UsageError: there is no such format.
    """
    given = str(parameters.get(f"{side}_format") or "none")
    name = given.upper().replace("HAILO_FORMAT_TYPE_", "").rpartition(".")[2]
    if name == "NONE":
        return "FLOAT32" if parameters.get(f"quantize_{side}") is False else "AUTO"
    if name == "AUTO" or name in DTYPES:
        return name
    raise UsageError(
        f'hailo has no {side} format "{given}"',
        f"alwaysai.model.json, model_parameters.{side}_format",
        f"use one of: auto, none, {', '.join(DTYPES)}",
    )


def input_spec(stream: Stream, path: str) -> TensorSpec:
    """An input as the port has it: a batch axis of 1 in front.

    Raises:
        AaiError: it takes no pictures of three colours or grey, but the bytes of a camera.
    """
    if stream.order in _CAMERA_ORDERS:
        raise AaiError(
            f"the input {stream.name} takes pictures as a camera gives them, {stream.order}, which can't be made here",
            path,
            "compile the model with an RGB input",
        )
    quantisation = None
    if stream.type != "FLOAT32" and stream.quantisation:
        scale, zero_point = stream.quantisation[0]
        if (scale, zero_point) != (1, 0) and scale > 0:
            quantisation = Quantisation(scale, round(zero_point))
    return TensorSpec(stream.name, (1, *stream.shape), DTYPES[stream.type], quantisation)


def output_specs(stream: Stream, picture: tuple[int, ...]) -> tuple[TensorSpec, ...]:
    """An output as the port has it: real values with a batch axis, or rows of boxes, and their masks.

    Args:
        stream: the output.
        picture: (height, width, ...) of the input.
    """
    if not stream.boxes:
        return (TensorSpec(stream.name, (1, *stream.shape), "float32"),)
    rows = TensorSpec(stream.name, (None, 6), "float32")
    if stream.order != WITH_MASKS:
        return (rows,)
    return rows, TensorSpec(stream.name + MASKS, (None, *picture[:2]), "uint8")


def real_values(stream: Stream, values: Array) -> Array:
    """What the numbers of an output stand for, float32, with a batch axis: (number - zero point) * scale."""
    framed: Array = values.reshape(1, *stream.shape)
    if stream.type == "FLOAT32":
        return framed
    real: Array = framed.astype(np.float32)
    if stream.quantisation:
        pairs = np.array(stream.quantisation, np.float32)
        # One pair for all, or one for each channel, the last axis.
        scale, zero_point = pairs[0] if len(pairs) == 1 else pairs.T
        real -= zero_point
        real *= scale
    return real
