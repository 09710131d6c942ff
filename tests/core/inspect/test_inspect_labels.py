from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aai.core.inspect.labels import (
    check_colors,
    check_labels,
    known_labels,
    read_colors,
    read_labels,
)
from aai.errors import NotFound


def read(folder: Path, data: bytes) -> Any:
    path = folder / "labels.txt"
    path.write_bytes(data)
    return read_labels(path)


@pytest.mark.parametrize(
    "data",
    [
        "chat\nchien noir\nélan\n".encode(),
        "\ufeffchat\nchien noir\nélan".encode(),
        "chat  \r\nchien noir\t\r\nélan\r\n\r\n  \r\n".encode(),
        "chat\rchien noir\rélan\r".encode(),
        "chat\nchien noir\nélan\n".encode("utf-16"),
    ],
)
def test_labels_are_read_in_every_form_that_editors_write(tmp_path: Path, data: bytes) -> None:
    file = read(tmp_path, data)
    assert file.labels == ["chat", "chien noir", "élan"]
    assert file.findings == []


def test_latin_1_is_read_with_a_warning_that_names_the_line(tmp_path: Path) -> None:
    file = read(tmp_path, "chat\nélan\n".encode("latin-1"))
    assert file.labels == ["chat", "élan"]
    assert [finding.level for finding in file.findings] == ["warning"]
    assert file.findings[0].where.endswith("line 2")


def test_an_empty_line_in_the_middle_is_an_error_and_keeps_the_others_in_place(tmp_path: Path) -> None:
    file = read(tmp_path, b"cat\n\ndog\n")
    assert file.labels == ["cat", "", "dog"]
    assert [(finding.level, finding.where[-6:]) for finding in file.findings] == [("error", "line 2")]


def test_a_label_that_stands_twice_is_a_warning_but_a_placeholder_is_not(tmp_path: Path) -> None:
    file = read(tmp_path, b"cat\nN/A\ncat\nN/A\n???\n???\n")
    assert [(finding.level, finding.what) for finding in file.findings] == [
        ("warning", 'more than one class is called "cat"')
    ]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"ab\0cd", b"\xff\xfea", b"x" * (9 << 20)])
def test_what_holds_no_labels_is_an_error(tmp_path: Path, data: bytes) -> None:
    assert [finding.level for finding in read(tmp_path, data).findings] == ["error"]


def test_a_missing_label_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_labels(tmp_path / "none.names")


def test_wordnet_numbers_are_kept_in_the_labels(tmp_path: Path) -> None:
    file = read(tmp_path, b"n02124075 Egyptian cat\nn01440764\ttench, Tinca tinca\n")
    assert file.labels == ["n02124075 Egyptian cat", "n01440764\ttench, Tinca tinca"]


def test_colours_are_read_with_blanks_and_checked_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "colors.txt"
    path.write_bytes(b"0,0,0  \r\n255, 128 ,7\r\n\r\n")
    assert (read_colors(path).colors, read_colors(path).findings) == ([(0, 0, 0), (255, 128, 7)], [])
    path.write_bytes(b"0,0,0\n256,0,0\n1,2\n-1,0,0\nred\n")
    file = read_colors(path)
    assert file.colors == [(0, 0, 0)]
    assert file.findings[0].what.endswith("line 2, 3, 4, 5")
    path.write_bytes(b"")
    assert read_colors(path).findings[0].level == "error"


def test_labels_that_fit_the_network_have_no_findings() -> None:
    assert check_labels(["a", "b"], 2) == []


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (["a"] * 79, 80, ["79 labels", "80 classes", "add the missing label"]),
        (["a"] * 20, 21, ['"background" as line 1']),
        (["background"] + ["a"] * 19, 21, ["add the 1 missing label, or"]),
        (["a"] * 90, 80, ["--label_file"]),
        ([], 3, ["0 labels", "add the 3 missing labels"]),
    ],
)
def test_a_wrong_count_is_an_error_with_both_numbers(labels: list[str], classes: int, words: list[str]) -> None:
    (finding,) = check_labels(labels, classes, "x.json, label_file")
    assert (finding.level, finding.where) == ("error", "x.json, label_file")
    for word in words:
        assert word in f"{finding.what} / {finding.fix}"


def test_a_background_line_that_the_network_does_not_count_is_skipped_with_a_warning() -> None:
    (finding,) = check_labels(["background", "ant"], 1, "x.json, label_file")
    assert finding.level == "warning"
    assert 'its first line, "background", is skipped, and class 0 is "ant"' in finding.what


def test_too_few_colours_are_an_error_and_too_many_a_warning() -> None:
    assert check_colors(3, 3) == []
    assert [finding.level for finding in check_colors(2, 3) + check_colors(4, 3)] == ["error", "warning"]


@pytest.mark.parametrize(
    ("classes", "places"),
    [
        (80, {0: "person", 2: "car", 7: "truck", 16: "dog", 79: "toothbrush"}),
        (90, {0: "person", 11: "N/A", 17: "dog", 89: "toothbrush"}),
        (91, {0: "background", 1: "person", 18: "dog", 90: "toothbrush"}),
        (20, {0: "aeroplane", 6: "car", 19: "tvmonitor"}),
        (21, {0: "background", 6: "bus", 7: "car", 15: "person"}),
        (1000, {0: "tench, Tinca tinca", 285: "Egyptian cat", 999: "toilet tissue, toilet paper, bathroom tissue"}),
        (1001, {0: "background", 286: "Egyptian cat"}),
    ],
)
def test_well_known_lists_have_their_classes_in_place(classes: int, places: dict[int, str]) -> None:
    known = known_labels(classes)
    assert known is not None
    assert len(known.labels) == classes
    assert {place: known.labels[place] for place in places} == places
    assert all(label.strip() == label and label for label in known.labels)


def test_no_list_is_known_for_other_numbers() -> None:
    assert known_labels(37) is None


def test_known_lists_agree_with_the_label_files_of_the_zoo(zoo: Path) -> None:
    darknet = known_labels(80, "darknet")
    imagenet = known_labels(1000, "onnx")
    background = known_labels(1001, "tflite")
    assert darknet and imagenet and background
    assert list(darknet.labels) == read_labels(zoo / "darknet/yolo-fastest-1.1-coco/coco.names").labels
    synset = read_labels(zoo / "onnx/shufflenet-v2-int8/synset.txt").labels
    assert list(imagenet.labels) == [label.partition(" ")[2] for label in synset]
    assert list(background.labels) == read_labels(zoo / "tflite/mobilenet-v1-0.25-128-quant/imagenet_labels.txt").labels


def test_known_lists_have_the_names_that_the_zoo_expects(zoo: Path) -> None:
    sizes = {"yolox-nano": 80, "shufflenet-v2-int8": 1000, "deeplab-v3-mobilenet": 21, "yolo-fastest-1.1-coco": 80}
    for entry in json.loads((zoo / "MANIFEST.json").read_text()):
        if entry["name"] in sizes:
            known = known_labels(sizes[entry["name"]], entry["framework"])
            assert known is not None
            for result in entry["expected"]["results"]:
                assert known.labels[result["class_id"]] == result["label"]
