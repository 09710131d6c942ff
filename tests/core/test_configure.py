"""What `aai model configure` decides: from flags, an existing file, the weights, guesses and defaults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from aai.core.configure import configure
from aai.core.configured import Configured
from aai.core.fields import FIELDS, FILE_NAME, PLACEHOLDER_ID, applies_to
from aai.errors import AaiError, BadWeights, InvalidFiles, NotFound, UsageError
from tests.model_maker import closed_caffe_folder, onnx_bytes, value_info

TENSOR_RT = {
    "framework_type": "tensor-rt",
    "model_file": "newModel.bin",
    "label_file": "newModel.names",
    "purpose": "ObjectDetection",
    "architecture": "yolo",
    "device": "nano",
}
"""The second example command of the reference's documentation."""


class Person:
    """Somebody at a terminal who answers from a list, and remembers what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def _answer(self, question: str, default: Any) -> Any:
        self.asked.append(question)
        for words, answer in self.answers.items():
            if words in question:
                return answer
        return default

    def select(self, question: str, choices: Any, default: Any = None) -> str:
        answer = self._answer(question, default or choices[0])
        assert answer in choices
        return str(answer)

    def text(self, question: str, default: str = "") -> str:
        return str(self._answer(question, default))

    def confirm(self, question: str, default: bool = False) -> bool:
        return bool(self._answer(question, default))


def how(result: Configured) -> dict[str, str]:
    return {origin.field: origin.how for origin in result.origins}


def put(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.fixture()
def classifier(tmp_path: Path) -> Path:
    """A folder with a classifier of 7 classes at 32x32, and no labels."""
    data = onnx_bytes([value_info("in", [1, 3, 32, 32])], [value_info("out", [1, 7])])
    (tmp_path / "net.onnx").write_bytes(data)
    return tmp_path


@pytest.fixture()
def yolox(zoo: Path, tmp_path: Path) -> Path:
    """A folder with yolox-nano alone, as it comes from its authors."""
    shutil.copyfile(zoo / "onnx/yolox-nano/yolox_nano.onnx", tmp_path / "yolox_nano.onnx")
    return tmp_path


@pytest.fixture()
def yolo(zoo: Path, tmp_path: Path) -> Path:
    """A folder with the files that the reference's first example command names."""
    source = zoo / "darknet/yolo-fastest-1.1-coco"
    shutil.copyfile(source / "yolo-fastest-1.1.weights", tmp_path / "yolo.weights")
    shutil.copyfile(source / "yolo-fastest-1.1.cfg", tmp_path / "yolo.cfg")
    shutil.copyfile(source / "coco.names", tmp_path / "yolo.names")
    return tmp_path


def test_a_real_onnx_model_needs_no_flag(yolox: Path) -> None:
    result = configure(yolox, {})
    parameters = result.config.parameters
    assert (parameters["framework_type"], parameters["purpose"]) == ("onnx", "ObjectDetection")
    assert (parameters["size"], parameters["model_file"]) == ([416, 416], "yolox_nano.onnx")
    assert result.config.decoder == {"name": "yolox", "strides": [8, 16, 32]}
    assert result.config.aai["input"] == {"resize": "letterbox", "anchor": "top-left", "pad": 114}
    assert result.config.id == PLACEHOLDER_ID
    assert how(result)["size"] == "inferred"


def test_the_well_known_labels_are_a_stated_guess_and_are_written(yolox: Path) -> None:
    result = configure(yolox, {"id": "acme/yolox"})
    assert how(result)["label_file"] == "guessed"
    result.write()
    labels = (yolox / "labels.txt").read_text().splitlines()
    assert (len(labels), labels[0], labels[16]) == (80, "person", "dog")


def test_nothing_is_written_before_write(yolox: Path) -> None:
    configure(yolox, {"id": "acme/yolox"})
    assert [path.name for path in yolox.iterdir()] == ["yolox_nano.onnx"]


def test_every_field_of_the_table_is_written(yolo: Path) -> None:
    configure(yolo, {}).write()
    document = json.loads((yolo / FILE_NAME).read_text())
    for entry in FIELDS:
        if applies_to(entry, "darknet"):
            assert entry.name in (document if entry.place == "top" else document["model_parameters"]), entry.name


