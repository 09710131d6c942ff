"""OpenVINO's intermediate representation: layers, ports and edges of the xml, and the constants in the bin.

Source: OpenVINO documentation, "OpenVINO IR format", versions 10 and 11.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from aai.core.inspect.source import Data, check_file, read_error
from aai.errors import BadWeights
from aai.ports import TensorSpec

MAX_BYTES = 32 * 1024 * 1024
MAX_PARTS = 1_000_000
"""As many tags and attributes as an xml may have: what it takes in memory is bounded by them."""
OLDEST = 10
MAX_AXES = 16
_LARGEST = 1 << 40

_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*\bencoding\s*=\s*["']([^"']*)""")
_AXIS = re.compile(r"\d{1,9}")
_TYPES = {
    "f32": "float32",
    "f16": "float16",
    "f64": "float64",
    "bf16": "bfloat16",
    "boolean": "bool",
    **{
        f"{letter}{bits}": f"{word}{bits}"
        for letter, word in (("i", "int"), ("u", "uint"))
        for bits in (4, 8, 16, 32, 64)
    },
}
_PRECISIONS = {"FP32": "float32", "FP16": "float16", "FP64": "float64", "BOOL": "bool", "U8": "uint8", "I8": "int8"}
_PRECISIONS.update({"I32": "int32", "I64": "int64"})
_FORMATS = {"f32": "f", "f16": "e", "f64": "d", "u8": "B", "i8": "b", "i32": "i", "i64": "q"}

Layer = ElementTree.Element


@dataclass
class IrFile:
    """An intermediate representation.

    Args:
        xml: the file.
        root: its `<net>`.
        version: of the format.
        layers: id -> layer, in the order of the file.
        sources: (layer, port) that takes -> (layer, port) that is taken.
        takers: id of a layer -> ids of the layers that take what comes out of it.
    """

    xml: Path
    root: Layer
    version: int
    layers: dict[str, Layer] = field(default_factory=dict)
    sources: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    takers: dict[str, list[str]] = field(default_factory=dict)

    def of_type(self, kind: str) -> list[Layer]:
        """The layers of a type."""
        return [layer for layer in self.layers.values() if layer.get("type") == kind]

    def taken(self, layer: Layer, port: int = 0) -> Layer | None:
        """The layer that one takes at one of its inputs, counted from 0."""
        source = self.sources.get((layer.get("id", ""), str(port)))
        return self.layers.get(source[0]) if source else None

    def inputs(self) -> list[TensorSpec]:
        """The parameters of the network."""
        return [self._spec(layer, _port(layer, None), single=True) for layer in self.of_type("Parameter")]

    def outputs(self) -> list[TensorSpec]:
        """The results of the network, each under the name of what it takes."""
        specs = []
        for result in self.of_type("Result"):
            source = self.sources.get((result.get("id", ""), "0"))
            layer = self.layers.get(source[0]) if source else None
            if layer is not None and source is not None:
                specs.append(self._spec(layer, _port(layer, source[1]), len(layer.findall("output/port")) < 2))
        return specs

    def _spec(self, layer: Layer, port: Layer | None, single: bool) -> TensorSpec:
        name = layer.get("name", "")
        if port is None:
            return TensorSpec(name, ())
        # A name may hold a comma, with a backslash before it.
        names = re.split(r"(?<!\\),", port.get("names", ""))
        own = name if single else f"{name}.{port.get('id')}"
        shape = tuple(_axis(axis.text) for axis in port.findall("dim")[:MAX_AXES])
        dtype = _TYPES.get(data_of(layer).get("element_type", ""), "") if layer.get("type") == "Parameter" else ""
        return TensorSpec(names[0] or own, shape, dtype or _PRECISIONS.get(port.get("precision", ""), ""))


def read_ir(xml: Path) -> IrFile:
    """The layers and edges of an IR.

    Raises:
        NotFound: the file is not there.
        BadWeights: it is not the xml of an IR, has a DTD or entities, is too large, or of a version before 10.
    """
    root = _parse(xml)
    if root.tag != "net":
        what = f'{xml.name} is not the xml of an IR: it starts with "{root.tag[:40]}"'
        raise BadWeights(what, str(xml), "name the right file: --config_file FILE")
    version = whole(root.get("version"), 0)
    if version < OLDEST:
        raise BadWeights(
            f"{xml.name} is an IR of version {version}, and OpenVINO since 2022 reads 10 and 11",
            str(xml),
            "convert the model that it was made from again: ovc MODEL (OpenVINO 2023 or later), or mo of 2020.4 to "
            "2022; for a Myriad, a .blob that was compiled from it goes on",
        )
    file = IrFile(xml, root, version)
    for layer in root.iterfind("layers/layer"):
        file.layers[layer.get("id", "")] = layer
    for edge in root.iterfind("edges/edge"):
        start, end = edge.get("from-layer", ""), edge.get("to-layer", "")
        # Ports are numbered from 0 over inputs and outputs alike, inputs first.
        file.sources[end, edge.get("to-port", "")] = start, edge.get("from-port", "")
        file.takers.setdefault(start, []).append(end)
    if not file.layers:
        raise BadWeights(f"{xml.name} has no layers", str(xml), "copy or convert it again")
    return file


