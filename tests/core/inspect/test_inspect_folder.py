from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aai.core.inspect import inspect_file, inspect_model
from aai.core.inspect.folder import find_files
from aai.errors import BadWeights, NotAllowed, NotFound, UsageError
from tests.core.inspect.test_inspect_kinds import CONTENTS
from tests.model_maker import CFG, darknet_folder, detector_bytes, weights_bytes


def find(folder: Path, **given: str) -> dict[str, Any]:
    return {name: fact.value for name, fact in find_files(folder, given).items()}


def put(folder: Path, **files: str) -> Path:
    """Files by kind: put(folder, **{"a.onnx": "onnx"})."""
    for name, kind in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENTS.get(kind, bytes(range(255, 0, -1))))
    return folder


def test_weights_cfg_and_labels_of_a_darknet_folder_are_found(tmp_path: Path) -> None:
    assert find(darknet_folder(tmp_path)) == {
        "framework_type": "darknet",
        "model_file": "yolo.weights",
        "config_file": "yolo.cfg",
        "label_file": "yolo.names",
    }


def test_each_fact_says_why(tmp_path: Path) -> None:
    facts = find_files(darknet_folder(tmp_path), {"label_file": "yolo.names"})
    assert facts["framework_type"].source == "the content of yolo.weights (darknet-weights)"
    assert facts["config_file"].source == "its name, which is that of yolo.weights"
    assert facts["label_file"].source == "given"


def test_sub_folders_are_looked_into_but_variants_are_not(tmp_path: Path) -> None:
    put(tmp_path, **{"variants/int8/m.onnx": "onnx", "a/b/m.onnx": "onnx", "a/b/c/d.onnx": "onnx", ".x/m.onnx": "onnx"})
    assert find(tmp_path)["model_file"] == "a/b/m.onnx"


def test_a_file_at_the_top_goes_before_those_below(tmp_path: Path) -> None:
    put(tmp_path, **{"m.onnx": "onnx", "old/m.onnx": "onnx"})
    assert find(tmp_path)["model_file"] == "m.onnx"


def test_several_candidates_are_listed_and_the_flag_is_named(tmp_path: Path) -> None:
    put(tmp_path, **{"a.onnx": "onnx", "b.onnx": "onnx", "c.tflite": "tflite"})
    with pytest.raises(UsageError) as caught:
        find(tmp_path)
    assert "a.onnx, b.onnx, c.tflite" in str(caught.value.where)
    assert "--model_file" in str(caught.value.fix)
    assert find(tmp_path, framework_type="tflite")["model_file"] == "c.tflite"
    assert find(tmp_path, model_file="b.onnx")["framework_type"] == "onnx"


def test_the_cfg_that_fits_is_taken_among_several(tmp_path: Path) -> None:
    darknet_folder(tmp_path)
    (tmp_path / "yolo.cfg").rename(tmp_path / "deep.cfg")
    (tmp_path / "wide.cfg").write_text(CFG.replace("filters=4", "filters=8"))
    facts = find_files(tmp_path, {})
    assert facts["config_file"].value == "deep.cfg"
    assert facts["config_file"].source == "the network of yolo.weights"
    (tmp_path / "twin.cfg").write_text(CFG)
    with pytest.raises(UsageError, match="3 files that could be the structure"):
        find(tmp_path)
    assert find(tmp_path, config_file="twin.cfg")["config_file"] == "twin.cfg"


def test_darknet_weights_without_a_cfg_are_not_enough(tmp_path: Path) -> None:
    (tmp_path / "yolo.weights").write_bytes(weights_bytes())
    with pytest.raises(NotFound, match="holds darknet weights, and their structure file is not there"):
        find(tmp_path)


def test_weights_of_another_framework_than_was_asked_for_are_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(weights_bytes())
    with pytest.raises(NotFound, match=r"no onnx weights: model\.onnx is for darknet \(darknet-weights\)"):
        find(tmp_path, framework_type="onnx")


def test_an_empty_label_file_is_found_and_not_passed_over(tmp_path: Path) -> None:
    darknet_folder(tmp_path)
    (tmp_path / "yolo.names").write_bytes(b"")
    assert find(tmp_path)["label_file"] == "yolo.names"


def test_labels_that_configure_may_have_written_come_after_those_of_a_person(tmp_path: Path) -> None:
    put(tmp_path, **{"m.onnx": "onnx", "labels.txt": "text"})
    assert find(tmp_path)["label_file"] == "labels.txt"
    put(tmp_path, **{"voc.names": "text"})
    assert find(tmp_path)["label_file"] == "voc.names"


def test_weights_that_may_not_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    put(tmp_path, **{"m.onnx": "onnx", "notes.txt": "text"})
    # Root may read everything, so the system's answer for an ordinary user is put in its place.
    monkeypatch.setattr(os, "access", lambda path, needed: False)
    with pytest.raises(NotAllowed, match="no weight file that may be read") as caught:
        find(tmp_path)
    assert caught.value.where == str(tmp_path / "m.onnx")


