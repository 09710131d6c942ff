from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aai.core.inspect import inspect_model
from aai.core.inspect.report import Inspection
from aai.core.inspect.torch7_file import read_torch7
from aai.errors import BadWeights
from tests.same_network import HEAD, HEIGHT, WIDTH, TorchObject, _TorchWriter, write_torch7


def word(value: int) -> bytes:
    return struct.pack("<i", value)


def text(value: str) -> bytes:
    return word(len(value)) + value.encode()


def serialised(value: Any) -> bytes:
    writer = _TorchWriter()
    writer.write(value)
    return bytes(writer.data)


def convolution(channels: int, filters: int, **more: Any) -> TorchObject:
    return TorchObject("nn.SpatialConvolution", nInputPlane=channels, nOutputPlane=filters, **more)


def network(*modules: TorchObject) -> TorchObject:
    return TorchObject("nn.Sequential", modules=list(modules))


def inspect(folder: Path, value: Any) -> Inspection:
    (folder / "net.t7").write_bytes(value if isinstance(value, bytes) else serialised(value))
    return inspect_model("enet", folder / "net.t7")


def values(report: Inspection) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def test_channels_modules_and_classes_are_read(tmp_path: Path) -> None:
    report = inspect(tmp_path, network(convolution(3, 16, dW=2), TorchObject("nn.ReLU"), convolution(16, 21)))
    assert report.inputs[0].shape == (1, 3, None, None)
    assert report.outputs[0].shape == (1, 21, None, None)
    found = values(report)
    assert (found["purpose"], found["classes"]) == ("SemanticSegmentation", 21)
    assert report.details["kinds"] == {"nn.ReLU": 1, "nn.Sequential": 1, "nn.SpatialConvolution": 2}


def test_a_classifier_ends_in_a_linear_layer(tmp_path: Path) -> None:
    linear = TorchObject("nn.Linear", weight=np.zeros((7, 16), np.float32))
    modules = [convolution(1, 16), TorchObject("nn.View"), linear, TorchObject("nn.LogSoftMax")]
    report = inspect(tmp_path, network(*modules))
    assert report.outputs[0].shape == (1, 7)
    found = values(report)
    assert (found["purpose"], found["classes"], found["softmax"]) == ("Classification", 7, False)
    assert found["input"]["colour"] == "gray"


def test_a_grid_of_an_image_is_told_by_the_first_pooling(tmp_path: Path) -> None:
    pool = TorchObject("nn.SpatialMaxPooling", dW=2, iwidth=160, iheight=96)
    branches = TorchObject("nn.ConcatTable", modules=[convolution(3, 8, dW=2), pool])
    report = inspect(tmp_path, network(branches, convolution(8, 4)))
    assert (report.facts["size"].value, report.facts["size"].certain) == ([160, 96], False)
    # Behind a stride of two, the image was twice as large.
    report = inspect(tmp_path, network(convolution(3, 8, dW=2), pool, convolution(8, 4)))
    assert report.facts["size"].value == [320, 192]
    assert "size" in inspect(tmp_path, network(convolution(3, 8), convolution(8, 4))).facts


def test_a_network_as_the_other_tests_write_it_is_read(tmp_path: Path) -> None:
    write_torch7(tmp_path)
    report = inspect_model("enet", tmp_path / "net.t7")
    assert report.outputs[0].shape[:2] == (1, HEAD)
    net = cv2.dnn.readNetFromTorch(str(tmp_path / "net.t7"))
    net.setInput(np.zeros((1, 3, HEIGHT, WIDTH), np.float32))
    assert net.forward().shape[1] == report.outputs[0].shape[1]


def test_the_zoo_s_network_has_the_classes_that_opencv_gives_it(zoo: Path) -> None:
    path = next(zoo.glob("enet/*/*.net"))
    report = inspect_model("enet", path)
    net = cv2.dnn.readNetFromTorch(str(path))
    net.setInput(np.zeros((1, 3, 64, 64), np.float32))
    assert net.forward().shape[:2] == report.outputs[0].shape[:2] == (1, 20)
    assert values(report)["size"] == [1024, 512]
    found = values(report)
    assert (found["scalefactor"], found["swaprb"], report.facts["swaprb"].certain) == (1 / 255, True, True)


def test_the_text_form_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="text form") as caught:
        inspect(tmp_path, b"4\n1\n3\nV 1\n13\nnn.Sequential\n3\n2\n0\n")
    assert "torch.save('net.net', torch.load('net.t7', 'ascii'))" in str(caught.value.fix)


def test_a_container_inside_itself_does_no_harm(tmp_path: Path) -> None:
    # Object 1 holds a table of modules: itself, and a table that holds it too.
    itself = word(4) + word(1)
    modules = word(3) + word(3) + word(1) + word(1) + struct.pack("<d", 1) + itself
    data = word(4) + word(1) + text("V 1") + text("nn.Sequential") + word(3) + word(2) + word(1)
    with pytest.raises(BadWeights, match="several modules"):
        inspect(tmp_path, data + word(2) + text("modules") + modules)


def nested(depth: int) -> bytes:
    head = b"".join(word(3) + word(index + 2) + word(1) + word(2) + text("a") for index in range(depth))
    return word(4) + word(1) + text("V 1") + text("nn.Sequential") + head + word(0)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (nested(100_000), "nested deeper than"),
        (word(4) + word(1) + text("V 1") + text("nn.Sequential") + word(3) + word(2) + word(2**31 - 1), "a table of"),
        (word(4) + word(1) + text("V 1") + text("nn.Sequential") + word(8) + word(2), "a function"),
        (word(4) + word(1) + text("V 1") + text("torch.FloatTensor") + word(2**30), "a tensor of"),
        (word(4) + word(1) + text("V 1") + text("torch.FloatStorage") + struct.pack("<q", 2**60), "cut off"),
        (word(4) + word(1) + text("V 1") + text("torch.FloatStorage") + struct.pack("<q", -1), "-1 numbers"),
        (word(4) + word(1) + text("V 1") + text("torch.OddStorage") + struct.pack("<q", 1), "OddStorage"),
        (word(4) + word(1) + text("V 1") + word(-5), "no name of a class"),
        (word(4) + word(1) + text("V 1") + text("nn.Sequential") + word(99), "type 99"),
        (word(3) + word(1) + word(0), "not a Torch7 network"),
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(BadWeights, match=what) as caught:
        inspect(tmp_path, data)
    assert caught.value.fix


def test_a_network_that_ends_in_an_empty_tensor_is_whole() -> None:
    empty = word(4) + word(9) + text("V 1") + text("torch.FloatTensor") + word(0) + struct.pack("<q", 1) + word(0)
    head = word(4) + word(1) + text("V 1") + text("nn.ReLU") + word(3) + word(2) + word(1)
    assert read_torch7(head + word(2) + text("output") + empty).kind == "nn.ReLU"
