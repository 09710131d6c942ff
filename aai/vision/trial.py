"""A model loaded first in a process of its own: native runtimes die of some files, and take their process along.

What loaded once is remembered in the user's cache folder, so that only the first load of a file pays for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from aai.core.settings import load_settings
from aai.errors import AaiError, BackendUnavailable, BadWeights, UsageError
from aai.storage import write_json

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig

LIMIT_S = 300.0
"""Time for one trial: an engine that builds something for the GPU at hand may take minutes."""

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from aai.vision.trial_worker import main; main()"
_ERRORS = (BadWeights, BackendUnavailable, UsageError)
"""What a worker's error becomes here, by its code; any other is a plain AaiError."""


class RuntimeDied(BadWeights):
    """The runtime ended its process, or did not come back in time."""


def try_model(
    config: ModelConfig,
    engine: str | None = None,
    accelerator: str = "DEFAULT",
    threads: int = 0,
    precision: str = "float32",
    limit_s: float = LIMIT_S,
) -> dict[str, Any]:
    """Loads the model of `config` in a worker, runs it once on a black picture, and tells what came of it.

    Args:
        config: the model, with or without a file.
        engine: see `Service.load`, as the others.
        accelerator: likewise.
        threads: likewise.
        precision: likewise.
        limit_s: time after which the worker is ended.

    Returns:
        {"engine", "engine_reason", "accelerator", "load_s", "run_s", "outputs": [{"name", "shape", "dtype"}]}

    Raises:
        RuntimeDied: the worker ended without an answer, or not in time.
        AaiError: what loading or running the model raised there.
    """
    request = {
        "document": config.document,
        "folder": str(config.folder.absolute()),
        "load": {"engine": engine, "accelerator": accelerator, "threads": threads, "precision": precision},
    }
    environment = {**os.environ, "AAI_TRIAL": "never"}
    command = [sys.executable, "-c", _START, json.dumps([path for path in sys.path if isinstance(path, str)])]
    started = time.monotonic()
    try:
        worker = subprocess.run(
            command,
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        stage = _stage(_lines(error.stdout or b""))
        raise _died(config, f"the runtime did not come back within {limit_s:g} s while {stage}") from error
    lines = _lines(worker.stdout)
    last = lines[-1] if lines else {}
    if "error" in last:
        raise _error_of(last["error"])
    if "engine" in last:
        return last
    if not lines:
        raise AaiError(f"a process for the trial could not be started (exit code {worker.returncode})", sys.executable)
    what = f"{_end_of(worker.returncode)} while {_stage(lines)}, after {time.monotonic() - started:.1f} s"
    raise _died(config, what)


def is_wanted(config: ModelConfig, runtime: Sequence[str]) -> bool:
    """Whether a trial should come before the model is loaded here: the setting `trial`, and what is remembered.

    Args:
        config: the model.
        runtime: what the answer holds for besides the files: engine, its version, accelerator and the like.
    """
    when = _setting()
    if when == "never" or not sys.executable or getattr(sys, "frozen", False):
        return False
    return when == "always" or not _mark(config, runtime).is_file()


def remember(config: ModelConfig, runtime: Sequence[str]) -> None:
    """Notes that the model loaded; a cache folder that can't be written is no fault."""
    try:
        write_json(_mark(config, runtime), {"files": _files(config), "runtime": list(runtime)})
    except AaiError:
        return


def _setting() -> str:
    try:
        return load_settings(Path.cwd())["trial"].value
    except AaiError:
        # A settings file that is damaged is told by every command; it need not keep a camera from starting.
        return os.environ.get("AAI_TRIAL") or "first"


def _mark(config: ModelConfig, runtime: Sequence[str]) -> Path:
    import platformdirs

    said = json.dumps([_files(config), list(runtime)])
    name = hashlib.sha256(said.encode()).hexdigest()
    return Path(platformdirs.user_cache_dir("aai", appauthor=False)) / "loaded" / f"{name}.json"


def _files(config: ModelConfig) -> list[list[Any]]:
    """Path, size and time of each file that the network is made of."""
    found = []
    for name in ("model_file", "config_file"):
        path = config.file(name)
        if path is not None and path.is_file():
            state = path.stat()
            found.append([str(path.resolve()), state.st_size, state.st_mtime_ns])
    return found


def _lines(output: bytes) -> list[dict[str, Any]]:
    """The documents that a worker wrote, one a line."""
    found = []
    for line in output.splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict):
            found.append(document)
    return found


def _stage(lines: Sequence[Mapping[str, Any]]) -> str:
    return str(next((line["stage"] for line in reversed(lines) if "stage" in line), "starting"))


def _end_of(code: int) -> str:
    if code >= 0:
        return f"the runtime ended the process (exit code {code})"
    hint = ", often for want of memory" if -code == getattr(signal, "SIGKILL", None) else ""
    return f"the runtime died (signal {-code}{hint})"


def _died(config: ModelConfig, what: str) -> RuntimeDied:
    return RuntimeDied(what, str(config.file("model_file")), "check the file, or export the model again")


def _error_of(document: Mapping[str, Any]) -> AaiError:
    kind = next((kind for kind in _ERRORS if kind.code == document.get("code")), AaiError)
    return kind(str(document.get("what")), document.get("where"), document.get("fix"))
