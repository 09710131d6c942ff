"""Which pre-processing a model gets, and on what evidence: the rules for labelled photos and for others."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Sequence

from aai.check import verdict as verdicts
from aai.check.accuracy import LabelledPhotos, Measured, check_kind, measure
from aai.check.photos import Photo
from aai.check.recipes import Candidate, as_dict, colour_candidates, resize_candidates, set_recipe
from aai.check.search import Progress, no_progress, search
from aai.check.verdict import CHANGED, CONFIRMED, UNDECIDED, Verdict, judge
from aai.core.inspect import inspect_model
from aai.errors import AaiError
from aai.package.digest import package_file

if TYPE_CHECKING:
    from aai.check.runner import Runner
    from aai.core.model_config import ModelConfig

ENOUGH_TO_SPLIT = 10
"""Labelled photos from which one half chooses and the other half reports."""
MARGIN_OF_LABELS = 0.05
"""How much more accurate another pre-processing must be where the photos are labelled."""
SCHEMA = 1
BY_LABELS, BY_ANSWERS = "accuracy", "confidence and constancy"


@dataclass
class Evidence:
    """The outcome of tuning one model.

    Args:
        verdict: what follows.
        by: BY_LABELS or BY_ANSWERS.
        rows: what was tried: name, pre-processing, score, photos.
        configured: the pre-processing that the model came with.
        chosen: the one that it gets.
        rival: the one that it is undecided against; None for none.
        photos: what was chosen on.
        held_out: what was reported on and not chosen on; empty where there is none.
        reported: figures of the configured one and the chosen one on the photos of `held_out`, or on `photos` without.
        margin: how much better another one had to be.
        stopped: whether the time was up before all photos were used.
        softmax: what the outputs of a classifier say of softmax; None where nothing does.
    """

    verdict: Verdict
    by: str
    rows: list[dict[str, Any]]
    configured: Candidate
    chosen: Candidate
    rival: Candidate | None
    photos: tuple[Photo, ...]
    held_out: tuple[Photo, ...] = ()
    reported: dict[str, Any] = field(default_factory=dict)
    margin: float = 0.0
    stopped: bool = False
    softmax: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """The evidence as it stands in the model file: no time, no path, no name of a photo."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "verdict": self.verdict.kind,
            "reason": self.verdict.reason,
            "by": self.by,
            "margin": self.margin,
            "configured": self.configured.name,
            "chosen": self.chosen.name,
            "undecided_against": self.rival.name if self.rival else None,
            "tried": self.rows,
            "images": [photo.digest for photo in self.photos],
        }
        if self.held_out:
            document["held_out_images"] = [photo.digest for photo in self.held_out]
        if self.reported:
            document["reported"] = self.reported
        if self.stopped:
            document["stopped_early"] = True
        return document


def margin_for(config: ModelConfig) -> float:
    """How much better another pre-processing must be than the configured one.

    What the family of the network says, or a person, weighs more than a guess. It is a guess where the weights give
    exactly the configured values and call them one.
    """
    try:
        weights = config.file("model_file")
        inspection = inspect_model(config.framework, weights, config.file("config_file")) if weights else None
    except AaiError:
        inspection = None
    facts = inspection.facts if inspection else {}
    told = [facts.get(name) for name in ("mean", "scalefactor", "swaprb")]
    values = [config.value(name) for name in ("mean", "scalefactor", "swaprb")]
    guessed = all(fact is None or fact.value == value for fact, value in zip(told, values)) and not all(
        fact is not None and fact.certain for fact in told
    )
    return verdicts.MARGIN_OF_A_GUESS if guessed else verdicts.MARGIN_OF_KNOWLEDGE


def by_answers(
    runner: Runner,
    photos: Sequence[Photo],
    margin: float,
    deadline: float = float("inf"),
    progress: Progress = no_progress,
) -> Evidence:
    """Tunes without labels: only the normalisation and the channel order.

    The way to resize is left as it is. From a dozen photos it can't be told which is right without labels: of the
    usual ways most give about the same boxes, and a crop or a stretch makes objects larger, which scores well.
    """
    searched = search(runner, colour_candidates(runner.configured), photos, deadline, progress)
    verdict = judge(searched.tried, margin)
    rows = [
        {
            "name": tried.name,
            "recipe": as_dict(candidate.recipe),
            "score": round(tried.mean, 4),
            "photos": len(tried.scores),
            "same_outcome": round(tried.outcome, 3),
        }
        for candidate, tried in zip(searched.candidates, searched.tried)
    ]
    return Evidence(
        verdict,
        BY_ANSWERS,
        _ranked(rows),
        searched.candidates[0],
        searched.candidates[verdict.chosen],
        searched.candidates[verdict.rival] if verdict.rival is not None else None,
        searched.photos,
        margin=margin,
        stopped=searched.stopped,
        softmax=runner.logits,
    )


