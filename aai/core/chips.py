"""Chips that networks are compiled for, and which chip runs what was compiled for another.

Source: HailoRT, `hef.proto` (the numbers) and its table of devices and the architectures that each accepts.
"""

from __future__ import annotations

from typing import AbstractSet

EDGE_TPU = "edgetpu"
HAILO_CHIP = {
    0: "hailo8",
    1: "hailo8",
    2: "hailo8",
    101: "hailo8",
    102: "hailo8",
    3: "hailo8l",
    5: "hailo10h",
    103: "hailo10h",
    104: "hailo10h",
    105: "hailo10h",
    4: "hailo15m",
    6: "hailo15l",
    106: "hailo15l",
    108: "hailo12l",
}
"""Architecture number in a HEF -> the chip that it is for. Files for Hailo-10H and Hailo-15H have one number."""

_RUNS_ON: dict[str, frozenset[str]] = {
    "hailo8": frozenset({"hailo8"}),
    "hailo8l": frozenset({"hailo8l", "hailo8"}),
    "hailo10h": frozenset({"hailo10h", "hailo15h"}),
    "hailo15h": frozenset({"hailo10h", "hailo15h"}),
    "hailo15m": frozenset({"hailo15m", "hailo15h", "hailo10h"}),
}
"""Compiled for -> runs on; any other chip runs only its own."""


def runs_on(chip: str) -> frozenset[str]:
    """The chips that run what was compiled for `chip`."""
    return _RUNS_ON.get(chip, frozenset({chip}))


def of_one_maker(chip: str, here: AbstractSet[str]) -> frozenset[str]:
    """The chips of `here` that could be meant where a network for `chip` is to run."""
    return frozenset(other for other in here if (other == EDGE_TPU) == (chip == EDGE_TPU))


def chip_obstacle(chip: str, here: AbstractSet[str]) -> str:
    """Why a network for `chip` does not run, or may not run, on a machine; "" when it does.

    Args:
        chip: what it is compiled for.
        here: the chips that the machine may have: several where its files do not tell which of them it is.
    """
    near = of_one_maker(chip, here)
    if not near:
        return f"it is for chip {chip}, and none is here"
    if near <= runs_on(chip):
        return ""
    words = " or ".join(sorted(near))
    if near & runs_on(chip):
        return f"it is for chip {chip}, and this machine has {words}: no file of the driver tells which"
    return f"it is for chip {chip}, and this machine has {words}"
