"""What this machine is: processor, and the accelerators that its files show. Starts no driver and no runtime."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


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
        Accelerator("Coral Edge TPU", "tflite", _first(root, ["dev/apex_0"]), "install gasket-dkms"),
        Accelerator(
            "GPU or NPU by DRI",
            "dldt",
            _first(root, ["dev/dri/renderD128", "dev/accel/accel0"]),
            "install the vendor's driver",
        ),
    ]


def _first(root: Path, places: list[str]) -> str:
    return next((f"/{place}" for place in places if (root / place).exists()), "")
