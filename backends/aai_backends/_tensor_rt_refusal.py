"""What keeps TensorRT from doing what it was asked to, in words that can cross from one Python to another.

No `from __future__ import annotations` here: the worker runs this file under Python 3.6, which does not know it.
"""

from typing import Dict

UNAVAILABLE = "unavailable"
"""TensorRT, CUDA or the driver is missing or does not work."""
WEIGHTS = "weights"
"""The file can't be loaded, or can't be built from."""
FAILED = "failed"
"""The engine refused an input, or failed while it ran."""
DAMAGED = "damaged"
"""The process can't go on: the GPU's context is lost."""


class Refusal(Exception):
    """A kind of the above, what is wrong (one sentence, lower case, no full stop), and what to do about it."""

    def __init__(self, kind: str, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.fix = fix

    def as_dict(self) -> Dict[str, str]:
        """The three facts, for a pipe."""
        return {"kind": self.kind, "what": self.what, "fix": self.fix}
