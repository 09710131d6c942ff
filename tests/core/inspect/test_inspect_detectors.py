"""Which detector a network is, told from the shapes and names of its outputs; and what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai.core.inspect.exporter import read_exporter
from aai.core.inspect.graph import GraphHints
from aai.core.inspect.layout import read_layout
from aai.ports import TensorSpec
from tests.model_maker import node, onnx_bytes, tensor, value_info

Shape = Sequence[Any]
ULTRALYTICS = {"task": "detect", "stride": "32", "names": "{0: 'a', 1: 'b', 2: 'c'}"}
LISTED = {"name": "listed", "corners": "xyxy", "unit": "pixels"}


def facts_of(
    outputs: Mapping[str, Shape],
    image: Shape = (1, 3, 640, 640),
    metadata: Mapping[str, str] = {},
    integers: Sequence[str] = (),
    tail: tuple[str, ...] = (),
) -> dict[str, Any]:
    specs = [
        TensorSpec(name, tuple(shape), "int64" if name in integers else "float32") for name, shape in outputs.items()
    ]
    return read_layout([TensorSpec("images", tuple(image), "float32")], specs, metadata, GraphHints(tail=tail))


def values(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fact.value for name, fact in facts.items()}


def recipe(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    found = values(facts)
    section = found.get("input", {})
    resize = section.get("resize", "stretch")
    if resize in ("letterbox", "pad"):
        resize += f" {section['anchor']} {section['pad']}"
    return found["mean"], found["scalefactor"], found["swaprb"], section.get("std"), resize


@pytest.mark.parametrize(
    ("depth", "rows", "decoder", "classes", "certain"),
    [
        (112, 3598, {"name": "nanodet", "strides": [8, 16, 32, 64]}, 80, True),
        (35, 3598, {"name": "nanodet", "strides": [8, 16, 32, 64]}, 3, True),
        (112, 3549, {"name": "nanodet", "strides": [8, 16, 32]}, 80, True),
        (85, 3598, {"name": "yolox", "strides": [8, 16, 32, 64]}, 80, True),
    ],
)
def test_nanodet_has_the_cells_of_its_grids_and_four_distributions(
    depth: int, rows: int, decoder: Any, classes: int, certain: bool
) -> None:
    metadata = {"names": "['a', 'b', 'c']"} if classes == 3 else {}
    facts = facts_of({"output": (1, rows, depth)}, (1, 3, 416, 416), metadata)
    assert (facts["decoder"].value, facts["classes"].value) == (decoder, classes)
    assert facts["decoder"].certain == certain


def test_four_grids_without_labels_are_a_guess_between_nanodet_and_yolox() -> None:
    fact = facts_of({"output": (1, 3598, 37)}, (1, 3, 416, 416))["decoder"]
    assert not fact.certain
    assert "5 classes + 4 x 8 distances: NanoDet-Plus, or else YOLOX with 32 classes" in fact.source
    four = {"names": str([str(index) for index in range(32)])}
    assert values(facts_of({"output": (1, 3598, 37)}, (1, 3, 416, 416), four))["decoder"]["name"] == "yolox"


def test_nanodet_takes_bgr_less_imagenet_s_mean() -> None:
    mean, scale, rgb, std, resize = recipe(facts_of({"output": (1, 3598, 112)}, (1, 3, 416, 416)))
    assert (mean, scale, rgb, std) == ([103.53, 116.28, 123.675], 1, False, [57.375, 57.12, 58.395])
    assert resize == "stretch"
    old = facts_of({"output": (1, 2100, 112)}, (1, 3, 320, 320))
    assert recipe(old)[4] == "letterbox center 0"


def test_a_yolox_whose_graph_ends_in_exp_is_decoded_already() -> None:
    facts = facts_of({"output": (1, 8400, 85)}, tail=("Concat", "Exp", "Mul"))
    assert facts["decoder"].value == {"name": "yolox", "decoded": True}
    assert "Exp among the last nodes" in facts["decoder"].source


def test_the_last_operators_of_an_onnx_file_are_told(tmp_path: Path) -> None:
    from aai.core.inspect.onnx import inspect_onnx

    nodes = [node("Conv", ["images", "w"], ["a"]), node("Exp", ["a"], ["b"]), node("Concat", ["b"], ["output"])]
    image, output = value_info("images", [1, 3, 64, 64]), value_info("output", [1, 84, 8])
    (tmp_path / "a.onnx").write_bytes(onnx_bytes([image], [output], nodes, [tensor("w", [0.5] * 8)]))
    assert inspect_onnx(tmp_path / "a.onnx").facts["decoder"].value == {"name": "yolox", "decoded": True}


@pytest.mark.parametrize(
    ("metadata", "shape", "decoder", "classes", "certain"),
    [
        ({**ULTRALYTICS, "end2end": "True"}, (1, 300, 6), {"name": "yolov10"}, None, True),
        (ULTRALYTICS, (1, 300, 6), {"name": "yolov10"}, None, False),
        ({}, (1, 300, 6), {"name": "yolov10"}, None, False),
        ({**ULTRALYTICS, "head": "RTDETRDecoder"}, (1, 300, 6), {"name": "rtdetr", "listed": True}, 3, True),
        ({**ULTRALYTICS, "description": "Ultralytics rtdetr-l model"}, (1, 300, 7), {"name": "rtdetr"}, 3, True),
        (ULTRALYTICS, (1, 300, 7), {"name": "rtdetr"}, 3, False),
        ({}, (1, 300, 84), {"name": "rtdetr"}, 80, False),
    ],
)
def test_short_lists_of_boxes_are_told_apart_by_the_exporter_s_notes(
    metadata: Mapping[str, str], shape: Shape, decoder: Any, classes: Any, certain: bool
) -> None:
    facts = facts_of({"output0": shape}, metadata=metadata)
    found = values(facts)
    assert (found["purpose"], found["decoder"], found.get("classes")) == ("ObjectDetection", decoder, classes)
    assert facts["decoder"].certain == certain
    assert facts["mean"].certain == certain
    stretched = decoder["name"] == "rtdetr"
    assert recipe(facts) == ([0, 0, 0], 1 / 255, True, None, "stretch" if stretched else "letterbox center 114")


def test_six_columns_of_an_rt_detr_of_two_classes_stay_a_guess() -> None:
    two = {**ULTRALYTICS, "names": "['a', 'b']"}
    old = facts_of({"o": (1, 300, 6)}, metadata={**two, "description": "Ultralytics rtdetr-l model"})["decoder"]
    new = facts_of({"o": (1, 300, 6)}, metadata={**two, "head": "RTDETRDecoder"})["decoder"]
    assert (old.value, old.certain) == ({"name": "rtdetr"}, False)
    assert (new.value, new.certain) == ({"name": "rtdetr", "listed": True}, False)


def test_a_list_of_seven_columns_behind_a_suppression_is_yolov7_s() -> None:
    facts = facts_of({"output": (None, 7)}, tail=("Concat", "Gather", "NonMaxSuppression"))
    assert (facts["decoder"].value, facts["decoder"].certain) == ({"name": "yolov7-end2end"}, True)
    assert facts_of({"output": (None, 7)})["purpose"].value == "Classification"


@pytest.mark.parametrize(
    ("logits", "labels", "settings", "classes", "certain"),
    [
        ((1, 100, 92), 0, {"softmax": True}, 91, True),
        ((1, 300, 80), 0, {}, 80, True),
        ((1, 300, 4), 3, {"softmax": True}, 3, True),
        ((1, 300, 3), 3, {}, 3, True),
        ((1, 100, 5), 0, {"softmax": True}, 4, False),
        ((1, 300, 5), 0, {}, 5, False),
    ],
)
def test_queries_with_logits_and_boxes_are_detr_s_or_rt_detr_s(
    logits: Shape, labels: int, settings: Any, classes: int, certain: bool
) -> None:
    metadata = {"names": str([str(index) for index in range(labels)])} if labels else {}
    outputs = {"logits": logits, "pred_boxes": (*logits[:2], 4)}
    for order in (outputs, dict(reversed(list(outputs.items())))):
        facts = facts_of(order, metadata=metadata)
        found = values(facts)
        assert (found["decoder"], found["classes"]) == ({"name": "detr", **settings}, classes)
        assert facts["decoder"].certain == certain
        assert ("a guess between" in facts["decoder"].source) != certain
        assert "output_layer_names" not in found
    imagenet = ([123.675, 116.28, 103.53], 1 / 255, True, [0.229, 0.224, 0.225], "stretch")
    assert recipe(facts) == (imagenet if settings else ([0, 0, 0], 1 / 255, True, None, "stretch"))


def test_rf_detr_is_told_by_its_names() -> None:
    facts = facts_of({"dets": (1, 300, 4), "labels": (1, 300, 91)}, (1, 3, 560, 560))
    assert (facts["decoder"].value, facts["decoder"].certain) == ({"name": "detr"}, True)
    assert recipe(facts) == ([123.675, 116.28, 103.53], 1 / 255, True, [0.229, 0.224, 0.225], "stretch")
    assert "classes" not in facts


def test_further_outputs_of_a_detr_are_left_out_by_name() -> None:
    outputs = {"logits": (1, 100, 92), "pred_boxes": (1, 100, 4), "last_hidden_state": (1, 100, 256)}
    found = values(facts_of(outputs))
    assert found["decoder"] == {"name": "detr", "softmax": True}
    assert found["output_layer_names"] == ["logits", "pred_boxes"]


def test_rt_detr_with_its_post_processing_lists_labels_boxes_and_scores() -> None:
    outputs = {"labels": (1, 300), "boxes": (1, 300, 4), "scores": (1, 300)}
    facts = facts_of(outputs, integers=["labels"])
    assert facts["decoder"].value == {**LISTED, "boxes": "boxes", "classes": "labels", "scores": "scores"}
    assert facts["decoder"].certain
    assert recipe(facts) == ([0, 0, 0], 1 / 255, True, None, "stretch")


def test_boxes_of_one_image_as_torchvision_lists_them_have_no_decoder() -> None:
    outputs = {"2510": (None, 4), "2511": (None,), "2512": (None,)}
    facts = facts_of(outputs, integers=["2511"])
    assert facts["purpose"].value == "ObjectDetection" and "no decoder" in facts["purpose"].source
    assert "decoder" not in facts


@pytest.mark.parametrize(("boxes", "labels"), [((100, 5), (100,)), ((1, None, 5), (1, None)), ((None, 5), (None,))])
def test_boxes_with_score_and_labels_are_open_model_zoo_s(boxes: Shape, labels: Shape) -> None:
    facts = facts_of({"boxes": boxes, "labels": labels}, integers=["labels"])
    assert facts["decoder"].value == {**LISTED, "boxes": "boxes", "classes": "labels"}
    assert recipe(facts) == ([0, 0, 0], 1, False, None, "stretch")
    assert not facts["mean"].certain


@pytest.mark.parametrize("suffix", ["", ":0"])
def test_the_object_detection_api_is_told_by_its_names(suffix: str) -> None:
    names = ("detection_boxes", "detection_scores", "detection_classes", "num_detections", "detection_masks")
    shapes: list[Shape] = [(1, None, 4), (1, None), (1, None), (1,), (1, None, 33, 33)]
    facts = facts_of({name + suffix: shape for name, shape in zip(names, shapes)}, (1, None, None, 3))
    found = values(facts)
    assert found["decoder"] == {
        "name": "listed",
        "boxes": f"detection_boxes{suffix}",
        "scores": f"detection_scores{suffix}",
        "classes": f"detection_classes{suffix}",
        "count": f"num_detections{suffix}",
        "corners": "yxyx",
        "unit": "shares",
        "first_class": 1,
    }
    assert len(found["output_layer_names"]) == 4
    assert recipe(facts) == ([0, 0, 0], 1, True, None, "stretch")


FOUR = {"boxes": (1, 10, 4), "classes": (1, 10), "scores": (1, 10), "count": (1,)}


@pytest.mark.parametrize(
    ("names", "certain"),
    [
        (["TFLite_Detection_PostProcess", *(f"TFLite_Detection_PostProcess:{place}" for place in (1, 2, 3))], True),
        ([f"PartitionedCall:{place}" for place in range(4)], True),
        ([f"StatefulPartitionedCall:{3 - place}" for place in range(4)], True),
        (["location", "category", "score", "number of detections"], True),
        (["a", "b", "c", "d"], False),
    ],
)
def test_the_four_results_of_tflite_s_post_processing_are_told_by_name(names: list[str], certain: bool) -> None:
    specs = dict(zip(names, FOUR.values()))
    orders = [names] if not certain else [names, names[::-1], [names[2], names[0], names[3], names[1]]]
    for order in orders:
        facts = facts_of({name: specs[name] for name in order}, (1, 320, 320, 3))
        expected = {"name": "listed", **dict(zip(FOUR, names)), "corners": "yxyx", "unit": "shares"}
        assert (facts["decoder"].value, facts["decoder"].certain) == (expected, certain)


def test_the_names_of_a_converted_network_say_which_result_is_which() -> None:
    known = np.load(Path(__file__).resolve().parents[2] / "data" / "layouts" / "tflite-detection.npz")
    outputs = {key.partition(":")[2]: known[key].shape for key in known.files if key.startswith("output:")}
    facts = facts_of(outputs, (1, 64, 96, 3))
    parts = ("boxes", "classes", "scores", "count")
    assert [facts["decoder"].value[part] for part in parts] == [f"PartitionedCall:{place}" for place in range(4)]


def test_four_results_without_telling_names_have_been_seen_with_the_scores_first() -> None:
    facts = facts_of({"d": (1, 10), "a": (1, 10, 4), "c": (1,), "b": (1, 10)}, (1, 320, 320, 3))
    parts = ("boxes", "classes", "scores", "count")
    assert [facts["decoder"].value[part] for part in parts] == ["a", "b", "d", "c"]
    assert not facts["decoder"].certain


@pytest.mark.parametrize(
    ("side", "anchors", "strides", "counts"),
    [(128, 896, [8, 16], [2, 6]), (256, 896, [16, 32], [2, 6]), (192, 2304, [4], [1])],
)
def test_mediapipe_s_faces_are_told_by_input_and_anchors(
    side: int, anchors: int, strides: list[int], counts: list[int]
) -> None:
    facts = facts_of({"regressors": (1, anchors, 16), "classificators": (1, anchors, 1)}, (1, side, side, 3))
    found = values(facts)
    assert found["decoder"] == {"name": "mediapipe", "strides": strides, "anchors": counts}
    assert (found["classes"], found["labels"]) == (1, ["face"])
    assert sum((side // stride) ** 2 * count for stride, count in zip(strides, counts)) == anchors
    assert recipe(facts) == ([127.5] * 3, 1 / 127.5, True, None, "pad center 0")
    assert f"{anchors} = " in facts["decoder"].source


@pytest.mark.parametrize(("width", "height", "priors"), [(320, 240, 4420), (640, 480, 17640)])
def test_ultraface_is_told_by_its_priors(width: int, height: int, priors: int) -> None:
    facts = facts_of({"scores": (1, priors, 2), "boxes": (1, priors, 4)}, (1, 3, height, width))
    found = values(facts)
    assert (found["decoder"], found["labels"], found["size"]) == ({"name": "scored-boxes"}, ["face"], [width, height])
    assert recipe(facts) == ([127] * 3, 1 / 128, True, None, "stretch")


def test_scores_and_boxes_of_other_priors_are_a_guess_and_raw_ones_have_no_decoder() -> None:
    facts = facts_of({"scores": (1, 3000, 21), "boxes": (1, 3000, 4)}, (1, 3, 300, 300))
    assert (facts["decoder"].value, facts["classes"].value) == ({"name": "scored-boxes"}, 20)
    assert not facts["decoder"].certain
    names = {"raw_outputs/box_encodings": (1, 1917, 4), "raw_outputs/class_predictions": (1, 1917, 91)}
    raw = facts_of(names, (1, 300, 300, 3))
    assert raw["purpose"].value == "ObjectDetection"
    assert "decoder" not in raw
    assert "export the network with its post-processing" in raw["purpose"].source


def test_the_older_yunet_is_told_by_its_names() -> None:
    facts = facts_of({"loc": (None, 14), "conf": (None, 2), "iou": (None, 1)}, (1, 3, 120, 160))
    assert (facts["decoder"].value, facts["labels"].value) == ({"name": "yunet-priors"}, ["face"])
    assert recipe(facts) == ([0, 0, 0], 1, False, None, "stretch")


@pytest.mark.parametrize(
    "outputs",
    [
        {"a": (1, 10, 4), "b": (1, 10), "c": (1, 10), "d": (1, 10, 4)},
        {"a": (1, 5, 4), "b": (1, 5, 9)},
        {"a": (1, 300, 4), "b": (1, 299, 9)},
        {"a": (None, None, None), "b": ()},
        {"a": (1, 896, 16), "b": (1, 896, 1)},
        {"a": (), "b": (), "c": (), "d": ()},
        {"loc": (), "conf": (), "iou": ()},
        {"a": (1, 255, 20, 0), "b": (1, 255, 40, 0)},
    ],
)
def test_outputs_that_only_look_alike_get_no_decoder(outputs: Mapping[str, Shape]) -> None:
    assert "decoder" not in facts_of(outputs)


def test_notes_of_the_exporter_that_are_no_text_of_python_are_left_out() -> None:
    notes = read_exporter({"end2end": "yes", "head": "x" * 5000, "description": "rtdetr"})
    assert not notes.end2end
    assert not notes.rtdetr
    assert len(notes.head) <= 300


WORDS = (
    "boxes",
    "labels",
    "scores",
    "logits",
    "pred_boxes",
    "dets",
    "count",
    "a",
    "TFLite_Detection_PostProcess:1",
    "",
)
AXES = st.one_of(st.none(), st.sampled_from([0, 1, 2, 4, 5, 6, 7, 16, 37, 84, 100, 300, 896, 1001, 8400, 1 << 62]))
SPECS = st.builds(
    TensorSpec,
    st.sampled_from(WORDS),
    st.lists(AXES, max_size=5).map(tuple),
    st.sampled_from(["float32", "int64", "uint8", ""]),
)


@given(
    st.lists(SPECS, max_size=5), st.sampled_from([(1, 3, 640, 640), (1, 256, 256, 3), (1, 3, None, None), (1, 3, 0, 1)])
)
def test_outputs_of_any_shape_and_name_are_told_or_not_but_never_a_fault(
    outputs: list[TensorSpec], image: Shape
) -> None:
    facts = read_layout([TensorSpec("images", tuple(image), "float32")], outputs, ULTRALYTICS)
    for fact in facts.values():
        assert fact.source
    decoder = facts["decoder"].value if "decoder" in facts else {}
    named = [decoder[part] for part in ("boxes", "scores", "classes", "count") if part in decoder]
    assert {*named} <= {spec.name for spec in outputs}
