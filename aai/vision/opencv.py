"""OpenCV, of whichever version 4 or later the machine has; without it, the error that says how to install it."""

from __future__ import annotations

from aai.errors import BackendUnavailable

try:
    import cv2
except ImportError as error:
    raise BackendUnavailable(
        f"OpenCV is needed to handle pictures, and can't be imported: {error}", None, "pip install 'aai[cpu]'"
    ) from error

__all__ = ["cv2"]
