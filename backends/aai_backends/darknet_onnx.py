"""Darknet models (.cfg and .weights) on onnxruntime, as what the project's own conversion makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.convert.darknet_onnx import convert_darknet
from aai.errors import BadWeights
from aai_backends._files import check_file
from aai_backends.onnx import OnnxBackend

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles


class DarknetOnnxBackend(OnnxBackend):
    """A Darknet network in an onnxruntime session; see `OnnxBackend`. Its heads come out raw, for the decoder.

    Args:
        files: .weights and .cfg; converted while loading, nothing is written.
        options: as there.

    Raises:
        BadWeights: also when the two do not belong together, or a layer is not converted.
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        super().__init__(files, options)
        self.engine = f"Darknet as ONNX on {self.engine}"

    def _read(self, files: ModelFiles) -> str | bytes:
        if files.config is None:
            raise BadWeights(
                "a Darknet model needs its .cfg", str(files.model), "name it: aai model configure --config_file FILE"
            )
        return convert_darknet(check_file(files.config, "structure file"), files.model)
