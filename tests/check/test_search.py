"""The search itself, with a model whose answers are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aai.check.answers import CLASSES, Answer
from aai.check.photos import Photo, photos_of
from aai.check.recipes import Candidate, colour_candidates
from aai.check.search import search
from aai.check.verdict import CHANGED, MARGIN_OF_A_GUESS, UNDECIDED, judge
from aai.core.model_config import InputRecipe
from aai.vision.image import write_image

CLASS_COUNT = 50


class MadeUp:
    """Stands in for a loaded classifier: the share of the first class follows from the pre-processing in use.

    Which class it is follows from the photo's brightness; a recipe that takes RGB is the surer one.
    """

    def __init__(self, sure: float, unsure: float) -> None:
        self.configured = InputRecipe((32, 32), scalefactor=1 / 255)
        self.recipe = self.configured
        self.shares = {True: sure, False: unsure}
        self.runs = 0

    def use(self, recipe: InputRecipe) -> None:
        self.recipe = recipe

    def reset(self) -> None:
        self.recipe = self.configured

    def answer(self, image: np.ndarray) -> Answer:
        self.runs += 1
        share = self.shares[self.recipe.swaprb]
        vector = np.full(CLASS_COUNT, (1 - share) / (CLASS_COUNT - 1), np.float32)
        # The views change a photo's brightness by less than the photos differ.
        vector[int(np.round((image.mean() / 255) ** 0.5 * 4)) * 3] = share
        return Answer(CLASSES, (image.shape[1], image.shape[0]), vector=vector)


@pytest.fixture()
def photos(tmp_path: Path) -> list[Photo]:
    # The brightest two stay in their class when made brighter, and so do the darkest.
    values = (0, 255, 1, 254, 2, 253)
    files = [
        write_image(tmp_path / f"{n}.png", np.full((40, 50, 3), value, np.uint8)) for n, value in enumerate(values)
    ]
    return photos_of(files)[0]


def two(model: MadeUp) -> list[Candidate]:
    return [
        Candidate("configured", model.configured, True),
        Candidate("other", replace(model.configured, swaprb=True)),
    ]


def test_a_surer_classifier_takes_the_place(photos: list[Photo]) -> None:
    model = MadeUp(0.9, 0.5)
    searched = search(model, two(model), photos)  # type: ignore[arg-type]
    assert judge(searched.tried, MARGIN_OF_A_GUESS).kind == CHANGED
    assert model.recipe is model.configured


def test_a_first_class_that_is_one_among_many_tells_nothing(photos: list[Photo]) -> None:
    model = MadeUp(0.25, 0.1)
    searched = search(model, two(model), photos)  # type: ignore[arg-type]
    assert searched.tried[1].mean > 2 * searched.tried[0].mean
    found = judge(searched.tried, MARGIN_OF_A_GUESS)
    assert (found.kind, found.chosen) == (UNDECIDED, 0)
    assert "in 0 of 6 photos" in found.reason


def test_what_falls_far_behind_is_given_up_after_four_photos(photos: list[Photo]) -> None:
    model = MadeUp(0.9, 0.05)
    model.configured = replace(model.configured, swaprb=True)
    behind = Candidate("behind", replace(model.configured, swaprb=False))
    searched = search(model, [Candidate("configured", model.configured, True), behind], photos)  # type: ignore[arg-type]
    assert [len(one.scores) for one in searched.tried] == [6, 4]


def test_the_configured_one_is_never_given_up(photos: list[Photo]) -> None:
    model = MadeUp(0.9, 0.05)
    searched = search(model, two(model), photos)  # type: ignore[arg-type]
    assert [len(one.scores) for one in searched.tried] == [6, 6]


def test_every_candidate_runs_on_a_photo_and_its_views(photos: list[Photo]) -> None:
    model = MadeUp(0.9, 0.9)
    told: list[tuple[int, int]] = []
    candidates = colour_candidates(model.configured)
    search(model, candidates, photos[:2], progress=lambda *now: told.append(now))  # type: ignore[arg-type]
    assert model.runs == len(candidates) * 2 * 4
    assert told[-1] == (len(candidates) * 2,) * 2


def test_a_photo_that_not_all_have_seen_counts_for_none(photos: list[Photo], monkeypatch: pytest.MonkeyPatch) -> None:
    model = MadeUp(0.9, 0.9)
    clock = iter(range(100))
    monkeypatch.setattr("aai.check.search.time.monotonic", lambda: next(clock))
    # Asked before each candidate: 0, 1 for the first photo, 2 for the second one, which then lacks a candidate.
    searched = search(model, two(model), photos, deadline=2)  # type: ignore[arg-type]
    assert (len(searched.photos), searched.stopped) == (1, True)
    assert [len(one.scores) for one in searched.tried] == [1, 1]
