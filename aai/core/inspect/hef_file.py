"""A Hailo HEF as it stands: header, chip, networks, streams and the operations that HailoRT runs after the chip.

Field numbers are those of HailoRT's hef.proto, header forms those of its hef_internal.hpp (hailo-ai/hailort, 4.23 and
5.2). Older files give each network's contexts with their edges; newer ones (extension "Hailo net flow") give operations
with pads, of which one is the chip's part.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from aai.core.inspect.protobuf import FIXED32, FIXED64, LENGTH, VARINT, Malformed, text, walk
from aai.core.inspect.source import Data
from aai.ports import Quantisation, TensorSpec

MAGIC = b"\x01HEF"
_COMMON = 12
_SECTIONS = {0: 20, 1: 16, 2: 32, 3: 44}
"""Version of the header -> its bytes after the first twelve."""
MAX_ITEMS = 4096
"""Networks, streams, operations or pads of a file."""
_MAX_EDGES = 20_000
"""Of one network, those inside of the chip among them."""
_MAX_DEPTH = 8
"""Edges inside of edges: the chip joins small outputs into one."""

_FLAT, _ARGMAX, _NMS = 2, 5, 6
"""Formats of an edge in which not all three axes count (hef_internal.hpp, HEF__net_io_formatter_type_t)."""
_ORDER_NHW, _ORDER_NC = 5, 6
_NMS_KINDS = {7: "yolov5", 8: "yolox", 9: "ssd", 10: "iou", 11: "yolov5-seg", 12: "yolov8"}
"""Field of ProtoHEFNmsOp that is set -> what it decodes."""
_OPERATIONS = {0: "argmax", 1: "softmax"}


@dataclass(frozen=True)
class NmsOperation:
    """Suppression that HailoRT does after the chip.

    Args:
        kind: "yolov5", "yolox", "ssd", "iou", "yolov5-seg", "yolov8"; "" for one that is not known.
        classes: number of classes.
        boxes_per_class: the most boxes that come out for a class.
        score: least score.
        iou: overlap from which boxes are one.
        background: index of the class that is taken out, None when there is none.
        boxes_only: True when it decodes boxes and suppresses none.
    """

    kind: str
    classes: int
    boxes_per_class: int
    score: float
    iou: float
    background: int | None = None
    boxes_only: bool = False


@dataclass
class Network:
    """One network group.

    Args:
        name: of the group.
        inputs: streams from the host, (1, height, width, features) each.
        outputs: what comes back to the host.
        nms: the suppression, None when there is none.
        on_chip_nms: (classes, boxes per class) of a suppression on the chip itself.
        after: further operations after the chip: "argmax", "softmax".
        contexts: parts that the chip runs one after the other.
        edges: ways for data, into, out of and inside of the chip.
    """

    name: str = ""
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    nms: NmsOperation | None = None
    on_chip_nms: tuple[int, int] | None = None
    after: list[str] = field(default_factory=list)
    contexts: int = 0
    edges: int = 0


@dataclass
class HefFile:
    """The parts of a HEF that say what the model is.

    Args:
        version: of the header, 0 to 3.
        arch: number of the chip's architecture.
        sdk: version of the compiler.
        networks: in the file's order.
    """

    version: int
    arch: int = 0
    sdk: str = ""
    networks: list[Network] = field(default_factory=list)


@dataclass
class _Pad:
    """One end of an operation: index, what comes through it, and whether it is a suppression's output."""

    index: int
    spec: TensorSpec
    nms: tuple[int, int] | None


@dataclass
class _Group:
    """What a network group or a core operation holds, before it is put together."""

    network: Network
    order: list[str] = field(default_factory=list)
    input_pads: list[_Pad] = field(default_factory=list)
    output_pads: list[_Pad] = field(default_factory=list)
    pad_edges: list[tuple[int, int]] = field(default_factory=list)


