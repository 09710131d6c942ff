"""The decoders of pose layouts by the name that `aai.decoder` gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

from aai.vision.decode import movenet, openpose, yolo_pose
from aai.vision.decode.bodies import Bodies
from aai.vision.decode.settings import no_decoder

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.decode.candidates import Request
    from aai.vision.image import Array

    PoseDecoder = Callable[[Mapping[str, Array], Request], Bodies]

POSES: Mapping[str, PoseDecoder] = {
    "movenet": movenet.decode,
    "openpose": openpose.decode,
    "yolo-pose": yolo_pose.decode,
}


def pose_decoder(config: ModelConfig) -> tuple[PoseDecoder, Mapping[str, Any]]:
    """The decoder of a pose model, and the settings of its layout.

    The reference knows OpenPose's layout alone, which stands for a file that names none.

    Raises:
        UsageError: the configuration names a layout that there is no decoder for.
    """
    settings = config.decoder or {"name": "openpose"}
    name = str(settings.get("name", ""))
    if name in POSES:
        return POSES[name], settings
    raise no_decoder(config, "pose", POSES)
