"""The process that `trial` starts: loads a model, runs it once on a black picture, and writes what came of it.

Reads one JSON document from stdin, and writes one a line: {"stage"} before each step that a runtime may die of, then
what `try_model` returns, or {"error"}.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Mapping

import numpy as np

from aai.core.model_config import ModelConfig
from aai.errors import AaiError

_SIDE = 64
"""Pixels of the picture."""


def main() -> None:
    """Serves the one request on stdin."""
    write = _private_stdout()
    _without_core_file()
    request = json.loads(sys.stdin.buffer.read())
    try:
        write(_tried(request, write))
    except AaiError as error:
        write({"error": error.as_dict()})
    # A fault of ours is no death of the runtime.
    except Exception as error:
        write({"error": {"code": "fault", "what": f"the trial failed: {type(error).__name__}: {error}"}})


def _tried(request: Mapping[str, Any], write: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    # Not above: where OpenCV is missing this is the first to say so, and the caller is to hear it.
    from aai.vision.predict import service_for

    write({"stage": "loading"})
    started = time.perf_counter()
    service = service_for(ModelConfig(request["document"], Path(request["folder"])))
    service.load(**request["load"])
    loaded = time.perf_counter()
    write({"stage": "running"})
    outputs = service.outputs(np.zeros((_SIDE, _SIDE, 3), np.uint8))
    answer = {
        "engine": service.engine,
        "engine_reason": service.engine_reason,
        "accelerator": service.accelerator,
        "load_s": loaded - started,
        "run_s": time.perf_counter() - loaded,
        "outputs": [
            {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)} for name, array in outputs.items()
        ],
    }
    write({"stage": "closing"})
    service.close()
    return answer


def _private_stdout() -> Callable[[Mapping[str, Any]], None]:
    """What writes a line to the caller; the process's own stdout goes nowhere: native libraries print to it."""
    mine = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)

    def write(document: Mapping[str, Any]) -> None:
        os.write(mine, json.dumps(document).encode() + b"\n")

    return write


def _without_core_file() -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
