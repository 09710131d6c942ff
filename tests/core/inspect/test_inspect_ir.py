from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any, Sequence
from xml.etree import ElementTree

import openvino
import pytest

from aai.core.inspect import inspect_model
from aai.core.inspect.report import Inspection
from aai.errors import BadWeights, UsageError
from tests.same_network import HEAD, HEIGHT, WIDTH, write_ir


def dims(shape: Sequence[int]) -> str:
    return "".join(f"<dim>{axis}</dim>" for axis in shape)


def layer(index: int, kind: str, shape: Sequence[int] = (), data: str = "", name: str = "", takes: int = 0) -> str:
    ports = "".join(f'<port id="{port}"/>' for port in range(takes))
    output = f'<output><port id="{takes}" precision="FP32">{dims(shape)}</port></output>' if shape else ""
    return (
        f'<layer id="{index}" name="{name or f"layer{index}"}" type="{kind}" version="opset1">'
        f"{f'<data {data}/>' if data else ''}<input>{ports}</input>{output}</layer>\n"
    )


def constant(index: int, offset: int, count: int) -> str:
    return layer(
        index, "Const", (1, 3, 1, 1), f'element_type="f32" offset="{offset}" size="{4 * count}" shape="1,3,1,1"'
    )


def edge(start: int, start_port: int, end: int, end_port: int) -> str:
    return f'<edge from-layer="{start}" from-port="{start_port}" to-layer="{end}" to-port="{end_port}"/>\n'


def net(layers: str, edges: str, more: str = "", version: str = "11") -> str:
    return (
        f'<?xml version="1.0"?>\n<net name="net" version="{version}">\n<layers>\n{layers}</layers>\n'
        f"<edges>\n{edges}</edges>\n{more}</net>\n"
    )


PARAMETER = layer(0, "Parameter", (1, 3, 320, 544), 'element_type="f32" shape="1,3,320,544"', "data")


def detector(classes: int = 2, more: str = "", version: str = "11") -> str:
    data = f'num_classes="{classes}" background_label_id="0" keep_top_k="200"'
    layers = PARAMETER + layer(1, "DetectionOutput", (1, 1, 200, 7), data, "out", takes=1) + layer(2, "Result", takes=1)
    return net(layers, edge(0, 0, 1, 0) + edge(1, 1, 2, 0), more, version)


def arithmetic(first: str, second: str, more: str = "") -> str:
    """data * or - c3, then + or / c4, then a convolution and a result of ten values."""
    layers = PARAMETER + constant(1, 0, 3) + layer(2, first, (1, 3, 320, 544), takes=2) + constant(3, 12, 3)
    layers += layer(4, second, (1, 3, 320, 544), takes=2) + layer(5, "Convolution", (1, 10), takes=1)
    layers += layer(6, "SoftMax", (1, 10), takes=1) + layer(7, "Result", takes=1)
    edges = edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 4, 0) + edge(3, 0, 4, 1) + edge(4, 2, 5, 0)
    return net(layers, edges + edge(5, 1, 6, 0) + edge(6, 1, 7, 0), more)


def inspect(folder: Path, xml: str, binary: bytes = b"", stem: str = "net") -> Inspection:
    (folder / f"{stem}.xml").write_text(xml)
    (folder / f"{stem}.bin").write_bytes(binary or bytes(16))
    return inspect_model("dldt", folder / f"{stem}.bin", folder / f"{stem}.xml")


def values(report: Inspection) -> dict[str, Any]:
    return {name: fact.value for name, fact in report.facts.items()}


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def test_inputs_and_outputs_come_from_the_ports(tmp_path: Path) -> None:
    report = inspect(tmp_path, detector())
    assert [(spec.name, spec.shape, spec.dtype) for spec in report.inputs] == [("data", (1, 3, 320, 544), "float32")]
    assert [(spec.name, spec.shape, spec.dtype) for spec in report.outputs] == [("out", (1, 1, 200, 7), "float32")]
    found = values(report)
    assert (found["size"], found["purpose"], found["decoder"]) == ([544, 320], "ObjectDetection", {"name": "ssd"})
    assert found["classes"] == 1
    assert report.details["version"] == 11


def test_the_class_of_a_detector_is_guessed_from_open_model_zoo_s_names(tmp_path: Path) -> None:
    report = inspect(tmp_path, detector(), stem="vehicle-detection-0200")
    assert (report.facts["labels"].value, report.facts["labels"].certain) == (["vehicle"], False)
    assert "labels" not in inspect(tmp_path, detector(3), stem="person-detection-x").facts
    assert "labels" not in inspect(tmp_path, detector()).facts


