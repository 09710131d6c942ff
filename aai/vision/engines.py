"""The names of engines and accelerators, as applications write them."""

from __future__ import annotations

from enum import Enum


class Engine(str, Enum):
    """What runs a network. Each value is its own name."""

    DNN = "DNN"
    DNN_OPENVINO = "DNN_OPENVINO"
    DNN_CUDA = "DNN_CUDA"
    TENSOR_RT = "TENSOR_RT"
    HAILO_RT = "HAILO_RT"
    QAIC_RT = "QAIC_RT"
    ONNX_RT = "ONNX_RT"
    OPENVINO = "OPENVINO"
    TFLITE = "TFLITE"
    TENSORFLOW = "TENSORFLOW"
    OAK = "OAK"

    def __str__(self) -> str:
        return self.value


class Accelerator(str, Enum):
    """What a network runs on. Each value is its own name."""

    DEFAULT = "DEFAULT"
    CPU = "CPU"
    GPU = "GPU"
    GPU_FP16 = "GPU_FP16"
    NPU = "NPU"
    MYRIAD = "MYRIAD"
    EDGE_TPU = "EDGE_TPU"
    NVIDIA = "NVIDIA"
    NVIDIA_FP16 = "NVIDIA_FP16"
    HAILO = "HAILO"
    QAIC = "QAIC"

    def __str__(self) -> str:
        return self.value
