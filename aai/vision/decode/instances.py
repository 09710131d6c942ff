"""The decoders of layouts with boxes and masks by the name that `aai.decoder` gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

from aai.vision.decode import hailo_masks, yolo_seg
from aai.vision.decode.settings import no_decoder
from aai.vision.decode.yolo_seg import Instances

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.decode.candidates import Request
    from aai.vision.image import Array

    InstanceDecoder = Callable[[Mapping[str, Array], Request], Instances]

INSTANCES: Mapping[str, InstanceDecoder] = {"hailo-masks": hailo_masks.decode, "yolo-seg": yolo_seg.decode}


def instance_decoder(config: ModelConfig) -> tuple[InstanceDecoder, Mapping[str, Any]]:
    """The decoder of a model with masks, and the settings of its layout.

    Raises:
        UsageError: the configuration names a layout that there is no decoder for.
    """
    settings = config.decoder or {"name": "yolo-seg"}
    name = str(settings.get("name", ""))
    if name in INSTANCES:
        return INSTANCES[name], settings
    raise no_decoder(config, "instance segmentation", INSTANCES)
