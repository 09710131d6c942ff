"""Caffe models (.prototxt and .caffemodel) on OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.errors import BadWeights
from aai_backends._files import ANY, LENGTH, check_file, check_protobuf
from aai_backends._opencv_dnn import OpencvDnnBackend

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles

_NET = {**dict.fromkeys(range(1, 100), ANY), 1: LENGTH, 2: LENGTH, 100: LENGTH}
"""NetParameter (Caffe, caffe.proto): a name, and layers as 2 in old files and as 100 in new ones."""


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
        structure = check_file(files.config, "structure file")
        # Weights that are cut off are no fault to OpenCV: what is missing counts as nothing learned.
        weights = check_protobuf(files.model, "model file", "a Caffe model", _NET)
        super().__init__("readNetFromCaffe", (structure, weights), options)
