"""TFLite files made with Google's own FlatBuffers writer, from field numbers and values."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Union

import flatbuffers
from flatbuffers import flexbuffers

_SCALARS = {
    "b": "Int8",
    "B": "Uint8",
    "H": "Uint16",
    "i": "Int32",
    "I": "Uint32",
    "q": "Int64",
    "Q": "Uint64",
    "f": "Float32",
}


@dataclass(frozen=True)
class Scalar:
    """A number of one of `struct`'s types."""

    form: str
    value: float


@dataclass(frozen=True)
class Numbers:
    """A vector of numbers."""

    form: str
    values: Sequence[float]


@dataclass(frozen=True)
class Fields:
    """A table: field number -> value."""

    of: Mapping[int, Any]


Value = Union[Scalar, Numbers, Fields, str, bytes, Sequence[Fields]]


def flat_bytes(table: Fields, identifier: bytes) -> bytes:
    """A finished buffer with `table` as its root."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_table(builder, table), file_identifier=identifier)
    return bytes(builder.Output())


def _table(builder: Any, table: Fields) -> int:
    offsets = {number: _offset(builder, value) for number, value in table.of.items() if not isinstance(value, Scalar)}
    builder.StartObject(max(table.of, default=-1) + 1)
    for number, value in table.of.items():
        if isinstance(value, Scalar):
            # The writer leaves out what equals the default: None never does.
            getattr(builder, f"Prepend{_SCALARS[value.form]}Slot")(number, value.value, None)
        else:
            builder.PrependUOffsetTRelativeSlot(number, offsets[number], 0)
    return int(builder.EndObject())


def _offset(builder: Any, value: Value) -> int:
    if isinstance(value, Fields):
        return _table(builder, value)
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, bytes):
        return int(builder.CreateByteVector(value))
    if isinstance(value, Numbers):
        return _numbers(builder, value)
    offsets = [_table(builder, item) for item in value]  # type: ignore[union-attr]
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _numbers(builder: Any, vector: Numbers) -> int:
    size = {"b": 1, "B": 1, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}[vector.form]
    builder.StartVector(size, len(vector.values), size)
    for value in reversed(vector.values):
        getattr(builder, f"Prepend{_SCALARS[vector.form]}")(value)
    return int(builder.EndVector())


FLOAT32, INT32, UINT8, INT64, INT8 = 0, 2, 3, 4, 9
CONV_2D, LOGISTIC, MUL, RESHAPE, SOFTMAX, CUSTOM, SUB, DEQUANTIZE, DIV = 3, 14, 18, 22, 25, 32, 41, 6, 42


@dataclass(frozen=True)
class FlatTensor:
    """A tensor of the graph: shape with -1 for an open axis, scales and zero points, and values if it is constant."""

    name: str
    shape: Sequence[int]
    dtype: int = FLOAT32
    scales: Sequence[float] = ()
    zero_points: Sequence[int] = ()
    values: bytes = b""


@dataclass(frozen=True)
class FlatOperator:
    """An operator: its number or the name of a custom one, the places of its tensors, its options."""

    code: int | str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Mapping[str, Any] | None = None


def tflite_bytes(
    tensors: Sequence[FlatTensor],
    operators: Sequence[FlatOperator],
    inputs: Sequence[int] = (0,),
    outputs: Sequence[int] = (1,),
    blocks: Mapping[str, bytes] = {},
    description: str = "made by hand",
) -> bytes:
    """A TFLite file, schema version 3."""
    buffers = [Fields({})]
    written = [_tensor(tensor, buffers) for tensor in tensors]
    codes = list(dict.fromkeys(operator.code for operator in operators))
    graph = Fields(
        {
            0: written,
            1: Numbers("i", inputs),
            2: Numbers("i", outputs),
            3: [_operator(operator, codes) for operator in operators],
            4: "main",
        }
    )
    metadata = []
    for name, content in blocks.items():
        metadata.append(Fields({0: name, 1: Scalar("I", len(buffers))}))
        buffers.append(Fields({0: content}))
    model = Fields(
        {0: Scalar("I", 3), 1: [_code(code) for code in codes], 2: [graph], 3: description, 4: buffers, 6: metadata}
    )
    return flat_bytes(model, b"TFL3")


def _tensor(tensor: FlatTensor, buffers: list[Fields]) -> Fields:
    buffer = 0
    if tensor.values:
        buffer = len(buffers)
        buffers.append(Fields({0: tensor.values}))
    fields: dict[int, Any] = {
        0: Numbers("i", [1 if axis < 0 else axis for axis in tensor.shape]),
        1: Scalar("b", tensor.dtype),
        2: Scalar("I", buffer),
        3: tensor.name,
        4: Fields({2: Numbers("f", tensor.scales), 3: Numbers("q", tensor.zero_points)}),
    }
    if any(axis < 0 for axis in tensor.shape):
        fields[7] = Numbers("i", tensor.shape)
    return Fields(fields)


def _code(code: int | str) -> Fields:
    if isinstance(code, str):
        return Fields({0: Scalar("b", CUSTOM), 1: code, 3: Scalar("i", CUSTOM)})
    return Fields({0: Scalar("b", min(code, 127)), 3: Scalar("i", code)})


def _operator(operator: FlatOperator, codes: Sequence[int | str]) -> Fields:
    fields: dict[int, Any] = {
        0: Scalar("I", codes.index(operator.code)),
        1: Numbers("i", operator.inputs),
        2: Numbers("i", operator.outputs),
    }
    if operator.options is not None:
        fields[5] = bytes(flexbuffers.Dumps(dict(operator.options)))
    return Fields(fields)


def metadata_bytes(
    mean: Sequence[float] = (), std: Sequence[float] = (), label_file: str = "", colour: int = 0, **texts: str
) -> bytes:
    """A TFLITE_METADATA block with NormalizationOptions of the input and a label file of the output."""
    image: dict[int, Any] = {0: "image"}
    if mean:
        options = Fields({0: Numbers("f", mean), 1: Numbers("f", std)})
        image[4] = [Fields({0: Scalar("B", 1), 1: options})]
    if colour:
        image[3] = Fields({0: Scalar("B", 2), 1: Fields({0: Scalar("b", colour)})})
    output: dict[int, Any] = {0: "scores"}
    if label_file:
        output[6] = [Fields({0: label_file, 2: Scalar("b", 2)})]
    numbers = {"name": 0, "description": 1, "version": 2, "author": 4, "license": 5}
    fields: dict[int, Any] = {numbers[name]: value for name, value in texts.items()}
    fields[3] = [Fields({2: [Fields(image)], 3: [Fields(output)]})]
    return flat_bytes(Fields(fields), b"M001")


def with_files(data: bytes, **files: str) -> bytes:
    """`data` with a zip archive behind it, as TFLite's metadata writer packs labels; `labels_txt` is labels.txt."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return buffer.getvalue()


