"""What `aai model configure` makes of a folder: the configuration, where each value came from, and what is open."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence

from aai.core.fields import FILE_NAME
from aai.core.inspect.companions import LABELS_NAME
from aai.core.inspect.report import Inspection
from aai.core.model_config import ModelConfig
from aai.errors import Finding
from aai.storage import translated, write_bytes


@dataclass(frozen=True)
class Origin:
    """Where the value of one field came from.

    Args:
        field: the field's name; "decoder", "input" and "target" stand for the `aai` section.
        how: "said", "kept", "inferred", "guessed" or "default".
        value: the value.
        source: the reason, for people; "" for what the user said.
    """

    field: str
    how: str
    value: Any
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The origin as `--json` prints it."""
        return {"field": self.field, "how": self.how, "value": self.value, "source": self.source}


@dataclass
class Configured:
    """The answer: the configuration, where each value came from, and what is still open.

    Args:
        config: the configuration, not yet written.
        origins: one per field that has a value.
        open: field -> what to do, for what nobody could tell.
        labels: names to write into LABELS_NAME; empty when a label file is there or nothing is known.
        findings: warnings of the check.
        inspection: what the weights say.
    """

    config: ModelConfig
    inspection: Inspection
    origins: list[Origin] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    def write(self) -> list[Path]:
        """Writes the configuration, and the label file when there is one to write; a new one not without the other.

        Returns the paths of those that are new or changed.
        """
        files = [self.config.folder / name for name in ((LABELS_NAME,) if self.labels else ()) + (FILE_NAME,)]
        before = [_content(path) for path in files]
        if self.labels:
            write_bytes(files[0], labels_text(self.labels))
        try:
            self.config.write()
        except BaseException:
            if self.labels and before[0] is None:
                with contextlib.suppress(OSError):
                    files[0].unlink()
            raise
        return [path for path, content in zip(files, before) if _content(path) != content]


def _content(path: Path) -> bytes | None:
    with translated(path):
        return path.read_bytes() if path.is_file() else None


def labels_text(labels: Sequence[str]) -> bytes:
    """The content of a label file: a label to a line."""
    return ("\n".join(labels) + "\n").encode("utf-8")
