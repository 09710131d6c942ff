"""A contact sheet: all photos on one picture, with what was found drawn in, for a look with one's own eyes."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Iterable, Sequence

import numpy as np

from aai.check.answers import OVERLAP
from aai.vision.image import cv2, resize_by

if TYPE_CHECKING:
    from aai.check.photos import Photo
    from aai.vision.image import Array
    from aai.vision.services import Service

TILE_WIDTH, TILE_HEIGHT = 400, 300
MOST_TILES = 40
"""More can't be looked at; those in between are left out."""
_CAPTION, _MARGIN, _TITLE = 22, 6, 34
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PAPER, _INK = (245, 245, 245), (30, 30, 30)
_LINES = 3
"""Classes that are written on the photo of a classifier."""


def contact_sheet(service: Service, photos: Sequence[Photo], title: str, confidence: float) -> Array:
    """The photos with what the service finds in them now, (H, W, 3) uint8 BGR.

    Args:
        service: loaded, with the pre-processing that is to be shown.
        photos: those to be shown; of many, some at even distances.
        title: a line at the top.
        confidence: the least that is drawn.
    """
    chosen = _spread(photos)
    return arranged(((photo.path.name, _marked(service, photo.read(), confidence)) for photo in chosen), title)


def arranged(pictures: Iterable[tuple[str, Array]], title: str) -> Array:
    """Pictures in rows, each with its caption, under a title."""
    tiles = [_tile(picture, caption) for caption, picture in pictures]
    columns = max(1, min(5, int(np.ceil(np.sqrt(len(tiles))))))
    rows = max(1, -(-len(tiles) // columns))
    step_x, step_y = TILE_WIDTH + _MARGIN, TILE_HEIGHT + _CAPTION + _MARGIN
    sheet = np.full((_TITLE + rows * step_y, _MARGIN + columns * step_x, 3), _PAPER, np.uint8)
    _write(sheet, title, (_MARGIN, _TITLE - 12), 0.6)
    for number, tile in enumerate(tiles):
        top, left = _TITLE + number // columns * step_y, _MARGIN + number % columns * step_x
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _spread(photos: Sequence[Photo]) -> list[Photo]:
    if len(photos) <= MOST_TILES:
        return list(photos)
    return [photos[int(place)] for place in np.linspace(0, len(photos) - 1, MOST_TILES)]


def _marked(service: Service, image: Array, confidence: float) -> Array:
    """The photo as the service draws it; drawn at the size of a tile where it is larger, so that texts can be read."""
    results = service.run(image, confidence, OVERLAP)
    if service.purpose != "Classification":
        return service.draw(image, results)
    small = _fitted(image)
    best = service.run(image, 0.0, OVERLAP)
    best.predictions[_LINES:] = []
    return service.draw(small, best)


def _tile(picture: Array, caption: str) -> Array:
    small = _fitted(picture)
    tile = np.full((TILE_HEIGHT + _CAPTION, TILE_WIDTH, 3), _PAPER, np.uint8)
    left = (TILE_WIDTH - small.shape[1]) // 2
    tile[: small.shape[0], left : left + small.shape[1]] = small
    _write(tile, caption[:48], (2, TILE_HEIGHT + _CAPTION - 6), 0.45)
    return tile


def _fitted(picture: Array) -> Array:
    factor = min(TILE_WIDTH / picture.shape[1], TILE_HEIGHT / picture.shape[0])
    return resize_by(picture, factor)[:TILE_HEIGHT, :TILE_WIDTH]


def _write(image: Array, text: str, place: tuple[int, int], size: float) -> None:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "replace").decode("ascii")
    cv2.putText(image, plain, place, _FONT, size, _INK, 1, cv2.LINE_AA)