def test_the_fields_of_hailo_and_tensor_rt_are_written_for_them_alone(tmp_path: Path) -> None:
    put(tmp_path, newModel__bin="an engine of some kind", newModel__names="cat\n")
    parameters = configure(tmp_path, TENSOR_RT).config.parameters
    assert (parameters["device"], parameters["architecture"]) == ("nano", "yolo")
    assert "quantize_input" not in parameters


def test_what_the_user_says_wins(yolo: Path) -> None:
    result = configure(yolo, {"size": "416x416", "swaprb": "false", "mean": "1,2,3"})
    assert result.config.parameters["size"] == [416, 416]
    assert result.config.parameters["swaprb"] is False
    assert result.config.parameters["mean"] == [1, 2, 3]
    assert how(result)["size"] == "said"


def test_a_second_run_changes_nothing(yolox: Path) -> None:
    configure(yolox, {"id": "acme/yolox"}).write()
    first = (yolox / FILE_NAME).read_bytes()
    configure(yolox, {}).write()
    assert (yolox / FILE_NAME).read_bytes() == first


def test_unknown_keys_and_values_changed_by_hand_stay(yolox: Path) -> None:
    configure(yolox, {"id": "acme/yolox"}).write()
    document = json.loads((yolox / FILE_NAME).read_text())
    document["team"] = "shelf"
    document["description"] = "finds things"
    document["model_parameters"].update(swaprb=True, custom=[1])
    document["aai"]["input"]["pad"] = 0
    (yolox / FILE_NAME).write_text(json.dumps(document))
    config = configure(yolox, {"license": "Apache-2.0"}).config
    assert config.document["team"] == "shelf"
    assert config.document["description"] == "finds things"
    assert config.document["license"] == "Apache-2.0"
    assert config.parameters["swaprb"] is True
    assert config.parameters["custom"] == [1]
    assert config.aai["input"]["pad"] == 0


def test_what_the_user_said_once_stays_also_when_it_is_the_default(yolo: Path) -> None:
    configure(yolo, {"swaprb": "false"}).write()
    assert configure(yolo, {}).config.parameters["swaprb"] is False


def test_new_weights_renew_what_the_old_ones_told(classifier: Path) -> None:
    put(classifier, labels__txt="".join(f"c{n}\n" for n in range(7)))
    configure(classifier, {}).write()
    data = onnx_bytes([value_info("in", [1, 3, 64, 48])], [value_info("out", [1, 7])])
    (classifier / "net.onnx").write_bytes(data)
    result = configure(classifier, {})
    assert result.config.parameters["size"] == [48, 64]
    assert how(result)["size"] == "inferred"


def test_a_mean_that_the_user_says_does_not_go_with_a_guessed_deviation(classifier: Path) -> None:
    guessed = configure(classifier, {})
    assert guessed.config.aai["input"]["std"]
    said = configure(classifier, {"mean": "127.5,127.5,127.5"})
    assert "std" not in said.config.aai.get("input", {})
    assert said.config.parameters["scalefactor"] == 1


def test_crop_from_the_user_replaces_a_guessed_letterbox(yolox: Path) -> None:
    result = configure(yolox, {"crop": True})
    assert result.config.input_recipe().resize == "crop"


def test_an_existing_flat_file_is_read_and_written_nested(yolo: Path) -> None:
    flat = {"id": "acme/old", "framework_type": "darknet", "purpose": "ObjectDetection", "model_file": "yolo.weights"}
    (yolo / FILE_NAME).write_text(json.dumps({**flat, "size": ["320", "320"], "scalefactor": "0.00392156862745098"}))
    result = configure(yolo, {})
    assert result.config.id == "acme/old"
    assert "model_file" not in result.config.document
    assert result.config.parameters["size"] == [320, 320]


def test_a_broken_existing_file_is_not_written_over(yolox: Path) -> None:
    (yolox / FILE_NAME).write_text('{"id": "acme/x",\n  "public": maybe}')
    with pytest.raises(InvalidFiles, match="JSON syntax error") as caught:
        configure(yolox, {"id": "acme/yolox"})
    assert "line 2, column 13" in str(caught.value)


