"""Names and weight shapes of the layers in a caffemodel, read in place; the weights themselves are not looked at.

Source: Caffe's `caffe.proto`: NetParameter (2 layers, 100 layer), LayerParameter, V1LayerParameter, BlobProto.
"""

from __future__ import annotations

from dataclasses import dataclass

from aai.core.inspect.protobuf import LENGTH, VARINT, Malformed, signed, text, varint, walk
from aai.core.inspect.source import Data

MAX_LAYERS = 50_000
MAX_BLOBS = 1000
"""Of one layer: an LSTM has five."""
MAX_AXES = 32
_V1_LAYERS, _LAYERS = 2, 100
_FIELDS = {_LAYERS: (1, 7), _V1_LAYERS: (4, 6)}
"""Field of a network that holds its layers -> fields of a layer: name, blobs."""
_OLD_AXES = (1, 2, 3, 4)
"""Fields of a blob: num, channels, height, width."""
_VALUES, _SHAPE = 5, 7


@dataclass(frozen=True)
class Blob:
    """A layer's kernel, bias or statistics.

    Args:
        shape: its axes; files from before 2014 have always four.
        count: how many float32 values it has; None where that does not show without reading them.
    """

    shape: tuple[int, ...]
    count: int | None


def read_caffemodel(data: Data) -> dict[str, list[Blob]]:
    """Layers with weights: name -> blobs, in the order of the file.

    Raises:
        Malformed: not this format, cut off, or with a blob that is not as long as its shape says.
    """
    layers: dict[str, list[Blob]] = {}
    count = 0
    for field, wire, begin, end in walk(data, 0, len(data)):
        if field not in _FIELDS or wire != LENGTH:
            continue
        count += 1
        if count > MAX_LAYERS:
            raise Malformed(f"more than {MAX_LAYERS:,} layers")
        name, blobs = _layer(data, begin, end, *_FIELDS[field])
        if blobs:
            layers[name] = blobs
    if not count:
        raise Malformed("it has no layers")
    return layers


def _layer(data: Data, start: int, stop: int, name_field: int, blob_field: int) -> tuple[str, list[Blob]]:
    name, blobs = "", []
    for field, wire, begin, end in walk(data, start, stop):
        if field == name_field and wire == LENGTH:
            name = text(data, begin, end)
        elif field == blob_field and wire == LENGTH:
            blobs.append(_blob(data, begin, end))
            if len(blobs) > MAX_BLOBS:
                raise Malformed(f"a layer of more than {MAX_BLOBS:,} blobs")
    for blob in blobs:
        if blob.count is not None and blob.count != _product(blob.shape):
            raise Malformed(f"a blob of layer {name[:60]} has {blob.count:,} values, and the shape {list(blob.shape)}")
    return name, blobs


def _blob(data: Data, start: int, stop: int) -> Blob:
    old: list[int] = []
    shape: list[int] | None = None
    count: int | None = None
    for field, wire, begin, end in walk(data, start, stop):
        if field in _OLD_AXES and wire == VARINT:
            old.append(signed(begin))
        elif field == _VALUES:
            count = (end - begin) // 4 if wire == LENGTH else None
            if wire != LENGTH:
                # Values one by one, as old writers have them: nothing but values follows.
                break
        elif field == _SHAPE and wire == LENGTH:
            shape = _axes(data, begin, end)
    axes = tuple(old if shape is None else shape)
    return Blob(axes if len(axes) <= MAX_AXES else (), count)


def _axes(data: Data, start: int, stop: int) -> list[int]:
    """BlobShape: 1 dim, packed or one by one."""
    axes: list[int] = []
    for field, wire, begin, end in walk(data, start, stop):
        if field == 1 and wire == VARINT:
            axes.append(signed(begin))
        elif field == 1 and wire == LENGTH:
            while begin < end and len(axes) <= MAX_AXES:
                value, begin = varint(data, begin, end)
                axes.append(signed(value))
    return axes


def _product(axes: tuple[int, ...]) -> int:
    total = 1
    for axis in axes:
        total *= axis
    return total
