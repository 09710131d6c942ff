"""How a TFLite network starts and ends: what is part of the graph already."""

from __future__ import annotations

from aai.core.inspect.flexbuffer import read_numbers
from aai.core.inspect.graph import GraphHints, for_pixels
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.tflite_file import TfliteFile
from aai.core.inspect.tflite_operators import operator_name
from aai.ports import Quantisation

DETECTION = "TFLite_Detection_PostProcess"
"""The custom operator that turns SSD's raw outputs into boxes, classes, scores and their number."""
EDGE_TPU = "edgetpu-custom-op"
"""The custom operator that holds a network compiled for Google's Edge TPU."""

_PASSES_ON = (
    "CAST",
    "DEQUANTIZE",
    "QUANTIZE",
    "RESHAPE",
    "TRANSPOSE",
    "PAD",
    "PADV2",
    "RESIZE_BILINEAR",
    "STRIDED_SLICE",
    "SPLIT",
    "CONCATENATION",
)
_ARITHMETIC = {"SUB": "Sub", "ADD": "Add", "MUL": "Mul", "DIV": "Div"}
_END_PASSES_ON = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CAST", "DEQUANTIZE", "QUANTIZE", "TRANSPOSE")
_LOOK_AHEAD = 400
"""Networks with half-precision weights start with one DEQUANTIZE for each of them."""
_LOOK_BACK = 16
_PROBABILITIES = (Quantisation(1 / 256, 0), Quantisation(1 / 256, -128))
"""What TFLite's 8-bit quantisation gives the outputs of SOFTMAX and LOGISTIC, and no others: so it shows them inside of
a compiled network. Source: TensorFlow, "TensorFlow Lite 8-bit quantization specification"."""
_ENDS = {"SOFTMAX": "Softmax", "LOG_SOFTMAX": "LogSoftmax", "LOGISTIC": "Sigmoid"}


def read_tflite_hints(file: TfliteFile, image: int) -> GraphHints:
    """The hints of a file.

    Args:
        file: the file.
        image: place of the tensor that takes the image.

    Raises:
        Malformed: an operator is damaged.
    """
    start, normalises = _start(file, image)
    return GraphHints(start, normalises, _end(file))


def detection_options(file: TfliteFile) -> dict[str, float] | None:
    """The options of TFLite_Detection_PostProcess; None for a network without it, {} for options that can't be read.

    Source of their names: TensorFlow, tensorflow/lite/kernels/detection_postprocess.cc.

    Raises:
        Malformed: an operator is damaged.
    """
    if DETECTION not in file.custom:
        return None
    for index in range(file.operators() - 1, max(-1, file.operators() - 1 - _LOOK_BACK), -1):
        operator = file.operator(index)
        if _name(file, operator.code) != DETECTION:
            continue
        start, length = operator.table.vector(5, 1)
        try:
            return read_numbers(file.data, start, start + length)
        except Malformed:
            return {}
    return {}


def _start(file: TfliteFile, image: int) -> tuple[tuple[str, ...], bool]:
    image_like = {image}
    operators = []
    pixel_sized = False
    for index in range(min(_LOOK_AHEAD, file.operators())):
        operator = file.operator(index)
        if not image_like.intersection(operator.inputs):
            continue
        name = _name(file, operator.code)
        operators.append(name)
        if name in _ARITHMETIC:
            others = [place for place in operator.inputs if place not in image_like]
            values = [file.first_value(place) for place in others]
            pixel_sized |= any(for_pixels(_ARITHMETIC[name], value) for value in values if value is not None)
        elif name not in _PASSES_ON:
            break
        image_like.update(operator.outputs)
    return tuple(operators), pixel_sized


def _end(file: TfliteFile) -> str:
    """The operator that the first output comes from, as ONNX calls it where it has another name there."""
    wanted = file.output_tensors[0]
    for index in range(file.operators() - 1, max(-1, file.operators() - 1 - _LOOK_BACK), -1):
        operator = file.operator(index)
        if wanted not in operator.outputs:
            continue
        name = _name(file, operator.code)
        if name == EDGE_TPU and file.tensor(wanted).quantisation in _PROBABILITIES:
            return "Softmax"
        if name not in _END_PASSES_ON or not operator.inputs:
            return _ENDS.get(name, name)
        wanted = operator.inputs[0]
    return ""


def _name(file: TfliteFile, code: int) -> str:
    if code >= len(file.codes):
        raise Malformed(f"an operator of number {code}, and the file has {len(file.codes)}")
    return operator_name(*file.codes[code])
