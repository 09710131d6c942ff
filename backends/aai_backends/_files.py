"""What a weight file must pass before a native library is given it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.errors import BadWeights

if TYPE_CHECKING:
    from pathlib import Path

_POINTER = b"version https://git-lfs.github.com/"


def check_file(path: Path, what: str) -> Path:
    """`path`, if it is a file with something in it that is not a stand-in for the real one.

    Args:
        path: the file.
        what: as errors name it: "model file".

    Raises:
        BadWeights: missing, a folder, not readable, empty, a git-lfs pointer, or a web page.
    """
    if path.is_dir():
        raise BadWeights(f"the {what} is a folder", str(path), "name the file itself")
    try:
        with path.open("rb") as file:
            start = file.read(256)
    except FileNotFoundError as error:
        raise BadWeights(f"the {what} is not there", str(path), "install the model again, or mend the path") from error
    except OSError as error:
        raise BadWeights(f"the {what} can't be read: {error.strerror}", str(path), f"check: ls -l {path}") from error
    if not start:
        raise BadWeights(f"the {what} is empty", str(path), "copy or download it again")
    if start.startswith(_POINTER):
        raise BadWeights(
            f"the {what} is a git-lfs pointer, not the file itself",
            str(path),
            "fetch it where it was cloned: git lfs pull",
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise BadWeights(f"the {what} is a web page", str(path), "download the file itself, not the page about it")
    return path
