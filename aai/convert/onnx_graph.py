"""An ONNX graph under construction: nodes in the order of their making, each with one output and a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from aai.errors import BackendUnavailable

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise BackendUnavailable(
        f"the package onnx is needed to write ONNX files, and can't be imported: {error}",
        None,
        "pip install 'aai[export]'",
    ) from error

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

OPSET = 12
"""Old enough for TensorRT 8 and OpenCV 4.5; Resize has its present form from 11 on."""
IR_VERSION = 7


class Graph:
    """Nodes and constants, until `model` makes a file of them."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds a node; returns the name of its output."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: Array, name: str = "") -> str:
        """A tensor of constants; returns its name. Constants of one name are kept once."""
        name = name or f"constant_{len(self._constants)}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def number(self, value: float) -> str:
        """A float32 constant; equal ones, to the nine digits that tell two apart, are shared."""
        return self.constant(np.float32(value).reshape(()), f"number_{value:.9g}")

    def whole(self, values: Sequence[int]) -> str:
        """An int64 vector of constants, such as a shape."""
        return self.constant(np.array(values, np.int64), f"whole_{'_'.join(map(str, values))}")

    def clip(self, x: str, low: float, high: float) -> str:
        """`x` kept within `low`..`high`."""
        return self.node("Clip", [x, self.number(low), self.number(high)])

    def model(
        self,
        input_shape: Sequence[int | str],
        outputs: Mapping[str, tuple[str, Sequence[int | str]]],
        metadata: Mapping[str, str],
    ) -> bytes:
        """The ONNX file, checked.

        Args:
            input_shape: of the only input, which is called "data"; a word stands for an open axis.
            outputs: name of the output -> the value it takes, and its shape.
            metadata: what is written beside the graph.
        """
        for name, (value, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        graph = helper.make_graph(
            self._nodes,
            "network",
            [helper.make_tensor_value_info("data", TensorProto.FLOAT, list(input_shape))],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
                for name, (_, shape) in outputs.items()
            ],
            list(self._constants.values()),
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="aai")
        made.ir_version = IR_VERSION
        helper.set_model_props(made, dict(metadata))
        onnx.checker.check_model(made)
        data: bytes = made.SerializeToString()
        return data
