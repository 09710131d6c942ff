"""Frozen TensorFlow graphs (.pb) on OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aai.errors import BadWeights
from aai_backends._files import check_protobuf
from aai_backends._openvino import OpenvinoBackend, port_name, read_model
from aai_backends._shapes import channels_last

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles

GRAPH_FIELDS = range(1, 6)
"""GraphDef (TensorFlow, graph.proto): node is 1, debug_info is 5."""


class TensorflowOpenvinoBackend(OpenvinoBackend):
    """A frozen TensorFlow graph on OpenVINO; see `OpenvinoBackend`.

    Args:
        files: the .pb; a .pbtxt beside it is OpenCV's, and refused.
        options: as there. Images go in as TensorFlow has them, (1, H, W, C).
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        if files.config is not None:
            raise BadWeights(
                "a model with a .pbtxt is for OpenCV, which alone reads it",
                str(files.config),
                "use the engine DNN, or a .pb that needs no .pbtxt",
            )
        path = check_protobuf(files.model, "model file", "a frozen TensorFlow graph", GRAPH_FIELDS)
        super().__init__(read_model(path, frontend="tf"), path, options)

    def _shape_made(self, made: tuple[int, ...]) -> tuple[int, ...]:
        return channels_last(made)

    def _name(self, port: Any) -> str:
        name = port_name(port)
        return name[:-2] if name.endswith(":0") else name
