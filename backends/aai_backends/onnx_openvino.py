"""ONNX models on OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai_backends._files import LENGTH, VARINT, check_protobuf
from aai_backends._openvino import OpenvinoBackend, read_model

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles

_MODEL = {1: VARINT, 5: VARINT, **dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), LENGTH)}
"""ModelProto (ONNX, onnx.proto): ir_version and model_version are numbers."""


class OnnxOpenvinoBackend(OpenvinoBackend):
    """An ONNX network on OpenVINO; see `OpenvinoBackend`.

    Args:
        files: the .onnx file; external data lies beside it.
        options: as there.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        path = check_protobuf(files.model, "model file", "an ONNX model", _MODEL)
        super().__init__(read_model(path, frontend="onnx"), path, options)
