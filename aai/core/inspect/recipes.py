"""The pre-processing that is usual for a family of networks, as facts for alwaysai.model.json.

Value of a blob's element = (pixel - mean) * scalefactor / std, per channel, in the blob's channel order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aai.core.inspect.report import Fact

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (0.229, 0.224, 0.225)
PER_255 = 1 / 255


@dataclass(frozen=True)
class Recipe:
    """How an image becomes the network's input.

    Args:
        source: whose recipe it is, for people.
        certain: False for a guess.
        mean: per channel, in pixel units, in the blob's channel order.
        scalefactor: factor after the mean is taken off.
        std: per channel, divides the result; empty for none.
        swaprb: True when the network takes RGB.
        crop: keep the aspect and crop the centre.
        letterbox: keep the aspect and pad: anchor and pad value; None to stretch.
        pad_first: pad the image before it is scaled, where a letterbox is padded after.
    """

    source: str
    certain: bool = True
    mean: tuple[float, ...] = (0, 0, 0)
    scalefactor: float = 1
    std: tuple[float, ...] = ()
    swaprb: bool = False
    crop: bool = False
    letterbox: tuple[str, float] | None = None
    pad_first: bool = False


YOLOX = Recipe("what YOLOX networks take: 0 to 255, BGR, letterbox top-left", letterbox=("top-left", 114))
ULTRALYTICS = Recipe(
    "what Ultralytics' networks take: 0 to 1, RGB, letterbox centred",
    scalefactor=PER_255,
    swaprb=True,
    letterbox=("center", 114),
)
ULTRALYTICS_CLASSES = Recipe(
    "what Ultralytics' classifiers take: 0 to 1, RGB, centre crop", scalefactor=PER_255, swaprb=True, crop=True
)
YUNET = Recipe("what YuNet takes: 0 to 255, BGR, stretched")
MOVENET = Recipe(
    "what MoveNet takes: 0 to 255, RGB, padded right and below",
    swaprb=True,
    letterbox=("top-left", 0),
    pad_first=True,
)
OPENPOSE = Recipe(
    "a guess for OpenPose: -0.5 to 0.5, BGR, padded right and below",
    certain=False,
    mean=(128, 128, 128),
    scalefactor=1 / 256,
    letterbox=("top-left", 128),
)
RTDETR = Recipe("what RT-DETR networks take: 0 to 1, RGB, stretched", scalefactor=PER_255, swaprb=True)
NANODET_PLUS = Recipe(
    "what NanoDet-Plus networks take: ImageNet's mean and standard deviation, BGR, stretched",
    mean=IMAGENET_MEAN[::-1],
    std=(57.375, 57.12, 58.395),
)
NANODET = replace(
    NANODET_PLUS,
    source="what NanoDet networks take: ImageNet's mean and standard deviation, BGR, letterbox centred in black",
    letterbox=("center", 0),
)
MEDIAPIPE = Recipe(
    "what MediaPipe's detectors take: -1 to 1, RGB, padded around with black",
    mean=(127.5, 127.5, 127.5),
    scalefactor=1 / 127.5,
    swaprb=True,
    letterbox=("center", 0),
    pad_first=True,
)
ULTRA_FACE = Recipe(
    "what Ultra-Light-Fast and SSDs from PyTorch take: (pixel - 127) / 128, RGB, stretched",
    mean=(127, 127, 127),
    scalefactor=1 / 128,
    swaprb=True,
)
DETR = Recipe(
    "what DETR and RF-DETR networks take: ImageNet's mean and standard deviation, RGB, stretched into a fixed input",
    mean=IMAGENET_MEAN,
    scalefactor=PER_255,
    std=IMAGENET_STD,
    swaprb=True,
)
TF_DETECTION = Recipe("what the TensorFlow Object Detection API's exports take: 0 to 255, RGB, stretched", swaprb=True)
BOXES_LABELS = Recipe("a guess for Open Model Zoo's detectors: 0 to 255, BGR, stretched", certain=False)
SSD = Recipe("a guess for SSD: 0 to 255, BGR, stretched", certain=False)
DARKNET = Recipe("what Darknet networks take: 0 to 1, RGB, stretched", scalefactor=PER_255, swaprb=True)
IMAGENET = Recipe(
    "what networks on a trunk for ImageNet often take: ImageNet's mean and standard deviation, RGB, stretched",
    certain=False,
    mean=IMAGENET_MEAN,
    scalefactor=PER_255,
    std=IMAGENET_STD,
    swaprb=True,
)
TENSORFLOW = Recipe(
    "a guess for a network from TensorFlow: -1 to 1, RGB, stretched",
    certain=False,
    mean=(127.5, 127.5, 127.5),
    scalefactor=1 / 127.5,
    swaprb=True,
)
UNIT = Recipe("what networks often take: 0 to 1, RGB, stretched", certain=False, scalefactor=PER_255, swaprb=True)
PIXELS = Recipe("the graph itself normalises: 0 to 255, RGB", certain=False, swaprb=True)
CAFFE = Recipe(
    "what networks from Caffe often take: 0 to 255 less the mean 104, 117, 123, BGR, stretched",
    certain=False,
    mean=(104, 117, 123),
)
CAFFE_MOBILENET = Recipe(
    "what MobileNets from Caffe often take: 0 to 255 less a mean, times 0.017, BGR, stretched",
    certain=False,
    mean=(103.94, 116.78, 123.68),
    scalefactor=0.017,
)
CAFFE_MOBILENET_SSD = Recipe(
    "what MobileNet-SSD from Caffe often takes: -1 to 1, BGR, stretched",
    certain=False,
    mean=(127.5, 127.5, 127.5),
    scalefactor=1 / 127.5,
)
OPENCV_FACE = Recipe(
    "what OpenCV's samples give its face detector (dnn/models.yml): 0 to 255 less a mean, BGR, stretched",
    mean=(104, 177, 123),
)
OPEN_MODEL_ZOO = Recipe("what Open Model Zoo's networks take: 0 to 255, BGR, stretched", certain=False)
ENET = Recipe("what ENet from Torch7 takes: 0 to 1, RGB, stretched", scalefactor=PER_255, swaprb=True)

_OF_FAMILY = {
    "yolox": YOLOX,
    "yolov8": ULTRALYTICS,
    "yolov5": ULTRALYTICS,
    "yunet": YUNET,
    "movenet": MOVENET,
    "openpose": OPENPOSE,
    "ssd": SSD,
    "yolov10": ULTRALYTICS,
    "rtdetr": RTDETR,
    "detr": DETR,
    "nanodet": NANODET,
    "nanodet-plus": NANODET_PLUS,
    "mediapipe": MEDIAPIPE,
    "ultraface": ULTRA_FACE,
    "tf-detection": TF_DETECTION,
    "boxes-labels": BOXES_LABELS,
}
"""Families that come with a recipe of their own; the others go by what else is known."""
_DIFFERS_BY_FORMAT = ("ssd",)
"""Families whose recipe is only for want of a better one."""


@dataclass(frozen=True)
class Circumstances:
    """What decides between recipes, and how the tensor itself is laid out.

    Args:
        family: of the outputs' reading.
        channels: 3, or 1 for grey images.
        layout: "NCHW" or "NHWC".
        dtype: of the input.
        normalises: the graph normalises by itself.
        from_tensorflow: the network comes from TensorFlow.
        ultralytics: the file carries Ultralytics' notes.
        tensor: the input in words: `images [1, 3, 416, 416]`.
        told: the recipe that the file itself gives, or its format, or the way the graph starts. One that is certain
            comes before all others; a guess is for pictures in colour, and after what is certain of the family.
    """

    family: str
    channels: int = 3
    layout: str = "NCHW"
    dtype: str = "float32"
    normalises: bool = False
    from_tensorflow: bool = False
    ultralytics: bool = False
    tensor: str = ""
    told: Recipe | None = None


def usual_recipe(at: Circumstances) -> Recipe:
    """The recipe that is told, that of the family, or else the likeliest one."""
    told, usual = at.told, _without_being_told(at)
    own = at.family in _OF_FAMILY and at.family not in _DIFFERS_BY_FORMAT
    if told is None or (not told.certain and (own or usual.certain or at.channels == 1)):
        return usual
    if told.letterbox is None and not told.crop and at.family in _OF_FAMILY:
        return replace(told, letterbox=usual.letterbox, pad_first=usual.pad_first, crop=usual.crop)
    return told


def _without_being_told(at: Circumstances) -> Recipe:
    if at.family in _OF_FAMILY:
        return _OF_FAMILY[at.family]
    if at.ultralytics and at.family == "classification":
        return ULTRALYTICS_CLASSES
    if at.ultralytics and at.family == "segmentation":
        return ULTRALYTICS
    if at.normalises:
        return PIXELS
    if at.channels == 1:
        return UNIT
    if at.from_tensorflow:
        return TENSORFLOW
    return IMAGENET if at.family in ("classification", "segmentation", "embedding") else UNIT


def recipe_facts(recipe: Recipe, at: Circumstances) -> dict[str, Fact]:
    """The recipe as facts: mean, scalefactor, swaprb, crop, and in "input" what only our own section can say."""
    raw = at.dtype in ("uint8", "int8", "int32")
    source, certain = recipe.source, recipe.certain
    if raw:
        source, certain = f"input {at.tensor} takes {at.dtype}: pixel values as they are", True
    mean = [0, 0, 0] if raw else list(recipe.mean)
    facts = {
        "mean": Fact(mean[: at.channels], source, certain),
        "scalefactor": Fact(1 if raw else recipe.scalefactor, source, certain),
        "swaprb": Fact(recipe.swaprb and at.channels == 3, recipe.source, recipe.certain and at.channels == 3),
    }
    if recipe.crop:
        facts["crop"] = Fact(True, recipe.source, recipe.certain)
    section = _tensor_section(at)
    told = f"input {at.tensor} {at.dtype}".rstrip() if section else ""
    ours = _recipe_section(recipe, at, raw)
    if ours or section:
        source = "; ".join(part for part in (recipe.source if ours else "", told) if part)
        facts["input"] = Fact({**ours, **section}, source, recipe.certain or not ours)
    return facts


def _recipe_section(recipe: Recipe, at: Circumstances, raw: bool) -> dict[str, Any]:
    section: dict[str, Any] = {}
    if recipe.letterbox:
        anchor, pad = recipe.letterbox
        section.update({"resize": "pad" if recipe.pad_first else "letterbox", "anchor": anchor, "pad": pad})
    if recipe.std and not raw and at.channels == 3:
        section["std"] = list(recipe.std)
    return section


def _tensor_section(at: Circumstances) -> dict[str, Any]:
    section: dict[str, Any] = {}
    if at.layout != "NCHW":
        section["layout"] = at.layout
    if at.dtype in ("uint8", "int8", "int32", "float16"):
        section["dtype"] = at.dtype
    if at.channels == 1:
        section["colour"] = "gray"
    return section