def read_hef(data: Data) -> HefFile:
    """The parts of a HEF; the weights are not touched.

    Raises:
        Malformed: not a HEF, of a newer form, cut off or damaged.
    """
    if data[:4] != MAGIC or len(data) < _COMMON:
        raise Malformed("it does not have the mark of a HEF", _COMMON)
    version, length = struct.unpack_from(">II", data, 4)
    if version not in _SECTIONS:
        raise Malformed(f"its header has version {version}, and 0 to 3 are known")
    start = _COMMON + _SECTIONS[version]
    needed = start + length + _weights(data, version, start)
    if needed > len(data):
        raise Malformed("it ends before its weights do", needed)
    file = HefFile(version)
    for number, wire, begin, end in walk(data, start, start + length):
        if wire != LENGTH:
            continue
        if number == 1:
            _read_header(file, data, begin, end)
        elif number == 2:
            if len(file.networks) >= MAX_ITEMS:
                raise Malformed(f"more than {MAX_ITEMS} networks")
            file.networks.append(_read_group(data, begin, end))
    if not file.networks:
        raise Malformed("it has no network")
    return file


def _weights(data: Data, version: int, start: int) -> int:
    """Bytes behind the protobuf part."""
    if version == 0 or len(data) < start:
        return 0
    if version == 1:
        return int(struct.unpack_from(">Q", data, _COMMON + 4)[0])
    weights = int(struct.unpack_from(">Q", data, _COMMON + 8)[0])
    return weights + (int(struct.unpack_from(">Q", data, _COMMON + 20)[0]) if version == 3 else 0)


def _read_header(file: HefFile, data: Data, start: int, stop: int) -> None:
    for number, wire, begin, end in walk(data, start, stop):
        if number == 1 and wire == VARINT:
            file.arch = begin
        elif number == 3 and wire == LENGTH:
            file.sdk = text(data, begin, end)


def _read_group(data: Data, start: int, stop: int) -> Network:
    group = _Group(Network())
    for number, wire, begin, end in walk(data, start, stop):
        if wire != LENGTH:
            continue
        if number == 8:
            _read_operation(group, data, begin, end)
        elif number == 9:
            group.pad_edges.append(_pair(data, begin, end))
        elif number == 10:
            group.network.name = text(data, begin, end)
        else:
            _read_core(group, data, number, begin, end)
    _put_together(group)
    return group.network


def _read_core(group: _Group, data: Data, number: int, begin: int, end: int) -> None:
    """The fields that a network group and a core operation share."""
    network = group.network
    if number == 1:
        network.name = network.name or next((text(data, a, b) for n, w, a, b in walk(data, begin, end) if n == 1), "")
    elif number == 3:
        network.contexts += 1
        for key, wire, a, b in walk(data, begin, end):
            if key == 3 and wire == LENGTH:
                _read_context(network, data, a, b)
    elif number == 4:
        group.order.append(text(data, begin, end))


def _read_context(network: Network, data: Data, start: int, stop: int) -> None:
    names = {spec.name for spec in (*network.inputs, *network.outputs)}
    for number, wire, begin, end in walk(data, start, stop):
        if number != 2 or wire != LENGTH:
            continue
        network.edges += 1
        if network.edges > _MAX_EDGES:
            raise Malformed(f"more than {_MAX_EDGES:,} edges")
        from_chip, to_host, layers = _read_edge(data, begin, end)
        if not to_host:
            continue
        for spec, nms in layers:
            if nms is not None:
                network.on_chip_nms = nms
            known = network.outputs if from_chip else network.inputs
            if len(known) >= MAX_ITEMS:
                raise Malformed(f"more than {MAX_ITEMS} streams")
            if spec.name not in names:
                names.add(spec.name)
                known.append(spec)


def _read_edge(data: Data, start: int, stop: int) -> tuple[bool, bool, list[tuple[TensorSpec, tuple[int, int] | None]]]:
    """(whether it comes from the chip, whether it is one between chip and host, its layers)."""
    from_chip, kind = False, 0
    layers: list[tuple[TensorSpec, tuple[int, int] | None]] = []
    for number, wire, begin, end in walk(data, start, stop):
        if number == 1 and wire == VARINT:
            from_chip = begin == 1
        elif wire != LENGTH:
            continue
        elif number == 3:
            layers.append(_read_layer(data, begin, end))
        elif number == 4:
            layers.extend(_read_layer(data, *place) for place in _parts(data, begin, end))
        elif number == 5:
            kind = _number(data, begin, end, 3)
        elif number == 8:
            layers.append((_read_planes(data, begin, end), None))
    return from_chip, kind == 0, layers


