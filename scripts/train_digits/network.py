"""The network as data, and what it computes in torch; the ONNX and Darknet writers walk the same list of layers."""

from __future__ import annotations

from typing import NamedTuple, Union

import torch
from torch import nn

SIDE = 192
CLASSES = 10
STRIDES = (8, 16, 32)
# Median widths and heights of the training digits (k-means over their logarithms), in pixels of the network's input.
ANCHORS = ((15, 29), (20, 25), (20, 35), (27, 33), (25, 46), (36, 44), (32, 59), (48, 59), (40, 74))
BN_EPSILON = 1e-6
"""What Darknet and OpenCV add to the variance of a batch norm; torch's own default is ten times as much."""
LEAK = 0.1


class Conv(NamedTuple):
    """A convolution; with batch norm and leaky ReLU unless it feeds a head."""

    filters: int
    size: int
    stride: int = 1
    head: bool = False


class Route(NamedTuple):
    """The outputs of earlier layers, by index, one behind the other along the channels."""

    layers: tuple[int, ...]


class Upsample(NamedTuple):
    """Each pixel becomes 2x2."""


class Yolo(NamedTuple):
    """A detection head over the layer before it, with the anchors of these indices."""

    mask: tuple[int, int, int]


Layer = Union[Conv, Route, Upsample, Yolo]

FILTERS = 3 * (5 + CLASSES)
LAYERS: tuple[Layer, ...] = (
    Conv(8, 3, 2),
    Conv(16, 3, 2),
    Conv(24, 3),
    Conv(32, 3, 2),
    Conv(32, 3),  # 4: stride 8
    Conv(40, 3, 2),
    Conv(40, 3),  # 6: stride 16
    Conv(64, 3, 2),  # 7: stride 32
    Conv(FILTERS, 1, head=True),
    Yolo((6, 7, 8)),
    Route((7,)),
    Conv(24, 1),
    Upsample(),
    Route((12, 6)),
    Conv(32, 1),
    Conv(32, 3),  # 15: stride 16, with what stride 32 knows
    Conv(FILTERS, 1, head=True),
    Yolo((3, 4, 5)),
    Route((15,)),
    Conv(16, 1),
    Upsample(),
    Route((20, 4)),
    Conv(32, 1),
    Conv(32, 3),
    Conv(FILTERS, 1, head=True),
    Yolo((0, 1, 2)),
)


def out_channels() -> list[int]:
    """Channels that come out of each layer."""
    channels: list[int] = []
    for layer in LAYERS:
        if isinstance(layer, Conv):
            channels.append(layer.filters)
        elif isinstance(layer, Route):
            channels.append(sum(channels[i] for i in layer.layers))
        else:
            channels.append(channels[-1])
    return channels


class Network(nn.Module):
    """The layers in torch; `blocks[i]` is layer i."""

    def __init__(self) -> None:
        super().__init__()
        before = [3, *out_channels()]
        self.blocks = nn.ModuleList(_block(layer, before[i]) for i, layer in enumerate(LAYERS))

    def forward(self, blob: torch.Tensor) -> list[torch.Tensor]:
        """Raw heads for strides 8, 16 and 32: (N, 3, 15, H / stride, W / stride), rows x, y, w, h, objectness, classes.

        Args:
            blob: (N, 3, H, W) float32, RGB, 0 to 1.
        """
        outputs: list[torch.Tensor] = []
        heads: list[torch.Tensor] = []
        value = blob
        for layer, block in zip(LAYERS, self.blocks):
            if isinstance(layer, Route):
                value = torch.cat([outputs[i] for i in layer.layers], 1)
            elif isinstance(layer, Yolo):
                heads.insert(0, value.unflatten(1, (3, 5 + CLASSES)))
            else:
                value = block(value)
            outputs.append(value)
        return heads


def _block(layer: Layer, channels: int) -> nn.Module:
    if isinstance(layer, Upsample):
        return nn.Upsample(scale_factor=2, mode="nearest")
    if not isinstance(layer, Conv):
        return nn.Identity()
    convolution = nn.Conv2d(channels, layer.filters, layer.size, layer.stride, layer.size // 2, bias=layer.head)
    if layer.head:
        return nn.Sequential(convolution)
    return nn.Sequential(convolution, nn.BatchNorm2d(layer.filters, eps=BN_EPSILON), nn.LeakyReLU(LEAK))
