"""hailo_platform 4.18: InferModel beside the streams; boxes come in a list of frames."""

from __future__ import annotations

from tests.fakes import hailo_platform_core as core
from tests.fakes.hailo_platform_4_15 import (
    HEF,
    ConfigureParams,
    EthernetDevice,
    FormatOrder,
    FormatType,
    HailoRTException,
    HailoSchedulingAlgorithm,
    HailoStreamInterface,
    InferVStreams,
    InputVStreamParams,
    OutputVStreamParams,
    PcieDevice,
)

__version__ = "4.18.0"
__all__ = [
    "HEF",
    "ConfigureParams",
    "EthernetDevice",
    "FormatOrder",
    "FormatType",
    "HailoRTException",
    "HailoSchedulingAlgorithm",
    "HailoStreamInterface",
    "InferVStreams",
    "InputVStreamParams",
    "OutputVStreamParams",
    "PcieDevice",
    "VDevice",
]


class VDevice(core.InferVDevice):
    orders = FormatOrder
    hef = HEF
    nests_frames = True
