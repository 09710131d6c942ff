"""Where engines that were built here are kept, so that none is built twice. The folder may be deleted at any time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Mapping

_SCHEMA = 1
"""To be raised when engines that were built before must not be taken any more."""


def cache_folder() -> Path:
    """The folder of all engines, in the user's cache."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("aai", appauthor=False)) / "engines"


def place_of(facts: Mapping[str, Any], name: str) -> Path:
    """The file of an engine: in a folder of its own, named by the sha256 of what the engine depends on.

    Args:
        facts: all that would make another engine, JSON-like.
        name: of the file.
    """
    text = json.dumps({"schema": _SCHEMA, **facts}, sort_keys=True)
    return cache_folder() / hashlib.sha256(text.encode()).hexdigest() / name
