"""From a frame to the network's input tensor, and the way back from network pixels to frame pixels.

Value = (pixel - mean) * scalefactor / std, per channel, in the network's channel order; an element of a quantised input
= round(value / scale + zero_point), kept in the range of its type. Stretch and crop are those of
`cv2.dnn.blobFromImage`; letterbox centre is Ultralytics' (size and offset rounded), letterbox top-left is YOLOX's (size
cut down to whole pixels); pad is what MediaPipe and MoveNet are used with: the frame is padded before it is scaled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aai.errors import UsageError
from aai.vision.image import resize_by, resize_into, split_into, to_grey

if TYPE_CHECKING:
    from aai.core.model_config import InputRecipe
    from aai.vision.image import Array

_DTYPES = {"float32": np.float32, "float16": np.float16, "uint8": np.uint8, "int8": np.int8, "int32": np.int32}
_WHOLE = ("uint8", "int8")
_LARGEST_CANVAS = 8192
"""Pixels: a frame whose longer side is longer is scaled before it is padded, or a strip would grow to gigabytes."""
_LARGEST_ENLARGEMENT = 16
"""A crop may need an enlarged picture of at most this many times the network's own area; see `_crop`."""


class Placement:
    """Where a frame lies in the network's input: input = frame * scale + offset, in pixels, per axis.

    Args:
        scale_x: network pixels per frame pixel.
        scale_y: likewise.
        offset_x: network pixel of the frame's left edge.
        offset_y: network pixel of the frame's upper edge.
        frame_size: (width, height) of the frame, in pixels.
    """

    def __init__(
        self, scale_x: float, scale_y: float, offset_x: float, offset_y: float, frame_size: tuple[int, int]
    ) -> None:
        self.scale_x, self.scale_y = scale_x, scale_y
        self.offset_x, self.offset_y = offset_x, offset_y
        self.frame_size = frame_size
        self._offset = np.array([offset_x, offset_y] * 2, np.float32)
        self._factor = np.array([1 / scale_x, 1 / scale_y] * 2, np.float32)
        self._limit = np.array(frame_size * 2, np.float32)

    def to_image(self, boxes_xyxy: Array) -> Array:
        """Boxes in frame pixels, clipped to the frame.

        Args:
            boxes_xyxy: (N, 4) float32 in pixels of the network's input.

        Returns:
            (N, 4) float32, x in 0..width, y in 0..height of the frame.
        """
        placed: Array = boxes_xyxy - self._offset
        placed *= self._factor
        np.maximum(placed, 0, out=placed)
        return np.minimum(placed, self._limit, out=placed)