def _parse(xml: Path) -> Layer:
    """The root of an xml, without a DTD: entities could grow without bound, or reach for other files."""
    size = check_file(xml)
    if size > MAX_BYTES:
        what = f"the file has {size:,} bytes, and the xml of an IR has at most {MAX_BYTES:,}"
        raise BadWeights(what, str(xml), "name the xml: --config_file FILE")
    try:
        data = xml.read_bytes()
    except OSError as error:
        raise read_error(error, xml) from error
    encoding = _ENCODING.match(data)
    if b"\0" in data or (encoding and encoding.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii")):
        raise BadWeights(f"{xml.name} is not UTF-8 text", str(xml), "name the xml of the IR: --config_file FILE")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        what = f"{xml.name} has a DTD, which the xml of an IR never has"
        raise BadWeights(what, str(xml), "take the file that OpenVINO wrote")
    if data.count(b"<") + data.count(b"=") > MAX_PARTS:
        raise BadWeights(f"{xml.name} has more than {MAX_PARTS:,} tags and attributes", str(xml), "name the right file")
    parser = ElementTree.XMLParser()
    try:
        parser.feed(data)
        root: Layer = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        what = f"{xml.name} is not whole: {error}"
        raise BadWeights(what, str(xml), "copy it again; or name the xml of the IR: --config_file FILE") from error
    return root


def check_constants(file: IrFile, size: int, binary: Path) -> None:
    """Whether the constants of the xml fill the bin.

    Args:
        file: the xml.
        size: of the bin, in bytes.
        binary: the bin, for the error.

    Raises:
        BadWeights: a constant lies outside of it, or much of the bin belongs to none.
    """
    needed = 0
    for layer in file.root.iter("layer"):
        if layer.get("type") == "Const":
            data = data_of(layer)
            needed = max(needed, whole(data.get("offset"), 0) + whole(data.get("size"), 0))
    # A writer may round the length up to a multiple of its alignment.
    if needed <= size <= needed + 64:
        return
    cut = "; it may be cut off" if size < needed else ""
    raise BadWeights(
        f"{binary.name} has {size:,} bytes, and {file.xml.name} describes {needed:,}{cut}",
        f"{binary} and {file.xml}",
        "bring the bin and the xml that belong together: --model_file FILE --config_file FILE",
    )


def numbers(file: IrFile, layer: Layer | None, binary: Data, count: int = 3) -> tuple[float, ...]:
    """The first numbers of a constant, looked for behind conversions; () when it is none.

    Args:
        file: the xml.
        layer: the constant, or what converts it.
        binary: the bin, or as much of its start as is at hand.
        count: how many.
    """
    for _ in range(4):
        if layer is None or layer.get("type") != "Convert":
            break
        layer = file.taken(layer)
    if layer is None or layer.get("type") != "Const":
        return ()
    data = data_of(layer)
    letter = _FORMATS.get(data.get("element_type", ""), "")
    if not letter:
        return ()
    start, length = whole(data.get("offset"), 0), whole(data.get("size"), 0)
    count = min(count, length // struct.calcsize(letter), max(0, len(binary) - start) // struct.calcsize(letter))
    return struct.unpack_from(f"<{count}{letter}", binary, start) if count > 0 else ()


def data_of(layer: Layer) -> dict[str, str]:
    """The attributes of a layer's `<data>`."""
    data = layer.find("data")
    return data.attrib if data is not None else {}


def whole(text: str | None, default: int) -> int:
    """A whole number from 0 up; `default` for another text."""
    if text is None or not text.isdecimal() or len(text) > 18:
        return default
    return min(int(text), _LARGEST)


def _axis(text: str | None) -> int | None:
    """The length of an axis; None for one that is open: -1, ?, 1..8."""
    text = (text or "").strip()
    return int(text) if _AXIS.fullmatch(text) else None


def _port(layer: Layer, port: str | None) -> Layer | None:
    """An output port of a layer, the first one for None."""
    for candidate in layer.iterfind("output/port"):
        if port is None or candidate.get("id") == port:
            return candidate
    return None
