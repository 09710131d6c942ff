"""HailoRT as it is found here, the one device that all models of a process share, and what HailoRT's refusals mean."""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aai.errors import AaiError, BackendUnavailable, BadWeights
from aai_backends._hailo_file import compiled_for

if TYPE_CHECKING:
    from pathlib import Path

INSTALL = (
    "on Raspberry Pi OS: sudo apt install hailo-all (hailo-h10-all for a Hailo-10H), and a virtual environment that "
    "sees the system's packages; elsewhere HailoRT from https://hailo.ai/developer-zone"
)
_SCAN = "look at the device: hailortcli scan, hailortcli fw-control identify"
_SAME_VERSION = "driver, HailoRT and its Python package must be of one version"


def load_runtime() -> Any:
    """The module `hailo_platform`.

    Raises:
        BackendUnavailable: it is not installed, or can't be loaded by this interpreter.
    """
    try:
        return import_module("hailo_platform")
    except ModuleNotFoundError as error:
        if error.name == "hailo_platform":
            raise BackendUnavailable(
                "HailoRT is not installed, and it runs hailo models", f"Python {sys.executable}", INSTALL
            ) from error
        raise _broken(error) from error
    # A native module that does not fit its library or numpy raises ImportError, AttributeError or a C++ exception.
    except Exception as error:
        raise _broken(error) from error


def _broken(error: Exception) -> BackendUnavailable:
    reason = " ".join(str(error).split()) or type(error).__name__
    fix = f"{_SAME_VERSION}; {INSTALL}"
    if "numpy" in reason.lower() or "_ARRAY_API" in reason:
        fix = "before Python 3.13 HailoRT's package wants numpy 1, and an OpenCV that does: pip install 'aai[hailo]'"
    return BackendUnavailable(f"HailoRT is installed but can't be loaded: {reason}", f"Python {sys.executable}", fix)


class SharedDevice:
    """The VDevice of this process: opened with its first model, closed with its last.

    HailoRT gives a device to one VDevice at a time, and lets models of one VDevice take turns.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._device: Any = None
        self._users = 0
        self._pid = 0

    def acquire(self, runtime: Any) -> Any:
        """The VDevice; each call wants one `release`.

        Raises:
            AaiError: there is no device that is free, or it was opened before a fork.
        """
        self.check_process()
        with self._lock:
            if self._device is None:
                self._device = _open(runtime)
                self._pid = os.getpid()
            self._users += 1
            return self._device

    def release(self) -> None:
        """Gives the VDevice back; the last one closes it. In a fork of the process that opened it nothing is done."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._users -= 1
            if self._users == 0:
                device, self._device, self._pid = self._device, None, 0
                device.release()

    def check_process(self) -> None:
        """Refuses the use of a device in a fork of the process that opened it.

        Raises:
            AaiError: this is such a process.
        """
        if self._pid and self._pid != os.getpid():
            raise AaiError(
                f"the Hailo device was opened by process {self._pid}, and this is a fork of it, {os.getpid()}",
                "HailoRT does not survive a fork",
                "load the model in the process that uses it, and start processes with multiprocessing's "
                '"spawn", or before the first model is loaded',
            )


DEVICE = SharedDevice()


def _open(runtime: Any) -> Any:
    try:
        params = runtime.VDevice.create_params()
        # The scheduler lets several models take turns on the chip.
        params.scheduling_algorithm = runtime.HailoSchedulingAlgorithm.ROUND_ROBIN
        return runtime.VDevice(params)
    # Beside its own exceptions HailoRT lets those of C++ and of its Python part through.
    except Exception as error:
        raise refusal(error, "opening the Hailo device") from error


def chip_of(device: Any) -> str:
    """What the device is, "hailo8l" and the like; "" when it does not say."""
    try:
        board = device.get_physical_devices()[0].control.identify()
    # It is asked for the sake of a better error: that it does not answer must not hide the one at hand.
    except Exception:
        return ""
    return str(board.device_architecture).lower()


def wrong_chip(path: Path, chip: str) -> AaiError | None:
    """The error for a HEF that `chip` can't run; None when nothing is known against it."""
    chips = compiled_for(path)
    if not chips or not chip or chip in chips or chip.split("_")[0] in chips:
        return None
    return AaiError(
        f"the model is compiled for {chips[0]}, and the device here is a {chip}",
        str(path),
        f"take the HEF for {chip}, or run this one on: {', '.join(chips)}",
    )


def refusal(error: Exception, where: str) -> AaiError:
    """What an exception of HailoRT means.

    Args:
        error: what HailoRT raised; it names its status, or its class is named for it.
        where: what was being done, or the file.
    """
    # HailoRTInvalidHEFException and its like do not repeat the status in their text.
    told = f"{type(error).__name__}: {' '.join(str(error).split())}"
    for marks, kind, what, fix in _REFUSALS:
        if any(mark in told for mark in marks):
            return kind(f"{what}: {told}", where, fix)
    return AaiError(f"HailoRT refuses: {told}", where, f"see hailort.log in the current folder; {_SCAN}")


_REFUSALS: tuple[tuple[tuple[str, ...], type[AaiError], str, str], ...] = (
    (
        ("HAILO_HEF_NOT_COMPATIBLE_WITH_DEVICE",),
        AaiError,
        "the model is compiled for another chip than the device here",
        f"take the HEF that was compiled for this device; {_SCAN}",
    ),
    (
        ("InvalidHEF", "HAILO_INVALID_HEF", "HAILO_HEF_FILE_CORRUPTED", "HAILO_HEF_NOT_SUPPORTED"),
        BadWeights,
        "HailoRT can't take the HEF",
        "it may be damaged, for another chip, or from a compiler that this HailoRT does not know: compile it again "
        "for this device and this version",
    ),
    (
        ("HAILO_OUT_OF_PHYSICAL_DEVICES", "HAILO_DEVICE_IN_USE", "HAILO_DEVICE_NOT_CONNECTED"),
        AaiError,
        "there is no Hailo device that is free",
        f"{_SCAN}; another program may hold it: stop that one, or run both models in one process",
    ),
    (
        ("Driver", "HAILO_INVALID_DRIVER_VERSION", "HAILO_DRIVER", "HAILO_OPEN_FILE_FAILURE"),
        BackendUnavailable,
        "HailoRT can't talk to its driver",
        f"{_SAME_VERSION}; {_SCAN}",
    ),
    (
        ("HailoRTTimeout", "HAILO_TIMEOUT"),
        AaiError,
        "the Hailo device did not answer in time",
        f"{_SCAN}; a device that hangs wants a restart",
    ),
)
"""Words in an exception -> our error. Names are those of hailort.h."""
