"""Segmentation, poses, instances and re-identification, from a frame to results, on networks worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import pytest

from aai.errors import AaiError, BadImage, UsageError
from aai.vision.gallery import MOST, Gallery
from aai.vision.image import read_image, write_image
from aai.vision.predict import predict
from aai.vision.services import (
    SERVICES,
    InstanceSegmentation,
    PoseEstimation,
    ReIdentification,
    SemanticSegmentation,
)
from aai.vision.skeletons import COCO_17
from tests.model_maker import INT32
from tests.vision.models import constant_onnx, constants_onnx, write_model

FRAME = np.full((40, 80, 3), 90, np.uint8)


def segmentation_folder(folder: Path, onnx: bytes | None = None, **more: Any) -> Path:
    # 2 x 2 cells: background, road; road, sky.
    scores = np.zeros((1, 3, 2, 2), np.float32)
    scores[0, 1, 0, 1] = scores[0, 1, 1, 0] = scores[0, 2, 1, 1] = 1
    onnx = onnx or constant_onnx(scores.ravel().tolist(), scores.shape)
    return write_model(folder, onnx, "SemanticSegmentation", more.pop("labels", "background\nroad\nsky\n"), **more)


def test_each_pixel_has_its_class_in_the_size_of_the_image(tmp_path: Path) -> None:
    service = SemanticSegmentation(segmentation_folder(tmp_path)).load()
    results = service.segment_image(FRAME)
    assert results.class_map.shape == (40, 80)
    assert (results.class_map[:20, :40] == 0).all() and (results.class_map[:20, 40:] == 1).all()
    assert (results.class_map[20:, :40] == 1).all() and (results.class_map[20:, 40:] == 2).all()
    assert results.duration > 0 and results.image is FRAME and len(results) == 3
    document = json.loads(json.dumps(results.as_dict()))
    assert document["predictions"] == [
        {"label": "road", "index": 1, "fraction": 0.5},
        {"label": "background", "index": 0, "fraction": 0.25},
        {"label": "sky", "index": 2, "fraction": 0.25},
    ]
    # What applications do with it.
    assert FRAME[results.class_map == 1].shape == (1600, 3)


def test_the_border_of_a_letterbox_is_no_part_of_the_class_map(tmp_path: Path) -> None:
    folder = segmentation_folder(tmp_path, aai={"input": {"resize": "letterbox", "anchor": "top-left", "pad": 0}})
    results = SemanticSegmentation(folder).load().segment_image(FRAME)
    # The picture fills the upper half of the input, which is the upper row of cells.
    assert (results.class_map[:, :40] == 0).all() and (results.class_map[:, 40:] == 1).all()


def test_what_a_crop_left_out_is_not_counted(tmp_path: Path) -> None:
    results = SemanticSegmentation(segmentation_folder(tmp_path, crop=True)).load().segment_image(FRAME)
    assert (results.class_map == 255).mean() == 0.5
    assert sum(entry["fraction"] for entry in results.as_dict()["predictions"]) == 0.5
    assert [entry["segmentation"]["size"] for entry in results.to_coco(1)] == [[40, 80]] * 3


def test_masks_and_legends_are_in_the_model_s_colours(tmp_path: Path) -> None:
    folder = segmentation_folder(tmp_path, labels='background\n<road> & "sky"\nsky\n', colors_file="colours.txt")
    (folder / "colours.txt").write_text("0,0,0\n1,2,3\n4,5,6\n")
    service = SemanticSegmentation(folder).load()
    results = service.segment_image(FRAME)
    picture = service.build_image_mask(results.class_map)
    assert picture[0, 79].tolist() == [1, 2, 3] and picture[39, 79].tolist() == [4, 5, 6]
    legend = service.build_legend()
    assert legend.startswith("<table>") and legend.count("<tr>") == 3
    assert "rgb(3,2,1)" in legend and "&lt;road&gt; &amp; &quot;sky&quot;" in legend
    drawn = service.draw(FRAME, results)
    assert (drawn[:20, :40] == 90).all(), "a background is painted"
    assert drawn[0, 79].tolist() == [46, 46, 46]


def test_one_channel_is_a_class_and_the_background(tmp_path: Path) -> None:
    onnx = constant_onnx([0.1, 0.9], (1, 1, 1, 2))
    service = SemanticSegmentation(segmentation_folder(tmp_path, onnx, labels="road\n")).load().load()
    found = service.segment_image(FRAME).as_dict()["predictions"]
    assert [(entry["label"], entry["fraction"]) for entry in found] == [("background", 0.5), ("road", 0.5)]
    assert service.build_legend().count("<tr>") == 2


def test_labels_without_the_background_are_those_of_the_other_classes(tmp_path: Path) -> None:
    service = SemanticSegmentation(segmentation_folder(tmp_path, labels="road\nsky\n")).load()
    labels = [entry["label"] for entry in service.segment_image(FRAME).as_dict()["predictions"]]
    assert labels == ["road", "background", "sky"]


def test_a_segmentation_hook_gives_a_map_of_any_size(tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = []

    def post_process(**given: Any) -> Any:
        calls.append(given)
        return np.array([[0, 300]])

    service = SemanticSegmentation(segmentation_folder(tmp_path), post_process=post_process).load()
    results = service.segment_image(FRAME)
    assert sorted(calls[0]) == ["image", "model_input_size", "results"]
    assert calls[0]["model_input_size"] == (32, 32) and calls[0]["results"]["output"].shape == (1, 3, 2, 2)
    assert (results.class_map[:, :40] == 0).all() and (results.class_map[:, 40:] == 300).all()
    for wrong in (
        np.zeros((2, 2)),
        np.zeros((1, 2, 2), int),
        np.zeros((0, 2), int),
        np.array([[-1]]),
        np.array([[65535]]),
    ):
        service = SemanticSegmentation(
            segmentation_folder(tmp_path), post_process=lambda answer=wrong, **_: answer
        ).load()
        with pytest.raises(UsageError, match="post_process"):
            service.segment_image(FRAME)


def test_predict_writes_the_class_map_beside_the_picture_and_no_file_twice(tmp_path: Path) -> None:
    folder = segmentation_folder(tmp_path / "m")
    out = tmp_path / "out"
    images = [write_image(tmp_path / name, FRAME) for name in ("a.png", "a.jpg")]
    taken = write_image(tmp_path / "out" / "a-predicted-classes.png", FRAME)
    results = predict(folder, [*images, taken], save=out)["results"]
    maps = [result["class_map"] for result in results]
    assert len({*maps, *(result["saved"] for result in results)}) == 6
    assert read_image(taken)[0, 0].tolist() == [90, 90, 90]
    assert read_image(maps[0])[0, 79].tolist() == [1, 1, 1]
    assert read_image(maps[0])[39, 79].tolist() == [2, 2, 2]
    assert read_image(results[0]["saved"]).shape == FRAME.shape


def movenet_folder(folder: Path, image: int = 1, **more: Any) -> Path:
    points = np.zeros((17, 3), np.float32)
    points[:, 2] = 0.05
    points[0] = (0.25, 0.5, 0.9)
    points[5] = (0.5, 0.75, 0.6)
    onnx = constants_onnx({"out": ((1, 1, 17, 3), points.ravel().tolist())}, image=image)
    section = {"decoder": {"name": "movenet"}, "input": {"resize": "letterbox", "anchor": "top-left", "pad": 0}}
    return write_model(folder, onnx, "PoseEstimation", aai=section, **more)


def test_key_points_are_where_they_are_in_the_image_and_those_below_the_level_are_missing(tmp_path: Path) -> None:
    service = PoseEstimation(movenet_folder(tmp_path)).load()
    results = service.estimate(FRAME)
    (pose,) = results.poses
    assert list(pose.key_points) == list(COCO_17)
    # The input's 32 pixels are 80 of the picture, both ways.
    assert (pose.key_points["Nose"].x, pose.key_points["Nose"].y) == (40, 20)
    # Where the network sees a point in the border, it is brought to the picture's edge.
    assert pose.key_points["Left Shoulder"][:2] == (60, 39)
    assert pose.key_points["Left Eye"][:2] == (-1, -1)
    assert pose.score == pytest.approx(0.75)
    assert pose.box is None and results.poses is results.poses
    document = json.loads(json.dumps(results.as_dict()))
    (entry,) = document["predictions"]
    assert entry["key_points"]["Nose"] == {"x": 40.0, "y": 20.0, "score": 0.9}
    assert entry["key_points"]["Left Eye"] is None and list(entry) == ["score", "key_points"]
    assert service.estimate(FRAME, key_point_level=0).poses[0].key_points["Left Eye"][:2] == (0, 0)
    assert len(service.estimate(FRAME, confidence_level=0.8)) == 0


def test_poses_are_drawn_on_a_copy_and_missing_points_are_not(tmp_path: Path) -> None:
    results = PoseEstimation(movenet_folder(tmp_path)).load().estimate(FRAME)
    drawn = results.draw_poses(FRAME)
    assert (drawn[20, 40] != 90).any() and (FRAME == 90).all()
    assert (drawn[:5, :5] == 90).all(), "a missing point is drawn at the corner"
    assert (drawn[30, 50] != 90).any(), "there is no line from the nose to the shoulder"
    with pytest.raises(BadImage):
        results.draw_poses(np.zeros((3, 3)))


def test_networks_that_take_whole_numbers_of_32_bits_get_them(tmp_path: Path) -> None:
    # MoveNet as TensorFlow Hub has it.
    folder = movenet_folder(tmp_path, image=INT32)
    assert len(PoseEstimation(folder).load().estimate(FRAME)) == 1


def openpose_results(tmp_path: Path) -> Any:
    heat, fields = np.zeros((1, 19, 8, 8), np.float32), np.zeros((1, 38, 8, 8), np.float32)
    for part, (x, y) in {1: (4, 1), 2: (2, 1), 3: (2, 4), 4: (2, 6)}.items():
        heat[0, part, y, x] = 0.9
    fields[0, 12] = -1
    fields[0, 15] = fields[0, 17] = 1
    answers = {"paf": (fields.shape, fields.ravel().tolist()), "heat": (heat.shape, heat.ravel().tolist())}
    folder = write_model(tmp_path, constants_onnx(answers), "PoseEstimation", output_layer_names=["paf", "heat"])
    return PoseEstimation(folder).load().estimate(FRAME)


def test_openpose_is_read_without_a_section_of_ours(tmp_path: Path) -> None:
    results = openpose_results(tmp_path)
    (pose,) = results.poses
    assert (pose.key_points["Neck"].x, pose.key_points["Neck"].y) == (45, 8)
    assert pose.key_points["Right Wrist"][:2] == (25, 32)
    assert pose.key_points["Left Hip"] == (-1, -1, 0)


def test_coco_has_no_neck_and_its_own_order(tmp_path: Path) -> None:
    (entry,) = openpose_results(tmp_path).to_coco(7)
    assert (entry["image_id"], entry["category_id"], len(entry["keypoints"])) == (7, 1, 51)
    triplets = {name: entry["keypoints"][3 * place : 3 * place + 3] for place, name in enumerate(COCO_17)}
    assert triplets["Right Wrist"] == [25.0, 32.5, 2] and triplets["Nose"] == [0, 0, 0]
    assert "bbox" not in entry and 0 < entry["score"] <= 1


def yolo_pose_folder(folder: Path) -> Path:
    # Two anchors on one body, another body; columns of cx, cy, w, h, score, 17 x 3.
    columns = np.zeros((56, 3), np.float32)
    for place, (x, score) in enumerate(((8, 0.9), (8.5, 0.8), (24, 0.7))):
        columns[:5, place] = (x, 16, 8, 16, score)
        columns[5:, place] = np.tile([x, 16, 0.5], 17)
    onnx = constant_onnx(columns.ravel().tolist(), (1, *columns.shape))
    return write_model(folder, onnx, "PoseEstimation", aai={"decoder": {"name": "yolo-pose"}})


def test_a_body_that_is_found_twice_is_one(tmp_path: Path) -> None:
    results = PoseEstimation(yolo_pose_folder(tmp_path)).load().estimate(FRAME)
    assert results.scores.tolist() == pytest.approx([0.9, 0.7])
    assert results.body_boxes_xyxy is not None
    assert results.body_boxes_xyxy.tolist() == [[10, 10, 30, 30], [50, 10, 70, 30]]
    assert results.poses[1].box is not None and results.poses[1].box.center == (60, 20)
    assert results.poses[1].key_points["Nose"][:2] == (60, 20)
    assert results.as_dict()["predictions"][1]["box"] == [50.0, 10.0, 70.0, 30.0]
    assert results.to_coco(1, {0: 9})[0]["category_id"] == 9
    assert results.to_coco(1)[0]["bbox"] == [10, 10, 20, 20]


def test_a_pose_hook_gives_points_in_pixels_of_the_image(tmp_path: Path) -> None:
    points = np.array([[[1, 2, 0.5]] * 3, [[3, 4, 0.6]] * 3])

    def post_process(results: Any, image: Any, model_input_size: Any) -> Any:
        assert (image.shape, model_input_size, list(results)) == ((40, 80, 3), (32, 32), ["out"])
        return points, [0.2, 0.8]

    found = PoseEstimation(movenet_folder(tmp_path), post_process=post_process).load().estimate(FRAME)
    assert found.scores.tolist() == pytest.approx([0.8, 0.2])
    assert found.poses[0].key_points["Point 1"][:2] == (3, 4)
    points[0, 1], points[0, 2] = (np.nan, 4, 1), (1e30, 4, 1)
    found = PoseEstimation(movenet_folder(tmp_path), post_process=post_process).load().estimate(FRAME)
    assert found.poses[1].key_points["Point 2"][:2] == (-1, -1)
    assert found.draw_poses(FRAME).shape == FRAME.shape
    wrong = PoseEstimation(movenet_folder(tmp_path), post_process=lambda **_: (points, [1.0])).load()
    with pytest.raises(UsageError, match="post_process"):
        wrong.estimate(FRAME)


def instances_folder(folder: Path, columns: Any = None, **more: Any) -> Path:
    if columns is None:
        # Two anchors on a cat, one on a dog in the other half: cx, cy, w, h, cat, dog, one weight.
        columns = np.array(
            [[8, 16, 8, 16, 0.9, 0.1, 1], [8, 17, 8, 16, 0.8, 0, 1], [24, 16, 8, 16, 0, 0.7, -1]], np.float32
        ).T
    prototypes = np.ones((1, 1, 8, 8), np.float32)
    prototypes[..., 4:, :4] = -1
    prototypes[..., :, 4:] = -1
    answers = {
        "boxes": ((1, *columns.shape), columns.ravel().tolist()),
        "maps": (prototypes.shape, prototypes.ravel().tolist()),
    }
    section = {"decoder": {"name": "yolo-seg"}}
    return write_model(folder, constants_onnx(answers), "InstanceSegmentation", "cat\ndog\n", aai=section, **more)


def test_objects_have_their_pixels_inside_of_their_boxes(tmp_path: Path) -> None:
    service = InstanceSegmentation(instances_folder(tmp_path)).load()
    results = service.segment_image(FRAME)
    assert [(found.label, found.index) for found in results.predictions] == [("cat", 0), ("dog", 1)]
    cat, dog = results.predictions
    assert results.boxes_xyxy.tolist() == [[10, 10, 30, 30], [50, 10, 70, 30]]
    wanted = np.zeros((40, 80), bool)
    wanted[10:20, 10:30] = True
    assert cat.mask.dtype == bool and cat.mask.tolist() == wanted.tolist()
    assert dog.mask[10:30, 50:70].all() and dog.cutout.area == 400
    document = json.loads(json.dumps(results.as_dict()))["predictions"]
    assert [entry["area"] for entry in document] == [200, 400]
    assert document[0]["mask"]["size"] == [40, 80] and sum(document[0]["mask"]["counts"]) == 3200
    coco = results.to_coco(3, [17, 18])
    assert [(entry["category_id"], entry["bbox"]) for entry in coco] == [(17, [10, 10, 20, 20]), (18, [50, 10, 20, 20])]
    assert coco[0]["segmentation"] == document[0]["mask"]
    large = np.full((400, 800, 3), 90, np.uint8)
    found = service.segment_image(large)
    drawn = service.markup_image(large, found.predictions)
    assert (drawn[180, 280] != 90).any() and (drawn[280, 200] == 90).all() and (large == 90).all()
    assert (service.draw(large, found) == drawn).all()


def test_objects_of_which_no_pixel_is_left_are_none(tmp_path: Path) -> None:
    columns = np.array([[24, 16, 8, 16, 0.9, 0, 1], [8, 8, 8, 8, 0.8, 0, 1]], np.float32).T
    results = InstanceSegmentation(instances_folder(tmp_path, columns)).load().segment_image(FRAME)
    assert results.scores.tolist() == pytest.approx([0.8])


def test_at_most_300_masks_are_made_of_the_best(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(1, 15, 24), np.linspace(1, 15, 20))
    scores = np.linspace(0.5, 0.9, 480)
    columns = np.stack([x.ravel(), y.ravel(), np.full(480, 0.5), np.full(480, 0.5), scores, scores * 0, scores * 0 + 1])
    results = InstanceSegmentation(instances_folder(tmp_path, columns.astype(np.float32))).load().segment_image(FRAME)
    assert len(results) <= 300 and results.scores.min() > 0.64


def test_an_instance_hook_gives_masks_of_the_image(tmp_path: Path) -> None:
    mask = np.zeros((40, 80), bool)
    mask[3:5, 6:9] = True
    answer: list[Any] = [[[0, 0, 9, 9], [6, 3, 9, 5]], [0.3, 0.6], [0, 1], [~mask, mask]]
    service = InstanceSegmentation(instances_folder(tmp_path), post_process=lambda **_: answer).load()
    results = service.segment_image(FRAME)
    assert [found.label for found in results.predictions] == ["dog", "cat"]
    assert results.predictions[0].mask.tolist() == mask.tolist()
    for masks in ([mask], [mask, mask[:10]]):
        answer[3] = masks
        with pytest.raises(UsageError, match="post_process"):
            service.segment_image(FRAME)


def reid_folder(folder: Path, values: Sequence[float] | None = (3.0, 4.0)) -> Path:
    return write_model(folder, constant_onnx(values or (0.0, 0.0), (1, 2)), "ReIdentification")


def of_brightness(results: Any, image: Any, model_input_size: Any) -> Any:
    """A feature that turns with the brightness of the picture."""
    angle = float(image.mean()) / 255 * np.pi / 2
    return [np.cos(angle), np.sin(angle)]


def grey(value: int) -> Any:
    return np.full((8, 4, 3), value, np.uint8)


def test_a_feature_has_the_length_1_and_an_empty_gallery_knows_nobody(tmp_path: Path) -> None:
    results = ReIdentification(reid_folder(tmp_path)).load().re_id_image(FRAME)
    assert results.embedding.tolist() == pytest.approx([0.6, 0.8])
    assert results.predictions == [] and len(results) == 0
    assert json.loads(json.dumps(results.as_dict()))["embedding"] == [0.6, 0.8]


def test_the_nearest_in_the_gallery_comes_first(tmp_path: Path) -> None:
    service = ReIdentification(reid_folder(tmp_path), post_process=of_brightness).load()
    for name, value in (("night", 0), ("dusk", 120), ("day", 255), ("day", 200)):
        service.add_to_gallery(grey(value), name)
    assert service.gallery_sizes == {"night": 1, "dusk": 1, "day": 2}
    results = service.re_id_image(grey(190))
    assert [found.id for found in results.predictions] == ["day", "dusk", "night"]
    best = results.predictions[0]
    # The cosine of the angle between 190 and 200, the nearer one of the day's.
    assert best.confidence == pytest.approx(np.cos(10 / 255 * np.pi / 2), abs=1e-4)
    assert best.distance == pytest.approx(1 - best.confidence)
    assert [found.id for found in service.re_id_image(grey(190), count=1).predictions] == ["day"]
    service.remove_from_gallery("day")
    assert service.re_id_image(grey(190)).predictions[0].id == "dusk"
    service.clear_gallery()
    assert service.gallery_sizes == {}


@pytest.mark.parametrize(("method", "left"), [("oldest", 240), ("newest", 10)])
def test_the_gallery_keeps_as_many_of_each_id_as_it_may(tmp_path: Path, method: str, left: int) -> None:
    service = ReIdentification(reid_folder(tmp_path), post_process=of_brightness).load()
    service.set_per_id_gallery_limit(count=1, drop_method=method)
    for value in (10, 100, 240):
        service.add_to_gallery(grey(value), 7)
    service.add_to_gallery(grey(128), 8)
    assert service.gallery_sizes == {7: 1, 8: 1}
    assert service.re_id_image(grey(left)).predictions[0].confidence == pytest.approx(1, abs=1e-4)
    service.set_per_id_gallery_limit(count=3)
    service.add_to_gallery(grey(left), 7)
    assert service.gallery_sizes[7] == 2
    service.set_per_id_gallery_limit(count=1)
    assert service.gallery_sizes[7] == 1


def test_a_limit_that_is_none_and_a_full_gallery_are_told() -> None:
    gallery = Gallery()
    with pytest.raises(UsageError, match="count"):
        gallery.set_limit(0, "oldest")
    with pytest.raises(UsageError, match="drop_method"):
        gallery.set_limit(5, "best")
    vector = np.array([1.0], np.float32)
    for name in range(MOST):
        gallery.add(name, vector)
    with pytest.raises(UsageError, match="full"):
        gallery.add("one more", vector)
    gallery.remove(5)
    gallery.add("one more", vector)
    with pytest.raises(UsageError, match="2 elements"):
        gallery.add("other model", np.array([0.6, 0.8], np.float32))
    with pytest.raises(UsageError, match="2 elements"):
        gallery.nearest(np.array([0.6, 0.8], np.float32), 1)
    assert len(gallery.nearest(vector, 3)) == 3


@pytest.mark.parametrize("feature", [[0, 0], [np.nan, 1], [np.inf, 1]])
def test_a_feature_without_a_direction_is_told(tmp_path: Path, feature: list[float]) -> None:
    service = ReIdentification(reid_folder(tmp_path), post_process=lambda **_: feature).load()
    with pytest.raises(AaiError, match="direction"):
        service.re_id_image(FRAME)


def test_layouts_of_other_purposes_are_refused_while_loading(tmp_path: Path) -> None:
    folders = {
        "SemanticSegmentation": segmentation_folder(tmp_path / "s", aai={"decoder": {"name": "ssd"}}),
        "PoseEstimation": write_model(
            tmp_path / "p", constant_onnx([0], (1, 1)), "PoseEstimation", aai={"decoder": {"name": "ssd"}}
        ),
        "InstanceSegmentation": write_model(
            tmp_path / "i", constant_onnx([0], (1, 1)), "InstanceSegmentation", aai={"decoder": {"name": "ssd"}}
        ),
        "ReIdentification": write_model(
            tmp_path / "r", constant_onnx([0], (1, 1)), "ReIdentification", aai={"decoder": {"name": "ssd"}}
        ),
    }
    for purpose, folder in folders.items():
        with pytest.raises(UsageError, match='"ssd"'):
            SERVICES[purpose](folder).load()


@pytest.mark.parametrize("purpose", ["PoseEstimation", "InstanceSegmentation"])
def test_levels_out_of_range_are_told(tmp_path: Path, purpose: str) -> None:
    folder = {"PoseEstimation": movenet_folder, "InstanceSegmentation": instances_folder}[purpose](tmp_path)
    service = SERVICES[purpose](folder).load()
    for wrong in ({"confidence_level": 2}, {"overlap_threshold": -1}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            service.run(FRAME, **wrong)


def test_predict_runs_every_purpose(tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.png", FRAME)
    for number, make in enumerate((segmentation_folder, movenet_folder, instances_folder, reid_folder)):
        folder = make(tmp_path / str(number))
        (result,) = predict(folder, [image], save=tmp_path / "out")["results"]
        assert json.loads(json.dumps(result)) == result
        assert read_image(result["saved"]).shape == FRAME.shape
