from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy
import pytest

from aai.core.inspect.darknet import inspect_darknet
from aai.core.inspect.darknet_cfg import read_cfg
from aai.core.inspect.darknet_layers import read_layers
from aai.errors import BadWeights, NotFound
from tests.model_maker import CFG, CFG_WEIGHTS, darknet_folder, weights_bytes


def inspect(folder: Path) -> Any:
    return inspect_darknet(folder / "yolo.weights", folder / "yolo.cfg")


def values(report: Any) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def layers(tmp_path: Path, text: str, width: int, height: int, channels: int = 3) -> list[Any]:
    path = tmp_path / "net.cfg"
    path.write_text("[net]\n" + text)
    return read_layers(read_cfg(path), width, height, channels)


def test_size_classes_anchors_and_head_come_from_the_cfg(tmp_path: Path) -> None:
    report = inspect(darknet_folder(tmp_path))
    found = values(report)
    assert found["size"] == [64, 32]
    assert report.facts["size"].source == "yolo.cfg [net] width, height"
    assert (found["purpose"], found["classes"]) == ("ObjectDetection", 2)
    anchors = [[1, 2], [3, 4], [5, 6]]
    head = {"kind": "yolo", "classes": 2, "anchors": anchors, "scale_x_y": 1, "new_coords": False}
    assert found["decoder"] == {"name": "darknet-region", "heads": [head]}
    assert (found["scalefactor"], found["swaprb"], found["mean"]) == (1 / 255, True, [0, 0, 0])
    assert report.details["anchors"] == [[[1, 2], [3, 4], [5, 6]]]
    assert report.details["parameters"] == CFG_WEIGHTS
    assert [(spec.name, spec.shape) for spec in report.outputs] == [("yolo_2", (16 * 32 * 3, 7))]


@pytest.mark.parametrize("difference", [-1, 1, -CFG_WEIGHTS + 1])
def test_weights_that_do_not_fit_the_cfg_are_refused_with_both_lengths(tmp_path: Path, difference: int) -> None:
    folder = darknet_folder(tmp_path, values=CFG_WEIGHTS + difference)
    with pytest.raises(BadWeights) as caught:
        inspect(folder)
    wanted = 20 + 4 * CFG_WEIGHTS
    assert f"has {wanted + 4 * difference:,} bytes, and yolo.cfg describes {wanted:,}" in caught.value.what
    assert ("cut off" in caught.value.what) == (difference < 0)
    assert "--config_file" in str(caught.value.fix)


def test_the_short_header_of_old_files_is_counted_as_such(tmp_path: Path) -> None:
    folder = darknet_folder(tmp_path)
    (folder / "yolo.weights").write_bytes(weights_bytes(minor=1))
    assert (folder / "yolo.weights").stat().st_size == 16 + 4 * CFG_WEIGHTS
    assert values(inspect(folder))["classes"] == 2


@pytest.mark.parametrize(
    ("text", "size", "shape", "weights"),
    [
        ("[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\ngroups=4\n", (10, 6, 4), (5, 3, 8), 8 + 8 * 1 * 9),
        ("[conv]\nfilters=2\nsize=3\nbatch_normalize=1\n", (10, 6, 4), (8, 4, 2), 2 + 6 + 2 * 4 * 9),
        ("[connected]\noutput=7\n", (2, 3, 4), (1, 1, 7), 7 + 7 * 24),
        ("[local]\nfilters=2\nsize=3\nstride=1\npad=1\n", (4, 4, 3), (4, 4, 2), 16 * 2 + 16 * 2 * 27),
        ("[local]\nfilters=2\nsize=3\nstride=1\n", (4, 4, 3), (2, 2, 2), 4 * 2 + 4 * 2 * 27),
        ("[deconvolutional]\nfilters=2\nsize=4\nstride=2\npadding=1\n", (4, 4, 3), (8, 8, 2), 2 + 2 * 3 * 16),
        ("[maxpool]\nsize=2\nstride=2\n", (13, 13, 5), (7, 7, 5), 0),
        ("[maxpool]\nsize=2\nstride=1\n", (13, 13, 5), (13, 13, 5), 0),
        ("[avgpool]\n", (13, 13, 5), (1, 1, 5), 0),
        ("[upsample]\nstride=2\n", (13, 13, 5), (26, 26, 5), 0),
        ("[reorg]\nstride=2\n", (26, 26, 64), (13, 13, 256), 0),
        ("[dropout]\n", (3, 3, 3), (3, 3, 3), 0),
        ("[implicit_add]\nfilters=2\n", (3, 3, 3), (3, 3, 3), None),
    ],
)
def test_shape_and_number_of_weights_of_each_kind_of_layer(
    tmp_path: Path, text: str, size: tuple[int, int, int], shape: tuple[int, int, int], weights: Any
) -> None:
    layer = layers(tmp_path, text, *size)[-1]
    assert ((layer.width, layer.height, layer.channels), layer.weights) == (shape, weights)


