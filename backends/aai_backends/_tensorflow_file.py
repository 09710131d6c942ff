"""What a frozen TensorFlow graph must be before a runtime is given it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.errors import BadWeights
from aai_backends._files import LENGTH, VARINT, Message, check_protobuf

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import ModelFiles

_GRAPH: Message = {1: dict.fromkeys(range(1, 8), LENGTH), 2: LENGTH, 3: VARINT, 4: LENGTH, 5: LENGTH}
"""GraphDef (TensorFlow, graph.proto): 1 is a node, with name, op, inputs, device and attributes (node_def.proto)."""


def check_graph(files: ModelFiles) -> Path:
    """The .pb of a model that needs nothing else.

    Raises:
        BadWeights: a .pbtxt is there, which is OpenCV's, or the .pb is no graph or cut off.
    """
    if files.config is not None:
        raise BadWeights(
            "a model with a .pbtxt is for OpenCV, which alone reads it",
            str(files.config),
            "use the engine DNN, or a .pb that needs no .pbtxt",
        )
    return check_protobuf(files.model, "model file", "a frozen TensorFlow graph", _GRAPH)
