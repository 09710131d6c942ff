"""Whether a file that was compiled for one chip or one runtime runs on this machine.

A model may be published for other machines than the one it is checked on: nothing here is an error.
"""

from __future__ import annotations

from typing import Iterator

from aai.core import machine
from aai.core.chips import EDGE_TPU, chip_obstacle, of_one_maker, runs_on
from aai.core.inspect.report import Inspection
from aai.core.model_config import ModelConfig
from aai.core.runtimes import runtime_state
from aai.core.validate_input import Remark

_OLDEST_TENSORRT = (8, 2)


def machine_findings(config: ModelConfig, inspection: Inspection) -> Iterator[Remark]:
    """What stands against running the model on this machine.

    Args:
        config: the configuration.
        inspection: what its weights say.
    """
    target = inspection.facts.get("target")
    chip = str(target.value.get("chip", "")) if target is not None else ""
    if chip == EDGE_TPU:
        yield from _edge_tpu()
    elif chip:
        yield from _hailo(chip)
    if config.framework == "tensor-rt":
        yield from _tensorrt(str(inspection.details.get("tensorrt", "")))


def _edge_tpu() -> Iterator[Remark]:
    if not machine.edge_tpu():
        what = "the network is compiled for Google's Edge TPU, and none is here"
        fix = "run it where there is one; elsewhere take the build without _edgetpu in its name"
        yield Remark("warning", what, "model_file", fix)


def _hailo(chip: str) -> Iterator[Remark]:
    """Nothing is said where the device may be the right one: no file of the driver tells Hailo-8 from Hailo-8L."""
    here = of_one_maker(chip, machine.hailo_chips())
    if not here:
        return
    if not here & runs_on(chip):
        what = f"the network does not run on the Hailo device of this machine: {chip_obstacle(chip, here)}"
        fix = f"compile it for this chip: hailomz compile --hw-arch {min(here)}; or take a HEF that is made for it"
        yield Remark("warning", what, "model_file", fix)
    elif chip not in here:
        what = (
            f"the network is compiled for {chip}, and this machine has {min(here)}: it runs, and slower than it could"
        )
        yield Remark("warning", what, "model_file", f"compile it for this chip: hailomz compile --hw-arch {min(here)}")


def _tensorrt(hint: str) -> Iterator[Remark]:
    made = _numbers(hint)
    if not made:
        return
    fix = "build it anew from ONNX on the device: aai model convert --to tensor-rt"
    if made < _OLDEST_TENSORRT and len(made) > 1:
        what = f"the engine looks as if TensorRT {hint} had made it, and the oldest that runs here is 8.2"
        yield Remark("warning", what, "model_file", fix)
        return
    installed = _installed_tensorrt()
    if installed and _numbers(installed)[:1] != made[:1]:
        what = f"the engine looks as if TensorRT {hint} had made it, and TensorRT {installed} is installed here"
        yield Remark("warning", what, "model_file", fix)


def _installed_tensorrt() -> str:
    """The version of TensorRT on this machine, "" when there is none or it does not say; nothing is imported."""
    return runtime_state("tensorrt").version


def _numbers(version: str) -> tuple[int, ...]:
    """(8, 5, 2) of "8.5.2.post1"."""
    numbers = []
    for word in version.split("."):
        if not word.isdecimal():
            break
        numbers.append(int(word))
    return tuple(numbers)
