from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from aai.errors import AaiError, BadImage, NotFound
from aai.vision.image import as_bgr, read_image, resize_by, write_image

RED = np.zeros((4, 6, 3), np.uint8)
RED[..., 2] = 250


def _png(folder: Path, pixels: np.ndarray, name: str = "a.png") -> Path:
    path = folder / name
    assert cv2.imwrite(str(path), pixels)
    return path


def test_a_png_is_read_as_bgr(tmp_path: Path) -> None:
    assert np.array_equal(read_image(_png(tmp_path, RED)), RED)
    assert np.array_equal(read_image(str(_png(tmp_path, RED, "büro.png"))), RED)


def test_grey_alpha_and_16_bit_pictures_become_8_bit_bgr(tmp_path: Path) -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert np.array_equal(read_image(_png(tmp_path, grey)), np.dstack([grey] * 3))
    alpha = np.dstack([RED, np.full((4, 6), 7, np.uint8)])
    assert np.array_equal(read_image(_png(tmp_path, alpha)), RED)
    deep = RED.astype(np.uint16) * 256 + 255
    assert np.array_equal(read_image(_png(tmp_path, deep)), RED)
    assert read_image(_png(tmp_path, np.full((1, 1, 3), 9, np.uint8))).tolist() == [[[9, 9, 9]]]


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255
    write_image(path, pixels)
    # A big-endian EXIF block with one entry: orientation 6, turn by 90 degrees clockwise.
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0" + tiff
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    turned = read_image(path)
    assert turned.shape == (32, 16, 3)
    assert turned[0].mean() > 250 > 5 > turned[-1].mean()


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n", b"<html></html>", b"\xff\xd8\xff", b"\0" * 5000, b"BM" + b"\xff" * 60],
    ids=["png start", "html", "jpeg start", "zeros", "bmp with huge sizes"],
)
def test_what_does_not_decode_is_a_bad_image_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(BadImage) as caught:
        read_image(path)
    assert caught.value.where == str(path)


def test_a_png_that_claims_more_pixels_than_fit_is_a_bad_image(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2**20, 2**20, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))
    with pytest.raises(BadImage):
        read_image(path)


def test_a_missing_an_empty_and_an_unreadable_file_and_a_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_image(tmp_path / "none.png")
    with pytest.raises(BadImage, match="folder"):
        read_image(tmp_path)
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(BadImage, match="empty"):
        read_image(tmp_path / "empty.jpg")


def test_arrays_of_applications_are_converted() -> None:
    assert as_bgr(RED) is RED
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    three = np.dstack([grey] * 3)
    assert np.array_equal(as_bgr(grey), three)
    assert np.array_equal(as_bgr(grey[:, :, None]), three)
    assert np.array_equal(as_bgr(np.dstack([three, grey])), three)
    assert np.array_equal(as_bgr(three.astype(np.uint16) << 8), three)
    assert as_bgr(three[::-1, ::-1]).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (None, "None"),
        ([[1, 2], [3, 4]], "list"),
        (np.zeros((2, 2, 3), np.float32), "float32"),
        (np.zeros((2, 2, 3), bool), "bool"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (np.zeros((2, 2, 2), np.uint8), "shape"),
        (np.zeros((1, 2, 2, 3), np.uint8), "shape"),
        (np.zeros(5, np.uint8), "shape"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_image_is_refused_with_the_reason(image: object, what: str) -> None:
    with pytest.raises(BadImage, match=what) as caught:
        as_bgr(image)
    assert caught.value.fix


def test_writing_and_reading_a_png_changes_nothing_and_bad_names_are_refused(tmp_path: Path) -> None:
    assert np.array_equal(read_image(write_image(tmp_path / "new" / "a.png", RED)), RED)
    for name in ("a.xyz", "noextension"):
        with pytest.raises(BadImage, match="no picture can be written"):
            write_image(tmp_path / name, RED)
    assert not (tmp_path / "a.xyz").exists()


def test_a_folder_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AaiError):
        write_image(tmp_path / "file" / "a.png", RED)


def test_a_strip_stays_at_least_a_pixel_wide() -> None:
    assert resize_by(np.zeros((1000, 1, 3), np.uint8), 0.01).shape == (10, 1, 3)
