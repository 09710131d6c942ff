"""Layers of a Caffe network, and the shapes of what comes out of them.

Source: Caffe's `caffe.proto` and the `Reshape` of each layer; SSD's, DeepLab's and PSPNet's own layers as their forks
have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Sequence, Tuple

from aai.core.inspect.text_format import Message

MAX_AXES = 8
MAX_AXIS = 100_000_000
"""Beyond any width, height, or number of channels or rows."""

Shape = Optional[Tuple[Optional[int], ...]]
"""(batch, channels, height, width) and the like; None for an axis, or a whole shape, that is not known."""

_KEEPS_SHAPE = (
    *(
        "AbsVal",
        "BNLL",
        "BatchNorm",
        "Bias",
        "BN",
        "Dropout",
        "Eltwise",
        "ELU",
        "Exp",
        "LRN",
        "Log",
        "MVN",
        "Normalize",
    ),
    *("Power", "PReLU", "ReLU", "ReLU6", "Scale", "Sigmoid", "Softmax", "Split", "Swish", "TanH", "Threshold", "Clip"),
    *("Axpy", "ShuffleChannel"),
)


@dataclass(frozen=True)
class Layer:
    """One layer.

    Args:
        name: its name, by which weights are found.
        kind: its type, in the words of today's prototxts: "Convolution".
        bottoms: names of what goes in.
        tops: names of what comes out.
        message: all that the prototxt says of it.
    """

    name: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Message

    def parameters(self, name: str) -> Message:
        """The layer's own message, `convolution_param` and the like."""
        return self.message.message(name)


