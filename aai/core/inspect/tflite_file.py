"""A TFLite file as it stands: header, inputs, outputs and operators of its main graph; the weights are not looked at.

Field numbers are the order of the fields in TensorFlow's schema.fbs (tensorflow/lite/schema, version 3c).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from aai.core.inspect.flatbuffer import Table, root
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.source import Data
from aai.ports import Quantisation, TensorSpec

MAX_AXES = 64
MAX_TENSORS = 1000
"""Inputs or outputs of a graph, or of an operator."""
CUSTOM = 32
_OLD_CODES = 127
"""Operators up to here stand in the old field, which has one byte; it keeps this number for all others."""

DTYPES = (
    "float32",
    "float16",
    "int32",
    "uint8",
    "int64",
    "str",
    "bool",
    "int16",
    "complex64",
    "int8",
    "float64",
    "complex128",
    "uint64",
    "",
    "",
    "uint32",
    "uint16",
    "int4",
)


@dataclass(frozen=True)
class Operator:
    """One operator of the graph: which (its place in the file's list of codes), and the tensors it reads and writes."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Table


@dataclass
class TfliteFile:
    """The parts of a TFLite file that say what the model is.

    Args:
        data: the file.
        version: of the schema.
        description: what the converter wrote.
        model: the root table.
        graph: the main graph.
        codes: (number of the operator, name of a custom one) by place in the file's list.
        blocks: name -> (start, end) of the metadata blocks.
        inputs: inputs of the main graph, in order.
        outputs: outputs of the main graph, in order.
        input_tensors: their places in the list of tensors.
        output_tensors: likewise.
    """

    data: Data
    version: int
    description: str
    model: Table
    graph: Table
    codes: list[tuple[int, str]] = field(default_factory=list)
    blocks: dict[str, tuple[int, int]] = field(default_factory=dict)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    input_tensors: tuple[int, ...] = ()
    output_tensors: tuple[int, ...] = ()

    @property
    def custom(self) -> list[str]:
        """Names of the custom operators, each once, in the file's order."""
        return list(dict.fromkeys(name for number, name in self.codes if number == CUSTOM))

    def tensor(self, place: int) -> TensorSpec:
        """The tensor at a place in the list of tensors.

        Raises:
            Malformed: there is none at that place, or it is damaged.
        """
        table = self.graph.item(0, place)
        if table is None:
            raise Malformed(f"the graph has no tensor {place}")
        return _read_tensor(table)

    def operators(self) -> int:
        """Number of operators of the main graph."""
        return self.graph.count(3)

    def operator(self, index: int) -> Operator:
        """The operator at a place in the graph's order of running."""
        table = self.graph.item(3, index)
        if table is None:
            raise Malformed(f"the graph has no operator {index}")
        return Operator(
            table.number(0, "I"),
            table.whole_numbers(1, "i", MAX_TENSORS),
            table.whole_numbers(2, "i", MAX_TENSORS),
            table,
        )

    def counts(self) -> list[int]:
        """How often each operator of `codes` stands in the graph."""
        counts = [0] * len(self.codes)
        for table in self.graph.tables(3):
            code = table.number(0, "I")
            if code >= len(counts):
                raise Malformed(f"an operator of number {code}, and the file has {len(counts)}")
            counts[code] += 1
        return counts

    def first_value(self, place: int) -> float | None:
        """The first element of a constant tensor of float32 values; None for any other tensor."""
        table = self.graph.item(0, place)
        if table is None or table.number(1, "b"):
            return None
        start, end = self._buffer(table.number(2, "I"))
        if end - start < 4:
            return None
        value = float(struct.unpack_from("<f", self.data, start)[0])
        return value if math.isfinite(value) else None

    def _buffer(self, index: int) -> tuple[int, int]:
        """(start, end) of a buffer that is part of the file's table; (0, 0) for an empty one."""
        table = self.model.item(4, index)
        if table is None:
            return 0, 0
        start, length = table.vector(0, 1)
        return start, start + length


def read_tflite(data: Data) -> TfliteFile:
    """The parts of a TFLite file.

    Raises:
        Malformed: not TFLite, cut off or damaged.
    """
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise Malformed("it does not have TFLite's mark", 8)
    model = root(data, 0, len(data))
    graph = model.item(2, 0)
    if graph is None:
        raise Malformed("it has no graph")
    file = TfliteFile(data, model.number(0, "I"), model.text(3), model, graph)
    if model.count(1) > MAX_TENSORS:
        raise Malformed(f"a list of {model.count(1):,} operators")
    file.codes = [_read_code(table) for table in model.tables(1)]
    file.input_tensors = graph.whole_numbers(1, "i", MAX_TENSORS)
    file.output_tensors = graph.whole_numbers(2, "i", MAX_TENSORS)
    file.inputs = [file.tensor(place) for place in file.input_tensors]
    file.outputs = [file.tensor(place) for place in file.output_tensors]
    if not file.inputs or not file.outputs:
        raise Malformed("its graph has no inputs or no outputs")
    _read_blocks(file)
    _check_buffers(file)
    return file


def _read_blocks(file: TfliteFile) -> None:
    if file.model.count(6) > MAX_TENSORS:
        raise Malformed(f"a list of {file.model.count(6):,} metadata blocks")
    for table in file.model.tables(6):
        file.blocks[table.text(0)] = file._buffer(table.number(1, "I"))


def _check_buffers(file: TfliteFile) -> None:
    """The weights stand at the end: a file that was cut off there still has a whole graph."""
    for table in file.model.tables(4):
        table.vector(0, 1)
        # Version 3c: the buffer stands outside of the table, at an offset from the start of the file.
        end = table.number(1, "Q") + table.number(2, "Q")
        if end > len(file.data):
            raise Malformed("its weights end past the file", end)


def _read_code(table: Table) -> tuple[int, str]:
    old, new = table.number(0, "b"), table.number(3, "i")
    return (new if old == _OLD_CODES else max(old, new)), table.text(1)


def _read_tensor(table: Table) -> TensorSpec:
    shape = table.whole_numbers(0, "i", MAX_AXES)
    # An open axis is -1 in the signature; the shape has 1 in its place.
    signature = table.whole_numbers(7, "i", MAX_AXES)
    if len(signature) == len(shape):
        shape = signature
    dtype = table.number(1, "b")
    return TensorSpec(
        table.text(3),
        tuple(axis if axis > 0 else None for axis in shape),
        DTYPES[dtype] if 0 <= dtype < len(DTYPES) else "",
        _read_quantisation(table.table(4)),
    )


def _read_quantisation(table: Table | None) -> Quantisation | None:
    """The scale and zero point of the whole tensor; None for a tensor with none, or with one per channel."""
    if table is None or table.vector(2, 4)[1] != 1:
        return None
    (scale,) = table.numbers(2, "f", 1)
    zero_points = table.whole_numbers(3, "q", 1) if table.vector(3, 8)[1] == 1 else ()
    if not (math.isfinite(scale) and scale > 0):
        return None
    return Quantisation(float(scale), zero_points[0] if zero_points else 0)
