"""Frozen TensorFlow 1 graphs (.pb, often with a .pbtxt for OpenCV) on OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles


class TensorflowBackend(OpencvDnnBackend):
    """A TensorFlow network; see `OpencvDnnBackend`.

    Args:
        files: .pb and, where there is one, .pbtxt.
        options: as there.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        structure = (check_file(files.config, "structure file"),) if files.config else ()
        super().__init__("readNetFromTensorflow", (check_file(files.model, "model file"), *structure), options)
