"""Pictures as arrays: read, written, brought to 8-bit BGR, resized. The only place that turns files into pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from aai.errors import BackendUnavailable, BadImage
from aai.storage import translated, write_bytes

try:
    # `as` marks it for re-export: what else draws or suppresses boxes takes it from here, and shares the error below.
    import cv2 as cv2
except ImportError as error:
    raise BackendUnavailable(
        f"OpenCV is needed to handle pictures, and can't be imported: {error}", None, "pip install 'aai[cpu]'"
    ) from error

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

PathLike = Union[str, Path]
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""Of picture files that are read and written, in small letters."""
_JPEG_QUALITY = 95


def read_image(path: PathLike) -> Array:
    """(H, W, 3) uint8 BGR pixels of a picture file.

    Grey pictures get three equal channels, an alpha channel is dropped, of 16 bits a channel the upper 8 are kept, and
    the picture is turned as its EXIF orientation says.

    Raises:
        NotFound: the file is not there.
        NotAllowed: the file may not be read.
        StorageFailed: the disk fails, or no file can have that name.
        BadImage: a folder, an empty file, or no picture that OpenCV decodes.
    """
    path = Path(path)
    with translated(path):
        if path.is_dir():
            raise BadImage("the path is a folder, where a picture belongs", str(path), "name the files: DIR/*.jpg")
        data = path.read_bytes()
    if not data:
        raise BadImage("the picture file is empty", str(path), "copy or download it again")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise BadImage(f"the picture can't be decoded: {reason(error)}", str(path), _DECODES) from error
    if pixels is None:
        raise BadImage("the file is no picture that can be decoded", str(path), _DECODES)
    return as_bgr(pixels)


_DECODES = "use an intact JPEG, PNG, BMP, WebP or TIFF file"


def as_bgr(image: Any) -> Array:
    """`image` as (H, W, 3) uint8 BGR; itself when it is that already.

    Args:
        image: (H, W) or (H, W, 1) grey, (H, W, 3) BGR or (H, W, 4) BGRA, uint8 or uint16. Grey is repeated in three
            channels, alpha is dropped, and of 16 bits the upper 8 are kept.

    Raises:
        BadImage: anything else. Floats are refused, because 0..1 and 0..255 can't be told apart for sure.
    """
    if not isinstance(image, np.ndarray):
        raise _not_an_array(image)
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size:
        return image
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise BadImage(
            f"the image has the shape {image.shape}, where (height, width, 3) belongs",
            "image",
            "pass one picture, (height, width, 3), BGR, uint8",
        )
    if image.size == 0:
        raise BadImage(f"the image is empty: its shape is {image.shape}", "image", "check the source of the frames")
    if image.dtype == np.uint16:
        image = np.right_shift(image, 8).astype(np.uint8)
    elif image.dtype != np.uint8:
        raise BadImage(
            f"the image has the type {image.dtype}, where uint8 belongs",
            "image",
            "scale it to 0..255 and convert it: image.astype(numpy.uint8)",
        )
    if image.ndim == 3 and image.shape[2] == 3:
        converted: Array = image
        return converted
    if image.ndim == 3 and image.shape[2] == 4:
        return np.ascontiguousarray(image[:, :, :3])
    grey = image if image.ndim == 2 else image[:, :, 0]
    return np.ascontiguousarray(np.broadcast_to(grey[:, :, None], (*grey.shape, 3)))


def _not_an_array(image: Any) -> BadImage:
    if image is None:
        return BadImage(
            "the image is None", "image", "cv2.imread gives None for a file that it can't read: use aai.read_image"
        )
    return BadImage(
        f"the image is a {type(image).__name__}, where a numpy array belongs",
        "image",
        "read files with aai.read_image; a PIL image becomes BGR by numpy.asarray(image.convert('RGB'))[..., ::-1]",
    )


def write_image(path: PathLike, image: Array) -> Path:
    """Writes a picture in the format that the extension names, through a temporary file and a rename. Returns its path.

    Args:
        path: file to write; .jpg, .png and whatever else OpenCV encodes.
        image: (H, W, 3) uint8 BGR; other forms as `as_bgr` takes them.

    Raises:
        BadImage: no encoder for the extension, or not an image.
        StorageFailed, NotAllowed: the file can't be written.
    """
    path = Path(path)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix.lower() in (".jpg", ".jpeg") else []
    try:
        done, data = cv2.imencode(path.suffix or ".", as_bgr(image), options)
    except cv2.error as error:
        raise BadImage(f'no picture can be written as "{path.suffix}"', str(path), "use .jpg or .png") from error
    if not done:
        raise BadImage("the picture can't be encoded", str(path), "use .png")
    write_bytes(path, data.tobytes())
    return path


def write_classes(path: PathLike, class_map: Array) -> Path:
    """Writes class numbers as a grey picture, PNG, through a temporary file and a rename. Returns its path.

    Args:
        path: file to write, .png.
        class_map: (H, W) uint8 or uint16; the numbers stand in the file as they are.

    Raises:
        BadImage: not such a map.
        StorageFailed, NotAllowed: the file can't be written.
    """
    path = Path(path)
    if class_map.ndim != 2 or not class_map.size or class_map.dtype not in (np.uint8, np.uint16):
        raise BadImage(f"a map of {class_map.dtype} and shape {class_map.shape} is no map of classes", str(path))
    _, data = cv2.imencode(".png", class_map)
    write_bytes(path, data.tobytes())
    return path


def resize_into(image: Array, out: Array) -> None:
    """Stretches `image` over the whole of `out`, bilinear, as `cv2.dnn.blobFromImage` does.

    Args:
        image: (H, W, 3) or (H, W) uint8.
        out: (h, w, 3) or (h, w) uint8, written in place; may be a window of a larger array.
    """
    if image.shape == out.shape:
        np.copyto(out, image)
        return
    cv2.resize(image, (out.shape[1], out.shape[0]), dst=out, interpolation=cv2.INTER_LINEAR)


def resize_by(image: Array, factor: float) -> Array:
    """`image` scaled by `factor` in both directions, bilinear; at least one pixel each way."""
    height, width = image.shape[:2]
    if min(round(height * factor), round(width * factor)) < 1:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR))


def to_grey(image: Array) -> Array:
    """(H, W) uint8 brightness of a (H, W, 3) uint8 BGR image (ITU-R BT.601, as OpenCV)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


def split_into(image: Array, planes: list[Array]) -> None:
    """Writes the channels of a (H, W, 3) uint8 image into three (H, W) uint8 arrays.

    Separate planes make the arithmetic after it run over contiguous memory: twice as fast as on strided channels.
    """
    cv2.split(image, planes)


def reason(error: Exception) -> str:
    """OpenCV's own sentence, without the place in its source."""
    text = str(getattr(error, "err", "") or error).strip().splitlines()
    return text[0] if text else type(error).__name__
