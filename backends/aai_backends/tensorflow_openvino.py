"""Frozen TensorFlow graphs (.pb) on OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aai_backends._openvino import OpenvinoBackend, port_name, read_model
from aai_backends._shapes import channels_last
from aai_backends._tensorflow_file import check_graph

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles


class TensorflowOpenvinoBackend(OpenvinoBackend):
    """A frozen TensorFlow graph on OpenVINO; see `OpenvinoBackend`.

    Args:
        files: the .pb; a .pbtxt beside it is OpenCV's, and refused.
        options: as there. Images go in as TensorFlow has them, (1, H, W, C).
    """

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        path = check_graph(files)
        super().__init__(read_model(path, frontend="tf"), path, options)

    def _shape_made(self, made: tuple[int, ...]) -> tuple[int, ...]:
        return channels_last(made)

    def _name(self, port: Any) -> str:
        name = port_name(port)
        return name[:-2] if name.endswith(":0") else name
