"""An ONNX file as it stands: header, graph inputs and outputs, tensors and nodes by their place, without their weights.

Field numbers are those of onnx.proto3 (ONNX, "Open Neural Network Exchange Intermediate Representation Specification").
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from aai.core.inspect.protobuf import LENGTH, VARINT, Malformed, signed, text, varint, walk
from aai.core.inspect.source import Data
from aai.ports import TensorSpec

DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "str",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
MAX_ELEMENTS = 1 << 63
"""Of one tensor, as no file holds: a product of lengths without end would take time without end."""
_FORMATS = {"float32": "<f", "float64": "<d", "int32": "<i", "int64": "<q", "uint8": "<B", "int8": "<b"}


@dataclass
class Tensor:
    """A TensorProto: what it is called, how many elements it has, and where its data is."""

    name: str = ""
    elements: int = 1
    dtype: str = ""
    data: tuple[int, int] = (0, 0)
    external: dict[str, str] = field(default_factory=dict)

    def first_value(self, data: Data) -> float | None:
        """The first element, where its data is in the file."""
        form = _FORMATS.get(self.dtype)
        begin, end = self.data
        if form is None or end - begin < struct.calcsize(form):
            return None
        value = float(struct.unpack_from(form, data, begin)[0])
        return value if math.isfinite(value) else None


@dataclass
class Node:
    """A NodeProto: operator, and names of the tensors that go in and come out."""

    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    constant: Tensor | None = None


@dataclass
class OnnxFile:
    """The parts of a ModelProto that say what the model is.

    Args:
        data: the file.
        ir_version: of the format.
        opsets: domain -> version; the domain of ONNX's own operators is "".
        producer: exporter and its version.
        metadata: what the exporter wrote about the model.
        inputs: inputs of the graph, initializers among them left out.
        outputs: outputs of the graph.
        nodes: where each node is, in the file's order (which the specification wants to be the order of running).
        tensors: initializers by name.
        parameters: number of elements of all initializers.
    """

    data: Data
    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    producer: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    nodes: list[tuple[int, int]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    parameters: int = 0

    def node(self, index: int) -> Node:
        """The node at a place in the file's order."""
        return _read_node(self.data, *self.nodes[index])


def read_onnx(data: Data) -> OnnxFile:
    """The parts of an ONNX file; its weights are not touched.

    Raises:
        Malformed: not ONNX, cut off or damaged.
    """
    file = OnnxFile(data)
    graph = _read_header(file)
    if graph is None:
        raise Malformed("it has no graph")
    if not file.opsets:
        # Exporters write the opset behind the graph: a file that was cut off between the two is still well formed.
        raise Malformed("it has no opset, which stands behind the graph: the end of the file is missing")
    _read_graph(file, *graph)
    if not file.outputs:
        raise Malformed("its graph has no outputs")
    file.inputs = [spec for spec in file.inputs if spec.name not in file.tensors]
    return file


def _read_header(file: OnnxFile) -> tuple[int, int] | None:
    data = file.data
    graph = None
    producer = {}
    for number, wire, begin, end in walk(data, 0, len(data)):
        if number == 1 and wire == VARINT:
            file.ir_version = begin
        elif wire != LENGTH:
            continue
        elif number == 7:
            graph = (begin, end)
        elif number in (2, 3):
            producer[number] = text(data, begin, end)
        elif number == 8:
            domain, version = _pair(data, begin, end)
            if version and not isinstance(version, int):
                raise Malformed(f"the version of an opset at byte {begin} is no number")
            file.opsets[domain] = int(version or 0)
        elif number == 14:
            key, value = _pair(data, begin, end)
            file.metadata[key] = str(value)
    file.producer = " ".join(producer[number] for number in sorted(producer) if producer[number])
    return graph


