"""The trained network as Darknet cfg, weights and names."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from network import ANCHORS, CLASSES, LAYERS, SIDE, Conv, Layer, Network, Route, Upsample
from scenes import NAMES

VERSION = (0, 2, 5)
THRESHOLD = 0.001
"""Scores below it come out as zero; without it OpenCV takes 0.2, which spoils a precision and recall curve."""


def write_darknet(network: Network, folder: Path) -> None:
    """Writes digits.cfg, digits.weights and digits.names into `folder`; the same weights give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [f"[net]\nbatch=1\nwidth={SIDE}\nheight={SIDE}\nchannels=3\n"]
    sections += [_section(layer) for layer in LAYERS]
    (folder / "digits.cfg").write_text("\n".join(sections), encoding="ascii", newline="\n")
    (folder / "digits.names").write_text("".join(f"{name}\n" for name in NAMES), encoding="ascii", newline="\n")
    (folder / "digits.weights").write_bytes(_header() + b"".join(_numbers(network)))


def _section(layer: Layer) -> str:
    if isinstance(layer, Conv):
        norm, activation = ("", "linear") if layer.head else ("batch_normalize=1\n", "leaky")
        return (
            f"[convolutional]\n{norm}filters={layer.filters}\nsize={layer.size}\nstride={layer.stride}\npad=1\n"
            f"activation={activation}\n"
        )
    if isinstance(layer, Route):
        return f"[route]\nlayers={','.join(map(str, layer.layers))}\n"
    if isinstance(layer, Upsample):
        return "[upsample]\nstride=2\n"
    anchors = ", ".join(f"{width},{height}" for width, height in ANCHORS)
    mask = ",".join(map(str, layer.mask))
    return f"[yolo]\nmask={mask}\nanchors={anchors}\nclasses={CLASSES}\nnum={len(ANCHORS)}\nthresh={THRESHOLD}\n"


def _header() -> bytes:
    """Version, and the number of pictures seen as 64 bits (parser.c, load_weights_upto, from version 0.2 on)."""
    return struct.pack("<iiiQ", *VERSION, 0)


def _numbers(network: Network) -> list[bytes]:
    """For each convolution: biases, then scales, means and variances of the batch norm, then the weights."""
    parts: list[bytes] = []
    for layer, block in zip(LAYERS, network.blocks):
        if not isinstance(layer, Conv):
            continue
        if layer.head:
            tensors = [block[0].bias, block[0].weight]
        else:
            norm = block[1]
            tensors = [norm.bias, norm.weight, norm.running_mean, norm.running_var, block[0].weight]
        parts += [np.ascontiguousarray(tensor.detach().numpy(), "<f4").tobytes() for tensor in tensors]
    return parts
