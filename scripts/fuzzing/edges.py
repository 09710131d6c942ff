"""Which steps from line to line an execution takes in the code under test, by Python's own monitoring (3.12)."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType
from typing import Any, Callable

_LINES_OF_A_MODULE = 10_000


class Edges:
    """Collects steps while it is switched on.

    Args:
        folders: only code of files below these is looked at.
    """

    def __init__(self, folders: list[Path]) -> None:
        if not hasattr(sys, "monitoring"):
            raise SystemExit("scripts/fuzz needs Python 3.12 or newer: it follows the code by sys.monitoring")
        self.seen: set[int] = set()
        self._prefixes = tuple(str(folder.resolve()) for folder in folders)
        self._numbers: dict[str, int] = {}
        self._last = 0
        self._monitoring: Any = sys.monitoring
        self._tool: int = self._monitoring.COVERAGE_ID
        self._monitoring.use_tool_id(self._tool, "aai-fuzz")
        self._monitoring.register_callback(self._tool, self._monitoring.events.LINE, self._line)

    def during(self, call: Callable[[], Any]) -> set[int]:
        """The steps that a call takes; what it raises goes through."""
        self.seen, self._last = set(), 0
        self._monitoring.set_events(self._tool, self._monitoring.events.LINE)
        try:
            call()
        finally:
            self._monitoring.set_events(self._tool, 0)
        return self.seen

    def _line(self, code: CodeType, line: int) -> Any:
        number = self._numbers.get(code.co_filename)
        if number is None:
            ours = code.co_filename.startswith(self._prefixes)
            number = self._numbers[code.co_filename] = len(self._numbers) + 1 if ours else 0
        if not number:
            return self._monitoring.DISABLE
        here = number * _LINES_OF_A_MODULE + line
        self.seen.add(self._last * 1_000_003 + here)
        self._last = here
        return None