def _read_graph(file: OnnxFile, start: int, stop: int) -> None:
    data = file.data
    for number, wire, begin, end in walk(data, start, stop):
        if wire != LENGTH:
            continue
        if number == 1:
            file.nodes.append((begin, end))
        elif number == 5:
            tensor = _read_tensor(data, begin, end)
            file.tensors[tensor.name] = tensor
            file.parameters += tensor.elements
        elif number == 11:
            file.inputs.append(_read_value(data, begin, end))
        elif number == 12:
            file.outputs.append(_read_value(data, begin, end))


def _read_tensor(data: Data, start: int, stop: int) -> Tensor:
    tensor = Tensor()
    for number, wire, begin, end in walk(data, start, stop):
        if number == 1:
            length = begin if wire == VARINT else _product(data, begin, end)
            tensor.elements = min(tensor.elements * length, MAX_ELEMENTS)
        elif number == 2 and wire == VARINT:
            tensor.dtype = DTYPES.get(begin, "")
        elif wire != LENGTH:
            continue
        elif number == 8:
            tensor.name = text(data, begin, end)
        elif number == 9 or (number == 4 and tensor.dtype == "float32"):
            tensor.data = (begin, end)
        elif number == 13:
            key, value = _pair(data, begin, end)
            tensor.external[key] = str(value)
    return tensor


def _product(data: Data, start: int, stop: int) -> int:
    """Product of a packed list of varints. A tensor has few axes: what is beyond sixteen is not looked at."""
    product, position = 1, start
    for _ in range(16):
        if position >= stop:
            break
        value, position = varint(data, position, stop)
        product *= value
    return product


def _read_value(data: Data, start: int, stop: int) -> TensorSpec:
    """A ValueInfoProto: 1 name, 2 type (1 tensor_type)."""
    name, dtype = "", ""
    shape: tuple[int | None, ...] = ()
    for number, wire, begin, end in walk(data, start, stop):
        if number == 1 and wire == LENGTH:
            name = text(data, begin, end)
        elif number == 2 and wire == LENGTH:
            for kind, kind_wire, kind_begin, kind_end in walk(data, begin, end):
                if kind == 1 and kind_wire == LENGTH:
                    dtype, shape = _read_tensor_type(data, kind_begin, kind_end)
    return TensorSpec(name, shape, dtype)


def _read_tensor_type(data: Data, start: int, stop: int) -> tuple[str, tuple[int | None, ...]]:
    dtype = ""
    shape: list[int | None] = []
    for number, wire, begin, end in walk(data, start, stop):
        if number == 1 and wire == VARINT:
            dtype = DTYPES.get(begin, "")
        elif number == 2 and wire == LENGTH:
            shape = [_read_axis(data, a, b) for axis, kind, a, b in walk(data, begin, end) if (axis, kind) == (1, 2)]
    return dtype, tuple(shape)


def _read_axis(data: Data, start: int, stop: int) -> int | None:
    """The length of an axis; None for an open one: a name, nothing, or a number below 1 as some exporters write."""
    for number, wire, begin, _ in walk(data, start, stop):
        if number == 1 and wire == VARINT:
            value = signed(begin)
            return value if value > 0 else None
    return None


def _read_node(data: Data, start: int, stop: int) -> Node:
    node = Node()
    for number, wire, begin, end in walk(data, start, stop):
        if wire != LENGTH:
            continue
        if number == 1:
            node.inputs.append(text(data, begin, end))
        elif number == 2:
            node.outputs.append(text(data, begin, end))
        elif number == 4:
            node.operator = text(data, begin, end)
        elif number == 5 and node.operator == "Constant":
            for part, part_wire, part_begin, part_end in walk(data, begin, end):
                if part == 5 and part_wire == LENGTH:
                    node.constant = _read_tensor(data, part_begin, part_end)
    return node


def _pair(data: Data, start: int, stop: int) -> tuple[str, str | int]:
    """Fields 1 and 2 of a small message: key and value, or domain and version."""
    key: str = ""
    value: str | int = ""
    for number, wire, begin, end in walk(data, start, stop):
        if number == 1 and wire == LENGTH:
            key = text(data, begin, end)
        elif number == 2:
            value = text(data, begin, end) if wire == LENGTH else signed(begin)
    return key, value
