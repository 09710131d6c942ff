"""From a frame to the network's input tensor, and the way back from network pixels to frame pixels.

Element = (pixel - mean) * scalefactor / std, per channel, in the network's channel order. Stretch and crop are those of
`cv2.dnn.blobFromImage`; letterbox centre is Ultralytics' (size and offset rounded), letterbox top-left is YOLOX's (size
cut down to whole pixels).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aai.errors import UsageError
from aai.vision.image import resize_by, resize_into, split_into, to_grey

if TYPE_CHECKING:
    from aai.core.model_config import InputRecipe
    from aai.vision.image import Array

_DTYPES = {"float32": np.float32, "float16": np.float16, "uint8": np.uint8}
_LARGEST_ENLARGEMENT = 16
"""A crop may need an enlarged picture of at most this many times the network's own area; see `_crop`."""


@dataclass(frozen=True)
class Placement:
    """Where a frame lies in the network's input: input = frame * scale + offset, in pixels, per axis."""

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float

    def to_image(self, boxes_xyxy: Array, width: int, height: int) -> Array:
        """Boxes in frame pixels, clipped to the frame.

        Args:
            boxes_xyxy: (N, 4) float32 in pixels of the network's input.
            width: of the frame, in pixels.
            height: of the frame, in pixels.

        Returns:
            (N, 4) float32, x in 0..width, y in 0..height.
        """
        offset = np.array([self.offset_x, self.offset_y] * 2, np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        limit = np.array([width, height] * 2, np.float32)
        placed: Array = np.clip((boxes_xyxy - offset) / scale, np.float32(0), limit)
        return placed


class Preprocessor:
    """Makes the input tensor of one network, into buffers that are kept between frames.

    Args:
        recipe: the pre-processing; its size must be known.

    Raises:
        UsageError: the recipe asks for something that can't be made.
    """

    def __init__(self, recipe: InputRecipe) -> None:
        self._recipe = _checked(recipe)
        self._width, self._height = recipe.size
        dtype = _DTYPES[recipe.dtype]
        depth = (recipe.channels,) if recipe.channels == 3 else ()
        self._canvas = np.empty((self._height, self._width, *depth), np.uint8)
        self._planes = [np.empty((self._height, self._width), np.uint8) for _ in depth * 3]
        shape = (recipe.channels, self._height, self._width)
        if recipe.layout == "NHWC":
            shape = (self._height, self._width, recipe.channels)
        self._tensor = np.empty((1, *shape), dtype)
        self._gain, self._bias = _affine(recipe)
        self._frame_shape: tuple[int, ...] = ()
        self._placement = Placement(1.0, 1.0, 0.0, 0.0)
        self._window: Array = self._canvas

    def __call__(self, image: Array) -> tuple[Array, Placement]:
        """The input tensor for `image`, and where the image lies in it.

        Args:
            image: (H, W, 3) uint8 BGR.

        Returns:
            (1, C, h, w) or (1, h, w, C) in the recipe's dtype, overwritten by the next call; and the placement.
        """
        if image.shape != self._frame_shape:
            self._plan(image.shape)
        if self._recipe.channels == 1:
            image = to_grey(image)
        if self._recipe.resize == "crop":
            _crop(image, self._canvas)
        else:
            resize_into(image, self._window)
        self._fill()
        return self._tensor, self._placement

    def _plan(self, shape: tuple[int, ...]) -> None:
        height, width = shape[:2]
        if self._recipe.resize == "crop":
            self._placement = _crop_placement(width, height, self._width, self._height)
        elif self._recipe.resize == "letterbox":
            left, top, right, bottom = letterbox_window(width, height, self._recipe.size, self._recipe.anchor)
            self._canvas.fill(round(self._recipe.pad))
            self._window = self._canvas[top:bottom, left:right]
            self._placement = Placement((right - left) / width, (bottom - top) / height, float(left), float(top))
        else:
            self._placement = Placement(self._width / width, self._height / height, 0.0, 0.0)
        self._frame_shape = shape

    def _fill(self) -> None:
        if self._recipe.channels == 1:
            target = self._tensor[0, 0] if self._recipe.layout == "NCHW" else self._tensor[0, :, :, 0]
            self._convert(self._canvas, target, 0)
            return
        split_into(self._canvas, self._planes)
        for channel in range(3):
            target = self._tensor[0, channel] if self._recipe.layout == "NCHW" else self._tensor[0, :, :, channel]
            self._convert(self._planes[2 - channel if self._recipe.swaprb else channel], target, channel)

    def _convert(self, plane: Array, target: Array, channel: int) -> None:
        gain, bias = self._gain[channel], self._bias[channel]
        if target.dtype != np.float32:
            target[...] = _rounded(plane * gain + bias if gain != 1 or bias != 0 else plane, target.dtype)
            return
        if gain == 1:
            target[...] = plane
        else:
            np.multiply(plane, gain, out=target)
        if bias != 0:
            target += bias


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
    return gain.astype(np.float32), (-mean * gain).astype(np.float32)


def _per_channel(values: tuple[float, ...], channels: int, default: float) -> Array:
    """`values` for each channel, float64: none is the default, one stands for all, a grey network takes the first."""
    if not values:
        return np.full(channels, default)
    return np.array(values[:channels] if len(values) >= channels else values[:1] * channels, np.float64)


def _rounded(values: Array, dtype: np.dtype[np.generic]) -> Array:
    if dtype != np.uint8 or values.dtype == np.uint8:
        return values
    clipped: Array = np.clip(np.rint(values), 0, 255)
    return clipped


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
    return Placement(factor, factor, float(-left), float(-top))
