"""Which execution provider of onnxruntime runs a network on which accelerator."""

from __future__ import annotations

from typing import NamedTuple

import onnxruntime as ort

from aai.core.machine import nvidia_gpu
from aai.errors import AaiError

CPU = "CPUExecutionProvider"
PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "CPU": (CPU, {}),
    "NVIDIA": ("CUDAExecutionProvider", {}),
    "NVIDIA_FP16": ("TensorrtExecutionProvider", {"trt_fp16_enable": "True"}),
    "GPU": ("OpenVINOExecutionProvider", {"device_type": "GPU"}),
    "NPU": ("OpenVINOExecutionProvider", {"device_type": "NPU"}),
}
"""Accelerator -> provider and its settings."""


class Choice(NamedTuple):
    """The accelerator to try.

    Args:
        accelerator: one of `PROVIDERS`.
        may_fall_back: whether the CPU will do where it can't be started: nobody asked for it.
        reason: why it was chosen, for people; "" when it was asked for, or there is nothing to choose.
    """

    accelerator: str
    may_fall_back: bool = False
    reason: str = ""


def choose(asked: str) -> Choice:
    """The accelerator for `asked`; for "DEFAULT" the GPU that is here, where this onnxruntime can use it.

    Raises:
        AaiError: this onnxruntime does not have it.
    """
    available = ort.get_available_providers()
    if asked == "DEFAULT":
        gpu = nvidia_gpu()
        if PROVIDERS["NVIDIA"][0] in available and gpu:
            return Choice("NVIDIA", True, f"a GPU is here ({gpu})")
        if PROVIDERS["NVIDIA"][0] in available:
            return Choice("CPU", reason="onnxruntime has CUDA, but no NVIDIA GPU is here")
        return Choice(
            "CPU", reason=f"a GPU is here ({gpu}), but onnxruntime has no CUDA: onnxruntime-gpu" if gpu else ""
        )
    here = [name for name, (provider, _) in PROVIDERS.items() if provider in available]
    if asked not in here:
        raise AaiError(
            f"onnxruntime has no accelerator {asked} here",
            f"onnxruntime {ort.__version__}: {', '.join(available)}",
            f"use one of: {', '.join(here)}; NVIDIA comes with onnxruntime-gpu, GPU and NPU with onnxruntime-openvino",
        )
    return Choice(asked)


def providers_of(accelerator: str, precision: str) -> list[tuple[str, dict[str, str]]]:
    """What a session is made with: the provider of the accelerator, and the CPU for what it can't do."""
    provider, settings = PROVIDERS[accelerator]
    if accelerator == "NVIDIA" and precision == "float32" and _version() >= (1, 18):
        # CUDA's own choice on newer GPUs, TF32, has the mantissa of float16.
        settings = {**settings, "use_tf32": "0"}
    if provider == CPU:
        return [(CPU, {})]
    return [(provider, settings), (CPU, {})]


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in ort.__version__.split(".")[:2] if part.isdecimal())
