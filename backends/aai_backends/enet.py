"""ENet and other Torch7 models (.net, .t7) on OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai_backends._files import check_file
from aai_backends._opencv_dnn import OpencvDnnBackend

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles


class EnetBackend(OpencvDnnBackend):
    """A Torch7 network; see `OpencvDnnBackend`.

    Args:
        files: .net or .t7.
        options: as there.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        super().__init__("readNetFromTorch", (check_file(files.model, "model file"),), options)
