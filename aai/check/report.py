"""What a check is asked for, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aai.check.accuracy import Measured
    from aai.check.doubts import Doubt
    from aai.check.evidence import Evidence
    from aai.check.golden import Replay
    from aai.errors import AaiError
    from aai.vision.engines import Accelerator, Engine

TIME_LIMIT_S = 120.0


@dataclass(frozen=True)
class Request:
    """What is to be checked, and how.

    Args:
        model: id or folder.
        images: folder of photos, or one photo; None where the labels lead to them, or only the kept results are
            replayed.
        labels: labelled photos; see `datasets.CHOICES`.
        tune: whether to search the pre-processing.
        golden: images to keep with their results.
        sheet: file for the contact sheet; None for none.
        confidence: the least that counts as found.
        engine: what runs the network; None for the default.
        accelerator: what it runs on.
        threads: threads inside the engine; 0 leaves it to the engine.
        time_limit_s: for the search.
        write: whether the model's file is written.
    """

    model: str | Path
    images: Path | None = None
    labels: Path | None = None
    tune: bool = False
    golden: tuple[Path, ...] = ()
    sheet: Path | None = None
    confidence: float = 0.3
    engine: Engine | str | None = None
    accelerator: Accelerator | str = "DEFAULT"
    threads: int = 0
    time_limit_s: float = TIME_LIMIT_S
    write: bool = True


@dataclass
class Report:
    """What a check found.

    Args:
        model: publisher/name, or the folder.
        folder: of the model.
        engine: what ran the network, with its version.
        accelerator: what it ran on.
        recipe: the pre-processing in use at the end.
        load_s: seconds to load.
        first_s: seconds of the first run, from image to results; None where no photo was run.
        median_s: median of the later ones.
        images: one for each photo: image, width, height, duration_s, found, best.
        failed: photos that can't be read.
        doubts: what looks wrong.
        accuracy: on all labelled photos, with the pre-processing in use at the end.
        evidence: of the tuning.
        replay: of the kept results.
        sheets: contact sheets that were written.
        written: files of the model that are new or changed.
    """

    model: str
    folder: Path
    engine: str
    accelerator: str
    recipe: dict[str, Any]
    load_s: float
    first_s: float | None = None
    median_s: float | None = None
    images: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[Path, AaiError]] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    accuracy: Measured | None = None
    evidence: Evidence | None = None
    replay: Replay | None = None
    sheets: list[Path] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is plainly wrong: no doubt of the level "error", and the kept results hold."""
        return not any(doubt.level == "error" for doubt in self.doubts) and (self.replay is None or self.replay.ok)

    def as_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {
            "model": self.model,
            "folder": str(self.folder),
            "ok": self.ok,
            "engine": self.engine,
            "accelerator": self.accelerator,
            "recipe": self.recipe,
            "load_s": round(self.load_s, 4),
            "latency": {"first_s": _rounded(self.first_s), "median_s": _rounded(self.median_s)},
            "images": self.images,
            "failed": [{"image": str(path), "error": error.as_dict()} for path, error in self.failed],
            "doubts": [doubt.as_dict() for doubt in self.doubts],
            "accuracy": self.accuracy.as_dict() if self.accuracy else None,
            "tuning": self.evidence.as_dict() if self.evidence else None,
            "golden": self.replay.as_dict() if self.replay else None,
            "sheets": [str(path) for path in self.sheets],
            "written": [str(path) for path in self.written],
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
