"""Which variant of a version suits a machine, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping, Sequence

from aai.core import machine
from aai.core.chips import chip_obstacle
from aai.core.packed import find_variant
from aai.core.runtimes import runtime_state
from aai.package.read import VariantEntry


@dataclass(frozen=True)
class Machine:
    """What a machine can run, as far as can be told without starting anything.

    Args:
        cpu: "x86_64", "aarch64".
        device: one of `aai.core.fields.DEVICES`; "" for any other machine.
        frameworks: frameworks whose models can run here.
        chips: accelerators that networks are compiled for, of `aai.core.chips`; several of one maker where the
            machine's files do not tell which of them it has.
        gpus: names of its NVIDIA GPUs, but for a Jetson's.
        tensorrt: version of its TensorRT; "" when there is none or it does not say.
    """

    cpu: str
    device: str = ""
    frameworks: frozenset[str] = frozenset()
    chips: frozenset[str] = frozenset()
    gpus: frozenset[str] = frozenset()
    tensorrt: str = ""

    def __str__(self) -> str:
        chips = [" or ".join(sorted(self.chips))] if self.chips else []
        return ", ".join([self.cpu, *([self.device] if self.device else []), *chips, *sorted(self.frameworks)])

    @property
    def facts(self) -> dict[str, str]:
        """The keys of a variant's target that this machine has an answer to, besides the framework."""
        return {"cpu": self.cpu, "device": self.device}


@dataclass(frozen=True)
class Choice:
    """The variant that was chosen, and why, for people."""

    entry: VariantEntry
    reason: str
    asked: bool = False


def this_machine(frameworks: Iterable[str]) -> Machine:
    """This machine.

    Args:
        frameworks: those whose models can run here.
    """
    chips = machine.hailo_chips() | ({"edgetpu"} if machine.edge_tpu() else frozenset())
    tensorrt = runtime_state("tensorrt")
    return Machine(
        machine.processor(),
        machine.jetson(),
        frozenset(frameworks),
        chips,
        machine.nvidia_gpus(),
        tensorrt.version if tensorrt.usable else "",
    )


def choose_variant(entries: Sequence[VariantEntry], here: Machine, wanted: str | None = None) -> Choice:
    """The variant to install: the one asked for; else the one made for most that this machine is; else the first.

    Args:
        entries: the variants of a version, the default one first.
        here: the machine to install on.
        wanted: key of a variant that somebody asked for.

    Raises:
        NotFound: there is no such variant.
    """
    if wanted is not None:
        return Choice(find_variant(entries, wanted), "asked for", True)
    if len(entries) == 1:
        return Choice(entries[0], "the only one")
    fitting = [entry for entry in entries if not _obstacle(entry.target, here)]
    if not fitting:
        reason = f"the first one; none runs here: {'; '.join(_obstacles(entries, here))}"
        return Choice(entries[0], reason)
    best = max(fitting, key=lambda entry: len(_matches(entry.target, here)))
    matches = _matches(best.target, here)
    if matches:
        return Choice(best, f"made for {', '.join(matches)}")
    if best is entries[0]:
        return Choice(best, "the default, which runs here")
    return Choice(best, f"the first that runs here; {'; '.join(_obstacles(entries[: entries.index(best)], here))}")


def _obstacle(target: Mapping[str, str], here: Machine) -> str:
    """Why a variant does not run here; "" when nothing is known against it."""
    framework = target.get("framework")
    if framework and framework not in here.frameworks:
        return f"no runtime for {framework} is installed"
    for name, value in here.facts.items():
        if target.get(name, value) != value:
            return f"it is for {name} {target[name]}"
    chip = target.get("chip")
    return chip_obstacle(chip, here.chips) if chip else _engine_obstacle(target, here)


def _engine_obstacle(target: Mapping[str, str], here: Machine) -> str:
    """Why a TensorRT engine does not run here: it is made for one kind of GPU and one version."""
    gpu, version = target.get("gpu"), target.get("tensorrt")
    if gpu and gpu not in here.gpus:
        return f"it is for the GPU {gpu}"
    if version and here.tensorrt:
        # 8.5.2 and 8.5.2.2 are one: a package's version may be longer or shorter than the module's.
        pairs = list(zip(version.split("."), here.tensorrt.split(".")))[:3]
        if any(one != other for one, other in pairs):
            return f"it is for TensorRT {version}, and {here.tensorrt} is installed"
    return ""


def _obstacles(entries: Sequence[VariantEntry], here: Machine) -> list[str]:
    return [f"{entry.key}: {_obstacle(entry.target, here)}" for entry in entries]


def _matches(target: Mapping[str, str], here: Machine) -> list[str]:
    known = [f"{name} {value}" for name, value in here.facts.items() if value and target.get(name) == value]
    # What has got this far has no obstacle: its chip or GPU is here.
    return [*known, *(f"{name} {target[name]}" for name in ("chip", "gpu") if target.get(name))]