class Preprocessor:
    """Makes the input tensor of one network, into buffers that are kept between frames of one size.

    Args:
        recipe: the pre-processing; its size must be known.

    Raises:
        UsageError: the recipe asks for something that can't be made.
    """

    def __init__(self, recipe: InputRecipe) -> None:
        self._recipe = _checked(recipe)
        self._tensor = np.empty(recipe.shape, _DTYPES[recipe.dtype])
        self._gain, self._bias = _affine(recipe)
        self._frame_shape: tuple[int, ...] = ()
        self._canvas: Array | None = None

    def __call__(self, image: Array) -> tuple[Array, Placement]:
        """The input tensor for `image`, and where the image lies in it.

        Args:
            image: (H, W, 3) uint8 BGR.

        Returns:
            (1, C, h, w) or (1, h, w, C) in the recipe's dtype, overwritten by the next call; and the placement.
        """
        if image.shape != self._frame_shape:
            self._plan(image.shape)
        if image.shape[:2] == (1, 1):
            # OpenCV 4.5.4 (JetPack 5) takes no array of one pixel; four that are alike give the same.
            image = np.tile(image, (2, 2, 1))
        if self._recipe.channels == 1:
            image = to_grey(image)
        if self._recipe.resize == "crop":
            _crop(image, self._scaled)
        else:
            if self._canvas is not None:
                self._window[...] = image
                image = self._canvas
            resize_into(image, self._scaled)
        if self._planes:
            split_into(self._scaled, self._planes)
        for plane, target, gain, bias in self._steps:
            _convert(plane, target, gain, bias)
        return self._tensor, self._placement

    def _plan(self, shape: tuple[int, ...]) -> None:
        """Buffers and placement for frames of `shape`; a letterbox's border is painted here, once."""
        recipe, (height, width) = self._recipe, shape[:2]
        left, top, right, bottom = 0, 0, *recipe.size
        canvas = recipe.resize == "pad" and _canvas_side(width, height, recipe.size) <= _LARGEST_CANVAS
        if recipe.padded and not canvas:
            left, top, right, bottom = letterbox_window(width, height, recipe.size, recipe.anchor)
        scale_x, scale_y = (right - left) / width, (bottom - top) / height
        self._placement = Placement(scale_x, scale_y, float(left), float(top), (width, height))
        if recipe.resize == "crop":
            self._placement = _crop_placement(width, height, *recipe.size)
        self._canvas = None
        if canvas:
            self._plan_canvas(width, height)
        inner = (bottom - top, right - left)
        colours = recipe.channels == 3
        self._scaled: Array = np.empty((*inner, 3) if colours else inner, np.uint8)
        self._planes: list[Array] = [np.empty(inner, np.uint8) for _ in range(3)] if colours else []
        ordered = (self._planes[::-1] if recipe.swaprb else self._planes) or [self._scaled]
        first = self._tensor[0] if recipe.layout == "NCHW" else np.moveaxis(self._tensor[0], 2, 0)
        border = np.full((1, 1), min(255, max(0, round(recipe.pad))), np.uint8)
        self._steps = []
        for plane, channel, gain, bias in zip(ordered, first, self._gain, self._bias):
            _convert(border, channel, gain, bias)
            self._steps.append((plane, channel[top:bottom, left:right], gain, bias))
        self._frame_shape = shape

    def _plan_canvas(self, width: int, height: int) -> None:
        """A painted canvas of the network's aspect for frames of that size, and the place of the frame in it."""
        recipe = self._recipe
        full_width, full_height, left, top = padded_frame(width, height, recipe.size, recipe.anchor)
        shape = (full_height, full_width, 3) if recipe.channels == 3 else (full_height, full_width)
        canvas = np.full(shape, min(255, max(0, round(recipe.pad))), np.uint8)
        self._canvas, self._window = canvas, canvas[top : top + height, left : left + width]
        scale_x, scale_y = recipe.size[0] / full_width, recipe.size[1] / full_height
        self._placement = Placement(scale_x, scale_y, left * scale_x, top * scale_y, (width, height))


def _canvas_side(width: int, height: int, size: tuple[int, int]) -> int:
    return max(padded_frame(width, height, size, "top-left"))


def padded_frame(width: int, height: int, size: tuple[int, int], anchor: str) -> tuple[int, int, int, int]:
    """(width, height, left, top) of a frame that is padded to the aspect of the network's input, in frame pixels.

    Args:
        width: of the frame.
        height: of the frame.
        size: (width, height) of the network's input.
        anchor: "center" or "top-left".
    """
    full_width = max(width, math.ceil(height * size[0] / size[1]))
    full_height = max(height, math.ceil(width * size[1] / size[0]))
    if anchor == "top-left":
        return full_width, full_height, 0, 0
    return full_width, full_height, (full_width - width) // 2, (full_height - height) // 2


def stretched(shape: tuple[int, ...], size: tuple[int, int]) -> Placement:
    """The placement of a frame of `shape`, (height, width, ...), that fills an input of (width, height)."""
    height, width = shape[:2]
    return Placement(size[0] / width, size[1] / height, 0.0, 0.0, (width, height))


