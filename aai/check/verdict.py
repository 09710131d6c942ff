"""What follows from the scores of several pre-processings: the configured one is right, another one is, or it is open.

The rule: another pre-processing takes the place of the configured one only if its mean score over the photos is higher
by a margin, if drawing the photos anew (bootstrap, Efron 1979) gives it the higher mean in 9 of 10 draws, and if it
gives another outcome at all. Whatever falls short of that is open, and the configured one stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Sequence

import numpy as np

if TYPE_CHECKING:
    from aai.vision.image import Array

MARGIN_OF_A_GUESS = 0.15
"""How much better another one must be than one that was guessed."""
MARGIN_OF_KNOWLEDGE = 0.30
"""The same for one that the family of the network or a person has said."""
LEAST_PHOTOS = 3
"""With something found in them; fewer decide nothing."""
SURE = 0.9
"""Share of the draws in which the better one must be better."""
SAME = 0.9
"""Agreement of the answers from which two pre-processings count as one."""
_CLOSE = 0.95
_TIE = 0.03
"""Scores that are nearer than this count as equal: of the others, the one that is tried first is then the best."""
_DRAWS = 2000

CONFIRMED, CHANGED, UNDECIDED = "confirmed", "changed", "undecided"


@dataclass(frozen=True)
class Tried:
    """One pre-processing with its scores.

    Args:
        name: for people.
        scores: (N,) a score for each photo; fewer than the others have where it fell far behind and was given up.
        outcome: mean agreement of its answers with those of the configured one, from 0 to 1.
        telling: number of photos in which it found something with confidence; None for those with a score.
    """

    name: str
    scores: Array
    outcome: float = 0.0
    telling: int | None = None

    @property
    def mean(self) -> float:
        """The mean score; 0 without a photo."""
        return float(np.mean(self.scores)) if len(self.scores) else 0.0


@dataclass(frozen=True)
class Verdict:
    """The answer.

    Args:
        kind: CONFIRMED, CHANGED or UNDECIDED.
        chosen: place of the one to be used.
        rival: place of the one that it is undecided against; None for none.
        reason: why, in a sentence.
        gain: how much higher the best other one scores than the configured one: 0.2 for 20 per cent.
        sureness: share of the draws in which it does.
    """

    kind: str
    chosen: int
    rival: int | None
    reason: str
    gain: float = 0.0
    sureness: float = 0.0


def judge(tried: Sequence[Tried], margin: float) -> Verdict:
    """What the scores say. The configured pre-processing comes first in `tried`, the others by how usual they are.

    Args:
        tried: at least one.
        margin: how much better another one must be: 0.15 for 15 per cent.
    """
    configured = tried[0]
    others = [number for number in range(1, len(tried)) if tried[number].outcome < SAME]
    highest = max((tried[number].mean for number in others), default=0.0)
    best = next((number for number in others if tried[number].mean >= (1 - _TIE) * highest), None)
    shown = [configured] if best is None else [configured, tried[best]]
    telling = max(int(np.count_nonzero(one.scores > 0)) if one.telling is None else one.telling for one in shown)
    if telling < LEAST_PHOTOS:
        reason = f"something was found in {telling} of {len(configured.scores)} photos, and it takes {LEAST_PHOTOS}"
        return Verdict(UNDECIDED, 0, best if highest > 0 else None, reason)
    if best is None:
        reason = "none of the others gives another outcome" if len(tried) > 1 else "there is no other to try"
        return Verdict(CONFIRMED, 0, None, reason)
    rival = tried[best]
    gain = rival.mean / configured.mean - 1 if configured.mean > 0 else float("inf")
    sureness = share_of_draws(configured.scores, rival.scores)
    how = f"{_percent(gain)}, and ahead in {sureness:.0%} of the draws"
    if gain >= margin and sureness >= SURE:
        return Verdict(CHANGED, best, None, f"its score is higher by {how}", gain, sureness)
    if gain > 0:
        wanted = f"it takes {margin:.0%} and {SURE:.0%}"
        return Verdict(UNDECIDED, 0, best, f"the score of the other is higher by {how}: {wanted}", gain, sureness)
    if rival.mean >= _CLOSE * configured.mean:
        return Verdict(
            UNDECIDED, 0, best, f"the score of the other is lower by no more than {-gain:.1%}", gain, sureness
        )
    return Verdict(CONFIRMED, 0, None, f"the next one with another outcome scores {-gain:.0%} less", gain, sureness)


def share_of_draws(one: Array, other: Array, seed: int = 0) -> float:
    """In how many draws of the photos, with replacement, `other` has the higher mean, from 0 to 1."""
    count = min(len(one), len(other))
    if not count:
        return 0.0
    rows = np.random.default_rng(seed).integers(0, count, (_DRAWS, count))
    gains = (np.asarray(other[:count]) - np.asarray(one[:count]))[rows].mean(axis=1)
    return float((gains > 0).mean())


def _percent(gain: float) -> str:
    return "all there is" if gain == float("inf") else f"{gain:.0%}"