def by_labels(
    runner: Runner,
    labelled: LabelledPhotos,
    deadline: float = float("inf"),
    progress: Progress = no_progress,
) -> Evidence:
    """Tunes with labels: normalisation and channel order first, the way to resize after that.

    From ten photos on, every other one (by digest) is chosen on, and the rest decides: there the choice must be at
    least as accurate as the configured pre-processing, or that one stays. With fewer, the figures are those of the
    photos that were chosen on, and the choice must be three times as far ahead.

    Raises:
        UsageError: the labels do not fit the model.
    """
    check_kind(runner, labelled.labels)
    split = len(labelled.photos) >= ENOUGH_TO_SPLIT
    choosing, reporting = labelled.halves() if split else (labelled, None)
    margin = MARGIN_OF_LABELS if split else 3 * MARGIN_OF_LABELS
    work = _Labelled(runner, choosing, deadline, progress)
    try:
        configured = work.best(colour_candidates(runner.configured))
        colour = work.leader(margin)
        work.best(resize_candidates(colour.recipe, crop=runner.classifies))
        chosen = work.leader(margin)
        verdict, reported = _decide(runner, work, configured, chosen, reporting, margin)
    finally:
        runner.reset()
    kept = chosen if verdict.kind == CHANGED else configured
    return Evidence(
        verdict,
        BY_LABELS,
        _ranked(work.rows()),
        configured,
        kept,
        chosen if verdict.kind == UNDECIDED and chosen is not configured else None,
        choosing.photos,
        reporting.photos if reporting else (),
        reported,
        margin,
        work.stopped,
        runner.logits,
    )


def apply(evidence: Evidence, config: ModelConfig) -> None:
    """Puts what was chosen and the evidence into a configuration, which is not written here."""
    if evidence.verdict.kind == CHANGED:
        set_recipe(config, evidence.chosen.recipe)
    if evidence.softmax is not None:
        config.set("softmax", evidence.softmax)
    weights = config.file("model_file")
    proof = evidence.as_dict()
    if weights is not None:
        proof["weights"] = package_file(weights.name, weights).digest
    config.document["aai"] = {**config.aai, "preprocessing_proof": proof}


class _Labelled:
    """Candidates measured on the photos to choose on, each once."""

    def __init__(self, runner: Runner, photos: LabelledPhotos, deadline: float, progress: Progress) -> None:
        self._runner, self._photos, self._deadline = runner, photos, deadline
        self._progress, self._done = progress, 0
        self._measured: list[tuple[Candidate, Measured]] = []
        self._total = 0
        self.stopped = False

    def best(self, candidates: Sequence[Candidate]) -> Candidate:
        """Measures those that are new; gives the first of them all, which is the configured one."""
        known = [candidate.recipe for candidate, _ in self._measured]
        new = [candidate for candidate in candidates if candidate.recipe not in known]
        self._total = (len(self._measured) + len(new)) * len(self._photos.photos)
        for candidate in new:
            if time.monotonic() > self._deadline and self._measured:
                self.stopped = True
                break
            self._runner.use(candidate.recipe)
            self._measured.append((replace(candidate, configured=not self._measured), self._measure()))
        return self._measured[0][0]

    def _measure(self) -> Measured:
        return measure(self._runner, self._photos, self._step)

    def _step(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)

    def leader(self, margin: float) -> Candidate:
        """The most accurate one, if it is ahead of the configured one by the margin; else that one."""
        first, own = self._measured[0]
        best, figure = max(self._measured, key=lambda pair: pair[1].score)
        return best if figure.score > 0 and figure.score >= own.score * (1 + margin) else first

    def runner_up(self) -> tuple[Candidate, Measured]:
        """The most accurate of those that are not configured; the configured one where there is no other."""
        return max(self._measured[1:] or self._measured, key=lambda pair: pair[1].score)

    def score(self, candidate: Candidate) -> float:
        """The score of one that was measured."""
        return next(figure.score for other, figure in self._measured if other is candidate)

    def rows(self) -> list[dict[str, Any]]:
        """What was tried, as JSON has it."""
        return [
            {
                "name": candidate.name,
                "recipe": as_dict(candidate.recipe),
                "score": round(figure.score, 4),
                "photos": len(self._photos.photos),
            }
            for candidate, figure in self._measured
        ]


def _decide(
    runner: Runner,
    work: _Labelled,
    configured: Candidate,
    chosen: Candidate,
    reporting: LabelledPhotos | None,
    margin: float,
) -> tuple[Verdict, dict[str, Any]]:
    own, other = work.score(configured), work.score(chosen)
    if chosen is configured:
        _, second = work.runner_up()
        reported = _reported(runner, configured, configured, reporting) if reporting else {}
        if own <= 0:
            return Verdict(UNDECIDED, 0, None, "nothing that was tried finds what the labels say"), reported
        ahead = f"the best other one scores {second.score:.3f} to its {own:.3f}, and it takes {margin:.0%} more"
        return Verdict(CONFIRMED, 0, None, ahead), reported
    gain = f"its accuracy is {other:.3f} to {own:.3f}"
    if reporting is None:
        return Verdict(CHANGED, 1, None, f"{gain}, on the photos that it was chosen on"), {}
    reported = _reported(runner, configured, chosen, reporting)
    before, after = reported["configured"]["score"], reported["chosen"]["score"]
    where = f"{gain} on one half, and {after:.3f} to {before:.3f} on the half that it was not chosen on"
    if after >= before and _headline(reported["chosen"]) >= _headline(reported["configured"]):
        return Verdict(CHANGED, 1, None, where), reported
    return Verdict(UNDECIDED, 0, 1, where), reported


def _headline(figures: dict[str, Any]) -> float:
    """The figure that people know: top-1, or COCO's average precision."""
    return float(figures.get("top1", figures.get("ap")) or 0.0)


def _reported(runner: Runner, configured: Candidate, chosen: Candidate, photos: LabelledPhotos) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, candidate in (("configured", configured), ("chosen", chosen)):
        if name == "chosen" and chosen is configured:
            figures[name] = figures["configured"]
            continue
        runner.use(candidate.recipe)
        figures[name] = measure(runner, photos).as_dict()
    return figures


def _ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -float(row["score"]))
