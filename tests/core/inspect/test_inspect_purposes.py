"""What is read of networks for segmentation, poses, instances and re-identification, from their outputs' shapes."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import pytest

from aai.core.inspect.graph import GraphHints
from aai.core.inspect.layout import read_layout
from aai.core.inspect.report import Fact
from aai.ports import TensorSpec

Shape = Sequence[Any]
ULTRALYTICS = {"stride": "32", "imgsz": "[640, 640]"}


def layout(
    outputs: Mapping[str, Shape],
    image: Shape = (1, 3, 640, 640),
    metadata: Mapping[str, str] = {},
    dtype: str = "float32",
    output_dtype: str = "float32",
    end: str = "",
) -> dict[str, Fact]:
    return read_layout(
        [TensorSpec("images", tuple(image), dtype)],
        [TensorSpec(name, tuple(shape), output_dtype) for name, shape in outputs.items()],
        metadata,
        GraphHints(end=end),
    )


@pytest.mark.parametrize(
    ("shape", "image", "dtype", "end", "settings", "certain"),
    [
        ((1, 21, 65, 65), (1, 3, 513, 513), "float32", "", {"values": "scores", "axis": 1}, True),
        ((1, 257, 257, 21), (1, 257, 257, 3), "float32", "", {"values": "scores", "axis": 3}, True),
        ((1, 513, 513), (1, 3, 513, 513), "int64", "ArgMax", {"values": "ids"}, True),
        ((1, 1, 513, 513), (1, 3, 513, 513), "int64", "ArgMax", {"values": "ids", "axis": 1}, False),
        ((1, 1, 320, 320), (1, 3, 320, 320), "float32", "Sigmoid", {"values": "probability", "axis": 1}, False),
        ((1, 320, 320, 1), (1, 320, 320, 3), "float32", "Conv", {"values": "logit", "axis": 3}, False),
        ((1, 1, 320, 320), (1, 3, 320, 320), "float32", "Resize", {"axis": 1}, False),
    ],
)
def test_maps_of_classes(shape: Shape, image: Shape, dtype: str, end: str, settings: Any, certain: bool) -> None:
    found = layout({"out": shape}, image, output_dtype=dtype, end=end)
    assert found["purpose"].value == "SemanticSegmentation" and found["purpose"].certain == certain
    assert found["decoder"].value == {"name": "segmentation", **settings}


def test_ultralytics_maps_of_classes_are_letterboxed() -> None:
    found = layout(
        {"output0": (1, 320, 320)}, (1, 3, 320, 320), {**ULTRALYTICS, "task": "semantic"}, output_dtype="uint8"
    )
    assert found["decoder"].value == {"name": "segmentation", "values": "ids"}
    assert found["input"].value == {"resize": "letterbox", "anchor": "center", "pad": 114} and found["mean"].certain


def test_movenet_takes_pixels_padded_right_and_below() -> None:
    found = layout({"out": (1, 1, 17, 3)}, (1, 192, 192, 3), dtype="int32")
    assert found["decoder"].value == {"name": "movenet"} and found["decoder"].certain
    assert found["scalefactor"].value == 1 and found["swaprb"].value is True and found["swaprb"].certain
    section = {"resize": "pad", "anchor": "top-left", "pad": 0, "layout": "NHWC", "dtype": "int32"}
    assert found["input"].value == section
    many = layout({"out": (1, 6, 56)}, (1, None, None, 3))
    assert many["decoder"].value == {"name": "movenet"} and "6 bodies" in many["purpose"].source


@pytest.mark.parametrize(
    ("outputs", "read"),
    [
        ({"heat": (1, 19, 32, 57), "paf": (1, 38, 32, 57)}, None),
        ({"paf": (1, 38, None, None), "heat": (1, 19, None, None)}, None),
        ({"all": (1, 57, 46, 46)}, None),
        ({"all": (1, 46, 46, 57)}, None),
        ({"h1": (1, 19, 46, 46), "p1": (1, 38, 46, 46), "h2": (1, 19, 46, 46), "p2": (1, 38, 46, 46)}, ["h2", "p2"]),
        ({"features": (1, 128, 46, 46), "all": (1, 57, 46, 46)}, ["all"]),
    ],
)
def test_openpose_is_told_by_its_channels(outputs: Mapping[str, Shape], read: Any) -> None:
    found = layout(outputs, (1, 3, 368, 368))
    assert found["purpose"].value == "PoseEstimation" and found["decoder"].value == {"name": "openpose"}
    assert (found["output_layer_names"].value if read else read) == read
    assert found["mean"].value == [128, 128, 128] and not found["mean"].certain
    assert found["swaprb"].value is False and found["input"].value["anchor"] == "top-left"


def test_19_maps_without_fields_of_their_size_are_no_pose() -> None:
    assert layout({"out": (1, 19, 128, 256)}, (1, 3, 512, 1024))["purpose"].value == "SemanticSegmentation"
    two = layout({"a": (1, 19, 64, 64), "b": (1, 38, 32, 32)}, (1, 3, 256, 256))
    assert two["purpose"].value != "PoseEstimation"


@pytest.mark.parametrize(
    ("shape", "points", "settings"),
    [
        ((1, 56, 8400), "[17, 3]", {"key_points": [17, 3]}),
        ((1, 4 + 2 + 8, None), "[4, 2]", {"key_points": [4, 2]}),
        ((1, 300, 57), "[17, 3]", {"key_points": [17, 3], "end_to_end": True}),
        ((1, 8400, 56), "[17, 3]", {"key_points": [17, 3], "transposed": True}),
    ],
)
def test_ultralytics_poses_are_certain_when_the_file_says_so(shape: Shape, points: str, settings: Any) -> None:
    found = layout({"output0": shape}, metadata={**ULTRALYTICS, "task": "pose", "kpt_shape": points})
    assert found["purpose"].value == "PoseEstimation" and found["purpose"].certain
    assert found["decoder"].value == {"name": "yolo-pose", **settings}
    assert found["input"].value["anchor"] == "center" and found["scalefactor"].value == pytest.approx(1 / 255)


def test_56_values_to_a_cell_are_a_pose_by_guess_and_51_named_classes_are_not() -> None:
    found = layout({"out": (1, 56, 8400)})
    assert found["purpose"].value == "PoseEstimation" and not found["purpose"].certain
    names = str({number: f"class {number}" for number in range(52)})
    assert layout({"out": (1, 56, 8400)}, metadata={"names": names})["purpose"].value == "ObjectDetection"
    assert layout({"out": (1, 84, 8400)})["purpose"].value == "ObjectDetection"


@pytest.mark.parametrize("points", ["[0, 3]", "[17, 4]", "[17]", "x", "[17, 3, 2]", "[17, 3]" + " " * 99])
def test_key_points_that_no_network_has_are_none(points: str) -> None:
    found = layout({"out": (1, 56, 8400)}, metadata={**ULTRALYTICS, "task": "pose", "kpt_shape": points})
    assert found["decoder"].value["key_points"] == [17, 3]


@pytest.mark.parametrize(
    ("table", "maps", "settings", "classes"),
    [
        ((1, 116, 8400), (1, 32, 160, 160), {}, 80),
        ((1, 37, None), (1, 32, None, None), {}, 1),
        ((1, 300, 38), (1, 32, 160, 160), {"end_to_end": True}, None),
        ((1, 8400, 39), (1, 160, 160, 32), {"transposed": True}, 3),
    ],
)
def test_boxes_with_the_prototypes_of_masks(table: Shape, maps: Shape, settings: Any, classes: Any) -> None:
    found = layout({"output0": table, "output1": maps})
    assert found["purpose"].value == "InstanceSegmentation" and found["purpose"].certain
    assert found["decoder"].value == {"name": "yolo-seg", **settings}
    assert (found["classes"].value if classes else classes) == classes
    assert found["input"].value["resize"] == "letterbox"


@pytest.mark.parametrize("outputs", [{"a": (1, 37, 8400)}, {"a": (1, 30, 8400), "b": (1, 32, 160, 160)}])
def test_masks_that_lack_a_part_get_no_decoder(outputs: Mapping[str, Shape]) -> None:
    task = {**ULTRALYTICS, "task": "segment"}
    assert "decoder" not in layout(outputs, metadata=task)


@pytest.mark.parametrize(
    ("shape", "image", "end", "purpose"),
    [
        ((1, 512), (1, 3, 256, 128), "Flatten", "ReIdentification"),
        ((1, 128), (1, 3, 112, 112), "Div", "ReIdentification"),
        ((1, 512, 1, 1), (1, 3, 256, 128), "", "ReIdentification"),
        ((1, 512), (1, 3, 224, 224), "Gemm", "Classification"),
        ((1, 512), (1, 3, 256, 128), "Softmax", "Classification"),
        ((1, 751), (1, 3, 256, 128), "Gemm", "Classification"),
    ],
)
def test_feature_vectors_are_a_guess(shape: Shape, image: Shape, end: str, purpose: str) -> None:
    found = layout({"out": shape}, image, end=end)
    assert found["purpose"].value == purpose
    if purpose == "ReIdentification":
        assert not found["purpose"].certain and found["decoder"].value == {"name": "embedding"}
        assert found["mean"].value == [123.675, 116.28, 103.53] and not found["mean"].certain
        assert "softmax" not in found


def test_a_named_class_list_makes_a_vector_a_classification() -> None:
    names = str([f"class {number}" for number in range(128)])
    assert layout({"out": (1, 128)}, (1, 3, 256, 128), {"names": names})["purpose"].value == "Classification"
