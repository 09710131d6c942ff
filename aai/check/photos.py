"""The photos that a model is checked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Sequence

from aai.errors import AaiError, BadImage, NotAllowed, NotFound, StorageFailed, UsageError
from aai.package.digest import bytes_digest
from aai.storage import translated
from aai.vision.image import EXTENSIONS, read_image, resize_by

if TYPE_CHECKING:
    from aai.vision.image import Array

_MOST = 100_000


@dataclass(frozen=True)
class Photo:
    """A picture file, known by its content.

    Args:
        path: the file.
        digest: "sha256:<hex>" of its bytes.
    """

    path: Path
    digest: str

    def read(self) -> Array:
        """(H, W, 3) uint8 BGR; see `read_image`."""
        return read_image(self.path)


def picture_files(folder: Path, deep: bool = False) -> list[Path]:
    """The picture files of a folder, sorted; a single picture file stands for itself.

    Args:
        folder: a folder, or a picture file.
        deep: whether to look into the folders in it.

    Raises:
        NotFound: there is no such folder.
        UsageError: it holds no picture.
    """
    with translated(folder):
        if folder.is_file():
            return [folder]
        if not folder.is_dir():
            raise NotFound("there is no such folder of photos", str(folder), "check the path")
        found: Iterable[Path] = folder.rglob("*") if deep else folder.iterdir()
        files = sorted(path for path in found if path.suffix.lower() in EXTENSIONS and path.is_file())
    if not files:
        raise UsageError("the folder holds no picture", str(folder), f"name one with {', '.join(EXTENSIONS)} files")
    return files[:_MOST]


def photos_of(files: Sequence[Path]) -> tuple[list[Photo], list[tuple[Path, AaiError]]]:
    """The pictures of `files` that can be read, each content once; and those that can't, with the reason.

    Raises:
        AaiError: none can be read; it is what the first one failed with.
    """
    photos: dict[str, Photo] = {}
    failures: list[tuple[Path, AaiError]] = []
    for path in files:
        try:
            with translated(path):
                data = path.read_bytes()
            read_image(path)
        except (BadImage, NotFound, NotAllowed, StorageFailed) as error:
            failures.append((path, error))
            continue
        photos.setdefault(bytes_digest(data), Photo(path, bytes_digest(data)))
    if failures and not photos:
        raise failures[0][1]
    return list(photos.values()), failures


def fitted(image: Array, size: tuple[int, int]) -> Array:
    """`image` no larger than twice a network's input of `size`: searching is quicker, and answers hardly change."""
    factor = 2 * max(*size, 128) / max(image.shape[:2])
    return resize_by(image, factor) if factor < 1 else image
