"""alwaysai.model.json: read in every form that is about, checked against the field table, written nested.

Value of a blob's element = (pixel - mean) * scalefactor / std, per channel, in the blob's channel order, after
`swaprb`.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping

from aai.core.fields import ARCHITECTURES, BY_NAME, FIELDS, PARAMETERS, PLACEHOLDER_ID, TOP, Field, applies_to
from aai.core.names import did_you_mean
from aai.errors import Finding, InvalidFiles, NotFound, UsageError
from aai.storage import read_json, translated, write_json

FILE_NAME = "alwaysai.model.json"
SCHEMA = 1

RESIZES = ("stretch", "crop", "letterbox")
ANCHORS = ("center", "top-left")
LAYOUTS = ("NCHW", "NHWC")
DTYPES = ("float32", "float16", "uint8", "int8")
COLOURS = ("rgb", "bgr", "gray")

_INPUT_CHOICES: dict[str, tuple[str, ...]] = {
    "resize": RESIZES,
    "anchor": ANCHORS,
    "layout": LAYOUTS,
    "dtype": DTYPES,
    "colour": COLOURS,
}


@dataclass(frozen=True)
class InputRecipe:
    """How an image becomes the network's input tensor.

    Args:
        size: (width, height) of the network input, in pixels.
        mean: per channel, in pixel units (0 to 255), in the blob's channel order.
        scalefactor: factor after the mean is taken off.
        std: per channel, divides the result; empty for none.
        swaprb: True when the network takes RGB: images are BGR.
        resize: "stretch", "crop" (keep aspect, crop the centre) or "letterbox" (keep aspect, pad).
        anchor: where a letterboxed image sits: "center" or "top-left".
        pad: pixel value (0 to 255) of the letterbox border.
        layout: "NCHW" or "NHWC".
        dtype: of the tensor: "float32", "float16", "uint8" or "int8".
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


def normalise(document: Any, where: str = FILE_NAME) -> tuple[dict[str, Any], list[Finding]]:
    """The nested form of `document`, values in their own types, and what is wrong with it.

    Reads the nested form and the flat form; numbers and booleans written as text; blanks around names.
    """
    if not isinstance(document, dict):
        fix = "move the file away, then make it anew: aai model configure"
        return {}, [Finding("error", f"the file holds {_kind(document)} where an object belongs", where, fix)]
    document = copy.deepcopy(document)
    findings: list[Finding] = []
    parameters = document.get(PARAMETERS, {})
    if not isinstance(parameters, dict):
        findings.append(_wrong(PARAMETERS, "an object", parameters, where))
        parameters = {}
    for entry in FIELDS:
        # The flat form of the documentation's table: everything at the top level.
        if entry.place == PARAMETERS and entry.name in document:
            parameters.setdefault(entry.name, document.pop(entry.name))
    document[PARAMETERS] = parameters
    for entry in FIELDS:
        holder, prefix = (document, "") if entry.place == TOP else (parameters, f"{PARAMETERS}.")
        if entry.name in holder:
            _take(holder, entry, f"{where}, {prefix}{entry.name}", findings)
    _check_version(document, where, findings)
    if not any(finding.where == f"{where}, {PARAMETERS}" for finding in findings):
        _check_required(parameters, where, findings)
    _check_aai(document, where, findings)
    return document, findings


def _take(holder: dict[str, Any], entry: Field, where: str, findings: list[Finding]) -> None:
    value = holder[entry.name]
    if value is None:
        return
    try:
        holder[entry.name] = value = coerce(entry.kind, value)
    except ValueError as error:
        findings.append(
            Finding("error", f"{entry.name} {error}", where, f"set it: aai model configure {entry.flag} ...")
        )
        holder[entry.name] = None
        return
    if entry.values and value != "" and value not in entry.values:
        findings.append(
            Finding("error", f'{entry.name} is "{value}", which is not known', where, choose(value, entry.values))
        )


def choose(value: str, allowed: tuple[str, ...]) -> str:
    """A fix that names the nearest of `allowed`, then all of them."""
    near = did_you_mean(value, allowed)
    return f"{near} allowed values: {', '.join(allowed)}".strip()


def coerce(kind: str, value: Any) -> Any:
    """`value` as the field kind `kind`, from JSON or from the command line.

    Raises:
        ValueError: with the rest of a sentence that starts with the field's name.
    """
    return _COERCE[kind](value)


def _text(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"is {_kind(value)}, where text belongs")
    return value.strip()


def _path(value: Any) -> str:
    text = _text(value)
    if "\0" in text or "\n" in text:
        raise ValueError("holds a character that no path can have")
    return text


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("is true or false, where a number belongs")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"is {_kind(value)}, where a number belongs") from None
    if not math.isfinite(number):
        raise ValueError(f"is {value}, where a finite number belongs")
    return int(number) if number.is_integer() and not isinstance(value, float) else number


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError(f"is {value}, where a whole number belongs")
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"is {_kind(value)}, where true or false belongs")


