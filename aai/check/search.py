"""The search for the pre-processing that fits: every candidate on every photo, until the time is up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Sequence

import numpy as np

from aai.check.answers import CONFIDENCE
from aai.check.photos import Photo, fitted
from aai.check.score import Seen, photo_scores, same_outcome
from aai.check.verdict import Tried
from aai.check.views import views_of

if TYPE_CHECKING:
    from aai.check.recipes import Candidate
    from aai.check.runner import Runner
    from aai.vision.image import Array

Progress = Callable[[int, int], None]
"""Called with how many runs of the network are done, and of how many."""

_GIVE_UP_AFTER = 4
"""Photos that every candidate gets before any is given up."""
_GIVE_UP_BELOW = 0.5
"""Of the best mean score; a candidate under it is not run on further photos."""


def no_progress(done: int, total: int) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Searched:
    """What a search gave.

    Args:
        candidates: those tried, the configured one first.
        tried: their scores, in the same order.
        constancy: how far the answers of each hold when a photo is changed a little, from 0 to 1: the mean over the
            photos in which something was found, None where that is none.
        photos: the photos that were used.
        stopped: whether the time was up before all photos were.
    """

    candidates: tuple[Candidate, ...]
    tried: tuple[Tried, ...]
    constancy: tuple[float | None, ...]
    photos: tuple[Photo, ...]
    stopped: bool = False


def search(
    runner: Runner,
    candidates: Sequence[Candidate],
    photos: Sequence[Photo],
    deadline: float = float("inf"),
    progress: Progress = no_progress,
) -> Searched:
    """Scores candidates on photos without labels, photo by photo, so that all of them have seen the same ones.

    Args:
        runner: the loaded model; it has the configured pre-processing again afterwards.
        candidates: the configured one first.
        photos: in the order in which they are used.
        deadline: of `time.monotonic`; what a photo lacks when it comes is dropped with that photo.
        progress: told after every run.
    """
    seen: list[list[Seen]] = [[] for _ in candidates]
    alive = list(range(len(candidates)))
    used: list[Photo] = []
    steps = _Steps(len(candidates) * len(photos), progress)
    try:
        for photo in photos:
            row = _on_photo(runner, [candidates[number] for number in alive], photo.read(), deadline, steps)
            if row is None:
                break
            for number, one in zip(alive, row):
                seen[number].append(one)
            used.append(photo)
            if len(used) >= _GIVE_UP_AFTER:
                alive = _worth_going_on(alive, seen)
                steps.total = steps.done + len(alive) * (len(photos) - len(used))
    finally:
        runner.reset()
    tried = [
        Tried(candidate.name, photo_scores(rows), same_outcome(seen[0], rows), _telling(rows))
        for candidate, rows in zip(candidates, seen)
    ]
    constancy = tuple(_constancy(rows) for rows in seen)
    return Searched(tuple(candidates), tuple(tried), constancy, tuple(used), len(used) < len(photos))


def _telling(seen: Sequence[Seen]) -> int:
    """Photos in which something was found; of a classifier, those whose first class is not one among many."""
    return sum(one.constancy > 0 and one.answer.best >= CONFIDENCE for one in seen)


def _constancy(seen: Sequence[Seen]) -> float | None:
    values = [one.constancy for one in seen if one.answer.found]
    return float(np.mean(values)) if values else None


def _on_photo(
    runner: Runner, candidates: Sequence[Candidate], image: Array, deadline: float, steps: _Steps
) -> list[Seen] | None:
    """What each candidate makes of a photo; None when the time is up before the last one."""
    image = fitted(image, runner.configured.size)
    views = views_of(image, mirror=runner.configured.channels == 3)
    row = []
    for candidate in candidates:
        if time.monotonic() > deadline:
            return None
        runner.use(candidate.recipe)
        row.append(Seen(runner.answer(image), [view.to_photo(runner.answer(view.image)) for view in views]))
        steps.step()
    return row


def _worth_going_on(alive: Sequence[int], seen: Sequence[Sequence[Seen]]) -> list[int]:
    """The candidates that are not far behind the best; the configured one always goes on."""
    means = {number: float(np.mean(photo_scores(seen[number]))) for number in alive}
    least = _GIVE_UP_BELOW * max(means.values())
    return [number for number in alive if number == 0 or means[number] >= least]


class _Steps:
    def __init__(self, total: int, progress: Progress) -> None:
        self.done, self.total, self._progress = 0, total, progress

    def step(self) -> None:
        self.done += 1
        self._progress(self.done, self.total)
