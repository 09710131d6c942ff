"""Findings on a model folder: all at once, each with where and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aai.core.configure import configure
from aai.core.fields import FILE_NAME
from aai.core.model_schema import normalise
from aai.core.validate import validate
from aai.errors import InvalidFiles, NotFound, UsageError
from tests.model_maker import onnx_bytes, value_info

INT8 = 3


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    """A configured classifier of 3 classes at 32x24, in good order."""
    (tmp_path / "net.onnx").write_bytes(onnx_bytes([value_info("in", [1, 3, 24, 32])], [value_info("out", [1, 3])]))
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    configure(tmp_path, {"id": "acme/net"}).write()
    return tmp_path


def change(folder: Path, **parameters: Any) -> None:
    path = folder / FILE_NAME
    document = json.loads(path.read_text())
    for name, value in parameters.items():
        holder = document if name in document else document["model_parameters"]
        holder[name] = value
    path.write_text(json.dumps(document))


def errors(folder: Path) -> list[str]:
    return [f"{f.what} | {f.where} | {f.fix}" for f in validate(folder)[1] if f.level == "error"]


def warnings(folder: Path) -> list[str]:
    return [f"{f.what} | {f.where} | {f.fix}" for f in validate(folder)[1] if f.level == "warning"]


def test_a_folder_in_good_order_has_no_finding(folder: Path) -> None:
    assert validate(folder)[1] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": [32, 32]}, "size is 32x32, and the network's input is 32x24"),
        ({"size": None}, "size is missing"),
        ({"size": "big"}, 'size is the text "big", where two whole numbers belong'),
        ({"model_file": "nett.onnx"}, 'did you mean "net.onnx"'),
        ({"model_file": "../net.onnx"}, "model_parameters.model_file"),
        ({"model_file": "/etc/passwd"}, "model_parameters.model_file"),
        ({"output_layer_names": ["outt"]}, 'did you mean "out"'),
        ({"scalefactor": 0}, "scalefactor is 0"),
        ({"purpose": "Clasification"}, 'did you mean "Classification"'),
        ({"framework_type": "onyx"}, 'did you mean "onnx"'),
        ({"id": "acme/a/b"}, "is not a model id"),
        ({"public": "perhaps"}, "where true or false belongs"),
    ],
    ids=str,
)
def test_an_error_is_found_and_says_where(folder: Path, changes: dict[str, Any], words: str) -> None:
    change(folder, **changes)
    found = errors(folder)
    assert any(words in line for line in found), found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": [0.485, 0.456, 0.406]}, "looks like a share of 1"),
        ({"mean": [300, 0, 0]}, "pixels go from 0 to 255"),
        ({"scalefactor": 1e-6}, "white becomes"),
        ({"label_file": ""}, "there is no label file"),
        ({"purpose": "SemanticSegmentation"}, "the outputs look like Classification"),
        ({"id": "<username>/<modelname>"}, "the id is the placeholder"),
    ],
    ids=str,
)
def test_a_warning_is_found(folder: Path, changes: dict[str, Any], words: str) -> None:
    change(folder, **changes)
    assert errors(folder) == []
    assert any(words in line for line in warnings(folder)), warnings(folder)


def test_all_findings_come_at_once(folder: Path) -> None:
    change(folder, size=[8, 8], output_layer_names=["nope"], scalefactor=-1, mean="a,b,c")
    assert len(errors(folder)) == 4


def test_labels_are_counted(folder: Path) -> None:
    (folder / "labels.txt").write_text("ant\nbee\n")
    assert any("2" in line and "3" in line for line in errors(folder))


def test_colours_are_counted_against_the_labels(folder: Path) -> None:
    (folder / "colors.txt").write_text("1,2,3 \n4,5,6\n")
    change(folder, colors_file="colors.txt")
    assert any("the colour file has 2 colours, the label file has 3 labels" in line for line in errors(folder))
    (folder / "colors.txt").write_text("1,2,3 \n4,5,6\n7,8,9\n")
    assert errors(folder) == []


def test_an_empty_file_is_an_error(folder: Path) -> None:
    (folder / "net.onnx").write_bytes(b"")
    assert any("is empty" in line for line in errors(folder))


def test_a_truncated_file_is_an_error(folder: Path) -> None:
    (folder / "net.onnx").write_bytes((folder / "net.onnx").read_bytes()[:-4])
    assert errors(folder)


def test_a_link_out_of_the_folder_is_an_error(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "labels.txt"
    outside.write_text("ant\nbee\ncat\n")
    (folder / "labels.txt").unlink()
    (folder / "labels.txt").symlink_to(outside)
    assert any("label_file" in line for line in errors(folder))


def test_variants_are_checked_too(folder: Path) -> None:
    variant = folder / "variants" / "small"
    variant.mkdir(parents=True)
    for name in ("net.onnx", "labels.txt"):
        (variant / name).write_bytes((folder / name).read_bytes())
    configure(variant, {}).write()
    assert validate(folder)[1] == []
    change(variant, size=[8, 8])
    assert any("variants/small" in line for line in errors(folder))


REAL_FILE = {
    "id": "alwaysai/human_pose",
    "accuracy": "",
    "mean_average_precision_top_1": None,
    "inference_time": None,
    "model_parameters": {
        "framework_type": "caffe ",
        "purpose": "PoseEstimation",
        "model_file": "sub/pose.caffemodel",
        "config_file": "",
        "size": ["456", "256"],
        "scalefactor": "0.0039216",
        "output_layer_names": ["Mconv7_stage2_L1", "Mconv7_stage2_L2"],
        "vendor_key": {"kept": True},
    },
}
"""The traps of files that are about: nulls, blanks, numbers as text, an empty config_file, no labels, other keys."""


def test_the_traps_of_real_files_are_read() -> None:
    document, findings = normalise(REAL_FILE)
    assert findings == []
    assert document["model_parameters"]["framework_type"] == "caffe"
    assert document["model_parameters"]["size"] == [456, 256]
    assert document["model_parameters"]["scalefactor"] == 0.0039216
    assert document["model_parameters"]["vendor_key"] == {"kept": True}


def test_flat_and_nested_forms_mean_the_same() -> None:
    nested = {
        "id": "a/b",
        "model_parameters": {"framework_type": "onnx", "purpose": "Classification", "model_file": "x"},
    }
    flat = {"id": "a/b", **nested["model_parameters"]}  # type: ignore[dict-item]
    assert normalise(flat) == normalise(nested)


@pytest.mark.parametrize("content", ["[]", '"text"', "3", "null"])
def test_a_file_that_is_no_object_is_a_finding(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    assert errors(tmp_path)


def test_normalising_twice_is_normalising_once() -> None:
    once, _ = normalise(REAL_FILE)
    assert normalise(once)[0] == once


def test_a_folder_that_is_not_there_is_not_told_as_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no such folder"):
        validate(tmp_path / "nothing")
    (tmp_path / "net.onnx").write_text("x")
    with pytest.raises(UsageError, match="a file is given"):
        validate(tmp_path / "net.onnx")
    with pytest.raises(NotFound, match=r"alwaysai\.model\.json is not there") as caught:
        validate(tmp_path)
    assert caught.value.fix == f"make it: aai model configure {tmp_path}"


def test_a_folder_in_the_place_of_a_file_is_called_one(folder: Path) -> None:
    (folder / "sub").mkdir()
    change(folder, label_file="sub")
    assert [line.split(" | ")[0] for line in errors(folder)] == ['label_file "sub" is a folder']


def test_parameters_of_a_wrong_type_are_one_finding(tmp_path: Path) -> None:
    (tmp_path / "alwaysai.model.json").write_text('{"id": "a/b", "model_parameters": []}')
    assert [line.split(" | ")[0] for line in errors(tmp_path)][:1] == [
        "model_parameters is a list, where an object belongs"
    ]
    assert not any("is missing" in line and "size" not in line for line in errors(tmp_path))


@pytest.mark.parametrize("name", ["scalefactor", "version", "inference_time"])
def test_a_number_beyond_all_measure_is_a_finding(folder: Path, name: str) -> None:
    path = folder / FILE_NAME
    document = json.loads(path.read_text())
    (document["model_parameters"] if name == "scalefactor" else document)[name] = 10**400
    path.write_text(json.dumps(document))
    assert [line.split(" | ")[0] for line in errors(folder)] == [f"{name} is a number of too many digits"]


@pytest.mark.parametrize("told", [[1], "text", {"files": 5}, {"files": [1]}])
def test_a_damaged_memory_of_what_was_told_is_a_finding_and_no_crash(folder: Path, told: Any) -> None:
    path = folder / FILE_NAME
    document = json.loads(path.read_text())
    document["aai"].update(told=told, files=["labels.txt"])
    path.write_text(json.dumps(document))
    assert ["aai.told" in line for line in errors(folder)] == [True]
    with pytest.raises(InvalidFiles, match=r"aai\.told"):
        configure(folder, {})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"scale": 0.5, "zero_point": -128}, ""),
        ({"scale": "0.5"}, ""),
        (0.5, "a number, where an object belongs|0.5"),
        ({"zero_point": 3}, "quantisation.scale is null|quantisation.scale"),
        ({"scale": 0, "zero_point": 3}, "a scale over 0"),
        ({"scale": -1.0}, "a scale over 0"),
        ({"scale": 1, "zero_point": 1.5}, "zero_point is 1.5"),
        ({"scale": 1, "zero_point": 999}, "from -128 to 255"),
        ({"scale": float("inf")}, "finite"),
    ],
)
def test_the_quantisation_of_an_input_is_checked(folder: Path, value: Any, words: str) -> None:
    path = folder / FILE_NAME
    document = json.loads(path.read_text())
    whole = onnx_bytes([value_info("in", [1, 3, 24, 32], INT8)], [value_info("out", [1, 3])])
    (folder / "net.onnx").write_bytes(whole)
    document["model_parameters"].update(mean=[0, 0, 0], scalefactor=1)
    document["aai"]["input"] = {"dtype": "int8", "quantisation": value}
    path.write_text(json.dumps(document))
    found = errors(folder)
    recipe = validate(folder)[0].input_recipe()
    if words:
        assert len(found) == 1 and any(word in found[0] for word in words.split("|")), found
        assert "aai.input.quantisation" in found[0]
        assert recipe.quantisation is None
    else:
        assert found == []
        assert recipe.quantisation == (float(value["scale"]), value.get("zero_point", 0))


@pytest.mark.parametrize("name", ["std", "pad", "quantisation"])
def test_null_in_our_own_section_stands_for_the_default(folder: Path, name: str) -> None:
    path = folder / FILE_NAME
    document = json.loads(path.read_text())
    document["aai"]["input"] = {name: None}
    path.write_text(json.dumps(document))
    assert errors(folder) == []
    assert validate(folder)[0].input_recipe().pad == 114
