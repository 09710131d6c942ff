"""Frozen TensorFlow 1 graphs (.pb, often with a .pbtxt for OpenCV) on OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend, check_version

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles


class TensorflowBackend(OpencvDnnBackend):
    """A TensorFlow network; see `OpencvDnnBackend`.

    Args:
        files: .pb and, where there is one, .pbtxt.
        options: as there.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        weights = str(check_file(files.model, "model file"))
        structure = [str(check_file(files.config, "structure file"))] if files.config else []
        check_version()
        super().__init__(files.model, lambda: cv2.dnn.readNetFromTensorflow(weights, *structure), options)