def _items(value: Any, separators: str) -> list[Any]:
    if isinstance(value, str):
        for separator in separators:
            value = value.replace(separator, " ")
        return list(value.split())
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"is {_kind(value)}, where a list belongs")
    return list(value)


def _numbers(value: Any) -> list[float]:
    items = [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else _items(value, ",")
    if len(items) not in (1, 3):
        raise ValueError(f"has {_count(items)}, where one or three belong")
    return [_number(v) for v in items]


def _size(value: Any) -> list[int]:
    try:
        items = [_integer(v) for v in _items(value, ",xX")]
    except ValueError:
        raise ValueError(f"is {_kind(value)}, where two whole numbers belong: width and height") from None
    if len(items) != 2:
        raise ValueError(f"has {_count(items)}, where two belong: width and height")
    if min(items) < 1 or max(items) > 65535:
        raise ValueError(f"is {items[0]}x{items[1]}, where two numbers from 1 to 65535 belong")
    return items


def _count(items: list[Any]) -> str:
    return "1 number" if len(items) == 1 else f"{len(items)} numbers"


def _names(value: Any) -> list[str]:
    if value == "":
        return []
    items = value.split(",") if isinstance(value, str) else _items(value, "")
    return [name for name in (_text(item) for item in items) if name]


_COERCE: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "path": _path,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "numbers": _numbers,
    "size": _size,
    "names": _names,
}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    if isinstance(value, (int, float)):
        return f"the number {value}"
    names: dict[type, str] = {list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def _wrong(name: str, wanted: str, value: Any, where: str) -> Finding:
    return Finding("error", f"{name} is {_kind(value)}, where {wanted} belongs", f"{where}, {name}", None)


def _check_version(document: dict[str, Any], where: str, findings: list[Finding]) -> None:
    version = document.get("version")
    if version is None:
        return
    try:
        document["version"] = _integer(version)
    except ValueError as error:
        findings.append(
            Finding("error", f"version {error}", f"{where}, version", "leave it out: publishing gives the version")
        )


def _check_required(parameters: dict[str, Any], where: str, findings: list[Finding]) -> None:
    framework = parameters.get("framework_type")
    for name in ("framework_type", "purpose", "model_file"):
        if not parameters.get(name) and not any(f.where.endswith(f".{name}") for f in findings):
            flag = BY_NAME[name].flag
            findings.append(
                Finding(
                    "error",
                    f"{name} is missing",
                    f"{where}, {PARAMETERS}.{name}",
                    f"set it: aai model configure {flag} ...",
                )
            )
    allowed = ARCHITECTURES.get(str(framework))
    architecture = parameters.get("architecture")
    if allowed and architecture and architecture not in allowed:
        findings.append(
            Finding(
                "error",
                f'architecture is "{architecture}", which {framework} does not have',
                f"{where}, {PARAMETERS}.architecture",
                choose(str(architecture), allowed),
            )
        )


def _check_aai(document: dict[str, Any], where: str, findings: list[Finding]) -> None:
    section = document.get("aai")
    if section is None:
        return
    if not isinstance(section, dict):
        findings.append(_wrong("aai", "an object", section, where))
        document["aai"] = {}
        return
    schema = section.get("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        findings.append(
            Finding(
                "error",
                f"aai.schema is {schema}, and this program reads up to {SCHEMA}",
                f"{where}, aai.schema",
                "use a newer aai",
            )
        )
    for name in ("input", "decoder"):
        if section.get(name) is not None and not isinstance(section[name], dict):
            findings.append(_wrong(f"aai.{name}", "an object", section[name], where))
            section[name] = {}
    decoder = section.get("decoder") or {}
    if decoder and not isinstance(decoder.get("name"), str):
        findings.append(_wrong("aai.decoder.name", "text", decoder.get("name"), where))
    files = section.get("files")
    if files is not None and not (isinstance(files, list) and all(isinstance(name, str) for name in files)):
        findings.append(_wrong("aai.files", "a list of paths", files, where))
        section["files"] = []
    _check_input(section.get("input") or {}, where, findings)


def _check_input(given: dict[str, Any], where: str, findings: list[Finding]) -> None:
    for name, allowed in _INPUT_CHOICES.items():
        if name in given and given[name] not in allowed:
            place = f"{where}, aai.input.{name}"
            findings.append(
                Finding("error", f"aai.input.{name} is {_kind(given[name])}", place, choose(str(given[name]), allowed))
            )
            del given[name]
    for name, kind in (("std", "numbers"), ("pad", "number")):
        if given.get(name) is None:
            continue
        try:
            given[name] = coerce(kind, given[name])
        except ValueError as error:
            findings.append(Finding("error", f"aai.input.{name} {error}", f"{where}, aai.input.{name}", None))
            del given[name]
    if any(v == 0 for v in given.get("std") or ()):
        findings.append(Finding("error", "aai.input.std holds a zero, and it divides", f"{where}, aai.input.std", None))
        del given["std"]
