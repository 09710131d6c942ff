"""Shared libraries with layers that TensorRT does not have: named by the machine alone, never brought by a model.

A model is data that anybody may have published; loading a library that it brings would run whatever is in there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from aai.errors import BackendUnavailable

SETTING = "AAI_TENSORRT_PLUGINS"
"""Paths, apart by ":"."""


def own_plugins() -> list[str]:
    """The libraries that the machine's setting names."""
    return [path for path in os.environ.get(SETTING, "").split(os.pathsep) if path]


def plugins_for(wanted: Any, where: str) -> list[str]:
    """The libraries to load for a model: all of the machine's own.

    Args:
        wanted: `model_parameters.plugins`, the file names of those that the model needs.
        where: the model, for errors.

    Raises:
        BackendUnavailable: the model needs one that the machine does not name.
    """
    here = own_plugins()
    names = [wanted] if isinstance(wanted, str) else list(wanted) if isinstance(wanted, (list, tuple)) else []
    missing = [str(name) for name in names if str(name) not in {Path(path).name for path in here}]
    if missing:
        raise BackendUnavailable(
            f"the engine needs the plugin library {', '.join(missing)}, which this machine does not name",
            f"{where}, model_parameters.plugins",
            f"build it for this machine, and set {SETTING} to its path; a model never brings code that runs",
        )
    return here