def test_a_caffe_folder_takes_the_network_made_to_be_deployed(tmp_path: Path) -> None:
    put(tmp_path, **{"m.caffemodel": "caffemodel", "train_val.prototxt": "prototxt", "deploy.prototxt": "prototxt"})
    assert find(tmp_path)["config_file"] == "deploy.prototxt"


def test_a_pbtxt_is_taken_when_there_is_one_and_not_missed_when_there_is_none(tmp_path: Path) -> None:
    put(tmp_path, **{"m.pb": "tensorflow-pb"})
    assert "config_file" not in find(tmp_path)
    put(tmp_path, **{"m.pbtxt": "pbtxt"})
    assert find(tmp_path)["config_file"] == "m.pbtxt"


def test_openvino_files_belong_together(tmp_path: Path) -> None:
    put(tmp_path, **{"m.xml": "ir-xml", "m.bin": "?"})
    assert find(tmp_path) == {"framework_type": "dldt", "model_file": "m.bin", "config_file": "m.xml"}
    assert find(tmp_path, framework_type="myriad")["framework_type"] == "myriad"
    with pytest.raises(UsageError, match="holds no weights"):
        find(tmp_path, model_file="m.xml")


@pytest.mark.parametrize("content", ["?", "text"])
def test_a_bin_file_is_what_the_user_says_it_is(tmp_path: Path, content: str) -> None:
    put(tmp_path, **{"newModel.bin": content, "newModel.names": "text"})
    for framework in ("hailo", "tensor-rt"):
        for given in ({"model_file": "newModel.bin"}, {}):
            found = find(tmp_path, framework_type=framework, **given)
            assert found["model_file"] == "newModel.bin"
            assert found["label_file"] == "newModel.names"
    assert "no sign of a TensorRT engine" in inspect_model("tensor-rt", tmp_path / "newModel.bin").not_read
    with pytest.raises(BadWeights, match="not a Hailo HEF"):
        inspect_model("hailo", tmp_path / "newModel.bin")


def test_a_framework_that_the_content_contradicts_is_refused_with_both(tmp_path: Path) -> None:
    put(tmp_path, **{"newModel.bin": "hef"})
    with pytest.raises(UsageError, match=r"given as tensor-rt, and newModel\.bin is for hailo"):
        find(tmp_path, framework_type="tensor-rt", model_file="newModel.bin")


def test_a_file_that_shows_nothing_needs_its_framework_named(tmp_path: Path) -> None:
    put(tmp_path, **{"model.bin": "?"})
    with pytest.raises(UsageError, match="can't be told") as caught:
        find(tmp_path, model_file="model.bin")
    assert "--framework" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("name", "kind", "fix"),
    [
        ("best.pt", "pytorch", "yolo export model=best.pt format=onnx"),
        ("m.h5", "hdf5", ".export('m.onnx', format='onnx')"),
        ("m.keras", "keras", "keras.saving.load_model('m.keras'"),
        ("m.safetensors", "safetensors", "torch.onnx.export"),
        ("m.tar", "tar", "tar -xf m.tar"),
        ("m.tar.gz", "tar", "tar -xf m.tar.gz"),
        ("m.onnx", "git-lfs", "git lfs pull"),
        ("m.onnx", "html", "download it again"),
        ("m.onnx", "empty", "again"),
        ("m.pth", "?", "torch.onnx.export"),
    ],
)
def test_a_folder_with_nothing_that_can_be_run_tells_the_way_out(
    tmp_path: Path, name: str, kind: str, fix: str
) -> None:
    put(tmp_path, **{name: kind})
    for given in ({}, {"model_file": name}):
        with pytest.raises(BadWeights) as caught:
            find(tmp_path, **given)
        assert fix in str(caught.value.fix)
    put(tmp_path, **{"other.onnx": "onnx"})
    assert find(tmp_path)["model_file"] == "other.onnx"


def test_empty_files_and_pages_that_are_no_weights_are_not_blamed(tmp_path: Path) -> None:
    put(tmp_path, **{"index.html": "html", "notes": "empty"})
    with pytest.raises(NotFound, match="the folder has no weight file"):
        find(tmp_path)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        find(tmp_path)
    assert ".onnx" in str(caught.value.fix)
    with pytest.raises(NotFound, match="no darknet weights"):
        find(tmp_path, framework_type="darknet")
    with pytest.raises(NotFound, match="model folder is not there"):
        find(tmp_path / "none")


def test_a_mistyped_name_gets_the_nearest(tmp_path: Path) -> None:
    darknet_folder(tmp_path)
    with pytest.raises(NotFound) as caught:
        find(tmp_path, label_file="yolo.name")
    assert 'did you mean "yolo.names"' in str(caught.value.fix)


