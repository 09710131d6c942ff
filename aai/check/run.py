"""One check of a model on photos: load it, run it, look for what is wrong, tune it, keep or replay results."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from aai.check import golden as goldens
from aai.check.accuracy import LabelledPhotos, check_kind, labelled_photos, measure
from aai.check.answers import OVERLAP, Answer, answer_of, thinned
from aai.check.datasets import read_labels
from aai.check.doubts import constancy_doubts, doubts_of, share_outside, swap_doubt
from aai.check.evidence import apply, by_answers, by_labels, prior_for
from aai.check.photos import Photo, photos_of, picture_files
from aai.check.recipes import Candidate, as_dict, name_of, swapped
from aai.check.report import Report, Request
from aai.check.runner import Runner
from aai.check.search import Progress, no_progress, search
from aai.check.sheet import contact_sheet
from aai.check.verdict import CHANGED, MARGIN_OF_A_GUESS, UNDECIDED, judge
from aai.errors import AaiError, NotAllowed, UsageError
from aai.vision.image import write_image
from aai.vision.model_folder import find_model
from aai.vision.predict import service_for

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.image import Array
    from aai.vision.services import Service

_LOOKED_INTO = 6
"""Photos whose raw outputs are looked at."""
_VIEWED = 8
"""Photos that are run in several views."""
_SAMPLES = 3
_VIEWS_LIMIT_S = 30.0
_MAYBE_TRIED_S, _LONG_LOAD_S = 0.3, 10.0


def check_model(request: Request, progress: Progress = no_progress) -> Report:
    """Checks a model as `request` says.

    Raises:
        NotFound: no such model, folder of photos or labels; nothing to do and no kept results.
        UsageError: the labels do not fit the model.
        NotAllowed: the model's folder can't be written, and something is to be kept there.
        BackendUnavailable, BadWeights: the model can't be loaded.
        BadImage: no photo can be read; nothing is found in an image that is to be kept.
    """
    config = find_model(request.model)
    _check_request(request, config)
    photos, labelled, failed = _photos(request)
    service, load_s = _load(request, config)
    report = Report(
        service.model_id,
        config.folder,
        service.engine,
        service.accelerator,
        as_dict(service.recipe),
        load_s,
        failed=failed,
    )
    work = _Check(request, config, service, report, progress)
    try:
        work.go(photos, labelled)
    finally:
        work.service.close()
    return report


def _load(request: Request, config: ModelConfig) -> tuple[Service, float]:
    """The loaded service, and the seconds that loading takes.

    The first load of a model on a machine is tried in another process before, which is not part of what an application
    waits for later: it is loaded once more for the time, unless that takes long.
    """
    started = time.perf_counter()
    service = service_for(config).load(request.engine, request.accelerator, request.threads)
    load_s = time.perf_counter() - started
    if _MAYBE_TRIED_S < load_s < _LONG_LOAD_S:
        started = time.perf_counter()
        service.load(request.engine, request.accelerator, request.threads)
        load_s = min(load_s, time.perf_counter() - started)
    return service, load_s


def _check_request(request: Request, config: ModelConfig) -> None:
    where = str(config.folder)
    if (request.tune or request.golden) and request.write and not os.access(where, os.W_OK):
        fix = f"check its rights: ls -ld {where}; or look first, and write nothing: --dry-run"
        raise NotAllowed("the model's folder can't be written, and what is found goes there", where, fix)
    if request.images is None and request.labels is None:
        if request.tune:
            raise UsageError("there are no photos to tune on", where, "pass them: --images FOLDER")
        if not request.golden and not goldens.has_golden(config):
            fix = "pass photos: --images FOLDER; or keep an image with its results: --golden IMAGE"
            raise UsageError("there are no photos to check the model on", where, fix)


def _photos(request: Request) -> tuple[list[Photo], LabelledPhotos | None, list[tuple[Path, AaiError]]]:
    """The photos to run, those with labels, and those that can't be read."""
    labelled = labelled_photos(read_labels(request.labels, request.images)) if request.labels is not None else None
    if labelled is not None:
        return list(labelled.photos), labelled, list(labelled.failures)
    if request.images is None:
        return [], None, []
    photos, failed = photos_of(picture_files(request.images))
    return photos, None, failed


