"""What a machine's files show of its accelerators."""

from __future__ import annotations

from pathlib import Path

from aai.core.machine import nvidia_gpus


def test_nvidias_driver_tells_what_its_gpus_are_called(tmp_path: Path) -> None:
    for number, name in enumerate(("NVIDIA L4", "NVIDIA L4", "NVIDIA GeForce RTX 3090")):
        place = tmp_path / f"proc/driver/nvidia/gpus/0000:0{number}:00.0"
        place.mkdir(parents=True)
        (place / "information").write_text(f"Model: \t\t {name}\nIRQ:   \t\t 44\nGPU UUID: \t GPU-1\n")
    (tmp_path / "proc/driver/nvidia/gpus/broken").mkdir()
    (tmp_path / "proc/driver/nvidia/gpus/empty").mkdir()
    (tmp_path / "proc/driver/nvidia/gpus/empty/information").write_bytes(b"Model:\n\xff\xfe")
    assert nvidia_gpus(tmp_path) == {"NVIDIA L4", "NVIDIA GeForce RTX 3090"}
    assert nvidia_gpus(tmp_path / "nothing") == frozenset()
