"""The choice among pre-processings by labelled photos: one half is chosen on, and the other half may object."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aai.check.accuracy import LabelledPhotos, Measured, measure
from aai.check.recipes import as_dict
from aai.check.search import Progress, no_progress
from aai.check.verdict import CHANGED, CONFIRMED, UNDECIDED, Verdict

if TYPE_CHECKING:
    from aai.check.recipes import Candidate
    from aai.check.runner import Runner

_USUAL_CANDIDATES = 15
"""About so many are tried: for the time that is left."""


class Table:
    """Pre-processings measured on a set of photos, each once."""

    def __init__(
        self,
        runner: Runner,
        photos: LabelledPhotos,
        deadline: float = float("inf"),
        progress: Progress = no_progress,
    ) -> None:
        self._runner, self.photos, self._deadline = runner, photos, deadline
        self._progress, self._done = progress, 0
        self.entries: list[tuple[Candidate, Measured]] = []

    @property
    def is_late(self) -> bool:
        """Whether the time is up; never before something was measured."""
        return bool(self.entries) and time.monotonic() > self._deadline

    def measured(self, candidate: Candidate) -> Measured:
        """The accuracy of a pre-processing on the photos."""
        for other, figure in self.entries:
            if other.recipe == candidate.recipe:
                return figure
        self._runner.use(candidate.recipe)
        figure = measure(self._runner, self.photos, self._step)
        self.entries.append((candidate, figure))
        return figure

    def _step(self) -> None:
        self._done += 1
        self._progress(self._done, max(self._done, _USUAL_CANDIDATES * len(self.photos.photos)))


class Choice:
    """The choice among candidates, a step at a time, with the veto of the photos that were held out."""

    def __init__(self, choosing: Table, held_out: Table | None, margin: float) -> None:
        self._choosing, self._held_out, self.margin = choosing, held_out, margin
        self.stopped = False
        self._candidates: list[Candidate] = []
        self._vetoed: Candidate | None = None

    def start(self, configured: Candidate) -> None:
        """Takes the configured pre-processing as what others have to beat."""
        self.configured = self.chosen = configured
        self._choosing.measured(configured)

    def consider(self, candidate: Candidate) -> None:
        """Measures a candidate, unless the time is up."""
        if self._choosing.is_late:
            self.stopped = True
            return
        self._choosing.measured(candidate)
        self._candidates.append(candidate)

    def step(self) -> None:
        """Takes the best so far if it is ahead by the margin, and the photos that were held out do not object."""
        best = max([self.chosen, *self._candidates], key=self._score)
        if best is self.chosen or self._score(best) < self._score(self.chosen) * (1 + self.margin):
            return
        if self._held_out is None or self._holds(best):
            self.chosen = best
        else:
            self._vetoed = best

    def _holds(self, candidate: Candidate) -> bool:
        """Whether a candidate is at least as accurate as what is chosen now on the photos that were held out."""
        assert self._held_out is not None
        before, after = self._held_out.measured(self.chosen), self._held_out.measured(candidate)
        return after.score >= before.score and _headline(after) >= _headline(before)

    @property
    def rival(self) -> Candidate | None:
        """The best of those that are ahead of what is chosen, and were not taken."""
        if self._vetoed is not None:
            return self._vetoed
        best = max([self.chosen, *self._candidates], key=self._score)
        return best if self._score(best) > self._score(self.chosen) else None

    def verdict(self) -> Verdict:
        """What follows from the figures."""
        own, chosen, rival = self._score(self.configured), self._score(self.chosen), self.rival
        if self.chosen is not self.configured:
            where = "and the half that was held out agrees" if self._held_out else "on the photos that it was chosen on"
            return Verdict(CHANGED, 1, None, f"its accuracy is {chosen:.3f} to {own:.3f}, {where}")
        if chosen <= 0:
            return Verdict(UNDECIDED, 0, None, "nothing that was tried finds what the labels say")
        if rival is None:
            return Verdict(CONFIRMED, 0, None, f"its accuracy is {own:.3f}, and no other one has more")
        ahead = f"the accuracy of the other is {self._score(rival):.3f} to {own:.3f}"
        if self._vetoed is not None and self._held_out is not None:
            after, before = self._held_out.measured(rival), self._held_out.measured(self.chosen)
            return Verdict(
                UNDECIDED, 0, 1, f"{ahead}, and {after.score:.3f} to {before.score:.3f} on the half that was held out"
            )
        return Verdict(UNDECIDED, 0, 1, f"{ahead}: it takes {self.margin:.0%} more")

    def reported(self) -> dict[str, Any]:
        """The figures on the photos that were held out."""
        if self._held_out is None:
            return {}
        pair = (("configured", self.configured), ("chosen", self.chosen))
        return {name: self._held_out.measured(candidate).as_dict() for name, candidate in pair}

    def rows(self) -> list[dict[str, Any]]:
        """What was tried, as JSON has it."""
        count = len(self._choosing.photos.photos)
        return [
            {
                "name": candidate.name,
                "recipe": as_dict(candidate.recipe),
                "score": round(figure.score, 4),
                "photos": count,
            }
            for candidate, figure in self._choosing.entries
        ]

    def _score(self, candidate: Candidate) -> float:
        return self._choosing.measured(candidate).score


def _headline(measured: Measured) -> float:
    """The figure that people know: top-1, or COCO's average precision."""
    figures = measured.figure.as_dict()
    return float(figures.get("top1", figures.get("ap")) or 0.0)
