"""hailo_platform 4.15 to 4.17: no InferModel, and no status of its own for a HEF for another chip."""

from __future__ import annotations

from enum import Enum

from tests.fakes import hailo_platform_core as core
from tests.fakes.hailo_platform_core import (
    ConfigureParams,
    FormatType,
    HailoRTException,
    HailoSchedulingAlgorithm,
    HailoStreamInterface,
    InferVStreams,
    InputVStreamParams,
    OutputVStreamParams,
)

__version__ = "4.15.0"
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


class FormatOrder(Enum):
    AUTO = 0
    NHWC = 1
    NC = 4
    NHW = 13
    NV12 = 9
    HAILO_NMS = 6
    HAILO_NMS_WITH_BYTE_MASK = 20
    NMS_NAMES = {"BY_CLASS": "HAILO_NMS", "WITH_MASKS": "HAILO_NMS_WITH_BYTE_MASK"}  # noqa: RUF012


class VDevice(core.VDevice):
    orders = FormatOrder


class HEF(core.HEF):
    orders = FormatOrder


class PcieDevice:
    pass


class EthernetDevice:
    pass