@pytest.mark.parametrize("name", ["model_file", "config_file", "label_file", "colors_file"])
@pytest.mark.parametrize("value", ["../secret", "/etc/passwd", "C:\\x", "a\0b", "sub/../../secret", "link", "\\\\h\\s"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str, value: str) -> None:
    folder = darknet_folder(tmp_path / "model")
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match="the path"):
        find(folder, **{name: value})


def test_a_link_out_of_the_folder_is_not_found_by_looking(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "m.onnx").write_bytes(detector_bytes())
    (folder / "m.onnx").symlink_to(tmp_path / "m.onnx")
    (folder / "loop").symlink_to(folder)
    with pytest.raises(NotFound):
        find(folder)
    (folder / "own.onnx").write_bytes(detector_bytes())
    (folder / "alias.onnx").symlink_to("own.onnx")
    assert find(folder, model_file="alias.onnx")["model_file"] == "alias.onnx"


def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    put(tmp_path, **{"m.onnx": "onnx", "sub/x.txt": "text"})
    with pytest.raises(UsageError, match="is a folder"):
        find(tmp_path, model_file="sub")


def test_labels_are_taken_by_the_name_of_the_model_or_guessed(tmp_path: Path) -> None:
    put(tmp_path, **{"m.onnx": "onnx", "a.names": "text", "m.names": "text", "README.txt": "text"})
    assert find(tmp_path)["label_file"] == "m.names"
    (tmp_path / "m.names").unlink()
    put(tmp_path, **{"class_labels.txt": "text"})
    fact = find_files(tmp_path, {})["label_file"]
    assert (fact.value, fact.certain) == ("a.names", False)


def test_colours_are_taken_for_colours_and_not_for_labels(tmp_path: Path) -> None:
    put(tmp_path, **{"m.onnx": "onnx", "class-colors.txt": "text"})
    assert "colors_file" not in find(tmp_path)
    (tmp_path / "class-colors.txt").write_text("0,0,0\n1,2,3 \n")
    found = find(tmp_path)
    assert found["colors_file"] == "class-colors.txt"
    assert "label_file" not in found


def test_a_single_file_is_inspected_with_the_one_that_belongs_to_it(tmp_path: Path) -> None:
    folder = darknet_folder(tmp_path / "model")
    by_weights = inspect_file(folder / "yolo.weights")
    assert by_weights == inspect_file(folder / "yolo.cfg")
    assert by_weights.config_file == (folder / "yolo.cfg").resolve()
    (tmp_path / "link.weights").symlink_to(folder / "yolo.weights")
    assert inspect_file(tmp_path / "link.weights").facts == by_weights.facts
    with pytest.raises(BadWeights, match="its content is text"):
        inspect_file(folder / "yolo.names")
    with pytest.raises(NotFound):
        inspect_file(folder / "none.onnx")


def test_darknet_weights_alone_are_asked_for_their_cfg(tmp_path: Path) -> None:
    folder = darknet_folder(tmp_path)
    with pytest.raises(UsageError, match="need their cfg"):
        inspect_model("darknet", folder / "yolo.weights")


@pytest.mark.parametrize(
    ("kind", "framework", "what"),
    [
        ("empty", "hailo", "empty"),
        ("html", "tensor-rt", "web page"),
        ("hdf5", "tensorflow", "Keras"),
        ("onnx", "tflite", "not a TFLite file: its content is onnx"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_it_is(
    tmp_path: Path, kind: str, framework: str, what: str
) -> None:
    put(tmp_path, **{"m.bin": kind})
    with pytest.raises(BadWeights, match=what):
        inspect_model(framework, tmp_path / "m.bin")


@pytest.mark.parametrize(
    ("framework", "data"),
    [
        ("hailo", b"\x01HEF\0\0\0\1\0\0\1\0" + bytes(100)),
        ("tflite", b"\xff\0\0\0TFL3" + bytes(100)),
        ("tensor-rt", b"ftrt" + bytes(4)),
    ],
)
def test_a_file_that_is_cut_off_in_its_header_is_refused(tmp_path: Path, framework: str, data: bytes) -> None:
    (tmp_path / "m.bin").write_bytes(data)
    with pytest.raises(BadWeights, match="cut off"):
        inspect_model(framework, tmp_path / "m.bin")


def test_the_files_of_every_zoo_model_are_found_without_a_flag(zoo: Path) -> None:
    import json

    for entry in json.loads((zoo / "MANIFEST.json").read_text()):
        found = find(zoo / entry["path"])
        assert found["framework_type"] == entry["framework"]
        named = {name for name in entry["files"] if "_edgetpu" not in name}
        assert set(found.values()) - {entry["framework"]} == named
        model, config = found["model_file"], found.get("config_file")
        folder = zoo / entry["path"]
        report = inspect_model(entry["framework"], folder / model, folder / config if config else None)
        assert not report.not_read