def options(**given: str) -> str:
    entries = "".join(f'<{name} value="{value}"/>' for name, value in given.items())
    return f"<meta_data><MO_version value='2021.1'/><cli_parameters>{entries}</cli_parameters></meta_data>"


def described(**given: str) -> str:
    entries = "".join(f'<{name} value="{value}"/>' for name, value in given.items())
    return f"<rt_info><model_info>{entries}</model_info></rt_info>"


def test_a_mean_in_the_graph_means_pixels_as_they_are(tmp_path: Path) -> None:
    given = options(mean_values="data(123.675,116.28,103.53)", scale_values="()", reverse_input_channels="True")
    report = inspect(tmp_path, detector(more=given))
    found = values(report)
    assert (found["mean"], found["scalefactor"], found["swaprb"]) == ([0, 0, 0], 1, False)
    assert report.facts["mean"].certain
    assert "options of the converter" in report.facts["mean"].source
    # The newer place of the same note.
    new = "<scale_values value='[127.5]'/><framework value='onnx'/>"
    new = f"<rt_info><conversion_parameters>{new}</conversion_parameters></rt_info>"
    report = inspect(tmp_path, detector(more=new))
    assert (values(report)["scalefactor"], values(report)["swaprb"]) == (1, True)
    assert not report.facts["swaprb"].certain


def test_empty_options_bake_nothing(tmp_path: Path) -> None:
    given = options(mean_values="()", scale_values="()", reverse_input_channels="False", framework="caffe")
    report = inspect(tmp_path, detector(more=given))
    assert (values(report)["mean"], values(report)["swaprb"]) == ([0, 0, 0], False)
    assert "Open Model Zoo" in report.facts["mean"].source
    assert not report.facts["mean"].certain


@pytest.mark.parametrize(
    ("first", "second", "binary", "normalises"),
    [
        ("Subtract", "Multiply", floats(104, 117, 123, 1, 1, 1), True),
        ("Subtract", "Divide", floats(0.5, 0.5, 0.5, 0.2, 0.2, 0.2), False),
        # x * 0.07 - 4.9 takes off a mean of 70.
        ("Multiply", "Add", floats(0.07, 0.07, 0.07, -4.9, -4.9, -4.9), True),
        ("Multiply", "Add", floats(2, 2, 2, -1, -1, -1), False),
    ],
)
def test_arithmetic_for_pixels_at_the_start_is_recognised(
    tmp_path: Path, first: str, second: str, binary: bytes, normalises: bool
) -> None:
    report = inspect(tmp_path, arithmetic(first, second), binary)
    assert ("normalisation" in report.details) == normalises
    assert values(report)["purpose"] == "Classification"
    assert values(report)["softmax"] is False


def test_model_api_s_description_is_the_recipe(tmp_path: Path) -> None:
    given = described(
        mean_values="123.675 116.28 103.53",
        scale_values="58.395 57.12 57.375",
        reverse_input_channels="True",
        resize_type="fit_to_window_letterbox",
        pad_value="114",
        labels="hard_hat person",
    )
    report = inspect(tmp_path, detector(3, given))
    found = values(report)
    assert found["mean"] == [123.675, 116.28, 103.53]
    assert found["swaprb"] is True
    assert found["input"]["resize"] == "letterbox"
    assert (found["input"]["anchor"], found["input"]["pad"]) == ("center", 114)
    # value = (pixel - mean) / scale, per channel.
    assert [found["scalefactor"] / std for std in found["input"]["std"]] == pytest.approx(
        [1 / 58.395, 1 / 57.12, 1 / 57.375]
    )
    assert found["labels"] == ["hard hat", "person"]
    inside = values(inspect(tmp_path, detector(3, described(embedded_processing="True", mean_values="1 2 3"))))
    assert (inside["mean"], inside["scalefactor"]) == ([0, 0, 0], 1)


@pytest.mark.parametrize("version", ["2", "5", "7", "", "x"])
def test_old_versions_are_refused_with_the_way_out(tmp_path: Path, version: str) -> None:
    with pytest.raises(BadWeights, match="OpenVINO since 2022 reads 10 and 11") as caught:
        inspect(tmp_path, detector(version=version))
    assert "ovc MODEL" in str(caught.value.fix)
    assert ".blob" in str(caught.value.fix)


def test_version_10_is_read(tmp_path: Path) -> None:
    assert inspect(tmp_path, detector(version="10")).details["version"] == 10