class _Check:
    """The parts of one check, in the order in which they are done."""

    def __init__(
        self, request: Request, config: ModelConfig, service: Service, report: Report, progress: Progress
    ) -> None:
        self.request, self.config, self.service, self.report = request, config, service, report
        self._progress = progress

    def go(self, photos: Sequence[Photo], labelled: LabelledPhotos | None) -> None:
        runner = None
        if photos:
            self._first_run(photos[0])
            runner = self._runner(photos)
            if labelled is not None:
                check_kind(runner, labelled.labels)
            if self.request.tune:
                runner = self._tune(runner, photos, labelled)
            answers = self._run_all(photos)
            self._look(runner, photos, answers)
            if labelled is not None:
                self.report.accuracy = measure(runner, labelled)
        self._golden()
        if self.request.write:
            self._write()
        if photos and self.request.sheet is not None:
            self._sheets(photos)

    def _first_run(self, photo: Photo) -> None:
        image = photo.read()
        started = time.perf_counter()
        self.service.run(image, self.request.confidence, OVERLAP)
        self.report.first_s = time.perf_counter() - started

    def _runner(self, photos: Sequence[Photo]) -> Runner:
        return Runner(self.service, [photo.read() for photo in photos[:_SAMPLES]])

    def _tune(self, runner: Runner, photos: Sequence[Photo], labelled: LabelledPhotos | None) -> Runner:
        """Searches, and puts what was chosen into the configuration and into use."""
        prior = prior_for(self.config, runner.configured)
        deadline = time.monotonic() + self.request.time_limit_s
        if labelled is not None:
            evidence = by_labels(runner, labelled, prior, deadline, self._progress)
        else:
            evidence = by_answers(runner, photos, prior, deadline, self._progress)
        self.report.evidence = evidence
        softmax = self.config.parameters.get("softmax")
        apply(evidence, self.config)
        if evidence.verdict.kind == CHANGED or bool(softmax) != bool(self.config.parameters.get("softmax")):
            self.service.close()
            request = self.request
            self.service = service_for(self.config).load(request.engine, request.accelerator, request.threads)
            runner = self._runner(photos)
        self.report.recipe = as_dict(self.service.recipe)
        return runner

    def _run_all(self, photos: Sequence[Photo]) -> list[Answer]:
        answers, durations = [], []
        for photo in photos:
            image = photo.read()
            results = self.service.run(image, self.request.confidence, OVERLAP)
            durations.append(float(results.duration))
            answers.append(self._answer(results, image))
            self.report.images.append(_entry(photo, image, results, answers[-1]))
        self.report.median_s = float(np.median(durations))
        return answers

    def _answer(self, results: Any, image: Array) -> Answer:
        if self.service.purpose == "Classification":
            results = self.service.run(image, 0.0, OVERLAP)
        return thinned(answer_of(results, image))

    def _look(self, runner: Runner, photos: Sequence[Photo], answers: Sequence[Answer]) -> None:
        """Finds the doubts. Whether red and blue are exchanged is part of a tuning, and is not asked again."""
        outputs = [self.service.outputs(photo.read()) for photo in photos[:_LOOKED_INTO]]
        outside = 0.0
        if self.service.purpose == "ObjectDetection":
            outside = share_outside(self.config, self.service.recipe.size, outputs)
        self.report.doubts = doubts_of(self.service, answers, outputs, outside)
        if self.report.evidence is None:
            self._look_at_views(runner, photos[:_VIEWED])

    def _look_at_views(self, runner: Runner, photos: Sequence[Photo]) -> None:
        """Whether the answers hold when the photos are changed a little, and more so with red and blue exchanged."""
        recipes = [runner.configured] + ([swapped(runner.configured)] if runner.configured.channels == 3 else [])
        deadline = time.monotonic() + min(self.request.time_limit_s, _VIEWS_LIMIT_S)
        searched = search(runner, [Candidate(name_of(recipe), recipe) for recipe in recipes], photos, deadline)
        found = judge(searched.tried, MARGIN_OF_A_GUESS)
        if found.kind == CHANGED:
            names = searched.tried[0].name, searched.tried[1].name
            self.report.doubts.append(swap_doubt(*names, found.gain, found.sureness))
        self.report.doubts += constancy_doubts(searched.constancy[0], len(searched.photos))

    def _golden(self) -> None:
        if self.request.golden:
            kept = goldens.keep(self.service, self.request.golden, self.config)
            self.report.written += kept
        if goldens.has_golden(self.config):
            cases, tolerance = goldens.read_cases(self.config)
            self.report.replay = goldens.replay_loaded(self.service, self.config.folder, cases, tolerance)

    def _write(self) -> None:
        if self.report.evidence is not None or self.request.golden:
            self.report.written.append(self.config.write())

    def _sheets(self, photos: Sequence[Photo]) -> None:
        """One contact sheet; two where it is undecided, so that a person can decide."""
        assert self.request.sheet is not None
        path, evidence = self.request.sheet, self.report.evidence
        rival = evidence.rival if evidence is not None and evidence.verdict.kind == UNDECIDED else None
        if rival is None:
            self._sheet(path, photos, name_of(self.service.recipe))
            return
        assert evidence is not None
        own = self.service.recipe
        self._sheet(_beside(path, "a"), photos, f"A: {evidence.configured.name}")
        self.service.use_recipe(rival.recipe)
        self._sheet(_beside(path, "b"), photos, f"B: {rival.name}")
        self.service.use_recipe(own)

    def _sheet(self, path: Path, photos: Sequence[Photo], title: str) -> None:
        picture = contact_sheet(self.service, photos, f"{self.service.model_id}: {title}", self.request.confidence)
        self.report.sheets.append(write_image(path, picture))


def _entry(photo: Photo, image: Array, results: Any, answer: Answer) -> dict[str, Any]:
    return {
        "image": str(photo.path),
        "width": image.shape[1],
        "height": image.shape[0],
        "duration_s": round(float(results.duration), 6),
        "found": len(results),
        "best": round(answer.best, 4) if np.isfinite(answer.best) else None,
    }


def _beside(path: Path, letter: str) -> Path:
    return path.with_name(f"{path.stem}-{letter}{path.suffix}")
