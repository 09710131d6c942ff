"""Graphs of TensorFlow: nodes, what they take, and their attributes; from a frozen GraphDef or from a pbtxt.

Source: TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto`, `tensor.proto`, `tensor_shape.proto`.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Iterator, Mapping, NamedTuple, Optional, Tuple

from aai.core.inspect.protobuf import FIXED32, FIXED64, LENGTH, VARINT, Malformed, signed, text, varint, walk
from aai.core.inspect.source import Data
from aai.core.inspect.text_format import Message

MAX_NODES = 200_000
MAX_INPUTS = 1_000_000
"""Of all nodes together."""
MAX_VALUES = 16
"""As many numbers of a constant as are looked at."""
MAX_AXES = 16

Shape = Optional[Tuple[Optional[int], ...]]
"""None for a shape, or an axis, that the file leaves open."""

_TYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    11: "int8",
    12: "uint8",
    13: "int32",
    14: "bfloat16",
    19: "float16",
}
_TYPE_NAMES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT32": "int32",
    "DT_UINT8": "uint8",
    "DT_INT8": "int8",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_HALF": "float16",
    "DT_QUINT8": "uint8",
}
_FORMATS = {1: "f", 2: "d", 3: "i", 4: "B", 6: "b", 9: "q", 11: "b", 12: "B"}
"""Number of a type -> how `struct` reads its values."""
_NAME, _OPERATOR, _INPUT, _ATTRIBUTES = b"\x0a\x12\x1a\x2a"
"""First bytes of a node's fields: 1 name, 2 op, 3 input, 5 attr, each with a length behind it."""


