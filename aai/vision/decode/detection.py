"""The decoders of detection layouts by the name that `aai.decoder` gives them.

Each takes the outputs by name, the network's input size and the least score, and gives `Candidates` before suppression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

from aai.vision.decode import (
    darknet_region,
    detr,
    hailo_nms,
    hailo_yolov3,
    listed,
    mediapipe,
    nanodet,
    rtdetr,
    scored_boxes,
    ssd,
    tensorrt_yolo,
    yolov5,
    yolov7_end2end,
    yolov8,
    yolov10,
    yolox,
    yunet,
    yunet_priors,
)
from aai.vision.decode.candidates import Candidates, Request
from aai.vision.decode.settings import no_decoder

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.image import Array

    DetectionDecoder = Callable[[Mapping[str, Array], Request], Candidates]

DETECTION: Mapping[str, DetectionDecoder] = {
    "darknet-region": darknet_region.decode,
    "detr": detr.decode,
    "hailo-nms": hailo_nms.decode,
    "hailo-yolov3": hailo_yolov3.decode,
    "listed": listed.decode,
    "mediapipe": mediapipe.decode,
    "nanodet": nanodet.decode,
    "rtdetr": rtdetr.decode,
    "scored-boxes": scored_boxes.decode,
    "ssd": ssd.decode,
    "tensorrt-yolo": tensorrt_yolo.decode,
    "yolov10": yolov10.decode,
    "yolov5": yolov5.decode,
    "yolov7-end2end": yolov7_end2end.decode,
    "yolov8": yolov8.decode,
    "yolox": yolox.decode,
    "yunet": yunet.decode,
    "yunet-priors": yunet_priors.decode,
}
_BY_FRAMEWORK = {"darknet": "darknet-region", "caffe": "ssd", "tensorflow": "ssd"}
_BY_ARCHITECTURE = {
    ("tensor-rt", "yolo"): "tensorrt-yolo",
    ("tensor-rt", "mobilenet_ssd"): "ssd",
    ("hailo", "yolov3"): "hailo-yolov3",
    ("hailo", "mobilenet_ssd"): "hailo-nms",
}
"""Framework and `architecture` of a model from elsewhere, which has no `aai.decoder`."""


def detection_decoder(config: ModelConfig) -> tuple[DetectionDecoder, Mapping[str, Any]]:
    """The decoder of a detection model, and the settings of its layout.

    Raises:
        UsageError: the configuration names no layout, or one that there is no decoder for.
    """
    settings = config.decoder or {"name": _told_without_a_decoder(config)}
    name = str(settings.get("name", ""))
    if name in DETECTION:
        return DETECTION[name], settings
    raise no_decoder(config, "detection", DETECTION)


def _told_without_a_decoder(config: ModelConfig) -> str:
    architecture = str(config.parameters.get("architecture") or "")
    return _BY_ARCHITECTURE.get((config.framework, architecture)) or _BY_FRAMEWORK.get(config.framework, "")
