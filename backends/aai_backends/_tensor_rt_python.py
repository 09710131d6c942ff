"""Which Python has TensorRT: this one, or another one of the machine, as the system's own on a Jetson."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import NamedTuple

from aai_backends._tensor_rt_refusal import UNAVAILABLE, Refusal

SETTING = "AAI_TENSORRT_PYTHON"
_INSTALL = (
    "on a Jetson use the system's Python (JetPack brings TensorRT), or name the one that has it in "
    f"{SETTING}; on x86: pip install 'aai[tensorrt]'"
)
_NAMES = ("/usr/bin/python3", "python3.6", "python3.8", "python3.10", "python3.12")
"""The Pythons of JetPack 4, 5, 6 and 7."""
_LIMIT_S = 60
"""For starting a Python and importing TensorRT: several seconds on a Nano with a cold disk."""
_QUESTION = """
import json, sys
answer = {}
try:
    import tensorrt
    answer["tensorrt"] = tensorrt.__version__
    import numpy
except ImportError as error:
    answer["trouble"] = str(error)
    answer["missing"] = getattr(error, "name", None) or ""
sys.stdout.write("\\n" + json.dumps(answer))
"""


class Found(NamedTuple):
    """A Python that was asked for TensorRT.

    Args:
        python: its path.
        version: of its TensorRT; "" when it has none that can be imported.
        trouble: why it can't be used: "" for one that can.
        absent: whether it plainly has none, which is no trouble to tell of.
    """

    python: str
    version: str = ""
    trouble: str = ""
    absent: bool = False


def in_process() -> bool:
    """Whether this Python has a module tensorrt."""
    try:
        return find_spec("tensorrt") is not None
    except (ImportError, ValueError):
        return False


def other_python() -> Found | None:
    """The first other Python whose TensorRT and numpy can be imported; None when there is none."""
    return next((found for found in searched() if not found.trouble), None)


def usable_python(trouble: str = "") -> str:
    """The path of another Python whose TensorRT works.

    Args:
        trouble: why this Python's own does not; "" where it has none.

    Raises:
        Refusal: there is none.
    """
    found = other_python()
    if found is not None:
        return found.python
    told = [trouble] if trouble else []
    told += [f"{asked.python}: {asked.trouble}" for asked in searched() if not asked.absent]
    looked = ", ".join(asked.python for asked in searched()) or "any other"
    raise Refusal(UNAVAILABLE, "; ".join(told) or f"TensorRT was not found, in this Python nor in {looked}", _INSTALL)


def searched() -> tuple[Found, ...]:
    """What each Python said that was asked, in order, until one can be used; asked once where nothing is set anew."""
    return _searched(os.environ.get(SETTING, ""), os.environ.get("PATH", ""), os.environ.get("PYTHONPATH", ""))


@functools.lru_cache(maxsize=8)
def _searched(setting: str, path: str, modules: str) -> tuple[Found, ...]:
    found: list[Found] = []
    for python in _candidates(setting, path):
        found.append(_asked(python))
        if not found[-1].trouble:
            break
    return tuple(found)


def _candidates(setting: str, path: str) -> list[str]:
    # A person's word is the only one: with it, no other Python is started.
    names = [setting] if setting else list(_NAMES)
    paths = [shutil.which(name, path=path) or (name if setting else "") for name in names]
    return list(dict.fromkeys(found for found in paths if found and (setting or found != sys.executable)))


def _asked(python: str) -> Found:
    try:
        answer = subprocess.run(
            [python, "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_LIMIT_S,
            env=environment(),
            cwd="/",
            check=False,
        )
        told = json.loads(answer.stdout.decode("utf-8", "replace").rpartition("\n")[2])
        tensorrt, trouble, missing = (str(told.get(name, "")) for name in ("tensorrt", "trouble", "missing"))
    except OSError as error:
        return Found(python, trouble=f"it does not start: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Found(python, trouble=f"it did not import tensorrt within {_LIMIT_S} s")
    except (ValueError, AttributeError):
        return Found(python, trouble="it does not answer as a Python does")
    return Found(python, tensorrt, trouble, absent=missing == "tensorrt")


def environment() -> dict[str, str]:
    """The environment for another Python: without the home of this one, which would break it."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "__PYVENV_LAUNCHER__")}