def classifier_bytes(
    classes: int = 3,
    dtype: int = FLOAT32,
    scales: Sequence[float] = (),
    zero_points: Sequence[int] = (),
    end: int = SOFTMAX,
    blocks: Mapping[str, bytes] = {},
    channels: int = 3,
) -> bytes:
    """A network [1, 24, 32, channels] -> [1, classes]."""
    tensors = [
        FlatTensor("image", [1, 24, 32, channels], dtype, scales, zero_points),
        FlatTensor("scores", [1, classes], dtype, scales, zero_points),
        FlatTensor("logits", [1, classes], dtype, scales, zero_points),
    ]
    return tflite_bytes(tensors, [FlatOperator(CONV_2D, [0], [2]), FlatOperator(end, [2], [1])], blocks=blocks)


def edge_tpu_bytes(classes: int = 3) -> bytes:
    """A network that is one operator for the Edge TPU, with the output of a softmax."""
    tensors = [
        FlatTensor("image", [1, 24, 32, 3], UINT8, [1 / 128], [128]),
        FlatTensor("scores", [1, classes], UINT8, [1 / 256], [0]),
    ]
    return tflite_bytes(tensors, [FlatOperator("edgetpu-custom-op", [0], [1])])


def detection_bytes(classes: int = 90, boxes: int = 10, shapes: bool = True) -> bytes:
    """A network that ends in TFLite_Detection_PostProcess, with or without the shapes of its outputs."""
    own = ([1, boxes, 4], [1, boxes], [1, boxes], [1]) if shapes else ([], [], [], [])
    names = [f"TFLite_Detection_PostProcess{suffix}" for suffix in ("", ":1", ":2", ":3")]
    tensors = [FlatTensor("image", [1, 300, 300, 3], UINT8, [1 / 128], [128])]
    tensors += [FlatTensor("boxes", [1, 1917, 4]), FlatTensor("classes", [1, 1917, classes + 1])]
    tensors += [FlatTensor(name, shape) for name, shape in zip(names, own)]
    options = {
        "max_detections": boxes,
        "max_classes_per_detection": 1,
        "num_classes": classes,
        "nms_score_threshold": 1e-8,
        "nms_iou_threshold": 0.6,
        "use_regular_nms": False,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    }
    return tflite_bytes(
        tensors,
        [
            FlatOperator(CONV_2D, [0], [1, 2]),
            FlatOperator("TFLite_Detection_PostProcess", [1, 2], [3, 4, 5, 6], options),
        ],
        outputs=[3, 4, 5, 6],
    )
