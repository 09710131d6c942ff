from __future__ import annotations

from typing import Any

import pytest

from aai.core.inspect.heads import Question, read_head
from aai.ports import TensorSpec


def _outputs(*names: str, boxes: tuple = (1, 100, 4)) -> list[TensorSpec]:
    shapes: tuple[Any, ...] = ((1, 1), boxes, (1, 100), (1, 100))
    return [TensorSpec(name, shape, "float32") for name, shape in zip(names, shapes)]


EFFICIENT = ("num_dets", "det_boxes", "det_scores", "det_classes")
BATCHED = ("num_detections", "nmsed_boxes", "nmsed_scores", "nmsed_classes")


@pytest.mark.parametrize(("names", "plugin"), [(EFFICIENT, "EfficientNMS_TRT"), (BATCHED, "BatchedNMS_TRT")])
def test_a_graph_that_ends_in_a_plugin_of_tensorrt_is_told_by_its_outputs(names: tuple, plugin: str) -> None:
    for outputs in (_outputs(*names), _outputs(*names)[::-1], _outputs(*names, boxes=(None, 300, 4))):
        head = read_head(Question(outputs, (640, 640)))
        assert head.purpose == "ObjectDetection"
        assert head.decoder == {"name": "tensorrt-yolo"}
        assert plugin in head.reason
        assert head.outputs == ()


@pytest.mark.parametrize(
    "outputs",
    [
        _outputs("num_detections", "detection_boxes", "detection_scores", "detection_classes"),
        _outputs(*EFFICIENT)[:3],
        _outputs(*EFFICIENT, boxes=(1, 100, 6)),
        _outputs(*EFFICIENT, boxes=()),
        [*_outputs(*EFFICIENT), TensorSpec("more", (1,), "float32")],
    ],
)
def test_other_outputs_are_not_taken_for_a_plugin_of_tensorrt(outputs: list) -> None:
    assert (read_head(Question(outputs, (640, 640))).decoder or {}).get("name") != "tensorrt-yolo"