class Node(NamedTuple):
    """One node.

    Args:
        name: unique in its graph.
        operator: such as "Conv2D".
        inputs: names of the nodes that it takes, without output numbers; control inputs left out.
        place: where the graph finds its attributes.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    place: int | tuple[int, int]


@dataclass(frozen=True)
class Attribute:
    """The value of an attribute, as far as anything here asks for it.

    Args:
        dtype: numpy's name of a type.
        shape: of a shape or a tensor.
        numbers: an integer, a number, or the first of a tensor.
        text: a string.
    """

    dtype: str = ""
    shape: Shape = None
    numbers: tuple[float, ...] = ()
    text: str = ""


NONE = Attribute()


class Graph(ABC):
    """The nodes of a graph, by name, in the order of the file."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    @abstractmethod
    def attributes(self, node: Node) -> Mapping[str, Attribute]:
        """The attributes of a node.

        Raises:
            Malformed: they are damaged.
        """

    def constant(self, name: str) -> Attribute:
        """Shape and first numbers of a constant, looked for behind nodes that pass it on; `NONE` when it is none."""
        for _ in range(8):
            node = self.nodes.get(name)
            if node is None:
                return NONE
            if node.operator == "Const":
                return self.attributes(node).get("value", NONE)
            if node.operator not in ("Identity", "Dequantize", "Cast") or not node.inputs:
                return NONE
            name = node.inputs[0]
        return NONE

    def consumers(self) -> dict[str, list[Node]]:
        """Name of a node -> the nodes that take it."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            for name in node.inputs:
                found.setdefault(name, []).append(node)
        return found


class BinaryGraph(Graph):
    """A GraphDef, read in place.

    Args:
        data: the file, open as long as this is used.

    Raises:
        Malformed: not this format, cut off, or with a node that takes one which is not there.
    """

    def __init__(self, data: Data) -> None:
        super().__init__()
        self._data = data
        nodes, taken = self.nodes, 0
        for field, wire, begin, end in walk(data, 0, len(data)):
            if field == 1 and wire == LENGTH:
                node = _read_node(data, begin, end)
                nodes[node.name] = node
                taken += len(node.inputs)
                if len(nodes) > MAX_NODES or taken > MAX_INPUTS:
                    raise Malformed(f"more than {MAX_NODES:,} nodes, or {MAX_INPUTS:,} inputs of nodes")
        for node in nodes.values():
            for name in node.inputs:
                if name not in nodes:
                    raise Malformed(f'node "{node.name[:60]}" takes "{name[:60]}", which is not there')

    def attributes(self, node: Node) -> dict[str, Attribute]:
        """See `Graph`."""
        found: dict[str, Attribute] = {}
        if isinstance(node.place, tuple):
            for field, wire, begin, end in walk(self._data, *node.place):
                if field == 5 and wire == LENGTH:
                    found.update(_read_entry(self._data, begin, end))
        return found


def _read_node(data: Data, start: int, stop: int) -> Node:
    """A NodeDef. Most graphs have thousands: the usual fields are read without the general walk."""
    name = operator = ""
    inputs: list[str] = []
    position, attributes = start, -1
    while position < stop:
        key = data[position]
        if position + 1 >= stop:
            raise Malformed("a node is cut off", position + 2)
        end = data[position + 1]
        begin = position + 2
        if end > 127:
            end, begin = varint(data, position + 1, stop)
        end += begin
        if end > stop or key not in (_NAME, _OPERATOR, _INPUT, _ATTRIBUTES):
            return _read_other_node(data, start, stop)
        if key == _INPUT:
            word = data[begin:end].decode("utf-8", "replace")
            if word[:1] != "^":
                inputs.append(word.partition(":")[0])
            if len(inputs) > MAX_INPUTS:
                raise Malformed("a node takes more others than any network has")
        elif key == _ATTRIBUTES:
            if attributes < 0:
                attributes = position
        elif key == _NAME:
            name = data[begin:end].decode("utf-8", "replace")
        else:
            operator = data[begin:end].decode("utf-8", "replace")
        position = end
    return Node(name, operator, tuple(inputs), (attributes if attributes >= 0 else stop, stop))


def _read_other_node(data: Data, start: int, stop: int) -> Node:
    """A NodeDef with further fields, such as the device; one that is damaged is found out here."""
    words: dict[int, str] = {}
    inputs: list[str] = []
    for field, wire, begin, end in walk(data, start, stop):
        if wire == LENGTH and field in (1, 2):
            words[field] = text(data, begin, end)
        elif wire == LENGTH and field == 3:
            word = text(data, begin, end)
            if not word.startswith("^"):
                inputs.append(word.partition(":")[0])
    return Node(words.get(1, ""), words.get(2, ""), tuple(inputs), (start, stop))


def _read_entry(data: Data, start: int, stop: int) -> Iterator[tuple[str, Attribute]]:
    """An entry of the map: 1 key, 2 value."""
    key, value = "", NONE
    for field, wire, begin, end in walk(data, start, stop):
        if wire == LENGTH and field == 1:
            key = text(data, begin, end)
        elif wire == LENGTH and field == 2:
            value = _read_value(data, begin, end)
    yield key, value


def _read_value(data: Data, start: int, stop: int) -> Attribute:
    """An AttrValue: 2 s, 3 i, 4 f, 5 b, 6 type, 7 shape, 8 tensor."""
    value = NONE
    for field, wire, begin, end in walk(data, start, stop):
        if wire == VARINT and field in (3, 5):
            value = Attribute(numbers=(signed(begin),))
        elif wire == VARINT and field == 6:
            value = Attribute(_TYPES.get(begin, ""))
        elif wire == FIXED32 and field == 4:
            value = Attribute(numbers=struct.unpack("<f", data[begin:end]))
        elif wire == LENGTH and field == 2:
            value = Attribute(text=text(data, begin, min(end, begin + 4096)))
        elif wire == LENGTH and field == 7:
            value = Attribute(shape=_read_shape(data, begin, end))
        elif wire == LENGTH and field == 8:
            value = _read_tensor(data, begin, end)
    return value


def _read_shape(data: Data, start: int, stop: int) -> Shape:
    """A TensorShapeProto: 2 dim (itself: 1 size), 3 unknown_rank."""
    axes: list[int | None] = []
    for field, wire, begin, end in walk(data, start, stop):
        if field == 3 and wire == VARINT and begin:
            return None
        if field != 2 or wire != LENGTH:
            continue
        size: int | None = 0
        for inner, kind, value, _ in walk(data, begin, end):
            if inner == 1 and kind == VARINT:
                size = signed(value)
        axes.append(size if size is not None and size >= 0 else None)
        if len(axes) > MAX_AXES:
            return None
    return tuple(axes)


def _read_tensor(data: Data, start: int, stop: int) -> Attribute:
    """A TensorProto: 1 dtype, 2 shape, 4 bytes, 5 to 10 values of one type each."""
    kind, shape = 0, None
    numbers: tuple[float, ...] = ()
    for field, wire, begin, end in walk(data, start, stop):
        if field == 1 and wire == VARINT:
            kind = begin
        elif field == 2 and wire == LENGTH:
            shape = _read_shape(data, begin, end)
        elif field == 4 and wire == LENGTH and kind in _FORMATS:
            numbers = _unpacked(data, begin, end, _FORMATS[kind])
        elif field == 5:
            numbers = _unpacked(data, begin, end, "f") if wire != VARINT else ()
        elif field == 6 and wire in (LENGTH, FIXED64):
            numbers = _unpacked(data, begin, end, "d")
        elif field in (7, 10) and wire == LENGTH:
            numbers = _varints(data, begin, end)
        elif field in (7, 10) and wire == VARINT:
            numbers = (*numbers, signed(begin))[:MAX_VALUES]
    return Attribute(_TYPES.get(kind, ""), shape, numbers)


def _unpacked(data: Data, begin: int, end: int, letter: str) -> tuple[float, ...]:
    count = min(MAX_VALUES, (end - begin) // struct.calcsize(letter))
    return struct.unpack_from(f"<{count}{letter}", data, begin)


def _varints(data: Data, begin: int, end: int) -> tuple[float, ...]:
    numbers: list[int] = []
    while begin < end and len(numbers) < MAX_VALUES:
        value, begin = varint(data, begin, end)
        numbers.append(signed(value))
    return tuple(numbers)


class TextGraph(Graph):
    """A GraphDef as text, as OpenCV's scripts write it for their importer: it may leave out what the binary one has.

    Args:
        message: the file.
    """

    def __init__(self, message: Message) -> None:
        super().__init__()
        self._raw = message.messages("node")[:MAX_NODES]
        for place, raw in enumerate(self._raw):
            inputs = [word.partition(":")[0] for word in raw.texts("input") if not word.startswith("^")]
            name = raw.text("name")
            self.nodes[name] = Node(name, raw.text("op"), tuple(inputs), place)

    def attributes(self, node: Node) -> dict[str, Attribute]:
        """See `Graph`."""
        found: dict[str, Attribute] = {}
        if isinstance(node.place, int):
            for entry in self._raw[node.place].messages("attr"):
                found[entry.text("key")] = _text_value(entry.message("value"))
        return found


def _text_value(value: Message) -> Attribute:
    tensor = value.message("tensor")
    for name in ("i", "f"):
        numbers = value.numbers(name)
        if numbers:
            return Attribute(numbers=tuple(numbers[-1:]))
    if "tensor" in value:
        numbers = [number for name in ("float_val", "int_val", "int64_val") for number in tensor.numbers(name)]
        shape = _text_shape(tensor.message("tensor_shape"))
        return Attribute(_TYPE_NAMES.get(tensor.text("dtype"), ""), shape, tuple(numbers[:MAX_VALUES]))
    if "shape" in value:
        return Attribute(shape=_text_shape(value.message("shape")))
    return Attribute(_TYPE_NAMES.get(value.text("type"), ""), text=value.text("s"))


def _text_shape(message: Message) -> Shape:
    if message.flag("unknown_rank"):
        return None
    axes = [axis.integer("size", 0) for axis in message.messages("dim")]
    return tuple(axis if axis >= 0 else None for axis in axes) if len(axes) <= MAX_AXES else None
