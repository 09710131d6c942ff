from __future__ import annotations

from pathlib import Path

import pytest

from aai.errors import InvalidFiles, NotFound
from aai.vision.labels import LabelMap, load_colours, load_labels, palette


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"cat\ndog\n", ["cat", "dog"]),
        (b"cat  \r\ndog\t\r\n\r\n\r\n", ["cat", "dog"]),
        (b"\xef\xbb\xbfcat\ndog", ["cat", "dog"]),
        ("Käse\n".encode("latin-1"), ["Käse"]),
        ("Käse\nBrot\n".encode("utf-16"), ["Käse", "Brot"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"n01440764 tench, Tinca tinca\nn02124075 Egyptian cat\n", ["tench, Tinca tinca", "Egyptian cat"]),
        (b"n01440764 tench\nn12 x\n", ["n01440764 tench", "n12 x"]),
        (b"", []),
    ],
)
def test_labels_are_read_in_every_form_that_is_about(tmp_path: Path, content: bytes, labels: list[str]) -> None:
    (tmp_path / "l").write_bytes(content)
    assert load_labels(tmp_path / "l") == labels


def test_a_missing_label_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_labels(tmp_path / "l")


def test_colours_are_read_and_faults_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text("0,0,0\n 1, 2,255 \r\n\n")
    assert load_colours(path) == [(0, 0, 0), (1, 2, 255)]
    path.write_text("0 0 0\n1;2;3\n")
    assert load_colours(path) == [(0, 0, 0), (1, 2, 3)]  # as `aai model validate` has it
    for line in ("1,2", "1,2,256", "1,2,x", ""):
        path.write_text(f"0,0,0\n{line}\n1,1,1\n")
        with pytest.raises(InvalidFiles) as caught:
            load_colours(path)
        assert "line 2" in (caught.value.where or "")


def test_the_palette_is_stable_and_its_colours_differ() -> None:
    assert palette(80) == palette(80)
    assert len(set(palette(80))) == 80


@pytest.mark.parametrize(
    ("labels", "classes", "first", "expected"),
    [
        (["a", "b"], 2, 0, ["a", "b", "2"]),
        (["background", "a", "b"], 2, 0, ["a", "b", "2"]),
        (["???", "a", "b"], 2, 0, ["a", "b", "2"]),
        # One too many, and none of it a background: `validate` refuses it, and line 1 stays class 0.
        (["a", "b", "c"], 2, 0, ["a", "b", "c"]),
        (["a"], 3, 0, ["a", "1", "2"]),
        ([], 3, 0, ["0", "1", "2"]),
        (["background", "a", "b"], None, 1, ["background", "a", "b"]),
        (["a", "b"], None, 1, ["0", "a", "b"]),
        (["a", "b"], None, 0, ["a", "b", "2"]),
    ],
)
def test_labels_fit_networks_with_and_without_a_background(
    labels: list[str], classes: int | None, first: int, expected: list[str]
) -> None:
    label = LabelMap(labels, classes, first)
    assert [label(class_id) for class_id in range(3)] == expected


def test_a_network_with_a_background_takes_the_imagenet_list_without() -> None:
    label = LabelMap([str(n + 10000) for n in range(1000)], 1001)
    assert (label(0), label(1), label(1000)) == ("0", "10000", "10999")
