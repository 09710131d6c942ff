"""Labelled photos in the forms that are about, whole and damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.check.datasets import Mark, read_labels
from aai.check.matching import match_classes
from aai.core.model_config import ModelConfig
from aai.errors import AaiError, InvalidFiles, NotFound, UsageError
from aai.vision.image import write_image


def picture(path: Path, width: int = 20, height: int = 10, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_image(path, np.full((height, width, 3), value, np.uint8))


def coco(tmp_path: Path, **changes: Any) -> Path:
    picture(tmp_path / "images" / "one.png")
    document = {
        "images": [{"id": 7, "file_name": "images/one.png"}, {"id": 8, "file_name": "gone.png"}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
        "annotations": [{"image_id": 7, "category_id": 5, "bbox": [1, 2, 3, 4], "iscrowd": 1}],
        **changes,
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    return path


def test_coco_boxes_are_corner_and_size(tmp_path: Path) -> None:
    found = read_labels(coco(tmp_path), None)
    assert (found.form, found.names) == ("coco", {3: "cat", 5: "dog"})
    (item,) = found.items  # the other picture is not there
    assert item.path == tmp_path / "images" / "one.png"
    assert item.marks == (Mark("dog", 5, "", (1.0, 2.0, 4.0, 6.0), True),)


def test_coco_s_pictures_are_found_by_name_in_another_folder(tmp_path: Path) -> None:
    labels = coco(tmp_path, images=[{"id": 7, "file_name": "train2017/one.png"}])
    assert read_labels(labels, tmp_path / "images").items[0].path == tmp_path / "images" / "one.png"


@pytest.mark.parametrize(
    "changes",
    [
        {"images": None},
        {"images": [{"id": 1}]},
        {"annotations": [{"image_id": 7, "category_id": 5, "bbox": [1, 2, float("inf"), 4]}]},
        {"annotations": [{"image_id": 7}]},
        {"annotations": [{"image_id": 7, "category_id": "x", "bbox": [1, 2, 3, 4]}]},
        {"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2]}]},
        {"annotations": [7]},
        {"categories": [{"name": "cat"}]},
        {"annotations": [{"image_id": [7], "category_id": 5, "bbox": [1, 2, 3, 4]}]},
    ],
    ids=str,
)
def test_damaged_coco_is_told(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidFiles):
        read_labels(coco(tmp_path, **changes), None)


def test_coco_never_leaves_the_folder(tmp_path: Path) -> None:
    picture(tmp_path / "outside.png")
    inner = tmp_path / "inner"
    inner.mkdir()
    labels = coco(inner, images=[{"id": 1, "file_name": "../outside.png"}, {"id": 2, "file_name": "/etc/passwd"}])
    with pytest.raises(NotFound, match="none of the labelled photos"):
        read_labels(labels, None)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "", "."])
def test_a_name_that_no_file_can_have_is_a_photo_that_is_not_there(tmp_path: Path, name: str) -> None:
    labels = coco(tmp_path, images=[{"id": 1, "file_name": name}, {"id": 7, "file_name": "images/one.png"}])
    assert len(read_labels(labels, None).items) == 1


def yolo(tmp_path: Path, text: str, names: str = "") -> Path:
    picture(tmp_path / "images" / "a.png", 200, 100)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(text)
    (tmp_path / "labels" / "nopicture.txt").write_text("0 0 0 0 0")
    if names:
        (tmp_path / "data.yaml").write_text(names)
    return tmp_path / "labels"


def test_yolo_boxes_are_centre_and_size_as_shares(tmp_path: Path) -> None:
    found = read_labels(yolo(tmp_path, "1 0.5 0.5 0.2 0.4\n\n"), tmp_path / "images")
    (mark,) = found.items[0].marks
    assert (found.form, mark.number, mark.name) == ("yolo", 1, "")
    assert mark.box_xyxy == pytest.approx((80, 30, 120, 70))


def test_yolo_s_pictures_are_found_beside_the_labels(tmp_path: Path) -> None:
    assert len(read_labels(yolo(tmp_path, "0 .5 .5 .2 .4"), None).items) == 1


def test_an_outline_becomes_its_box_and_key_points_are_left_out(tmp_path: Path) -> None:
    outline = "0 0.1 0.2 0.5 0.2 0.5 0.6"
    points = "0 0.5 0.5 0.2 0.4 " + " ".join(["0.1 0.1 2"] * 17)
    found = read_labels(yolo(tmp_path, f"{outline}\n{points}\n"), None)
    first, second = found.items[0].marks
    assert first.box_xyxy == pytest.approx((20, 20, 100, 60))
    assert second.box_xyxy == pytest.approx((80, 30, 120, 70))


def test_a_picture_without_objects_is_a_labelled_one(tmp_path: Path) -> None:
    assert read_labels(yolo(tmp_path, ""), None).items[0].marks == ()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("names: [cat, 'hot dog']\nnc: 2\n", {0: "cat", 1: "hot dog"}),
        ("nc: 2\nnames:\n  0: cat\n  1: hot dog\npath: x\n", {0: "cat", 1: "hot dog"}),
        ("names:\n- cat\n- hot dog\n", {0: "cat", 1: "hot dog"}),
        ("names: [\n  cat,\n  hot dog\n]\n", {0: "cat", 1: "hot dog"}),
        ("train: x\n", {}),
    ],
)
def test_names_of_an_ultralytics_data_file(tmp_path: Path, names: str, expected: dict[int, str]) -> None:
    assert read_labels(yolo(tmp_path, "1 .5 .5 .2 .4", names), None).names == expected


@pytest.mark.parametrize("line", ["cat 0 0 1 1", "0 0.5 0.5", "0 1 2 3 4 5", "0 50 50 20 20", "0 nan 0 0 0"])
def test_a_damaged_yolo_line_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidFiles) as caught:
        read_labels(yolo(tmp_path, f"0 .5 .5 .1 .1\n{line}\n"), None)
    assert "a.txt, line 2" in caught.value.findings[0].where


def table(tmp_path: Path, text: str) -> Path:
    for name in ("one.png", "two.png"):
        picture(tmp_path / name, value=len(name))
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return path


def test_a_table_has_the_columns_that_it_has(tmp_path: Path) -> None:
    found = read_labels(table(tmp_path, 'file,wnid,class_id,label\none.png,n02123159,282,"tiger cat, tabby"\n'), None)
    (item,) = found.items
    assert item.marks == (Mark("tiger cat, tabby", 282, "n02123159"),)
    assert not found.has_boxes


@pytest.mark.parametrize("text", ["", "file\none.png\n", "label\ncat\n", "file,class_id\none.png,x\n"])
def test_a_table_that_says_too_little_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidFiles):
        read_labels(table(tmp_path, text), None)


def test_folders_are_classes_by_name_number_or_wordnet(tmp_path: Path) -> None:
    for name in ("cat", "3", "n02123159", "n02123159_tiger_cat"):
        picture(tmp_path / name / "a.png")
    (tmp_path / "empty").mkdir()
    found = {item.path.parent.name: item.marks[0] for item in read_labels(tmp_path, None).items}
    assert found == {
        "cat": Mark("cat"),
        "3": Mark("", 3),
        "n02123159": Mark("", None, "n02123159"),
        "n02123159_tiger_cat": Mark("tiger_cat", None, "n02123159"),
    }


def test_what_is_no_labels_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "only.png")
    with pytest.raises(UsageError, match="holds no labels"):
        read_labels(tmp_path, None)
    with pytest.raises(UsageError, match="no list of labels"):
        read_labels(tmp_path / "only.png", None)
    with pytest.raises(NotFound):
        read_labels(tmp_path / "nothing", None)


def _config(tmp_path: Path, labels: str = "") -> ModelConfig:
    if labels:
        (tmp_path / "net.txt").write_text(labels)
    return ModelConfig({"model_parameters": {"label_file": "net.txt" if labels else ""}}, tmp_path)


def test_classes_are_matched_by_name_whatever_their_number(tmp_path: Path) -> None:
    matching = match_classes(read_labels(coco(tmp_path), None), _config(tmp_path), {0: "Dog", 1: "cat", 2: "cow"})
    assert matching.class_id(Mark("dog", 5)) == 0
    assert matching.class_id(Mark("cat", 3)) == 1
    assert matching.left_out == ()


def test_voc_s_words_are_matched_with_coco_s(tmp_path: Path) -> None:
    categories = [{"id": 5, "name": "tvmonitor"}, {"id": 3, "name": "diningtable"}, {"id": 9, "name": "unicorn"}]
    labels = read_labels(coco(tmp_path, categories=categories), None)
    matching = match_classes(labels, _config(tmp_path), {62: "tv", 60: "dining table"})
    assert [matching.class_id(Mark(c["name"], c["id"])) for c in categories] == [62, 60, None]  # type: ignore[arg-type]
    assert matching.left_out == ("unicorn",)
    other_way = read_labels(coco(tmp_path, categories=[{"id": 5, "name": "tv"}]), None)
    assert match_classes(other_way, _config(tmp_path), {62: "tvmonitor", 1: "x"}).class_id(Mark("tv", 5)) == 62


def test_wordnet_numbers_are_matched_with_the_label_file_s(tmp_path: Path) -> None:
    labels = read_labels(table(tmp_path, "file,wnid\none.png,n00000002\n"), None)
    config = _config(tmp_path, "n00000001 tench\nn00000002 goldfish\n")
    assert match_classes(labels, config, {0: "tench", 1: "goldfish"}).class_id(labels.items[0].marks[0]) == 1
    # A network that counts the background has one class more than the list.
    shown = {0: "0", 1: "tench", 2: "goldfish"}
    assert match_classes(labels, config, shown).class_id(labels.items[0].marks[0]) == 2


def test_a_name_that_two_classes_have_is_not_guessed(tmp_path: Path) -> None:
    labels = read_labels(table(tmp_path, "file,label\none.png,crane\ntwo.png,heron\n"), None)
    matching = match_classes(labels, _config(tmp_path), {1: "crane, bird", 2: "crane", 3: "crane", 4: "heron"})
    assert matching.class_id(Mark("crane")) is None
    assert matching.class_id(Mark("heron")) == 4
    assert matching.left_out == ("crane",)


def test_one_class_against_one_name_needs_no_names(tmp_path: Path) -> None:
    categories = [{"id": 5, "name": "face"}]
    labels = read_labels(coco(tmp_path, categories=categories), None)
    matching = match_classes(labels, _config(tmp_path), {1: "1"})
    assert matching.truth(labels.items[0]).class_ids.tolist() == [0]
    found = matching.found(np.zeros((1, 4)), np.ones(1), np.array([1]))
    assert found.class_ids.tolist() == [0]


def test_a_network_without_any_of_the_classes_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of the labelled classes: cat, dog"):
        match_classes(read_labels(coco(tmp_path), None), _config(tmp_path), {0: "ship", 1: "boat"})


def test_answers_of_classes_that_the_set_does_not_have_count_neither_way(tmp_path: Path) -> None:
    matching = match_classes(read_labels(coco(tmp_path), None), _config(tmp_path), {0: "dog", 1: "cat", 2: "cow"})
    found = matching.found(np.zeros((3, 4)), np.array([0.9, 0.8, 0.7]), np.array([0, 2, 1]))
    assert found.class_ids.tolist() == [0, 1]


def test_numbers_are_the_network_s_where_nothing_has_a_name(tmp_path: Path) -> None:
    labels = read_labels(yolo(tmp_path, "4 .5 .5 .2 .4\n2 .5 .5 .2 .4"), None)
    matching = match_classes(labels, _config(tmp_path), {4: "4"})
    assert [matching.class_id(mark) for mark in labels.items[0].marks] == [4, 2]
    kept = matching.found(np.zeros((1, 4)), np.ones(1), np.array([9]))
    assert len(kept.scores) == 1  # the set has no list of classes, so a class 9 is wrong and not unknown


def test_any_bytes_in_the_place_of_labels_are_an_error_in_time(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    picture(tmp_path / "a.png")
    for number in range(60):
        data = random.integers(0, 256, int(random.integers(0, 400))).astype(np.uint8).tobytes()
        path = tmp_path / f"labels{number}.{['json', 'csv', 'txt'][number % 3]}"
        path.write_bytes(data)
        with pytest.raises(AaiError):
            read_labels(path, None)
