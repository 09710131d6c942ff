"""The back end of OAK devices, against a module with the names of DepthAI 2 and 3; no device was there to run it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from aai.errors import AaiError, BadWeights
from aai.ports import LoadOptions, ModelFiles
from tests.fakes.depthai_oak import BLOB, Bus, depthai, info

WIDTH, HEIGHT = 4, 2
INPUTS = {"data": info([WIDTH, HEIGHT, 3, 1], "U8F")}
OUTPUTS = {"out": info([WIDTH, HEIGHT, 3, 1], "FP16"), "flat": info([6, 4], "FP16")}
TENSOR = np.arange(24, dtype=np.uint8).reshape(1, 3, HEIGHT, WIDTH)
AS_USUAL = LoadOptions()

Load = Callable[..., Any]


@pytest.fixture(params=[2, 3], ids=["DepthAI 2", "DepthAI 3"])
def load(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the back end with a fresh module `depthai` and a blob."""

    def loaded(bus: Bus, options: LoadOptions = AS_USUAL, inputs: Any = INPUTS, blob: bytes = BLOB) -> Any:
        monkeypatch.setitem(sys.modules, "depthai", depthai(request.param, bus, inputs, OUTPUTS))
        monkeypatch.delitem(sys.modules, "aai_backends.myriad", raising=False)
        module = importlib.import_module("aai_backends.myriad")
        monkeypatch.setattr(module, "_ANSWER_S", 0.05)
        monkeypatch.setattr(module, "myriad_on_usb", lambda: bus.stick)
        (tmp_path / "net.blob").write_bytes(blob)
        return module.MyriadBackend(ModelFiles(tmp_path / "net.blob"), options)

    return loaded


def test_a_blob_tells_its_tensors_and_runs(load: Load) -> None:
    bus = Bus()
    network = load(bus)
    assert (network.accelerator, network.engine.split()[0]) == ("MYRIAD", "depthai")
    assert [(spec.name, spec.shape, spec.dtype) for spec in network.inputs] == [
        ("data", (1, 3, HEIGHT, WIDTH), "uint8")
    ]
    assert [(spec.name, spec.shape) for spec in network.outputs] == [("out", (1, 3, HEIGHT, WIDTH)), ("flat", (4, 6))]
    for tensor in (TENSOR, TENSOR[..., ::-1]):
        found = network.infer({"data": tensor})
        assert np.array_equal(found["out"], tensor * np.float32(2))
        assert found["out"].dtype == np.float32
        assert np.array_equal(found["flat"].ravel(), found["out"].ravel())
    network.close()
    network.close()
    assert bus.opened == []
    with pytest.raises(AaiError, match="closed"):
        network.infer({"data": TENSOR})


def test_float16_goes_in_as_numbers(load: Load) -> None:
    network = load(Bus(), inputs={"data": info([WIDTH, HEIGHT, 3, 1], "FP16")})
    found = network.infer({"data": (TENSOR / 4).astype(np.float16)})
    assert np.array_equal(found["out"], TENSOR / np.float32(2))


def test_outputs_can_be_chosen(load: Load) -> None:
    network = load(Bus(), LoadOptions(outputs=("flat",)))
    assert list(network.infer({"data": TENSOR})) == ["flat"]
    with pytest.raises(AaiError, match="nowhere") as caught:
        load(Bus(), LoadOptions(outputs=("nowhere",)))
    assert "flat" in str(caught.value.fix)


def test_wrong_inputs_are_refused(load: Load) -> None:
    network = load(Bus())
    for tensors in ({}, {"other": TENSOR}, {"data": TENSOR[:, :2]}, {"data": TENSOR.astype(np.float32)}):
        with pytest.raises(AaiError):
            network.infer(tensors)


def test_a_blob_that_tells_nonsense_takes_the_shape_of_the_configuration(load: Load) -> None:
    network = load(Bus(), LoadOptions(input_shape=(1, 3, HEIGHT, WIDTH)), inputs={"0": info([0, 0, 0, 0], "U8F")})
    assert network.inputs[0].shape == (1, 3, HEIGHT, WIDTH)
    assert np.array_equal(network.infer({"0": TENSOR})["out"], TENSOR * np.float32(2))


def test_a_device_that_does_not_answer_is_an_error_in_time(load: Load) -> None:
    network = load(Bus(answers=False))
    with pytest.raises(AaiError, match="does not answer: no answer within"):
        network.infer({"data": TENSOR})


def test_without_a_device_it_says_so(load: Load) -> None:
    with pytest.raises(AaiError, match="no OAK device is here"):
        load(Bus(platform=""))


def test_a_neural_compute_stick_is_refused_with_the_way_out(load: Load) -> None:
    with pytest.raises(AaiError, match=r"OpenVINO 2022\.3 was the last") as caught:
        load(Bus(platform="", stick="/sys/bus/usb/devices/1-4"))
    assert "1-4" in str(caught.value.where)
    assert "OPENVINO" in str(caught.value.fix)


def test_a_device_that_refuses_the_blob_says_why(load: Load) -> None:
    with pytest.raises(BadWeights, match="not enough shaves"):
        load(Bus(refuses="not enough shaves"))


@pytest.mark.parametrize("blob", [b"", b"\x7fELF" + bytes(60), bytes(range(256))])
def test_what_is_no_blob_is_refused(load: Load, blob: bytes) -> None:
    with pytest.raises(BadWeights):
        load(Bus(), blob=blob)


def test_another_accelerator_is_refused(load: Load) -> None:
    with pytest.raises(AaiError, match="NVIDIA") as caught:
        load(Bus(), LoadOptions(accelerator="NVIDIA"))
    assert "MYRIAD" in str(caught.value.fix)


def test_a_device_of_another_chip_is_refused_by_depthai_3(load: Load, request: Any) -> None:
    bus = Bus(platform="RVC4")
    if "DepthAI 2" in request.node.name:
        load(bus)  # DepthAI 2 knows Myriad X alone.
        return
    with pytest.raises(AaiError, match="RVC4"):
        load(bus)
    assert bus.opened == []