def letterbox_window(width: int, height: int, size: tuple[int, int], anchor: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a letterboxed picture inside the network's input, in pixels.

    Args:
        width: of the picture.
        height: of the picture.
        size: (width, height) of the network's input.
        anchor: "center" or "top-left".
    """
    factor = min(size[0] / width, size[1] / height)
    if anchor == "top-left":
        return 0, 0, max(1, int(width * factor)), max(1, int(height * factor))
    inner_width, inner_height = max(1, round(width * factor)), max(1, round(height * factor))
    # The odd pixel of an uneven border goes to the right and to the bottom.
    left, top = round((size[0] - inner_width) / 2 - 0.1), round((size[1] - inner_height) / 2 - 0.1)
    return left, top, left + inner_width, top + inner_height


def _checked(recipe: InputRecipe) -> InputRecipe:
    if min(recipe.size) < 1:
        raise UsageError(
            "the input size of the network is not known",
            "alwaysai.model.json, model_parameters.size",
            "set it: aai model configure --size WIDTH HEIGHT",
        )
    if recipe.dtype not in _DTYPES:
        raise UsageError(
            f"an input of type {recipe.dtype} can't be made",
            "alwaysai.model.json, aai.input.dtype",
            f"use one of: {', '.join(_DTYPES)}",
        )
    return recipe


def _affine(recipe: InputRecipe) -> tuple[Array, Array]:
    """Gain and bias per channel, (C,) float32 each: element = pixel * gain + bias."""
    mean = _per_channel(recipe.mean, recipe.channels, 0.0)
    gain = recipe.scalefactor / _per_channel(recipe.std, recipe.channels, 1.0)
    bias = -mean * gain
    if recipe.quantisation is not None and recipe.dtype in _WHOLE:
        scale, zero_point = recipe.quantisation
        # 1/255 over a scale that a file keeps as float32 is 1 but for the last digits: such elements are whole already.
        gain, bias = (gain / scale).round(6), (bias / scale + zero_point).round(3)
    return gain.astype(np.float32), bias.astype(np.float32)


def _per_channel(values: tuple[float, ...], channels: int, default: float) -> Array:
    """`values` for each channel, float64: none is the default, one stands for all, a grey network takes the first."""
    if not values:
        return np.full(channels, default)
    return np.array(values[:channels] if len(values) >= channels else values[:1] * channels, np.float64)


def _convert(plane: Array, target: Array, gain: Any, bias: Any) -> None:
    """Writes plane * gain + bias into `target`, in its dtype; (H, W) each, `plane` uint8."""
    if target.dtype == np.float32:
        if gain == 1:
            target[...] = plane
        else:
            np.multiply(plane, gain, out=target)
        if bias != 0:
            target += bias
    elif gain == 1 and bias == 0 and target.dtype != np.int8:
        target[...] = plane
    elif gain == 1 and bias == -128 and target.dtype == np.int8:
        # 128 less is the highest bit turned over.
        np.bitwise_xor(plane, np.uint8(128), out=target.view(np.uint8))
    elif target.dtype == np.float16:
        target[...] = plane * gain + bias
    else:
        limits = np.iinfo(target.dtype)
        target[...] = np.clip(np.rint(plane * gain + bias), limits.min, limits.max)


def _crop_factor(width: int, height: int, out_width: int, out_height: int) -> float:
    return max(out_width / width, out_height / height)


def _crop(image: Array, out: Array) -> None:
    """Scales `image` to cover `out` and cuts out the centre, as `cv2.dnn.blobFromImage(crop=True)` does."""
    height, width = image.shape[:2]
    out_height, out_width = out.shape[:2]
    factor = _crop_factor(width, height, out_width, out_height)
    if width * height * factor * factor > _LARGEST_ENLARGEMENT * out_width * out_height:
        # A picture of 10,000 x 1 pixels would grow to gigabytes before the cut: cut first.
        image = _centre(image, math.ceil(out_width / factor) + 2, math.ceil(out_height / factor) + 2)
    scaled = resize_by(image, factor)
    out[...] = _centre(scaled, out_width, out_height)


def _centre(image: Array, width: int, height: int) -> Array:
    width, height = min(width, image.shape[1]), min(height, image.shape[0])
    left, top = int(0.5 * (image.shape[1] - width)), int(0.5 * (image.shape[0] - height))
    return image[top : top + height, left : left + width]


def _crop_placement(width: int, height: int, out_width: int, out_height: int) -> Placement:
    factor = _crop_factor(width, height, out_width, out_height)
    left = int(0.5 * (round(width * factor) - out_width))
    top = int(0.5 * (round(height * factor) - out_height))
    return Placement(factor, factor, float(-left), float(-top), (width, height))
