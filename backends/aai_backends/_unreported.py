"""OpenVINO, imported without its reports.

`import openvino` sends an event to Google Analytics through the package openvino_telemetry, which it installs, and
writes a client id into ~/intel; no variable of the environment turns it off. Without the package it goes on quietly.
Source: openvino/tools/ovc/__init__.py and telemetry_utils.py, in 2024.4 and 2026.4.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Any, Iterator

_REPORTER = "openvino_telemetry"


@contextmanager
def without_reporter() -> Iterator[None]:
    """Hides the reporter from what is imported within; one that an application has imported already stays its own."""
    if _REPORTER in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules
    # None makes an import of it fail as if it were not installed.
    modules[_REPORTER] = None
    try:
        yield
    finally:
        modules.pop(_REPORTER, None)


with without_reporter():
    import openvino as openvino