def test_routes_and_shortcuts_look_back(tmp_path: Path) -> None:
    text = (
        "[conv]\nfilters=8\n[conv]\nfilters=4\n[route]\nlayers=-1,-2\n[route]\nlayers=0\ngroups=2\ngroup_id=1\n"
        "[shortcut]\nfrom=-1,-2\nweights_type=per_channel\n[scale_channels]\nfrom=-4\n"
    )
    found = layers(tmp_path, text, 4, 4)
    assert [layer.channels for layer in found] == [8, 4, 12, 4, 4, 4]
    assert found[4].weights == 3 * 4


def test_a_layer_of_an_unknown_kind_leaves_the_length_unchecked_and_says_so(tmp_path: Path) -> None:
    folder = darknet_folder(tmp_path, CFG.replace("[yolo]", "[crnn]\noutput=21\n\n[yolo]"), values=3)
    report = inspect(folder)
    assert report.details["length"].startswith("not checked: how many weights [crnn] takes")
    assert report.details["parameters"] is None


def test_a_classifier_ends_in_softmax(tmp_path: Path) -> None:
    cfg = "[net]\nwidth=8\nheight=8\nchannels=1\n[conv]\nfilters=10\n[avgpool]\n[softmax]\n[cost]\n"
    report = inspect(darknet_folder(tmp_path, cfg, values=20))
    found = values(report)
    assert (found["purpose"], found["classes"], found["softmax"]) == ("Classification", 10, False)
    assert (found["decoder"], found["input"]) == ({"name": "classification"}, {"colour": "gray"})
    report = inspect(darknet_folder(tmp_path, cfg.replace("[softmax]\n", ""), values=20))
    assert (report.facts["softmax"].value, report.facts["softmax"].certain) == (True, False)


def test_region_and_detection_heads_are_object_detection(tmp_path: Path) -> None:
    region = "[net]\nwidth=32\nheight=32\n[conv]\nfilters=14\n[region]\nanchors=1,2,3,4\nclasses=2\ncoords=4\nnum=2\n"
    found = values(inspect(darknet_folder(tmp_path, region, values=14 + 42)))
    head = {"kind": "region", "classes": 2, "anchors": [[1, 2], [3, 4]], "softmax": False}
    assert (found["decoder"], found["classes"]) == ({"name": "darknet-region", "heads": [head]}, 2)
    tree = values(inspect(darknet_folder(tmp_path, region + "tree=9k.tree\n", values=14 + 42)))
    assert tree["decoder"] == {"name": "darknet-region"}
    detection = "[net]\nwidth=8\nheight=8\n[connected]\noutput=9\n[detection]\nclasses=2\nside=1\nnum=1\n"
    found = values(inspect(darknet_folder(tmp_path, detection, values=9 + 9 * 192)))
    assert found["purpose"] == "ObjectDetection"
    assert "decoder" not in found


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            "filters=21",
            "filters=255",
            r"\[yolo\] wants 3 x 7 = 21 channels for 2 classes, and the layer before it has 255",
        ),
        ("classes=2", "classes=80", r"wants 3 x 85 = 255 channels for 80 classes, and the layer before it has 21"),
        ("width=64", "width=0", "width is 0, where a number from 1 up belongs"),
        ("width=64", "width=wide", 'width is "wide", where a number belongs'),
        ("width=64", "width=99999999999999999999", "where a number belongs"),
        ("stride=2", "stride=0", "stride is 0"),
        ("[yolo]", "[route]\nlayers=-9\n[yolo]", "takes layer -9, and there are 2 before it"),
        ("mask = 0,1,2", "mask = 0,1,7", "mask names an anchor that is not there"),
        ("anchors = 1,2", "anchors = one,2", "anchors is"),
        ("anchors = 1,2", "anchors = nan,2", "anchors is"),
        ("[net]", "[convolutional]", r"does not start with \[net\]"),
        ("pad=1", "pad 1", 'pad 1" is neither'),
    ],
)
def test_a_faulty_cfg_is_refused_with_its_line(tmp_path: Path, old: str, new: str, what: str) -> None:
    folder = darknet_folder(tmp_path, CFG.replace(old, new, 1))
    with pytest.raises(BadWeights, match=what) as caught:
        inspect(folder)
    assert "yolo.cfg" in str(caught.value.where)