def test_size_and_mean_take_every_form() -> None:
    from aai.core.values import coerce

    for text in ("300 200", "300,200", "300x200", "300X200", [300, 200], ["300", "200"]):
        assert coerce("size", text) == [300, 200]
    for bad in ("300", "300x", "0x10", "1x2x3", "axb", [1, 2, 3], 300, None, True):
        with pytest.raises(ValueError):
            coerce("size", bad)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"framework_type": "onxx"}, 'did you mean "onnx"'),
        ({"purpose": "ObjectDetecton"}, 'did you mean "ObjectDetection"'),
        ({"size": "300"}, "where two belong"),
        ({"mean": "1,2"}, "where one or three belong"),
        ({"crop": "maybe"}, "where true or false belongs"),
        ({"id": "Acme models/x"}, "is not a model id"),
        ({"id": "acme/../x"}, "is not a model id"),
        ({"framework_type": "hailo", "architecture": "yolo"}, "yolov3, mobilenet_ssd"),
    ],
    ids=str,
)
def test_a_value_that_a_field_cannot_have_is_a_usage_error(yolox: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        configure(yolox, given)
    assert words in str(caught.value)


@pytest.mark.parametrize("missing", ["device", "architecture"])
def test_tensor_rt_needs_device_and_architecture(tmp_path: Path, missing: str) -> None:
    put(tmp_path, newModel__bin="an engine of some kind", newModel__names="cat\n")
    with pytest.raises(UsageError) as caught:
        configure(tmp_path, {name: value for name, value in TENSOR_RT.items() if name != missing})
    assert f"--{missing}" in str(caught.value)


def test_a_purpose_that_nobody_can_tell_names_its_flag(tmp_path: Path) -> None:
    closed_caffe_folder(tmp_path)
    with pytest.raises(UsageError, match="purpose must be given") as caught:
        configure(tmp_path, {"framework_type": "caffe"})
    assert "--purpose Classification|ObjectDetection" in str(caught.value.fix)


def test_name_takes_the_publisher(yolox: Path) -> None:
    assert configure(yolox, {"name": "nano"}, publisher="acme").config.id == "acme/nano"
    with pytest.raises(UsageError, match="needs a publisher"):
        configure(yolox, {"name": "nano"})


def test_a_person_is_asked_only_for_what_is_open(yolo: Path) -> None:
    person = Person()
    result = configure(yolo, {"id": "acme/yolo"}, person)
    assert person.asked == []
    assert result.open == {}


def test_a_person_confirms_guesses_and_may_say_no(yolox: Path) -> None:
    person = Person(**{"80 names": False})
    result = configure(yolox, {"id": "acme/yolox"}, person)
    assert len(person.asked) == 1
    assert "--label_file" in person.asked[0]
    assert result.labels == ()
    assert "label_file" in result.open


def test_a_person_gives_id_purpose_and_size_when_nothing_tells_them(tmp_path: Path) -> None:
    closed_caffe_folder(tmp_path)
    person = Person(**{"Model id": "acme/net", "--purpose": "Classification", "--size": "64x48"})
    result = configure(tmp_path, {"framework_type": "caffe"}, person)
    assert result.config.id == "acme/net"
    assert result.config.purpose == "Classification"
    assert result.config.parameters["size"] == [64, 48]
    assert all("--" in question for question in person.asked)


def test_a_guess_is_the_default_of_its_question(classifier: Path) -> None:
    person = Person(**{"--mean": "0 0 0", "--swaprb": False})
    result = configure(classifier, {"id": "acme/net"}, person)
    assert [word for question in person.asked for word in question.split() if word.startswith("(--")] == [
        "(--purpose);",
        "(--mean);",
        "(--scalefactor);",
        "(--swaprb);",
        "(--softmax);",
    ]
    parameters = result.config.parameters
    assert (parameters["mean"], parameters["swaprb"], parameters["scalefactor"]) == ([0, 0, 0], False, 1 / 255)
    assert (how(result)["mean"], how(result)["scalefactor"], how(result)["swaprb"]) == ("said", "guessed", "said")


def test_a_guessed_deviation_does_not_stay_beside_a_mean_of_a_person(classifier: Path) -> None:
    assert configure(classifier, {}).config.aai["input"]["std"]
    configure(classifier, {"id": "acme/net"}, Person(**{"--mean": "0 0 0"})).write()
    again = configure(classifier, {})
    assert "std" not in again.config.aai.get("input", {})
    assert again.config.parameters["mean"] == [0, 0, 0]


def test_a_person_is_not_asked_twice_for_the_same_guess(classifier: Path, yolox: Path) -> None:
    configure(classifier, {"id": "acme/net", "model_file": "net.onnx"}, Person(**{"--softmax": False})).write()
    person = Person()
    again = configure(classifier, {"model_file": "net.onnx"}, person)
    assert person.asked == []
    assert again.config.parameters["softmax"] is False
    configure(yolox, {"id": "acme/x", "model_file": "yolox_nano.onnx"}, Person()).write()
    configure(yolox, {"model_file": "yolox_nano.onnx"}, person)
    assert person.asked == []


def test_a_slip_at_a_question_is_asked_again_with_the_reason(tmp_path: Path) -> None:
    closed_caffe_folder(tmp_path)
    ids, sizes = iter(["my net", "acme/net"]), iter(["big", "0 1", "64 48"])

    class Clumsy(Person):
        def text(self, question: str, default: str = "") -> str:
            self.asked.append(question)
            return next(sizes if "--size" in question else ids)

    person = Clumsy()
    result = configure(tmp_path, {"framework_type": "caffe"}, person)
    assert (result.config.id, result.config.parameters["size"]) == ("acme/net", [64, 48])
    assert '"my net" is not a model id' in person.asked[1]
    assert "two whole numbers belong" in person.asked[-2]


def test_the_size_that_a_chosen_architecture_has_is_proposed(tmp_path: Path) -> None:
    put(tmp_path, net__engine="x")
    person = Person()
    given = {"framework_type": "tensor-rt", "model_file": "net.engine", "id": "a/b", "purpose": "ObjectDetection"}
    given["device"] = "nano"
    assert configure(tmp_path, given, person).config.parameters["size"] == [320, 320]
    assert "--architecture" in person.asked[0]


def test_files_that_the_user_named_are_still_those_on_the_next_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        data = onnx_bytes([value_info("in", [1, 3, 32, 32])], [value_info("out", [1, 2])])
        (tmp_path / f"{name}.onnx").write_bytes(data)
        (tmp_path / f"{name}-labels.txt").write_text(f"x{name}\ny{name}\n")
    configure(tmp_path, {"model_file": "b.onnx", "label_file": "b-labels.txt"}).write()
    again = configure(tmp_path, {"id": "acme/net"})
    again.write()
    third = configure(tmp_path, {}).config.parameters
    assert (third["model_file"], third["label_file"]) == ("b.onnx", "b-labels.txt")
    assert how(again)["model_file"] == "kept"


def test_an_engine_of_unknown_content_takes_its_id_on_a_second_run(tmp_path: Path) -> None:
    put(tmp_path, newModel__bin="xx", newModel__names="a\n")
    configure(tmp_path, TENSOR_RT).write()
    assert configure(tmp_path, {"id": "acme/engine"}).config.parameters["framework_type"] == "tensor-rt"


def test_labels_that_an_earlier_run_wrote_follow_the_weights(tmp_path: Path) -> None:
    def network(names: dict[int, str]) -> bytes:
        return onnx_bytes(
            [value_info("images", [1, 3, 640, 640])],
            [value_info("output0", [1, 4 + len(names), 8400])],
            metadata={"names": str(names), "task": "detect"},
        )

    (tmp_path / "net.onnx").write_bytes(network({0: "cat", 1: "dog"}))
    configure(tmp_path, {"id": "acme/net"}).write()
    (tmp_path / "net.onnx").write_bytes(network({0: "hen", 1: "cow", 2: "pig"}))
    assert [path.name for path in configure(tmp_path, {}).write()] == ["labels.txt", FILE_NAME]
    assert (tmp_path / "labels.txt").read_text().split() == ["hen", "cow", "pig"]
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    kept = configure(tmp_path, {})
    kept.write()
    assert (tmp_path / "labels.txt").read_text().split() == ["a", "b", "c"]
    assert kept.config.parameters["label_file"] == "labels.txt"


def test_a_run_that_changes_nothing_says_that_it_wrote_nothing(yolox: Path) -> None:
    assert len(configure(yolox, {"id": "acme/yolox"}).write()) == 2
    assert configure(yolox, {}).write() == []


def test_labels_are_not_left_behind_when_the_configuration_can_not_be_written(yolox: Path) -> None:
    (yolox / FILE_NAME).mkdir()
    with pytest.raises(AaiError):
        configure(yolox, {"id": "acme/yolox"}).write()
    assert not (yolox / "labels.txt").exists()


def test_a_flag_mends_a_value_of_a_wrong_type(yolo: Path) -> None:
    configure(yolo, {"id": "acme/yolo"}).write()
    document = json.loads((yolo / FILE_NAME).read_text())
    document["public"] = "perhaps"
    document["model_parameters"]["purpose"] = "Detection"
    (yolo / FILE_NAME).write_text(json.dumps(document))
    with pytest.raises(InvalidFiles, match="perhaps"):
        configure(yolo, {"purpose": "ObjectDetection"})
    mended = configure(yolo, {"purpose": "ObjectDetection", "public": "false"}).config
    assert (mended.purpose, mended.document["public"]) == ("ObjectDetection", False)


def test_weights_in_place_of_their_folder_are_named(yolox: Path) -> None:
    with pytest.raises(UsageError, match="a file is given") as caught:
        configure(yolox / "yolox_nano.onnx", {})
    assert str(yolox) in str(caught.value.fix)


def test_a_value_that_a_flag_can_not_have_comes_with_the_form(yolox: Path) -> None:
    with pytest.raises(UsageError, match="--size has 1 number, where two belong") as caught:
        configure(yolox, {"size": "416"})
    assert caught.value.fix == "give it as --size WIDTH HEIGHT, such as 416 416"


def test_yes_asks_nothing(yolox: Path) -> None:
    person = Person()
    assert configure(yolox, {"id": "acme/x"}, person, keep_guesses=True).labels
    assert person.asked == []


def test_labels_that_do_not_fit_are_refused_with_both_numbers(yolo: Path) -> None:
    names = (yolo / "yolo.names").read_text().splitlines()
    (yolo / "yolo.names").write_text("\n".join(names[:-1]))
    with pytest.raises(InvalidFiles) as caught:
        configure(yolo, {})
    assert "79" in str(caught.value)
    assert "80" in str(caught.value)
    assert not (yolo / FILE_NAME).exists()


def test_weights_of_another_cfg_are_refused(yolo: Path, zoo: Path) -> None:
    shutil.copyfile(zoo / "darknet/yoloface-500k-v2/yoloface-500k-v2.cfg", yolo / "yolo.cfg")
    with pytest.raises(BadWeights) as caught:
        configure(yolo, {})
    assert "1384268" in str(caught.value).replace(",", "")


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        configure(tmp_path / "nowhere", {})


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.pt", "model.pth", "m.safetensors", "m.tar"])
def test_files_that_nobody_can_run_here_are_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00" * 600)
    with pytest.raises(BadWeights) as caught:
        configure(tmp_path, {})
    assert caught.value.fix


def test_outputs_of_no_known_layout_are_open_and_not_passed_over(tmp_path: Path) -> None:
    outputs = [value_info("boxes", [1, 20, 1029])]
    metadata = {"task": "obb", "names": "{0: 'plane'}", "stride": "32", "imgsz": "[320, 320]"}
    (tmp_path / "net.onnx").write_bytes(onnx_bytes([value_info("in", [1, 3, 320, 320])], outputs, metadata=metadata))
    result = configure(tmp_path, {"id": "a/b", "purpose": "ObjectDetection"})
    assert not result.config.decoder
    assert "post_process" in result.open["aai.decoder"]


@pytest.mark.parametrize(
    ("purpose", "decoder"),
    [("ReIdentification", "embedding"), ("Classification", "classification"), ("PoseEstimation", None)],
)
def test_a_purpose_that_somebody_says_decides_on_the_decoder(tmp_path: Path, purpose: str, decoder: str) -> None:
    data = onnx_bytes([value_info("in", [1, 3, 32, 32])], [value_info("out", [1, 1000])])
    (tmp_path / "net.onnx").write_bytes(data)
    result = configure(tmp_path, {"id": "a/b", "purpose": purpose})
    assert result.config.decoder.get("name") == decoder
    assert ("aai.decoder" in result.open) == (decoder is None)
