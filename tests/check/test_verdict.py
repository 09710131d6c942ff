"""What follows from scores: the rule, case by case."""

from __future__ import annotations

import numpy as np
import pytest

from aai.check.answers import BOXES, CLASSES, MAP, VECTOR, Answer
from aai.check.score import Seen, photo_scores, same_outcome
from aai.check.verdict import CHANGED, CONFIRMED, MARGIN_OF_A_GUESS, UNDECIDED, Tried, judge, share_of_draws


def tried(*means: float, outcome: float = 0.0, photos: int = 8) -> list[Tried]:
    """The configured one first; each a little different from photo to photo."""
    wobble = np.linspace(0.99, 1.01, photos)
    return [Tried(str(number), mean * wobble, outcome if number else 1.0) for number, mean in enumerate(means)]


def test_the_best_by_far_takes_the_place_of_the_configured_one() -> None:
    found = judge(tried(0.2, 0.5, 0.8), MARGIN_OF_A_GUESS)
    assert (found.kind, found.chosen, found.rival) == (CHANGED, 2, None)


def test_the_configured_one_is_confirmed_when_the_others_are_behind() -> None:
    assert judge(tried(0.8, 0.5, 0.2), MARGIN_OF_A_GUESS).kind == CONFIRMED


def test_a_little_better_is_not_enough() -> None:
    found = judge(tried(0.5, 0.55), MARGIN_OF_A_GUESS)
    assert (found.kind, found.chosen, found.rival) == (UNDECIDED, 0, 1)
    assert judge(tried(0.5, 0.58), 0.15).kind == CHANGED
    assert judge(tried(0.5, 0.58), 0.30).kind == UNDECIDED


def test_a_little_worse_is_undecided_too() -> None:
    assert judge(tried(0.5, 0.49), MARGIN_OF_A_GUESS).kind == UNDECIDED


def test_one_photo_that_is_much_better_does_not_carry_the_rest() -> None:
    configured = Tried("0", np.full(8, 0.5), 1.0)
    lucky = Tried("1", np.array([3.0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]))
    assert lucky.mean > 1.15 * configured.mean
    assert judge([configured, lucky], MARGIN_OF_A_GUESS).kind == UNDECIDED


def test_another_way_to_the_same_outcome_is_no_change() -> None:
    found = judge(tried(0.5, 0.9, outcome=0.95), MARGIN_OF_A_GUESS)
    assert (found.kind, found.chosen) == (CONFIRMED, 0)


def test_too_few_photos_with_something_in_them_decide_nothing() -> None:
    found = judge(tried(0.2, 0.8, photos=2), MARGIN_OF_A_GUESS)
    assert (found.kind, found.chosen) == (UNDECIDED, 0)
    assert "2 of 2 photos" in found.reason
    empty = [Tried("0", np.zeros(9), 1.0), Tried("1", np.zeros(9))]
    assert judge(empty, MARGIN_OF_A_GUESS).rival is None


@pytest.mark.parametrize("photos", [0, 9])
def test_nothing_found_by_any_of_them_confirms_nothing(photos: int) -> None:
    # Two that find nothing have the same outcome, which is no proof of either.
    nothing = [Tried("0", np.zeros(photos), 1.0), Tried("1", np.zeros(photos), 1.0)]
    assert judge(nothing, MARGIN_OF_A_GUESS).kind == UNDECIDED


def test_a_configured_one_that_finds_nothing_is_left_for_one_that_does() -> None:
    found = judge(tried(0.0, 0.6), MARGIN_OF_A_GUESS)
    assert (found.kind, found.chosen) == (CHANGED, 1)


def test_of_equals_the_more_usual_one_is_taken() -> None:
    assert judge(tried(0.1, 0.70, 0.71), MARGIN_OF_A_GUESS).chosen == 1
    assert judge(tried(0.1, 0.60, 0.71), MARGIN_OF_A_GUESS).chosen == 2


def test_draws_are_the_same_every_time() -> None:
    random = np.random.default_rng(1)
    one, other = random.random(9), random.random(9)
    assert share_of_draws(one, other) == share_of_draws(one, other)
    assert share_of_draws(one, one + 1) == 1
    assert share_of_draws(one, one) == 0


def _boxes(score: float) -> Answer:
    box = np.array([[0, 0, 9, 9]], np.float32)
    return Answer(BOXES, (9, 9), box, np.array([score], np.float32), np.zeros(1, np.int64))


def test_a_photo_of_objects_is_worth_its_best_score_times_what_holds() -> None:
    empty = Answer(BOXES, (9, 9))
    seen = [Seen(_boxes(0.8), [_boxes(0.8), empty]), Seen(empty, [empty])]
    assert photo_scores(seen).tolist() == pytest.approx([0.8 * 0.5, 0.0])


def _classes(*shares: float) -> Answer:
    return Answer(CLASSES, (9, 9), vector=np.array(shares, np.float32))


def test_the_same_class_for_every_photo_is_worth_nothing_and_different_ones_their_information() -> None:
    sure = [_classes(1, 0), _classes(0, 1)]
    different = photo_scores([Seen(answer, [answer]) for answer in sure])
    assert different.tolist() == pytest.approx([np.log(2)] * 2, abs=1e-6)
    same = photo_scores([Seen(sure[0], [sure[0]]) for _ in range(2)])
    assert same.tolist() == pytest.approx([0, 0], abs=1e-6)


def test_an_empty_map_is_worth_nothing_and_so_is_one_vector_for_all() -> None:
    empty = Answer(MAP, (4, 4), class_map=np.zeros((4, 4), np.uint8))
    assert photo_scores([Seen(empty, [empty])]).tolist() == [0]
    vector = Answer(VECTOR, (4, 4), vector=np.ones(3, np.float32))
    assert photo_scores([Seen(vector, [vector])] * 3).tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_two_that_find_nothing_have_the_same_outcome() -> None:
    empty = Seen(Answer(BOXES, (9, 9)), [])
    assert same_outcome([empty], [empty]) == 1
    assert same_outcome([empty], [Seen(_boxes(0.5), [])]) == 0
