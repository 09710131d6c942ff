"""ONNX models on OpenCV, for machines that have it and not onnxruntime."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles


class OnnxDnnBackend(OpencvDnnBackend):
    """An ONNX network in OpenCV; see `OpencvDnnBackend`.

    Args:
        files: the .onnx file.
        options: as there.
    """

    # Its graphs keep their own axis order, unlike those of OpenCV's other readers.
    capabilities = replace(OpencvDnnBackend.capabilities, layout="")

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        super().__init__("readNetFromONNX", (check_file(files.model, "model file"),), options)