def _parts(data: Data, start: int, stop: int) -> list[tuple[int, int]]:
    """Where the layers of a joined edge are, those of edges inside of it too."""
    found: list[tuple[int, int]] = []
    level = [(start, stop)]
    for _ in range(_MAX_DEPTH):
        below: list[tuple[int, int]] = []
        for begin, end in level:
            for number, wire, a, b in walk(data, begin, end):
                if number != 5 or wire != LENGTH:
                    continue
                for kind, edge_wire, c, d in walk(data, a, b):
                    if edge_wire == LENGTH and kind in (1, 2):
                        (found if kind == 1 else below).append((c, d))
        if not below:
            return found
        if len(found) + len(below) > MAX_ITEMS:
            break
        level = below
    raise Malformed("edges inside of edges without end")


def _read_layer(data: Data, start: int, stop: int) -> tuple[TensorSpec, tuple[int, int] | None]:
    """ProtoHEFEdgeLayerInfo: 1 name, 2 base, 3 numeric info."""
    name, quantisation = "", None
    base: tuple[tuple[int, ...], str, tuple[int, int] | None] = ((), "", None)
    for number, wire, begin, end in walk(data, start, stop):
        if wire != LENGTH:
            continue
        if number == 1:
            name = text(data, begin, end)
        elif number == 2:
            base = _read_base(data, begin, end)
        elif number == 3:
            quantisation = _read_numeric(data, begin, end)
    shape, dtype, nms = base
    return TensorSpec(name, shape, dtype, quantisation), nms


def _read_base(data: Data, start: int, stop: int) -> tuple[tuple[int, ...], str, tuple[int, int] | None]:
    """ProtoHEFEdgeLayerBase: 1 height, 3 width, 5 features, 7 format, 11 additional info, 12 bytes of an element."""
    values: dict[int, int] = {}
    nms = None
    for number, wire, begin, end in walk(data, start, stop):
        if wire == VARINT:
            values[number] = begin
        elif number == 11 and wire == LENGTH:
            for key, key_wire, a, b in walk(data, begin, end):
                if key == 1 and key_wire == LENGTH:
                    nms = (_number(data, a, b, 2), _number(data, a, b, 3))
    shape = _shape(values.get(1, 0), values.get(3, 0), values.get(5, 0), values.get(7, 0))
    if values.get(7) != _NMS:
        nms = None
    return shape, {1: "uint8", 2: "uint16"}.get(values.get(12, 1), ""), nms


def _shape(height: int, width: int, features: int, form: int) -> tuple[int, ...]:
    if form == _FLAT:
        return (1, features)
    return (1, height, width) if form == _ARGMAX else (1, height, width, features)


def _read_planes(data: Data, start: int, stop: int) -> TensorSpec:
    """ProtoHEFEdgeLayerPlanes, a camera's own form: 1 name, 4 height, 5 width, 6 features."""
    name = next((text(data, a, b) for n, w, a, b in walk(data, start, stop) if n == 1 and w == LENGTH), "")
    height, width, features = (_number(data, start, stop, key) for key in (4, 5, 6))
    return TensorSpec(name, (1, height, width, features), "uint8")


def _read_numeric(data: Data, start: int, stop: int) -> Quantisation | None:
    """ProtoHEFEdgeLayerNumericInfo: 1 zero point, 2 scale; 5 and 6 the same per feature, where they differ None."""
    zero_points: list[float] = []
    scales: list[float] = []
    for number, wire, begin, end in walk(data, start, stop):
        if wire == FIXED32 and number in (1, 2):
            (zero_points if number == 1 else scales).append(struct.unpack_from("<f", data, begin)[0])
        elif wire == LENGTH and number in (5, 6) and end - begin <= 8 * MAX_ITEMS:
            values = struct.unpack_from(f"<{(end - begin) // 8}d", data, begin)
            (zero_points if number == 5 else scales).extend(values)
    if not scales or not all(map(math.isfinite, scales + zero_points)):
        return None
    if max(scales) - min(scales) > 1e-5 * max(scales) or (zero_points and max(zero_points) - min(zero_points) > 1e-3):
        return None
    scale, zero_point = scales[0], zero_points[0] if zero_points else 0.0
    if scale <= 0 or abs(zero_point) > 1 << 31:
        return None
    return Quantisation(float(scale), round(zero_point))


