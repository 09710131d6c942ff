"""hailo_platform 5.2: boxes by class and by score, sizes in bytes, no device by Ethernet or PCIe."""

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

__version__ = "5.2.0"
__all__ = [
    "HEF",
    "ConfigureParams",
    "FormatOrder",
    "FormatType",
    "HailoRTException",
    "HailoSchedulingAlgorithm",
    "HailoStreamInterface",
    "InferVStreams",
    "InputVStreamParams",
    "OutputVStreamParams",
    "VDevice",
]


class FormatOrder(Enum):
    AUTO = 0
    NHWC = 1
    NC = 4
    NHW = 13
    NV12 = 9
    HAILO_NMS_WITH_BYTE_MASK = 20
    HAILO_NMS_BY_CLASS = 22
    HAILO_NMS_BY_SCORE = 23
    NMS_NAMES = {  # noqa: RUF012
        "BY_CLASS": "HAILO_NMS_BY_CLASS",
        "BY_SCORE": "HAILO_NMS_BY_SCORE",
        "WITH_MASKS": "HAILO_NMS_WITH_BYTE_MASK",
    }


class HEF(core.HEF):
    orders = FormatOrder


class VDevice(core.InferVDevice):
    orders = FormatOrder
    hef = HEF
    nests_frames = False
