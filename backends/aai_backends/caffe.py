"""Caffe models (.prototxt and .caffemodel) on OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.errors import BadWeights
from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles


class CaffeBackend(OpencvDnnBackend):
    """A Caffe network; see `OpencvDnnBackend`.

    Args:
        files: .caffemodel and .prototxt.
        options: as there.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        if files.config is None:
            raise BadWeights(
                "a Caffe model needs its .prototxt", str(files.model), "name it: aai model configure --config_file FILE"
            )
        structure, weights = check_file(files.config, "structure file"), check_file(files.model, "model file")
        super().__init__("readNetFromCaffe", (structure, weights), options)
