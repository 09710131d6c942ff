"""Shapes of a Darknet network's layers, and how many numbers of its weights file each layer takes.

Source: Darknet's `parser.c` (parse_network_cfg, load_weights) in the forks of J. Redmon and A. Bochkovskiy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence

from aai.core.inspect.darknet_cfg import MAX_VALUE, Section

_KEEP_SHAPE = (
    "dropout",
    "softmax",
    "soft",
    "cost",
    "activation",
    "logistic",
    "relu",
    "normalization",
    "lrn",
    "l2norm",
    "region",
    "yolo",
    "gaussian_yolo",
    "detection",
    "empty",
    "silence",
    "contrastive",
    "iseg",
)
_KIND = {
    "conv": "convolutional",
    "conn": "connected",
    "deconv": "deconvolutional",
    "max": "maxpool",
    "local_avg": "local_avgpool",
    "avg": "avgpool",
    "normalization": "lrn",
}


@dataclass(frozen=True)
class Layer:
    """One layer.

    Args:
        section: its part of the cfg.
        width: of what comes out.
        height: of what comes out.
        channels: of what comes out.
        weights: how many float32 values of the weights file it takes; None when that is not known for its kind.
    """

    section: Section
    width: int
    height: int
    channels: int
    weights: int | None = 0

    @property
    def values(self) -> int:
        """Number of values that come out."""
        return self.width * self.height * self.channels

    @property
    def kind(self) -> str:
        """What stands in the brackets, short forms written out."""
        return _KIND.get(self.section.kind, self.section.kind)


def read_layers(sections: Sequence[Section], width: int, height: int, channels: int) -> list[Layer]:
    """All layers of a network with an input of that size.

    A layer of a kind that is not known is taken to keep the shape, and its `weights` are None.

    Raises:
        BadWeights: an option has an impossible value, or names a layer that is not there.
    """
    layers: list[Layer] = []
    previous = Layer(sections[0], width, height, channels)
    for section in sections[1:]:
        kind = _KIND.get(section.kind, section.kind)
        make = _MAKERS.get(kind)
        if make is not None:
            previous = make(section, previous, layers)
        elif kind in _KEEP_SHAPE:
            previous = Layer(section, previous.width, previous.height, previous.channels)
        else:
            previous = Layer(section, previous.width, previous.height, previous.channels, None)
        if previous.width < 1 or previous.height < 1:
            raise section.wrong(f"has nothing left of the image: {previous.width}x{previous.height}")
        if max(previous.width, previous.height, previous.channels) > MAX_VALUE:
            raise section.wrong("makes more columns, rows or channels than any network has")
        layers.append(previous)
    return layers


def _convolutional(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    filters = section.positive("filters", 1)
    size = section.positive("size", 1)
    groups = section.positive("groups", 1)
    stride = section.positive("stride", 1)
    padding = size // 2 if section.integer("pad", 0) else section.integer("padding", 0)
    if before.channels % groups:
        raise section.wrong(f"has {groups} groups for {before.channels} channels")
    weights = filters + filters * (before.channels // groups) * size * size
    if section.integer("batch_normalize", 0):
        weights += 3 * filters
    return Layer(
        section,
        (before.width + 2 * padding - size) // section.positive("stride_x", stride) + 1,
        (before.height + 2 * padding - size) // section.positive("stride_y", stride) + 1,
        filters,
        0 if "share_index" in section.options else weights,
    )


def _deconvolutional(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    filters = section.positive("filters", 1)
    size = section.positive("size", 1)
    stride = section.positive("stride", 1)
    padding = size // 2 if section.integer("pad", 0) else section.integer("padding", 0)
    weights = filters + before.channels * filters * size * size
    if section.integer("batch_normalize", 0):
        weights += 3 * filters
    return Layer(
        section,
        (before.width - 1) * stride + size - 2 * padding,
        (before.height - 1) * stride + size - 2 * padding,
        filters,
        weights,
    )


def _connected(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    outputs = section.positive("output", 1)
    weights = outputs * (before.values + 1)
    if section.integer("batch_normalize", 0):
        weights += 3 * outputs
    return Layer(section, 1, 1, outputs, weights)


def _local(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    filters = section.positive("filters", 1)
    size = section.positive("size", 1)
    stride = section.positive("stride", 1)
    reach = 1 if section.integer("pad", 0) else size
    width, height = (before.width - reach) // stride + 1, (before.height - reach) // stride + 1
    places = width * height
    weights = places * filters + places * size * size * before.channels * filters
    return Layer(section, width, height, filters, weights)


def _maxpool(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    stride = section.positive("stride", 1)
    size = section.positive("size", stride)
    padding = section.integer("padding", size - 1)
    channels = before.channels
    if section.integer("maxpool_depth", 0):
        channels = section.positive("out_channels", 1)
    return Layer(
        section,
        (before.width + padding - size) // section.positive("stride_x", stride) + 1,
        (before.height + padding - size) // section.positive("stride_y", stride) + 1,
        channels,
    )


def _avgpool(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    return Layer(section, 1, 1, before.channels)


def _upsample(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    stride = section.integer("stride", 2)
    if stride < 0:
        return Layer(section, before.width // -stride, before.height // -stride, before.channels)
    return Layer(section, before.width * stride, before.height * stride, before.channels)


def _reorg(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    stride = section.positive("stride", 1)
    if section.integer("reverse", 0):
        channels = before.channels // (stride * stride)
        return Layer(section, before.width * stride, before.height * stride, channels)
    return Layer(section, before.width // stride, before.height // stride, before.channels * stride * stride)


def _crop(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    width = section.positive("crop_width", 1)
    return Layer(section, width, section.positive("crop_height", 1), before.channels)


def _route(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    sources = [_source(section, index, layers) for index in section.integers("layers")]
    if not sources:
        raise section.wrong("names no layers")
    groups = section.positive("groups", 1)
    channels = sum(source.channels for source in sources) // groups
    return Layer(section, sources[0].width, sources[0].height, channels)


def _shortcut(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    sources = [_source(section, index, layers) for index in section.integers("from")]
    kind = section.options.get("weights_type", "none")
    per_source = {"per_feature": 1, "per_layer": 1, "per_channel": before.channels}.get(kind, 0)
    weights = per_source * (len(sources) + 1) if per_source else 0
    return Layer(section, before.width, before.height, before.channels, weights)


def _scale_channels(section: Section, before: Layer, layers: list[Layer]) -> Layer:
    source = _source(section, section.integer("from", -1), layers)
    return Layer(section, source.width, source.height, source.channels)


def _source(section: Section, index: int, layers: list[Layer]) -> Layer:
    place = index if index >= 0 else len(layers) + index
    if not 0 <= place < len(layers):
        raise section.wrong(f"takes layer {index}, and there are {len(layers)} before it")
    return layers[place]


_MAKERS: dict[str, Callable[[Section, Layer, list[Layer]], Layer]] = {
    "convolutional": _convolutional,
    "deconvolutional": _deconvolutional,
    "connected": _connected,
    "local": _local,
    "maxpool": _maxpool,
    "local_avgpool": _maxpool,
    "avgpool": _avgpool,
    "upsample": _upsample,
    "reorg": _reorg,
    "reorg3d": _reorg,
    "crop": _crop,
    "route": _route,
    "shortcut": _shortcut,
    "scale_channels": _scale_channels,
    "sam": _scale_channels,
}
