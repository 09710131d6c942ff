"""The fields of alwaysai.model.json: one table that reading, defaults, command-line flags and the reference page share.

Source: the alwaysAI documentation, "Working with Models" (the flag table and the field table), and the files that its
tool writes, in which everything that the network needs sits under `model_parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FILE_NAME = "alwaysai.model.json"
FRAMEWORKS = ("tensorflow", "caffe", "dldt", "enet", "darknet", "onnx", "tensor-rt", "myriad", "hailo", "tflite")
PURPOSES = (
    "Classification",
    "ObjectDetection",
    "PoseEstimation",
    "SemanticSegmentation",
    "InstanceSegmentation",
    "ReIdentification",
)
DEVICES = ("nano", "xavier-nx", "agx-xavier", "orin-nano", "orin-nx", "agx-orin")
ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "tensor-rt": ("yolo", "mobilenet_ssd"),
    "hailo": ("yolov3", "mobilenet_ssd"),
}
REQUIRED_PARAMETERS: dict[str, tuple[str, ...]] = {
    "tensor-rt": ("device", "architecture"),
    "hailo": ("architecture",),
}
"""What a framework asks for beyond framework, purpose and model file."""

NEEDS_STRUCTURE_FILE = ("darknet", "caffe", "dldt")
"""Frameworks whose model file is of no use without its `config_file`."""

DEFAULT_SIZES: dict[str, tuple[int, int]] = {"tensorflow": (300, 300), "darknet": (320, 320)}
VARIANTS = "variants"
"""Folder of a model whose sub-folders are its variants for other devices."""

PLACEHOLDER_ID = "<username>/<modelname>"

TOP = "top"
PARAMETERS = "model_parameters"


@dataclass(frozen=True)
class Field:
    """One field of the file.

    Args:
        name: the key.
        kind: "text", "number", "integer", "boolean", "numbers", "size", "names" or "path".
        place: TOP, or PARAMETERS for `model_parameters`.
        default: what `aai model configure` writes when nothing else is known.
        help: one line for the flag's help and the reference page.
        values: the allowed values; empty when any will do.
        required_for: "" (never), "all", or the frameworks that need it.
        flag: the flag of `aai model configure` that sets it.
    """

    name: str
    kind: str
    place: str
    default: Any
    help: str
    values: tuple[str, ...] = ()
    required_for: str = ""
    flag: str = ""


FIELDS: tuple[Field, ...] = (
    Field("id", "text", TOP, PLACEHOLDER_ID, "Model id, publisher/name", required_for="all", flag="--id"),
    Field("accuracy", "text", TOP, "", "Model accuracy", flag="--accuracy"),
    Field("dataset", "text", TOP, "", "Dataset that the model was trained on", flag="--dataset"),
    Field("description", "text", TOP, "", "What the model is for, in a sentence", flag="--description"),
    Field("inference_time", "number", TOP, 0, "Inference time in seconds", flag="--inference_time"),
    Field("license", "text", TOP, "", "License of the model, an SPDX name where there is one", flag="--license"),
    Field(
        "mean_average_precision_top_1",
        "number",
        TOP,
        0,
        "Share of images whose class is the first prediction",
        flag="--mean_average_precision_top_1",
    ),
    Field(
        "mean_average_precision_top_5",
        "number",
        TOP,
        0,
        "Share of images whose class is among the first five predictions",
        flag="--mean_average_precision_top_5",
    ),
    Field(
        "public",
        "boolean",
        TOP,
        False,
        "Whether the model is available to everyone",
        required_for="all",
        flag="--public",
    ),
    Field("website_url", "text", TOP, "", "Website of the model", flag="--website_url"),
    Field("framework_type", "text", PARAMETERS, None, "Framework of the model", FRAMEWORKS, "all", "--framework"),
    Field("purpose", "text", PARAMETERS, None, "Computer-vision purpose of the model", PURPOSES, "all", "--purpose"),
    Field(
        "model_file", "path", PARAMETERS, None, "Path to the model's weights", required_for="all", flag="--model_file"
    ),
    Field("config_file", "path", PARAMETERS, "", "Path to the model's structure", flag="--config_file"),
    Field(
        "label_file", "path", PARAMETERS, "", "Path to the labels, one a line; line 1 is class 0", flag="--label_file"
    ),
    Field(
        "colors_file",
        "path",
        PARAMETERS,
        "",
        "Path to the colors, one x,y,z a line, as many as labels",
        flag="--colors_file",
    ),
    Field(
        "mean",
        "numbers",
        PARAMETERS,
        [0, 0, 0],
        "Value taken from each channel, in the blob's channel order",
        flag="--mean",
    ),
    Field("scalefactor", "number", PARAMETERS, 1, "Factor that (pixel - mean) is multiplied by", flag="--scalefactor"),
    Field(
        "size",
        "size",
        PARAMETERS,
        None,
        "Input size of the network, width then height, in pixels",
        required_for="all",
        flag="--size",
    ),
    Field(
        "crop",
        "boolean",
        PARAMETERS,
        False,
        "Keep the aspect and crop the centre, where false stretches",
        flag="--crop",
    ),
    Field(
        "swaprb",
        "boolean",
        PARAMETERS,
        False,
        "Swap the red and blue channels: images are read as BGR",
        flag="--swaprb",
    ),
    Field("softmax", "boolean", PARAMETERS, False, "Apply softmax to the output of the network", flag="--softmax"),
    Field(
        "output_layer_names",
        "names",
        PARAMETERS,
        [],
        "Output layers to read, in this order",
        flag="--output_layer_names",
    ),
    Field(
        "device",
        "text",
        PARAMETERS,
        None,
        "Device that a tensor-rt engine was built on",
        DEVICES,
        "tensor-rt",
        "--device",
    ),
    Field(
        "architecture",
        "text",
        PARAMETERS,
        None,
        "Output layout of a tensor-rt engine or a hailo binary",
        ("yolo", "mobilenet_ssd", "yolov3"),
        "tensor-rt, hailo",
        "--architecture",
    ),
    Field("quantize_input", "boolean", PARAMETERS, True, "Quantize the input (hailo)", flag="--quantize_input"),
    Field("quantize_output", "boolean", PARAMETERS, True, "Quantize the output (hailo)", flag="--quantize_output"),
    Field("input_format", "text", PARAMETERS, "", "Input format (hailo)", flag="--input_format"),
    Field("output_format", "text", PARAMETERS, "", "Output format (hailo)", flag="--output_format"),
    Field("batch_size", "integer", PARAMETERS, None, "Images that the network takes at once", flag="--batch_size"),
)

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
FILE_FIELDS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.kind == "path")
"""Fields that name a file of the model, the weights first."""


def applies_to(field: Field, framework: str) -> bool:
    """Whether `field` has a place in the file of a model of this framework."""
    if field.name == "device":
        return framework == "tensor-rt"
    if field.name == "architecture":
        return framework in ARCHITECTURES
    if field.name in ("quantize_input", "quantize_output", "input_format", "output_format"):
        return framework == "hailo"
    return field.name != "batch_size"