@pytest.mark.parametrize(("size", "fits"), [(24, True), (64, True), (20, False), (4096, False)])
def test_the_bin_has_to_be_as_long_as_the_constants_are(tmp_path: Path, size: int, fits: bool) -> None:
    xml = arithmetic("Subtract", "Divide")
    if fits:
        inspect(tmp_path, xml, bytes(size))
        return
    with pytest.raises(BadWeights, match=f"net.bin has {size:,} bytes, and net.xml describes 24") as caught:
        inspect(tmp_path, xml, bytes(size))
    assert ("cut off" in caught.value.what) == (size < 24)


def test_constants_inside_of_loops_count_too(tmp_path: Path) -> None:
    inner = f"<body><layers>{constant(1, 4096, 3)}</layers></body>"
    xml = net(PARAMETER + f'<layer id="9" name="loop" type="Loop">{inner}</layer>', "")
    with pytest.raises(BadWeights, match="describes 4,108"):
        inspect(tmp_path, xml, bytes(100))
    inspect(tmp_path, xml, bytes(4108))


LAUGHS = '<!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>\n'


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (LAUGHS.encode() + detector().encode(), "has a DTD"),
        (detector().replace("?>\n", "?>\n" + LAUGHS, 1).encode(), "has a DTD"),
        (b'<?xml version="1.0"?><!DOCTYPE net SYSTEM "file:///etc/passwd"><net version="11"/>', "has a DTD"),
        (detector().encode("utf-16"), "not UTF-8"),
        (detector().replace('version="1.0"', 'version="1.0" encoding="cp037"', 1).encode(), "not UTF-8"),
        (detector().encode()[:-40], "not whole"),
        (b"<html><body/></html>", "web page"),
        (b'<?xml version="1.0"?><annotation/>', 'starts with "annotation"'),
        (b"person\nbicycle\n", "not whole"),
        (b'<net name="n" version="11"/>', "no layers"),
        (b'<net name="n" version="11">' + b"<layers>" * 2_000_000, "more than 1,000,000 tags"),
    ],
)
def test_an_xml_that_is_none_of_an_ir_is_refused(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "net.xml").write_bytes(data)
    (tmp_path / "net.bin").write_bytes(bytes(16))
    start = time.process_time()
    with pytest.raises(BadWeights, match=what) as caught:
        inspect_model("dldt", tmp_path / "net.bin", tmp_path / "net.xml")
    assert time.process_time() - start < 2
    assert caught.value.fix


def test_nesting_without_end_does_no_harm(tmp_path: Path) -> None:
    depth = 300_000
    with pytest.raises(BadWeights):
        inspect(tmp_path, '<net version="11">' + "<layers>" * depth + "</layers>" * depth + "</net>")


def test_the_files_in_each_other_s_place_and_the_bin_alone_are_told(tmp_path: Path) -> None:
    inspect(tmp_path, detector())
    with pytest.raises(BadWeights, match="is the xml of an IR") as caught:
        inspect_model("dldt", tmp_path / "net.xml", tmp_path / "net.bin")
    assert "--config_file" in str(caught.value.fix)
    with pytest.raises(UsageError, match="need their xml"):
        inspect_model("dldt", tmp_path / "net.bin")


def test_what_openvino_writes_is_read_as_openvino_reads_it(tmp_path: Path, zoo: Path) -> None:
    write_ir(tmp_path)
    report = inspect_model("dldt", tmp_path / "net.bin", tmp_path / "net.xml")
    assert report.inputs[0].shape == (1, 3, HEIGHT, WIDTH)
    assert report.outputs[0].shape == (1, HEAD, HEIGHT // 4, WIDTH // 4)
    for xml in (tmp_path / "net.xml", *zoo.glob("dldt/*/*.xml")):
        report = inspect_model("dldt", xml.with_suffix(".bin"), xml)
        model = openvino.Core().read_model(str(xml))
        for ours, theirs in ((report.inputs, model.inputs), (report.outputs, model.outputs)):
            assert [list(spec.shape) for spec in ours] == [list(port.shape) for port in theirs]
            assert [spec.name for spec in ours] == [port.get_any_name() for port in theirs]


def test_a_read_takes_little_more_than_parsing_the_xml(zoo: Path) -> None:
    xml = next(zoo.glob("dldt/*/*.xml"))

    works = (lambda: inspect_model("dldt", xml.with_suffix(".bin"), xml), lambda: ElementTree.parse(xml))
    times: tuple[list[float], list[float]] = ([], [])
    # In turns, so that what else the machine does falls on both alike.
    for _ in range(15):
        for work, kept in zip(works, times):
            start = time.process_time()
            work()
            kept.append(time.process_time() - start)
    # The target is 1.5, which the bench measures; a machine that others use needs room.
    assert min(times[0]) < 3 * min(times[1])
