from __future__ import annotations

from typing import Any, Mapping, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aai.core.inspect.heads.grids import STRIDE_SETS, cells, match_grids
from aai.core.inspect.layout import read_layout
from aai.ports import TensorSpec

Shape = Sequence[Any]


def layout(
    outputs: Mapping[str, Shape],
    image: Shape = (1, 3, 640, 640),
    metadata: Mapping[str, str] = {},
    dtype: str = "float32",
    output_dtype: str = "float32",
) -> dict[str, Any]:
    facts = read_layout(
        [TensorSpec("images", tuple(image), dtype)],
        [TensorSpec(name, tuple(shape), output_dtype) for name, shape in outputs.items()],
        metadata,
    )
    return {name: fact.value for name, fact in facts.items()}


@pytest.mark.parametrize(
    ("shape", "decoder", "classes"),
    [
        ((1, 8400, 85), {"name": "yolox", "strides": [8, 16, 32]}, 80),
        ((1, 8400, 6), {"name": "yolox", "strides": [8, 16, 32]}, 1),
        ((1, 84, 8400), {"name": "yolov8"}, 80),
        ((1, 5, 8400), {"name": "yolov8"}, 1),
        ((1, 8400, 84), {"name": "yolov8", "transposed": True}, 80),
        ((1, 8400, 5), {"name": "yolov8", "transposed": True}, 1),
        ((1, 25200, 85), {"name": "yolov5"}, 80),
        ((1, 25200, 6), {"name": "yolov5"}, 1),
        ((1, 8500, 85), {"name": "yolox", "strides": [8, 16, 32, 64]}, 80),
        ((1, 2000, 9), {"name": "yolox", "strides": [16, 32]}, 4),
    ],
)
def test_detectors_are_told_apart_by_the_cells_of_their_grids(shape: Shape, decoder: Any, classes: int) -> None:
    found = layout({"out": shape})
    assert (found["purpose"], found["decoder"], found["classes"]) == ("ObjectDetection", decoder, classes)


@given(st.sampled_from([(8, 16, 32), (16, 32)]), st.integers(1, 40), st.integers(1, 40), st.integers(1, 300))
def test_one_box_and_three_boxes_to_a_cell_are_never_mixed_up(
    strides: tuple[int, ...], columns: int, rows: int, classes: int
) -> None:
    size = (32 * columns, 32 * rows)
    count = cells(size, strides)
    assume(strides == (8, 16, 32) or match_grids(count, size, 1) == (strides, size))
    image = (1, 3, size[1], size[0])
    one = layout({"out": (1, count, 5 + classes)}, image, {"names": str([str(i) for i in range(classes)])})
    three = layout({"out": (1, 3 * count, 5 + classes)}, image)
    assert (one["decoder"]["name"], one["classes"]) == ("yolox", classes)
    assert (three["decoder"]["name"], three["classes"]) == ("yolov5", classes)


@given(st.sampled_from([1, 3]), st.integers(4, 60))
def test_a_square_input_with_open_axes_is_found_from_the_number_of_rows(boxes: int, side: int) -> None:
    rows = boxes * cells((32 * side, 32 * side), (8, 16, 32))
    found = layout({"out": (1, rows, 15)}, (1, 3, None, None))
    assert found["decoder"]["name"] == {1: "yolox", 3: "yolov5"}[boxes]
    assert found["size"] == [32 * side, 32 * side]


def test_no_number_of_rows_fits_both_one_and_three_boxes_on_square_inputs() -> None:
    counts = {
        boxes: {boxes * cells((side, side), s) for s in STRIDE_SETS for side in range(s[-1], 2049, s[-1])}
        for boxes in (1, 3)
    }
    assert not counts[1] & counts[3]


def test_a_short_output_is_not_taken_for_the_cells_of_a_tiny_input() -> None:
    assert "decoder" not in layout({"boxes": (1, 4420, 5)}, (1, 3, None, None))


def test_a_picture_that_comes_out_is_a_guess_for_a_class_map() -> None:
    spec = TensorSpec("x", (1, 3, 256, 256), "float32")
    assert not read_layout([spec], [spec], {})["purpose"].certain


def test_the_number_of_labels_decides_between_yolox_and_a_transposed_yolov8() -> None:
    two = {"names": "{0: 'a', 1: 'b'}"}
    assert layout({"out": (1, 8400, 6)}, metadata=two)["decoder"] == {"name": "yolov8", "transposed": True}
    one = {"names": "{0: 'a'}"}
    assert layout({"out": (1, 8400, 6)}, metadata=one)["decoder"]["name"] == "yolox"


def test_a_wide_input_is_width_first() -> None:
    found = layout({"out": (1, 5040, 85)}, (1, 3, 384, 640))
    assert found["size"] == [640, 384]
    assert found["decoder"]["name"] == "yolox"


