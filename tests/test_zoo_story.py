from __future__ import annotations

from pathlib import Path

import pytest

from tests import zoo_story

PATHS = [
    "caffe/mnist-lenet",
    "caffe/res10-300x300-ssd-face",
    "darknet/yolo-fastest-1.1-coco",
    "darknet/yoloface-500k-v2",
    "dldt/person-detection-retail-0013",
    "enet/enet-cityscapes",
    "hailo/hand-landmark-lite",
    "myriad/landmarks-regression-retail-0009",
    "onnx/deeplab-v3-mobilenet",
    "onnx/deeplabv3-mnv2-dm05-pascal",
    "onnx/movenet-lightning",
    "onnx/shufflenet-v2-int8",
    "onnx/yolox-nano",
    "onnx/yunet-n-320",
    "tensor-rt/lenet5-engine",
    "tensorflow/lenet5-mnist",
    "tensorflow/opencv-face-detector-uint8",
    "tflite/deeplabv3-mnv2-dm05-pascal-quant",
    "tflite/mediapipe-face-detection-back",
    "tflite/mobilenet-v1-0.25-128-quant",
    "tflite/movenet-lightning-ptq",
]


def test_every_model_of_the_zoo_has_its_story(zoo: Path) -> None:
    assert sorted(entry["path"] for entry in zoo_story.entries(zoo)) == PATHS


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_a_model_is_configured_published_installed_and_gives_its_known_results(
    zoo: Path, tmp_path: Path, path: str
) -> None:
    entry = next(entry for entry in zoo_story.entries(zoo) if entry["path"] == path)
    told = zoo_story.tell(zoo, entry, tmp_path)
    assert told.ok, told.figures