def _read_operation(group: _Group, data: Data, start: int, stop: int) -> None:
    """ProtoHEFOp: 1 name, 2 and 3 pads, 4 the chip's part, 5 suppression, 6 argmax or softmax."""
    if len(group.output_pads) + len(group.input_pads) > MAX_ITEMS:
        raise Malformed(f"more than {MAX_ITEMS} pads")
    name = ""
    outputs: list[_Pad] = []
    for number, wire, begin, end in walk(data, start, stop):
        if wire != LENGTH:
            continue
        if number == 1:
            name = text(data, begin, end)
        elif number == 2:
            group.input_pads.append(_read_pad(data, begin, end))
        elif number == 3:
            outputs.append(_read_pad(data, begin, end))
        elif number == 4:
            for key, key_wire, a, b in walk(data, begin, end):
                if key_wire == LENGTH:
                    _read_core(group, data, key, a, b)
        elif number == 5:
            group.network.nms = _read_nms(data, begin, end)
        elif number == 6:
            kind = _number(data, begin, end, 1)
            group.network.after.append(_OPERATIONS.get(kind, f"operation {kind}"))
    for pad in outputs:
        spec = pad.spec if pad.spec.name else TensorSpec(name, pad.spec.shape, pad.spec.dtype, pad.spec.quantisation)
        group.output_pads.append(_Pad(pad.index, spec, pad.nms))


def _read_pad(data: Data, start: int, stop: int) -> _Pad:
    """ProtoHEFPad: 1 index, 2 name, 3 order, 5 numeric info, 6 shape, 7 shape of a suppression's output, 8 type."""
    numbers: dict[int, int] = {}
    name, quantisation, nms = "", None, None
    sides = (0, 0, 0)
    for number, wire, begin, end in walk(data, start, stop):
        if wire == VARINT:
            numbers[number] = begin
        elif wire != LENGTH:
            continue
        elif number == 2:
            name = text(data, begin, end)
        elif number == 5:
            quantisation = _read_numeric(data, begin, end)
        elif number == 6:
            sides = (_number(data, begin, end, 1), _number(data, begin, end, 3), _number(data, begin, end, 5))
        elif number == 7:
            nms = (_number(data, begin, end, 1), _number(data, begin, end, 2))
    form = {_ORDER_NC: _FLAT, _ORDER_NHW: _ARGMAX}.get(numbers.get(3, 0), 0)
    dtype = "float32" if nms else {1: "uint8", 2: "uint16"}.get(numbers.get(8, 0), "")
    shape = () if nms else _shape(*sides, form)
    return _Pad(numbers.get(1, 0), TensorSpec(name, shape, dtype, None if nms else quantisation), nms)


def _read_nms(data: Data, start: int, stop: int) -> NmsOperation:
    """ProtoHEFNmsOp: 1 score, 2 overlap, 3 boxes, 4 classes, 5 and 6 background, 7 to 12 kind, 13 boxes only."""
    values: dict[int, float] = {}
    kind = ""
    for number, wire, begin, _ in walk(data, start, stop):
        if wire == VARINT:
            values[number] = begin
        elif wire == FIXED64:
            values[number] = struct.unpack_from("<d", data, begin)[0]
        elif wire == LENGTH and number in _NMS_KINDS:
            kind = _NMS_KINDS[number]
    score, iou = (value if math.isfinite(value) else 0.0 for value in (values.get(1, 0.0), values.get(2, 0.0)))
    background = int(values.get(6, 0)) if values.get(5) else None
    return NmsOperation(
        kind, int(values.get(4, 0)), int(values.get(3, 0)), score, iou, background, bool(values.get(13, 0))
    )


def _put_together(group: _Group) -> None:
    """Outputs are the pads that lead to no other operation; in older files the chip's own edges, in their order."""
    network = group.network
    sources = {source for source, _ in group.pad_edges}
    last = [pad for pad in group.output_pads if pad.index not in sources]
    if last:
        network.outputs = [pad.spec for pad in last]
        if not network.inputs:
            targets = {target for _, target in group.pad_edges}
            network.inputs = [pad.spec for pad in group.input_pads if pad.index not in targets]
    else:
        places = {name: place for place, name in enumerate(group.order)}
        network.outputs.sort(key=lambda spec: places.get(spec.name, len(places)))


def _pair(data: Data, start: int, stop: int) -> tuple[int, int]:
    return _number(data, start, stop, 1), _number(data, start, stop, 2)


def _number(data: Data, start: int, stop: int, wanted: int) -> int:
    """The last value of a whole-number field; 0, the default of proto3, when it is not there."""
    value = 0
    for number, wire, begin, _ in walk(data, start, stop):
        if number == wanted and wire == VARINT:
            value = begin
    return value
