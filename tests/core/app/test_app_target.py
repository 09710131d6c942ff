from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aai.core.app.target import Machine, choose_variant, this_machine
from aai.errors import NotFound
from aai.package.read import VariantEntry


def entry(key: str, **target: str) -> VariantEntry:
    return VariantEntry(key, "sha256:" + "0" * 64, 1, target)


ONNX = entry("default", framework="onnx")
INT8 = entry("int8", framework="onnx", precision="int8")
ORIN = entry("orin", framework="tensor-rt", device="orin-nano")
NANO = entry("nano", framework="tensor-rt", device="nano")
HAILO = entry("hailo8", framework="hailo", chip="hailo8")
L4 = entry("l4", framework="tensor-rt", cpu="x86_64", gpu="NVIDIA L4", tensorrt="10.3.0")
ARM = entry("arm", framework="onnx", cpu="aarch64")


def machine(*frameworks: str, cpu: str = "x86_64", device: str = "") -> Machine:
    return Machine(cpu, device, frozenset(frameworks))


CASES: Any = [
    ([ONNX], machine(), "default"),
    ([ONNX, INT8], machine("onnx"), "default"),
    ([ONNX, ORIN], machine("onnx", "tensor-rt"), "default"),
    ([ONNX, ORIN, NANO], machine("onnx", "tensor-rt", cpu="aarch64", device="orin-nano"), "orin"),
    ([ONNX, ORIN], machine("onnx", cpu="aarch64", device="orin-nano"), "default"),
    ([ONNX, ARM], machine("onnx", cpu="aarch64"), "arm"),
    ([ONNX, ARM], machine("onnx"), "default"),
    ([ONNX, HAILO], machine("onnx", "hailo"), "default"),
    ([ORIN, INT8], machine("onnx"), "int8"),
    ([ORIN, HAILO], machine(), "orin"),
    ([ONNX, L4], machine("onnx", "tensor-rt"), "default"),
    ([ONNX, L4], replace(machine("onnx", "tensor-rt"), gpus=frozenset({"NVIDIA A2", "NVIDIA L4"})), "l4"),
    ([ONNX, L4], replace(machine("onnx", "tensor-rt"), gpus=frozenset({"NVIDIA L4"}), tensorrt="10.3.0.post1"), "l4"),
    ([ONNX, L4], replace(machine("onnx", "tensor-rt"), gpus=frozenset({"NVIDIA L4"}), tensorrt="8.6.1"), "default"),
    ([ONNX, L4], replace(machine("onnx"), gpus=frozenset({"NVIDIA L4"})), "default"),
]


@pytest.mark.parametrize(("entries", "here", "key"), CASES)
def test_the_variant_fits_the_machine(entries: list[VariantEntry], here: Machine, key: str) -> None:
    choice = choose_variant(entries, here)
    assert choice.entry.key == key
    assert choice.reason
    assert not choice.asked


def test_the_reason_says_what_stands_against_the_others() -> None:
    assert "no runtime for tensor-rt" in choose_variant([ORIN, INT8], machine("onnx")).reason
    assert "chip hailo8" in choose_variant([HAILO, HAILO], machine("hailo")).reason


def test_what_is_asked_for_is_taken_though_it_does_not_run() -> None:
    choice = choose_variant([ONNX, HAILO], machine(), "hailo8")
    assert (choice.entry.key, choice.asked) == ("hailo8", True)
    with pytest.raises(NotFound) as caught:
        choose_variant([ONNX, HAILO], machine(), "hailo9")
    assert '"hailo8"' in str(caught.value.fix)


def test_this_machine_has_the_frameworks_that_it_is_told_and_its_own_processor() -> None:
    here = this_machine(["onnx", "enet"])
    assert here.frameworks == {"onnx", "enet"}
    assert here.cpu


def test_an_engine_for_another_gpu_or_tensorrt_is_told_as_that() -> None:
    here = replace(machine("tensor-rt"), gpus=frozenset({"NVIDIA L4"}), tensorrt="8.6.1")
    other = entry("a2", framework="tensor-rt", gpu="NVIDIA A2")
    reason = choose_variant([L4, other], here).reason
    assert "l4: it is for TensorRT 10.3.0, and 8.6.1 is installed" in reason
    assert "a2: it is for the GPU NVIDIA A2" in reason
