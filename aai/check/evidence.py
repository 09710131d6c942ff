"""Which pre-processing a model gets, and on what evidence: the rules for labelled photos and for others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from aai.check import verdict as verdicts
from aai.check.accuracy import LabelledPhotos, check_kind
from aai.check.choice import Choice, Table
from aai.check.photos import Photo
from aai.check.recipes import Candidate, as_dict, colour_candidates, resize_candidates, set_recipe
from aai.check.search import Progress, no_progress, search
from aai.check.verdict import CHANGED, UNDECIDED, Verdict, judge
from aai.core.fields import BY_NAME
from aai.core.inspect import inspect_model
from aai.errors import AaiError
from aai.package.digest import package_file

if TYPE_CHECKING:
    from aai.check.runner import Runner
    from aai.core.inspect.report import Fact
    from aai.core.model_config import InputRecipe, ModelConfig

ENOUGH_TO_SPLIT = 10
"""Labelled photos from which one half chooses and the other half reports."""
MARGIN_OF_LABELS = 0.05
"""How much more accurate another pre-processing must be where the photos are labelled."""
SCHEMA = 1
_COLOUR_FIELDS = ("mean", "scalefactor", "swaprb")
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


@dataclass(frozen=True)
class Prior:
    """What is known of the pre-processing before a photo is looked at.

    Args:
        margin: how much better another one must be than the configured one.
        told: what the files tell; None where they tell nothing.
    """

    margin: float = verdicts.MARGIN_OF_A_GUESS
    told: InputRecipe | None = None


def prior_for(config: ModelConfig, configured: InputRecipe) -> Prior:
    """What the files of a model tell of its pre-processing, and how much the configured one counts.

    What the family of the network says, or a person, weighs more than a guess. It is a guess where the weights give
    exactly the configured values and call them one, and where the values are the format's defaults, which nobody need
    have said, and which the weights do not give.

    Args:
        config: of the model.
        configured: its pre-processing, as it is in use.
    """
    try:
        weights = config.file("model_file")
        inspection = inspect_model(config.framework, weights, config.file("config_file")) if weights else None
    except AaiError:
        inspection = None
    facts = inspection.facts if inspection else {}
    told = [facts.get(name) for name in _COLOUR_FIELDS]
    values = [config.value(name) for name in _COLOUR_FIELDS]
    as_told = all(fact is None or fact.value == value for fact, value in zip(told, values))
    certain = all(fact is not None and fact.certain for fact in told)
    default = all(value in (None, BY_NAME[name].default) for name, value in zip(_COLOUR_FIELDS, values))
    guessed = not certain if as_told else default
    margin = verdicts.MARGIN_OF_A_GUESS if guessed else verdicts.MARGIN_OF_KNOWLEDGE
    return Prior(margin, _told_recipe(facts, configured))


def _told_recipe(facts: Mapping[str, Fact], configured: InputRecipe) -> InputRecipe | None:
    if any(name not in facts for name in _COLOUR_FIELDS):
        return None
    section = facts["input"].value if "input" in facts else {}
    return replace(
        configured,
        mean=tuple(float(value) for value in facts["mean"].value),
        scalefactor=float(facts["scalefactor"].value),
        swaprb=bool(facts["swaprb"].value),
        std=tuple(float(value) for value in section.get("std") or ()),
    )


def by_answers(
    runner: Runner,
    photos: Sequence[Photo],
    prior: Prior,
    deadline: float = float("inf"),
    progress: Progress = no_progress,
) -> Evidence:
    """Tunes without labels: only the normalisation and the channel order.

    The way to resize is left as it is. From a dozen photos it can't be told which is right without labels: of the
    usual ways most give about the same boxes, and a crop or a stretch makes objects larger, which scores well.
    """
    searched = search(runner, colour_candidates(runner.configured, prior.told), photos, deadline, progress)
    verdict = judge(searched.tried, prior.margin)
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
        margin=prior.margin,
        stopped=searched.stopped,
        softmax=runner.logits,
    )


def by_labels(
    runner: Runner,
    labelled: LabelledPhotos,
    prior: Prior,
    deadline: float = float("inf"),
    progress: Progress = no_progress,
) -> Evidence:
    """Tunes with labels: normalisation and channel order first, the way to resize after that.

    From ten photos on, every other one (by digest) is chosen on, and the rest has a veto: what was chosen must be at
    least as accurate there as what it takes the place of, at each of the two steps. With fewer photos the figures are
    those of the photos that were chosen on, and the choice must be three times as far ahead.

    Raises:
        UsageError: the labels do not fit the model.
    """
    check_kind(runner, labelled.labels)
    split = len(labelled.photos) >= ENOUGH_TO_SPLIT
    choosing, reporting = labelled.halves() if split else (labelled, None)
    work = Choice(
        Table(runner, choosing, deadline, progress),
        Table(runner, reporting) if reporting else None,
        MARGIN_OF_LABELS if split else 3 * MARGIN_OF_LABELS,
    )
    try:
        for number, candidate in enumerate(colour_candidates(runner.configured, prior.told)):
            work.start(candidate) if not number else work.consider(candidate)
        work.step()
        for candidate in resize_candidates(work.chosen.recipe, crop=runner.classifies):
            work.consider(candidate)
        work.step()
        verdict, reported = work.verdict(), work.reported()
    finally:
        runner.reset()
    return Evidence(
        verdict,
        BY_LABELS,
        _ranked(work.rows()),
        work.configured,
        work.chosen,
        work.rival if verdict.kind == UNDECIDED else None,
        choosing.photos,
        reporting.photos if reporting else (),
        reported,
        work.margin,
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


def _ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -float(row["score"]))
