"""The decoders of detection layouts by the name that `aai.decoder` gives them.

Each takes the outputs by name, the network's input size and the least score, and gives `Candidates` before suppression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

from aai.errors import UsageError
from aai.vision.decode import darknet_region, ssd, yolov5, yolov8, yolox, yunet
from aai.vision.decode.candidates import Candidates, Request

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.image import Array

    DetectionDecoder = Callable[[Mapping[str, Array], Request], Candidates]

DETECTION: Mapping[str, DetectionDecoder] = {
    "darknet-region": darknet_region.decode,
    "ssd": ssd.decode,
    "yolov5": yolov5.decode,
    "yolov8": yolov8.decode,
    "yolox": yolox.decode,
    "yunet": yunet.decode,
}
_BY_FRAMEWORK = {"darknet": "darknet-region", "caffe": "ssd", "tensorflow": "ssd"}


def detection_decoder(config: ModelConfig) -> tuple[DetectionDecoder, Mapping[str, Any]]:
    """The decoder of a detection model, and the settings of its layout.

    Raises:
        UsageError: the configuration names no layout, or one that there is no decoder for.
    """
    settings = config.decoder or {"name": _BY_FRAMEWORK.get(config.framework, "")}
    name = str(settings.get("name", ""))
    if name in DETECTION:
        return DETECTION[name], settings
    what = (
        f'there is no detection decoder called "{name}"'
        if name
        else "how the outputs of the network are laid out is not known"
    )
    raise UsageError(
        what,
        f"{config.folder / 'alwaysai.model.json'}, aai.decoder.name",
        f"let the weights be read: aai model configure {config.folder}; or set one of: {', '.join(sorted(DETECTION))}",
    )