def test_companions_of_the_boxes_are_left_out_by_name() -> None:
    outputs = {"raw8": (1, 3, 80, 80, 85), "boxes": (1, 25200, 85), "raw16": (1, 3, 40, 40, 85)}
    found = layout(outputs)
    assert found["decoder"] == {"name": "yolov5"}
    assert found["output_layer_names"] == ["boxes"]


def test_ssd_rows_and_yunet_are_known() -> None:
    assert layout({"detection_out": (1, 1, 200, 7)})["decoder"] == {"name": "ssd"}
    assert layout({"detection_out": (1, 1, None, 7)})["decoder"] == {"name": "ssd"}
    names = [f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
    found = layout({name: (1, 100, 1) for name in names}, (1, 3, 320, 320))
    assert found["decoder"] == {"name": "yunet", "strides": [8, 16, 32]}
    assert found["labels"] == ["face"]


@pytest.mark.parametrize(
    ("shape", "image", "dtype", "purpose", "classes"),
    [
        ((1, 1000), (1, 3, 224, 224), "float32", "Classification", 1000),
        ((1, 10, 1, 1), (1, 3, 32, 32), "float32", "Classification", 10),
        ((None, 7), (None, 3, 224, 224), "float32", "Classification", 7),
        ((1, 21, 512, 512), (1, 3, 512, 512), "float32", "SemanticSegmentation", 21),
        ((1, 19, 128, 256), (1, 3, 512, 1024), "float32", "SemanticSegmentation", 19),
        ((1, 257, 257, 21), (1, 257, 257, 3), "float32", "SemanticSegmentation", 21),
        ((1, 513, 513), (1, 3, 513, 513), "int64", "SemanticSegmentation", None),
        ((1, 1, 17, 3), (1, 192, 192, 3), "float32", "PoseEstimation", None),
        ((1, 56, 8400), (1, 3, 640, 640), "float32", "PoseEstimation", None),
        ((1, 300, 6), (1, 3, 640, 640), "float32", "ObjectDetection", None),
    ],
)
def test_the_purpose_is_told_by_the_shape(shape: Shape, image: Shape, dtype: str, purpose: str, classes: Any) -> None:
    found = layout({"out": shape}, image, output_dtype=dtype)
    assert (found["purpose"], found.get("classes")) == (purpose, classes)


def test_boxes_with_mask_prototypes_are_instance_segmentation() -> None:
    assert layout({"a": (1, 116, 8400), "b": (1, 32, 160, 160)})["purpose"] == "InstanceSegmentation"
    task = {"task": "segment", "names": "{0: 'a'}"}
    assert layout({"a": (1, 37, 8400)}, metadata=task)["purpose"] == "InstanceSegmentation"


def test_raw_heads_on_grids_are_detection_without_a_decoder() -> None:
    found = layout({"a": (1, 255, 20, 20), "b": (1, 255, 40, 40), "c": (1, 255, 80, 80)})
    assert found["purpose"] == "ObjectDetection"
    assert "decoder" not in found


def test_shapes_of_no_known_layout_leave_purpose_and_decoder_open() -> None:
    found = layout({"out": (3, 5, 7)})
    assert "purpose" not in found
    assert "decoder" not in found
    assert found["size"] == [640, 640]


def test_ultralytics_classifiers_are_cropped_and_come_out_of_a_softmax() -> None:
    metadata = {"task": "classify", "names": "{0: 'a', 1: 'b'}", "imgsz": "[224, 224]", "stride": "1"}
    found = layout({"out": (1, 2)}, (1, 3, 224, 224), metadata)
    assert (found["crop"], found["softmax"], found["mean"], found["scalefactor"]) == (True, False, [0, 0, 0], 1 / 255)


def test_a_grey_network_gets_one_mean_and_no_swap() -> None:
    found = layout({"out": (1, 10)}, (1, 1, 28, 28))
    assert (found["mean"], found["swaprb"], found["input"]) == ([0], False, {"colour": "gray"})


def test_a_classifier_without_a_batch_of_images_says_nothing_of_pixels() -> None:
    facts = read_layout([TensorSpec("x", (1, 40), "float32")], [TensorSpec("y", (1, 3), "float32")], {})
    assert facts["purpose"].value == "Classification"
    assert "size" not in facts


def test_reasons_are_in_words_and_guesses_are_marked() -> None:
    facts = read_layout(
        [TensorSpec("images", (1, 3, 416, 416), "float32")], [TensorSpec("output", (1, 3549, 85), "float32")], {}
    )
    assert facts["decoder"].source == (
        "output output [1, 3549, 85]: 3549 = 52x52 + 26x26 + 13x13, the cells of the grids at strides 8, 16, 32"
    )
    assert facts["size"].source == "input images [1, 3, 416, 416]"
    guess = read_layout([TensorSpec("x", (1, 3, 224, 224), "")], [TensorSpec("y", (1, 1000), "")], {})
    assert not guess["mean"].certain


def test_a_network_without_outputs_or_inputs_is_no_fault() -> None:
    assert read_layout([], [], {}) == {}
