"""Paths that a model's files may name: relative, and inside the model's folder, links followed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from aai.errors import UsageError


def why_outside(folder: Path, relative: str) -> str:
    """Why `relative` is not a path inside `folder`, as the rest of a sentence that starts with the path; "" if it is.

    Read by the rules of both POSIX and Windows, because a package is made on one machine and installed on another. The
    file need not be there. Links are followed: one that ends outside the folder counts as outside.
    """
    if not relative.strip():
        return "is empty"
    if any(ord(character) < 32 for character in relative):
        return "holds a control character"
    windows = PureWindowsPath(relative)
    if PurePosixPath(relative).is_absolute() or windows.anchor:
        return "is absolute"
    if ".." in windows.parts:
        return "leaves the folder through .."
    return "" if _ends_inside(folder, folder / relative) else "leaves the folder through a link"


def check_inside(folder: Path, relative: str, name: str = "") -> Path:
    """`relative` as an absolute path, links not resolved, if it stays inside `folder`; see `why_outside`.

    Args:
        folder: the model's folder.
        relative: the path as a file or a flag has it.
        name: the field or flag that holds it, for the message.

    Raises:
        UsageError: it is empty or absolute, or leaves the folder through `..` or a link.
    """
    reason = why_outside(folder, relative)
    if reason:
        raise UsageError(
            f'the path "{relative}" {reason}',
            f"{folder}, {name}" if name else str(folder),
            "copy the file into the model's folder and give its path relative to that",
        )
    return folder.absolute() / relative


def _ends_inside(folder: Path, path: Path) -> bool:
    try:
        # A circle of links is an OSError or, before Python 3.13, a RuntimeError.
        path.resolve().relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return False
    return True
