"""Each doubt on a network that deserves it, and none on one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.check.answers import BOXES, CLASSES, Answer, run
from aai.check.doubts import Doubt, constancy_doubts, doubts_of, share_outside, swap_doubt
from aai.vision.predict import service_for
from aai.vision.services import Service
from tests.vision.models import classes_folder, constant_onnx, ssd_folder, write_model

PHOTOS = [np.full((20 + 10 * n, 40, 3), 50 * n, np.uint8) for n in range(4)]


def codes(found: list[Doubt]) -> list[str]:
    return [doubt.code for doubt in found]


def look(service: Service) -> list[str]:
    answers = [run(service, photo) for photo in PHOTOS]
    return codes(doubts_of(service, answers, [service.outputs(photo) for photo in PHOTOS]))


def loaded(folder: Path) -> Service:
    return service_for(folder).load(threads=1)


def test_a_constant_network_is_found_out(tmp_path: Path) -> None:
    assert "constant" in look(loaded(ssd_folder(tmp_path / "net")))


def test_numbers_that_are_none_are_an_error(tmp_path: Path) -> None:
    found = classes_folder(tmp_path / "net", (1.0, float("nan"), 2.0))
    service = loaded(found)
    doubts = doubts_of(service, [run(service, PHOTOS[0])], [service.outputs(PHOTOS[0])])
    assert [(doubt.code, doubt.level) for doubt in doubts] == [("nan", "error")]
    assert "output" in doubts[0].what


def test_logits_without_softmax_and_shares_with_it(tmp_path: Path) -> None:
    assert "softmax-missing" in look(loaded(classes_folder(tmp_path / "logits")))
    shares = classes_folder(tmp_path / "twice", (0.25, 0.5, 0.25), softmax=True)
    assert "softmax-twice" in look(loaded(shares))
    right = classes_folder(tmp_path / "right", softmax=True)
    assert not {"softmax-missing", "softmax-twice"} & set(look(loaded(right)))
    several = classes_folder(tmp_path / "several", (0.9, 0.8, 0.1), softmax=False)
    assert not {"softmax-missing", "softmax-twice"} & set(look(loaded(several)))


def test_all_classes_alike(tmp_path: Path) -> None:
    assert "equal-scores" in look(loaded(classes_folder(tmp_path / "net", (0.2,) * 5)))


def _service(tmp_path: Path, labels: str = "cat\ndog\n", **more: Any) -> Service:
    return loaded(ssd_folder(tmp_path / "net", labels=labels, **more))


def _answer(count: int, score: float = 0.8, class_id: int = 1, spread: float = 0.05, seed: int = 0) -> Answer:
    random = np.random.default_rng(seed + count)
    corners = random.uniform(0, 60, (count, 2)).astype(np.float32)
    scores = (score + spread * random.random(count)).astype(np.float32)
    return Answer(BOXES, (100, 100), np.concatenate([corners, corners + 20], axis=1), scores, np.full(count, class_id))


def test_nothing_found_in_most_photos(tmp_path: Path) -> None:
    service = _service(tmp_path)
    empty = Answer(BOXES, (9, 9))
    one = [_answer(1, seed=n) for n in range(5)]
    assert codes(doubts_of(service, [empty, empty, one[0]], [])) == ["nothing-found"]
    assert doubts_of(service, [empty, *one], []) == []


def test_everything_one_class_where_the_network_has_more(tmp_path: Path) -> None:
    answers = [_answer(4, seed=n) for n in range(4)]
    assert codes(doubts_of(_service(tmp_path / "two"), answers, [])) == ["one-class"]
    assert doubts_of(_service(tmp_path / "one", labels="face\n"), answers, []) == []
    mixed = [*answers, _answer(1, class_id=2)]
    assert doubts_of(_service(tmp_path / "three"), mixed, []) == []


def test_scores_that_are_all_equal_or_over_1(tmp_path: Path) -> None:
    service = _service(tmp_path, labels="face\n")
    equal = [_answer(4, spread=0.0, seed=n) for n in range(3)]
    assert codes(doubts_of(service, equal, [])) == ["equal-scores"]
    over = [_answer(4, score=40.0, spread=5.0, seed=n) for n in range(3)]
    (doubt,) = doubts_of(service, over, [])
    assert (doubt.code, doubt.level) == ("score-over-1", "error")


def test_boxes_all_over_the_place(tmp_path: Path) -> None:
    service = _service(tmp_path, labels="face\n")
    assert codes(doubts_of(service, [_answer(150, seed=n) for n in range(3)], [])) == ["too-many"]


def test_the_same_boxes_in_photos_of_different_sizes_are_the_same_answer(tmp_path: Path) -> None:
    service = _service(tmp_path, labels="face\n")
    box = np.array([[10.0, 20, 50, 60]], np.float32)
    same = [
        Answer(BOXES, (100 * n, 100), box * [n, 1, n, 1], np.array([0.9]), np.zeros(1, np.int64)) for n in (1, 2, 3)
    ]
    assert codes(doubts_of(service, same, [])) == ["constant"]


def test_boxes_outside_of_the_picture_are_counted_before_they_are_clipped(tmp_path: Path) -> None:
    service = _service(tmp_path)
    outputs = [service.outputs(photo) for photo in PHOTOS[:2]]
    # Of the rows of the fixture with a score from 0.3 on, one lies at 1.25 to 1.5 of the width.
    assert share_outside(service.model_config, (32, 32), outputs) == pytest.approx(1 / 3)
    answers = [run(service, photo) for photo in PHOTOS[:2]]
    assert "boxes-outside" in codes(doubts_of(service, answers, [], 0.6))
    assert "boxes-outside" not in codes(doubts_of(service, answers, [], 0.3))


def test_a_class_that_always_comes_first(tmp_path: Path) -> None:
    service = loaded(classes_folder(tmp_path / "net", (0.5, 0.3, 0.2)))
    random = np.random.default_rng(0)

    def answer(first: int) -> Answer:
        vector = random.uniform(0, 0.3, 3)
        vector[first] = 0.7
        return Answer(CLASSES, (9, 9), vector=vector)

    assert codes(doubts_of(service, [answer(1) for _ in range(5)], [])) == ["one-class"]
    assert doubts_of(service, [answer(n % 3) for n in range(5)], []) == []


def test_answers_that_do_not_hold() -> None:
    assert codes(constancy_doubts(0.1, 8)) == ["not-constant"]
    assert constancy_doubts(0.6, 8) == []
    assert constancy_doubts(0.1, 2) == []  # too few to say
    assert constancy_doubts(None, 8) == []


def test_a_swap_says_how_sure_it_is() -> None:
    doubt = swap_doubt("0 to 1, BGR", "0 to 1, RGB", 0.4, 0.97)
    assert "0 to 1, RGB scores 40% better than 0 to 1, BGR, in 97% of the draws" in doubt.what
    assert doubt.as_dict()["code"] == "channel-swap"


def test_a_sound_answer_raises_no_doubt(tmp_path: Path) -> None:
    service = _service(tmp_path)
    answers = [_answer(3, class_id=1 + n % 2, seed=n) for n in range(5)]
    random = np.random.default_rng(1)
    outputs = [{"a": random.random((1, 8)).astype(np.float32)} for _ in range(4)]
    assert doubts_of(service, answers, outputs) == []


def test_no_answer_at_all_is_no_doubt(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "net", constant_onnx([0.1], (1, 1)), "Classification")
    assert doubts_of(loaded(folder), [], []) == []
