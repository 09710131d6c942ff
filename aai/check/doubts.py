"""What looks wrong in the answers of a model: each doubt with what was seen and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from aai.check.agreement import agreement
from aai.check.answers import BOXES, CLASSES, MAP, POINTS, Answer, are_logits
from aai.errors import Finding
from aai.vision.decode.candidates import Request
from aai.vision.decode.detection import detection_decoder

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.image import Array
    from aai.vision.services import Service

_FEW = 3
"""Photos from which sameness says something."""
_SAME_ANSWER = 0.98
_MANY_BOXES = 100
_SOME_BOXES = 8
_OUTSIDE = 0.5
_LEAST = 0.3
_SQUARE = 1000
_LEAST_CONSTANCY = 0.35


@dataclass(frozen=True)
class Doubt:
    """Something that a sound model on fitting photos would not do.

    Args:
        code: a short name that stays the same: "nan", "nothing-found".
        what: what was seen, a sentence.
        fix: what to do about it.
        level: "error" where the answers are of no use, else "warning".
    """

    code: str
    what: str
    fix: str
    level: str = "warning"

    def as_dict(self) -> dict[str, Any]:
        """The doubt as `--json` prints it."""
        return {"code": self.code, "level": self.level, "what": self.what, "fix": self.fix}

    def finding(self, where: str) -> Finding:
        """The doubt as a finding about `where`."""
        return Finding(self.level, self.what, where, self.fix)


def doubts_of(
    service: Service, answers: Sequence[Answer], outputs: Sequence[Mapping[str, Array]], where_outside: float = 0.0
) -> list[Doubt]:
    """All doubts on the answers for different photos.

    Args:
        service: that gave them.
        answers: one for each photo.
        outputs: the raw outputs for some of the photos.
        where_outside: share of the boxes whose centre lies outside of the network's input; see `share_outside`.
    """
    found = [
        *_numbers(outputs),
        *_softmax(service, outputs),
        *_nothing(answers),
        *_constant(answers, outputs),
        *_one_class(service, answers),
        *_equal_scores(answers),
        *_too_many(answers),
    ]
    if where_outside >= _OUTSIDE:
        found.append(
            Doubt(
                "boxes-outside",
                f"{where_outside:.0%} of the boxes lie outside of the picture",
                "the outputs are read in a wrong way: check aai.decoder and model_parameters.size",
            )
        )
    return found


def share_outside(config: ModelConfig, size: tuple[int, int], outputs: Sequence[Mapping[str, Array]]) -> float:
    """The share of boxes, before suppression, whose centre is outside of the network's input or is no number.

    Args:
        config: of an ObjectDetection model.
        size: (width, height) of the network's input.
        outputs: of the network, for some photos.
    """
    decode, settings = detection_decoder(config)
    outside = total = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for arrays in outputs:
            boxes = decode(arrays, Request(size, _LEAST, settings)).boxes_xyxy.astype(np.float64)
            centres = (boxes[:, 0:2] + boxes[:, 2:4]) / 2
            inside = (centres >= 0).all(axis=1) & (centres <= np.array(size)).all(axis=1)
            outside += int(np.count_nonzero(~inside))
            total += len(boxes)
    return outside / total if total else 0.0


def constancy_doubts(constancy: float | None, photos: int) -> list[Doubt]:
    """The doubt that the answers are chance.

    Args:
        constancy: how far they hold when a photo is changed a little, from 0 to 1; None where nothing was found.
        photos: how many were looked at.
    """
    if constancy is None or photos < _FEW or constancy >= _LEAST_CONSTANCY:
        return []
    what = f"the answers do not hold when the photos are mirrored, smaller or brighter: {constancy:.0%} of them do"
    return [Doubt("not-constant", what, "the pre-processing may be wrong: add --tune")]


def swap_doubt(configured: str, other: str, gain: float, sureness: float) -> Doubt:
    """The doubt that red and blue are exchanged.

    Args:
        configured: the pre-processing in use, in words.
        other: the same with the channels exchanged.
        gain: how much better the other one scores: 0.2 for 20 per cent.
        sureness: in what share of the draws it does.
    """
    better = "scores" if gain == float("inf") else f"scores {gain:.0%} better"
    return Doubt(
        "channel-swap",
        f"red and blue look exchanged: {other} {better} than {configured}, in {sureness:.0%} of the draws",
        "let it be proved: add --tune; or set it: aai model configure --swaprb true|false",
    )


def _numbers(outputs: Sequence[Mapping[str, Array]]) -> list[Doubt]:
    broken = sorted(
        {
            name
            for arrays in outputs
            for name, array in arrays.items()
            if array.dtype.kind == "f" and not np.isfinite(array).all()
        }
    )
    if not broken:
        return []
    fix = "the input may overdrive the network: check mean and scalefactor, or export it in float32"
    return [Doubt("nan", f"outputs hold values that are no numbers: {', '.join(broken)}", fix, "error")]


def _softmax(service: Service, outputs: Sequence[Mapping[str, Array]]) -> list[Doubt]:
    if service.purpose != "Classification" or not outputs:
        return []
    vectors = [next(iter(arrays.values())).reshape(-1) for arrays in outputs if arrays]
    sound = [vector.astype(np.float64) for vector in vectors if vector.size > 1 and np.isfinite(vector).all()]
    if not sound:
        return []
    logits, softmax = are_logits(sound), bool(service.model_config.parameters.get("softmax"))
    if logits and not softmax:
        fix = "apply it: aai model configure --softmax true"
        return [Doubt("softmax-missing", "the scores are no shares: the network gives logits", fix)]
    if softmax and not logits and all(abs(vector.sum() - 1) < 0.02 for vector in sound):
        fix = "leave it to the network: aai model configure --softmax false"
        return [Doubt("softmax-twice", "softmax is applied to scores that sum to 1 already", fix)]
    return []


def _nothing(answers: Sequence[Answer]) -> list[Doubt]:
    empty = sum(not answer.found for answer in answers)
    if not answers or 2 * empty <= len(answers):
        return []
    every = "every photo" if empty == len(answers) else f"{empty} of {len(answers)} photos"
    kind = answers[0].kind
    what = f"one class fills {every}" if kind == MAP else f"nothing was found in {every}"
    return [Doubt("nothing-found", what, "use photos of what the model looks for; if they are, add --tune")]


def _constant(answers: Sequence[Answer], outputs: Sequence[Mapping[str, Array]]) -> list[Doubt]:
    fix = "the input does not reach the network as it should: check mean, scalefactor and aai.input, or add --tune"
    if len(outputs) >= _FEW and all(_equal_outputs(outputs[0], other) for other in outputs[1:]):
        return [Doubt("constant", "the outputs are the same for different photos", fix, "error")]
    shown = [answer for answer in answers if answer.found]
    if len(shown) < _FEW or len(shown) * 2 <= len(answers) or shown[0].kind == MAP:
        return []
    alike = [_on_a_square(answer) for answer in shown]
    if min(agreement(alike[0], other) for other in alike[1:]) >= _SAME_ANSWER:
        return [Doubt("constant", "the answer is the same for different photos", fix)]
    return []


def _on_a_square(answer: Answer) -> Answer:
    """The answer as for a photo of one size for all, so that photos of different sizes can be compared."""
    scale = _SQUARE / np.array(answer.size, np.float64)
    boxes = answer.boxes_xyxy * np.tile(scale, 2)
    return replace(answer, size=(_SQUARE, _SQUARE), boxes_xyxy=boxes, points=answer.points * scale)


def _equal_outputs(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    for name, array in one.items():
        there = other.get(name)
        if there is None or there.shape != array.shape:
            return False
        spread = float(np.ptp(array)) if array.size and array.dtype.kind in "fiu" else 0.0
        difference = np.abs(array.astype(np.float64) - there.astype(np.float64)).max() if array.size else 0.0
        if not difference <= 1e-6 * max(1.0, spread):
            return False
    return True


def _one_class(service: Service, answers: Sequence[Answer]) -> list[Doubt]:
    if len(answers) < _FEW or len(service.labels) == 1:
        return []
    kind = answers[0].kind
    if kind == CLASSES:
        firsts = [int(np.argmax(answer.vector)) for answer in answers if len(answer.vector) > 1]
        if len(firsts) >= _FEW and len(set(firsts)) == 1 and len(answers) > _FEW:
            fix = "if the photos do show different things, add --tune"
            return [Doubt("one-class", f"class {firsts[0]} comes first in all {len(firsts)} photos", fix)]
        return []
    class_ids = np.concatenate([answer.class_ids for answer in answers]) if kind == BOXES else np.zeros(0)
    if len(service.labels) > 1 and len(class_ids) >= _SOME_BOXES and len(np.unique(class_ids)) == 1:
        what = f"all {len(class_ids)} objects are of class {int(class_ids[0])}, and the network has more"
        return [Doubt("one-class", what, "if the photos do show different things, check aai.decoder, or add --tune")]
    return []


def _equal_scores(answers: Sequence[Answer]) -> list[Doubt]:
    fix = "the outputs are read in a wrong way, or the weights are not trained: check aai.decoder"
    if answers and answers[0].kind == CLASSES:
        flat = [answer for answer in answers if len(answer.vector) > 1 and float(np.ptp(answer.vector)) < 1e-6]
        if flat:
            return [Doubt("equal-scores", f"all classes score the same in {len(flat)} of {len(answers)} photos", fix)]
        return []
    scores: Array = np.concatenate([answer.scores for answer in answers]) if answers else np.zeros(0)
    if len(scores) >= _SOME_BOXES and float(np.ptp(scores)) < 1e-4:
        return [Doubt("equal-scores", f"all {len(scores)} scores are {float(scores[0]):.4g}", fix)]
    if len(scores) and float(np.max(scores)) > 1.001:
        what = f"a score is {float(np.max(scores)):.4g}, where 0 to 1 belongs"
        return [Doubt("score-over-1", what, "the outputs are read in a wrong way: check aai.decoder", "error")]
    return []


def _too_many(answers: Sequence[Answer]) -> list[Doubt]:
    if not answers or answers[0].kind not in (BOXES, POINTS):
        return []
    median = float(np.median([answer.found for answer in answers]))
    if median < _MANY_BOXES:
        return []
    fix = "pixels may overdrive the network: check scalefactor, or add --tune"
    return [Doubt("too-many", f"half of the photos have {median:.0f} objects or more", fix)]