def test_the_cfg_is_read_as_darknet_reads_it(tmp_path: Path) -> None:
    text = CFG.replace("width=64", "  width = 6 4  ").replace("\n", "\r\n")
    text = "\ufeff# \u00e9\n; comment\n" + text + "#tail"
    folder = darknet_folder(tmp_path)
    (folder / "yolo.cfg").write_bytes(text.encode("utf-8"))
    assert values(inspect(folder))["size"] == [64, 32]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b"hello", "its content is text"),
        (b"<html>not found</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\0\0\0\0\2\0\0\0", "cut off: it has 8 bytes"),
        (bytes(range(200)), "does not start as Darknet weights do"),
    ],
)
def test_what_is_no_weights_file_is_called_by_its_name(tmp_path: Path, data: bytes, what: str) -> None:
    folder = darknet_folder(tmp_path)
    (folder / "yolo.weights").write_bytes(data)
    with pytest.raises(BadWeights, match=what):
        inspect(folder)


def test_a_missing_or_swapped_cfg_is_refused(tmp_path: Path) -> None:
    folder = darknet_folder(tmp_path)
    with pytest.raises(NotFound):
        inspect_darknet(folder / "yolo.weights", folder / "none.cfg")
    with pytest.raises(BadWeights, match="not text"):
        inspect_darknet(folder / "yolo.weights", folder / "yolo.weights")
    with pytest.raises(BadWeights, match="neither"):
        inspect_darknet(folder / "yolo.weights", folder / "yolo.names")


def test_darknet_models_of_the_zoo_fit_and_have_the_documented_recipe(zoo: Path) -> None:
    entries = [entry for entry in json.loads((zoo / "MANIFEST.json").read_text()) if entry["framework"] == "darknet"]
    assert len(entries) >= 2
    for entry in entries:
        folder = zoo / entry["path"]
        report = inspect_darknet(next(folder.glob("*.weights")), next(folder.glob("*.cfg")))
        found, given = values(report), entry["input"]
        assert "length" not in report.details
        assert (found["size"], found["mean"], found["swaprb"]) == (given["size_wh"], given["mean"], given["swapRB"])
        assert found["scalefactor"] == pytest.approx(given["scale"])
        assert "input" not in found
        assert found["purpose"] == entry["purpose"]
        assert found["classes"] == len(next(folder.glob("*.names")).read_text().split("\n")) - 1


def test_outputs_are_named_and_shaped_as_opencv_has_them(zoo: Path) -> None:
    for weights in sorted(zoo.glob("darknet/*/*.weights")):
        cfg = next(weights.parent.glob("*.cfg"))
        report = inspect_darknet(weights, cfg)
        network = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
        names = network.getUnconnectedOutLayersNames()
        network.setInput(numpy.zeros(report.inputs[0].shape, numpy.float32))
        shapes = [output.shape for output in network.forward(names)]
        assert [(spec.name, spec.shape) for spec in report.outputs] == list(zip(names, shapes))
