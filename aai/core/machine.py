"""What this machine is: processor, and the accelerators that its files show. Starts no driver and no runtime."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

ROOT = Path("/")
_JETSONS = (
    ("orin nano", "orin-nano"),
    ("orin nx", "orin-nx"),
    ("agx orin", "agx-orin"),
    ("xavier nx", "xavier-nx"),
    ("agx xavier", "agx-xavier"),
    ("jetson nano", "nano"),
)
"""What NVIDIA's boards call themselves in the device tree, and the name that `device` in a model file has for them."""

_HAILO_CHIPS = {"1e60:2864": frozenset({"hailo8", "hailo8l"}), "1e60:45c4": frozenset({"hailo10h", "hailo15h"})}
"""PCI vendor and device -> the chips that have these numbers (hailort-drivers, common/pcie_common.h)."""

_CORAL_USB = (("1a6e", "089a"), ("18d1", "9302"))
"""USB vendor and product of the Coral stick, before and after its firmware is loaded (coral.ai, udev rules)."""

_MYRIAD_USB = (("03e7", "2485"), ("03e7", "2150"), ("03e7", "f63b"), ("03e7", "f63c"))
"""Myriad X and Myriad 2 before they start; Myriad X started, and an OAK's boot loader (Luxonis, udev rules)."""


@dataclass(frozen=True)
class Accelerator:
    """One kind of accelerator.

    Args:
        name: as people call it.
        serves: the frameworks that it runs.
        found: what shows that it is here, such as "/dev/hailo0"; "" when it is not.
        fix: what makes it show up, when the hardware is there.
    """

    name: str
    serves: str
    found: str
    fix: str


def processor() -> str:
    """The processor's architecture as the kernel calls it: "x86_64", "aarch64"."""
    return platform.machine()


def board(root: Path = ROOT) -> str:
    """The board's own name where the kernel tells it (device tree), such as "Raspberry Pi 5 Model B"; else ""."""
    model = root / "proc/device-tree/model"
    return model.read_bytes().rstrip(b"\0\n").decode("utf-8", "replace") if model.is_file() else ""


def jetson(root: Path = ROOT) -> str:
    """Which Jetson this is, as `device` in alwaysai.model.json has it: "orin-nano"; "" for any other machine."""
    name = board(root).lower()
    return next((device for words, device in _JETSONS if words in name), "")


def nvidia_gpus(root: Path = ROOT) -> frozenset[str]:
    """What the NVIDIA GPUs of this machine call themselves: "NVIDIA L4"; empty without a driver, and on a Jetson.

    Source: what NVIDIA's driver for Linux shows below /proc (its README, "Using the /proc File System Interface").
    """
    names: set[str] = set()
    for place in root.glob("proc/driver/nvidia/gpus/*/information"):
        try:
            lines = place.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        names.update(line.partition(":")[2].strip() for line in lines if line.startswith("Model:"))
    return frozenset(names - {""})


def hailo_chips(root: Path = ROOT) -> frozenset[str]:
    """The Hailo chips that this machine may have, as the driver's files tell; empty without one.

    Hailo-8 and Hailo-8L have one PCI number, and no file of the driver tells them apart (hailort-drivers, sysfs.c).
    """
    place = root / "sys/class/hailo_chardev/hailo0/device_id"
    try:
        number = place.read_text(encoding="ascii", errors="replace").strip().lower()
    except OSError:
        number = ""
    if number in _HAILO_CHIPS:
        return _HAILO_CHIPS[number]
    every = frozenset(chip for chips in _HAILO_CHIPS.values() for chip in chips)
    return every if (root / "dev/hailo0").exists() else frozenset()


def nvidia_gpu(root: Path = ROOT) -> str:
    """What shows that an NVIDIA GPU is here, a Jetson's among them: a path; "" when none shows."""
    return _first(root, ["dev/nvidia0", "dev/nvhost-gpu", "etc/nv_tegra_release", "dev/dxg"])


def edge_tpu(root: Path = ROOT) -> str:
    """What shows that a Coral Edge TPU is here, on PCI or USB: a path; "" when none shows."""
    place = _first(root, ["dev/apex_0"])
    if place:
        return place
    return _on_usb(root, _CORAL_USB)


def myriad_on_usb(root: Path = ROOT) -> str:
    """What shows that a Myriad chip of Intel's is on USB: a path; "" when none shows.

    A Neural Compute Stick 2 and an OAK that has not started have the same numbers: the chip's own.
    """
    return _on_usb(root, _MYRIAD_USB)


def _on_usb(root: Path, wanted: Sequence[tuple[str, str]]) -> str:
    """The first USB device of these vendor and product numbers, as a path; "" when there is none."""
    for entry in sorted(root.glob("sys/bus/usb/devices/*/idVendor")):
        product = entry.with_name("idProduct")
        try:
            pair = (entry.read_text().strip(), product.read_text().strip())
        except (OSError, ValueError):
            continue
        if pair in wanted:
            return f"/{entry.parent.relative_to(root)}"
    return ""


def accelerators(root: Path = ROOT) -> list[Accelerator]:
    """Every kind that is looked for, found or not.

    Args:
        root: the file system to look at; another one than / in tests.
    """
    jetson = _first(root, ["etc/nv_tegra_release", "dev/nvhost-gpu"])
    return [
        Accelerator("NVIDIA GPU", "onnx, tensor-rt", _first(root, ["dev/nvidia0"]), "install NVIDIA's driver"),
        Accelerator("Jetson", "onnx, tensor-rt", jetson, "flash JetPack"),
        Accelerator("Hailo", "hailo", _first(root, ["dev/hailo0"]), "install the hailo driver (hailort-pcie-driver)"),
        Accelerator("Myriad X (OAK)", "myriad", myriad_on_usb(root), "plug an OAK in, and set its udev rule"),
        Accelerator("Coral Edge TPU", "tflite", edge_tpu(root), "install gasket-dkms, or plug the USB stick in"),
        Accelerator(
            "GPU or NPU by DRI",
            "dldt",
            _first(root, ["dev/dri/renderD128", "dev/accel/accel0"]),
            "install the vendor's driver",
        ),
    ]


def _first(root: Path, places: list[str]) -> str:
    return next((f"/{place}" for place in places if (root / place).exists()), "")
