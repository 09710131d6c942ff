"""alwaysai.model.json: read in every form that is about, checked against the field table, written nested.

Value of a blob's element = (pixel - mean) * scalefactor / std, per channel, in the blob's channel order, after
`swaprb`. A quantised element = round(value / scale + zero_point).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aai.core.fields import BY_NAME, FIELDS, FILE_NAME, PARAMETERS, PLACEHOLDER_ID, TOP, applies_to
from aai.core.model_schema import normalise
from aai.errors import Finding, InvalidFiles, NotFound, UsageError
from aai.ports import Quantisation
from aai.storage import read_json, translated, write_json


@dataclass(frozen=True)
class InputRecipe:
    """How an image becomes the network's input tensor.

    Args:
        size: (width, height) of the network input, in pixels.
        mean: per channel, in pixel units (0 to 255), in the blob's channel order.
        scalefactor: factor after the mean is taken off.
        std: per channel, divides the result; empty for none.
        swaprb: True when the network takes RGB: images are BGR.
        resize: "stretch", "crop" (keep aspect, crop the centre), "letterbox" (keep aspect: scale to whole pixels, then
            pad) or "pad" (pad to the network's aspect, then scale).
        anchor: where a padded image sits: "center" or "top-left".
        pad: pixel value (0 to 255) of the border.
        layout: "NCHW" or "NHWC".
        dtype: of the tensor: "float32", "float16", "uint8", "int8" or "int32".
        quantisation: how the elements of a uint8 or int8 tensor stand for the values; None when they are the values,
            rounded.
        channels: 3, or 1 for a network that takes grey images.
    """

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scalefactor: float = 1.0
    std: tuple[float, ...] = ()
    swaprb: bool = False
    resize: str = "stretch"
    anchor: str = "center"
    pad: float = 114.0
    layout: str = "NCHW"
    dtype: str = "float32"
    channels: int = 3
    quantisation: Quantisation | None = None

    @property
    def padded(self) -> bool:
        """Whether the image gets a border, so that anchor and pad have a meaning."""
        return self.resize in ("letterbox", "pad")

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, C, H, W) or (1, H, W, C) of the tensor; empty when the size is not known."""
        width, height = self.size
        if min(width, height) < 1:
            return ()
        return (1, height, width, self.channels) if self.layout == "NHWC" else (1, self.channels, height, width)


class ModelConfig:
    """One model's configuration. `document` is the file's content, nested, unknown keys kept."""

    def __init__(self, document: dict[str, Any], folder: Path) -> None:
        self.document = document
        self.folder = folder

    @property
    def id(self) -> str:
        """The model id, publisher/name; the placeholder while none is given."""
        return str(self.document.get("id") or PLACEHOLDER_ID)

    @property
    def has_id(self) -> bool:
        """Whether the id is a real one, not the placeholder."""
        return self.id != PLACEHOLDER_ID

    @property
    def version(self) -> int | None:
        """The published version that these files came from; 0 for a local model; None before an install."""
        return self.document.get("version")

    @property
    def parameters(self) -> dict[str, Any]:
        """`model_parameters`, as in the file."""
        value: dict[str, Any] = self.document.setdefault(PARAMETERS, {})
        return value

    @property
    def aai(self) -> dict[str, Any]:
        """Our own section, empty when the file has none."""
        value: dict[str, Any] = self.document.get("aai") or {}
        return value

    @property
    def framework(self) -> str:
        """`framework_type`, "" when the file does not say."""
        return str(self.parameters.get("framework_type") or "")

    @property
    def purpose(self) -> str:
        """`purpose`, "" when the file does not say."""
        return str(self.parameters.get("purpose") or "")

    @property
    def decoder(self) -> dict[str, Any]:
        """How the output tensors are laid out: {"name": ...} and the layout's own settings; empty when not known."""
        value: dict[str, Any] = self.aai.get("decoder") or {}
        return value

    @property
    def golden_files(self) -> tuple[str, ...]:
        """Paths of the images with results that the model brings, after the document of these; empty for none."""
        return tuple(self.aai.get("golden") or ())

    @property
    def output_names(self) -> tuple[str, ...]:
        """Output layers to read, in this order; empty for all."""
        return tuple(self.parameters.get("output_layer_names") or ())

    def file(self, name: str) -> Path | None:
        """Absolute path of `model_file`, `config_file`, `label_file` or `colors_file`; None when the field is empty."""
        value = self.parameters.get(name)
        return self.folder / value if value else None

    def value(self, name: str) -> Any:
        """The value of a field of the field table, None when it is not in the file."""
        holder = self.document if BY_NAME[name].place == TOP else self.parameters
        return holder.get(name)

    def set(self, name: str, value: Any) -> None:
        """Sets a field of the field table, in its place."""
        holder = self.document if BY_NAME[name].place == TOP else self.parameters
        holder[name] = value

    def input_recipe(self) -> InputRecipe:
        """The pre-processing that the file describes; without `aai.input` it is the reference's (blobFromImage)."""
        given = self.aai.get("input") or {}
        parameters = self.parameters
        colour = given.get("colour")
        size = parameters.get("size") or (0, 0)
        quantisation = given.get("quantisation")
        scalefactor = parameters.get("scalefactor")
        return InputRecipe(
            size=(int(size[0]), int(size[1])),
            mean=tuple(float(v) for v in parameters.get("mean") or (0, 0, 0)),
            scalefactor=float(1 if scalefactor is None else scalefactor),
            std=tuple(float(v) for v in given.get("std") or ()),
            swaprb=bool(parameters.get("swaprb", False)),
            resize=given.get("resize") or ("crop" if parameters.get("crop") else "stretch"),
            anchor=given.get("anchor", "center"),
            pad=float(given.get("pad", 114)),
            layout=given.get("layout", "NCHW"),
            dtype=given.get("dtype", "float32"),
            channels=1 if colour == "gray" else 3,
            quantisation=Quantisation(quantisation["scale"], quantisation["zero_point"]) if quantisation else None,
        )

    def published_document(self) -> dict[str, Any]:
        """The document as a package carries it: without `version`."""
        document = copy.deepcopy(self.document)
        document.pop("version", None)
        return document

    def write(self) -> Path:
        """Writes the file into its folder, through a temporary file and a rename. Returns its path."""
        path = self.folder / FILE_NAME
        write_json(path, self.document)
        return path


def default_document(framework: str) -> dict[str, Any]:
    """A new document with every field of the table that has a place for `framework`, at its default."""
    document: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for entry in FIELDS:
        if applies_to(entry, framework):
            (document if entry.place == TOP else parameters)[entry.name] = copy.deepcopy(entry.default)
    document[PARAMETERS] = parameters
    return document


def load(folder: Path) -> ModelConfig:
    """The configuration in `folder`.

    Raises:
        NotFound: there is no alwaysai.model.json.
        InvalidFiles: a syntax error (with line and column), or wrong types and values, all at once.
    """
    config, findings = read(folder)
    if any(f.level == "error" for f in findings):
        raise InvalidFiles(f"{FILE_NAME} has errors", findings, str(folder / FILE_NAME))
    return config


def check_folder(folder: Path) -> None:
    """Raises what is wrong with `folder` as the folder of a model.

    Raises:
        NotFound: it is not there.
        UsageError: it is a file.
        NotAllowed: the rights forbid looking at it.
    """
    with translated(folder):
        if folder.is_dir():
            return
        if folder.exists():
            fix = f"name its folder: {folder.parent}"
            raise UsageError("a file is given, where the folder of a model belongs", str(folder), fix)
    raise NotFound("there is no such folder", str(folder), "name the folder that holds the weights")


def read(folder: Path) -> tuple[ModelConfig, list[Finding]]:
    """The configuration in `folder` with all findings on its types and values; see `load`."""
    check_folder(folder)
    path = folder / FILE_NAME
    document = read_json(path, "make it: aai model configure" + ("" if folder == Path() else f" {folder}"))
    normal, findings = normalise(document, str(path))
    return ModelConfig(normal, folder), findings