def output_shape(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    """The shape of a layer's output.

    Args:
        layer: the layer.
        bottoms: shapes of its inputs.
        index: which of its outputs.

    Returns:
        None when the layer's rule is not known here, or what it goes by is not known.
    """
    first = bottoms[0] if bottoms else None
    make = _SHAPES.get(layer.kind)
    shape = first if layer.kind in _KEEPS_SHAPE else make(layer, bottoms, index) if make is not None else None
    if shape is None or len(shape) > MAX_AXES:
        return None
    return tuple(axis if axis is not None and 0 < axis <= MAX_AXIS else None for axis in shape)


def _axis(value: int, count: int) -> int:
    """An axis number, where a negative one counts from the end; -1 when there is no such axis."""
    value = value + count if value < 0 else value
    return value if 0 <= value < count else -1


def _pair(message: Message, name: str, default: int) -> tuple[int, int]:
    """(height, width) of a kernel, stride or padding: `kernel_h` and `kernel_w`, or `kernel_size` once or twice."""
    short = name.split("_")[0]
    both = message.integers(name) or [default]
    return message.integer(f"{short}_h", both[0]), message.integer(f"{short}_w", both[-1])


def _spatial(layer: Layer, shape: Shape, size: Callable[[int, int, int, int, int], int], name: str) -> Shape:
    """(batch, num_output, height, width); `size` works out a side from side, kernel, stride, padding and dilation."""
    if shape is None or len(shape) != 4:
        return None
    message = layer.parameters(name)
    kernel, stride = _pair(message, "kernel_size", 1), _pair(message, "stride", 1)
    padding, dilation = _pair(message, "pad", 0), _pair(message, "dilation", 1)
    sides: list[int | None] = []
    for place in (0, 1):
        side = shape[2 + place]
        known = side is not None and stride[place] > 0
        sides.append(size(side, kernel[place], stride[place], padding[place], dilation[place]) if known else None)  # type: ignore[arg-type]
    return (shape[0], message.integer("num_output") or shape[1], sides[0], sides[1])


def _convolution(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    def size(side: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
        return (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1

    return _spatial(layer, bottoms[0] if bottoms else None, size, "convolution_param")


def _deconvolution(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    def size(side: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
        return stride * (side - 1) + dilation * (kernel - 1) + 1 - 2 * padding

    return _spatial(layer, bottoms[0] if bottoms else None, size, "convolution_param")


def _pooling(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    message = layer.parameters("pooling_param")
    down = message.text("round_mode") in ("FLOOR", "1") or not message.flag("ceil_mode", True)

    def size(side: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
        span = side + 2 * padding - kernel
        steps = (span // stride if down else -(-span // stride)) + 1
        # Caffe drops a last window that would start in the padding.
        return steps - 1 if padding and (steps - 1) * stride >= side + padding else steps

    shape = bottoms[0] if bottoms else None
    if shape is not None and len(shape) == 4 and message.flag("global_pooling"):
        return (*shape[:2], 1, 1)
    return _spatial(layer, shape, size, "pooling_param")


def _inner_product(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    shape = bottoms[0] if bottoms else None
    message = layer.parameters("inner_product_param")
    count = message.integer("num_output") or None
    axis = 1 if shape is None else _axis(message.integer("axis", 1), len(shape))
    if axis < 0:
        return None
    return (*(shape[:axis] if shape is not None else (1,)), count)


def _concat(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    message = layer.parameters("concat_param")
    known = [shape for shape in bottoms if shape is not None]
    if not known or len({len(shape) for shape in known}) != 1:
        return None
    axis = _axis(message.integer("axis", message.integer("concat_dim", 1)), len(known[0]))
    if axis < 0:
        return None
    lengths = [shape[axis] if shape is not None else None for shape in bottoms]
    total = sum(length for length in lengths if length is not None) if None not in lengths else None
    return (*known[0][:axis], total, *known[0][axis + 1 :])


def _slice(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    shape = bottoms[0] if bottoms else None
    message = layer.parameters("slice_param")
    axis = -1 if shape is None else _axis(message.integer("axis", message.integer("slice_dim", 1)), len(shape))
    if shape is None or axis < 0:
        return None
    total, points = shape[axis], message.integers("slice_point")
    if total is None:
        length = None
    elif points:
        ends = [0, *points, total]
        length = ends[index + 1] - ends[index] if index + 1 < len(ends) else None
    else:
        length = total // max(1, len(layer.tops))
    return (*shape[:axis], length, *shape[axis + 1 :])


def _reshape(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    shape = bottoms[0] if bottoms else None
    wanted = layer.parameters("reshape_param").message("shape").integers("dim")
    if len(wanted) > MAX_AXES:
        return None
    source: Sequence[int | None] = shape or ()
    axes = [
        (source[at] if at < len(source) else None) if axis == 0 else None if axis < 0 else axis
        for at, axis in enumerate(wanted)
    ]
    if wanted.count(-1) == 1 and shape is not None and None not in shape and axes.count(None) == 1:
        given = _product([axis for axis in axes if axis is not None])
        axes[wanted.index(-1)] = _product(shape) // given if given else None
    return tuple(axes)


def _product(axes: Sequence[int | None]) -> int:
    total = 1
    for axis in axes:
        total *= axis or 0
    return total


def _flatten(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    shape = bottoms[0] if bottoms else None
    axis = -1 if shape is None else _axis(layer.parameters("flatten_param").integer("axis", 1), len(shape))
    if shape is None or axis < 0:
        return None
    return (*shape[:axis], None if None in shape[axis:] else _product(shape[axis:]))


def _permute(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    shape = bottoms[0] if bottoms else None
    order = layer.parameters("permute_param").integers("order")
    if shape is None or len(order) > len(shape) or any(not 0 <= axis < len(shape) for axis in order):
        return None
    rest = [axis for axis in range(len(shape)) if axis not in order]
    return tuple(shape[axis] for axis in [*order, *rest])


def _crop(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    if len(bottoms) != 2 or bottoms[0] is None or bottoms[1] is None:
        return None
    axis = _axis(layer.parameters("crop_param").integer("axis", 2), len(bottoms[0]))
    return (*bottoms[0][:axis], *bottoms[1][axis:]) if axis >= 0 else None


def _interp(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    shape = bottoms[0] if bottoms else None
    if shape is None or len(shape) != 4:
        return None
    message = layer.parameters("interp_param")
    shrink, zoom = message.integer("shrink_factor", 1), message.integer("zoom_factor", 1)
    sides: list[int | None] = []
    for name, side in (("height", shape[2]), ("width", shape[3])):
        if message.integer(name):
            sides.append(message.integer(name))
        elif side is None or shrink < 1:
            sides.append(None)
        else:
            small = (side - 1) // shrink + 1
            sides.append(small + (small - 1) * (zoom - 1))
    return (*shape[:2], *sides)


def _arg_max(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    shape = bottoms[0] if bottoms else None
    message = layer.parameters("argmax_param")
    if shape is None or "axis" not in message:
        return None
    axis = _axis(message.integer("axis"), len(shape))
    return (*shape[:axis], message.integer("top_k", 1), *shape[axis + 1 :]) if axis >= 0 else None


def _detection_output(layer: Layer, bottoms: Sequence[Shape], index: int) -> Shape:
    kept = layer.parameters("detection_output_param").integer("keep_top_k", -1)
    return (1, 1, kept if kept > 0 else None, 7)


_SHAPES: dict[str, Callable[[Layer, Sequence[Shape], int], Shape]] = {
    "Convolution": _convolution,
    "ConvolutionDepthwise": _convolution,
    "DepthwiseConvolution": _convolution,
    "Deconvolution": _deconvolution,
    "Pooling": _pooling,
    "InnerProduct": _inner_product,
    "Concat": _concat,
    "Slice": _slice,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Permute": _permute,
    "Crop": _crop,
    "Interp": _interp,
    "ArgMax": _arg_max,
    "DetectionOutput": _detection_output,
}
