"""A whole check, on the shipped digits detector and photos cut out of its scene."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.check.datasets import read_labels
from aai.check.report import Report, Request
from aai.check.run import check_model
from aai.check.sheet import MOST_TILES, arranged
from aai.core.configure import configure
from aai.core.model_config import load
from aai.core.validate import validate
from aai.errors import AaiError, BadImage, NotAllowed, UsageError
from aai.vision.image import read_image, write_image
from tests.check.lab import SCENE, coco_labels, digits_folder, photos
from tests.vision.models import classes_folder, constant_onnx, write_model


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos(tmp_path_factory.mktemp("photos") / "cuts", 12)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos(tmp_path_factory.mktemp("photos") / "few", 4)


@pytest.fixture(scope="module")
def labels(cuts: Path) -> Path:
    return coco_labels(cuts.parent / "labels.json", 12)


@pytest.fixture(scope="module")
def by_labels(tmp_path_factory: pytest.TempPathFactory, cuts: Path, labels: Path) -> tuple[Path, Report]:
    """A model with a wrong factor, tuned by labelled photos, with kept results; and the report of that."""
    folder = digits_folder(tmp_path_factory.mktemp("tuned") / "digits", scalefactor=1)
    request = Request(folder, images=cuts, labels=labels, tune=True, golden=(SCENE,), threads=1)
    return folder, check_model(request)


def test_a_sound_model_raises_no_doubt(tmp_path: Path, cuts: Path) -> None:
    folder = digits_folder(tmp_path / "digits")
    before = (folder / "alwaysai.model.json").read_bytes()
    report = check_model(Request(folder, images=cuts, sheet=tmp_path / "sheet.png", threads=1))
    assert report.ok and report.doubts == []
    assert len(report.images) == 12 and all(entry["found"] >= 2 for entry in report.images)
    assert report.load_s > 0 and report.first_s and report.median_s
    assert read_image(tmp_path / "sheet.png").shape[1] > 1000
    assert (folder / "alwaysai.model.json").read_bytes() == before
    json.dumps(report.as_dict())


def test_pixels_that_overdrive_the_network_are_told(tmp_path: Path, cuts: Path) -> None:
    report = check_model(Request(digits_folder(tmp_path / "digits", scalefactor=1), images=cuts, threads=1))
    assert "too-many" in [doubt.code for doubt in report.doubts]


def test_tuning_confirms_what_is_right_and_writes_the_evidence(tmp_path: Path, cuts: Path) -> None:
    folder = digits_folder(tmp_path / "digits")
    recipe = load(folder).input_recipe()
    report = check_model(Request(folder, images=cuts, tune=True, threads=1))
    assert report.evidence is not None and report.evidence.verdict.kind == "confirmed"
    config = load(folder)
    assert config.input_recipe() == recipe
    proof = config.aai["preprocessing_proof"]
    assert (proof["verdict"], proof["chosen"]) == ("confirmed", "0 to 1, RGB, letterbox center on 114")
    assert len(proof["images"]) == 12 and all(digest.startswith("sha256:") for digest in proof["images"])
    assert proof["weights"].startswith("sha256:")
    assert {row["name"].split(",")[0] for row in proof["tried"]} >= {"0 to 1", "0 to 255", "-1 to 1", "Caffe means"}
    assert str(tmp_path) not in json.dumps(proof) and "cut00" not in json.dumps(proof)
    assert not [finding for finding in validate(folder)[1] if finding.level == "error"]


@pytest.mark.slow
def test_tuning_twice_gives_the_same_bytes(tmp_path: Path, few: Path) -> None:
    folder = digits_folder(tmp_path / "digits")
    check_model(Request(folder, images=few, tune=True, threads=1))
    first = (folder / "alwaysai.model.json").read_bytes()
    check_model(Request(folder, images=few, tune=True, threads=1))
    assert (folder / "alwaysai.model.json").read_bytes() == first


@pytest.mark.parametrize("labelled", [False, True], ids=["photos", "labelled photos"])
def test_a_wrong_factor_is_found_and_a_later_configure_keeps_the_right_one(
    tmp_path: Path, few: Path, by_labels: tuple[Path, Report], labelled: bool
) -> None:
    folder = tmp_path / "digits"
    if labelled:
        shutil.copytree(by_labels[0], folder)
        report = by_labels[1]
    else:
        report = check_model(Request(digits_folder(folder, scalefactor=1), images=few, tune=True, threads=1))
    assert report.evidence is not None and report.evidence.verdict.kind == "changed"
    assert report.doubts == [] and report.ok
    assert load(folder).parameters["scalefactor"] == pytest.approx(1 / 255)
    configure(folder, {}).write()
    assert load(folder).parameters["scalefactor"] == pytest.approx(1 / 255)
    assert load(folder).aai["preprocessing_proof"]["verdict"] == "changed"


def test_labelled_photos_are_chosen_on_and_reported_on_by_halves(by_labels: tuple[Path, Report]) -> None:
    folder, report = by_labels
    proof = load(folder).aai["preprocessing_proof"]
    assert (len(proof["images"]), len(proof["held_out_images"])) == (6, 6)
    assert not set(proof["images"]) & set(proof["held_out_images"])
    ordered = sorted(proof["images"] + proof["held_out_images"])
    assert sorted(proof["images"]) == ordered[::2]
    assert proof["reported"]["chosen"]["ap"] > proof["reported"]["configured"]["ap"]
    assert proof["reported"]["chosen"]["images"] == 6
    assert report.accuracy is not None and report.accuracy.as_dict()["ap"] > 0.7
    assert report.accuracy.left_out == ()


@pytest.mark.slow
def test_fewer_than_ten_labelled_photos_are_not_split(tmp_path: Path) -> None:
    few = photos(tmp_path / "few", 5)
    folder = digits_folder(tmp_path / "digits")
    check_model(Request(folder, labels=coco_labels(few / "labels.json", 5), tune=True, threads=1))
    proof = load(folder).aai["preprocessing_proof"]
    assert len(proof["images"]) == 5 and "held_out_images" not in proof and "reported" not in proof


def test_two_photos_decide_nothing(tmp_path: Path) -> None:
    folder = digits_folder(tmp_path / "digits", scalefactor=1)
    report = check_model(
        Request(folder, images=photos(tmp_path / "two", 2), tune=True, threads=1, sheet=tmp_path / "s.png")
    )
    assert report.evidence is not None and report.evidence.verdict.kind == "undecided"
    assert load(folder).parameters["scalefactor"] == 1
    assert [path.name for path in report.sheets] == ["s-a.png", "s-b.png"]


def test_no_time_decides_nothing_and_says_so(tmp_path: Path, cuts: Path) -> None:
    folder = digits_folder(tmp_path / "digits", scalefactor=1)
    report = check_model(Request(folder, images=cuts, tune=True, time_limit_s=0, threads=1))
    assert report.evidence is not None and report.evidence.stopped
    assert report.evidence.verdict.kind == "undecided"
    assert load(folder).parameters["scalefactor"] == 1
    assert load(folder).aai["preprocessing_proof"]["stopped_early"] is True


def test_an_interrupted_search_leaves_the_file_as_it_is(tmp_path: Path, cuts: Path) -> None:
    folder = digits_folder(tmp_path / "digits", scalefactor=1)
    before = (folder / "alwaysai.model.json").read_bytes()

    def interrupt(done: int, total: int) -> None:
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_model(Request(folder, images=cuts, tune=True, threads=1), interrupt)
    assert (folder / "alwaysai.model.json").read_bytes() == before


def test_a_dry_run_writes_nothing(tmp_path: Path, few: Path) -> None:
    folder = digits_folder(tmp_path / "digits", scalefactor=1)
    before = (folder / "alwaysai.model.json").read_bytes()
    report = check_model(Request(folder, images=few, tune=True, threads=1, write=False))
    assert report.evidence is not None and report.evidence.verdict.kind == "changed"
    assert (folder / "alwaysai.model.json").read_bytes() == before


def test_progress_counts_up_to_its_total(tmp_path: Path, few: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = digits_folder(tmp_path / "digits")
    check_model(Request(folder, images=few, tune=True, threads=1), lambda *now: told.append(now))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][0] == told[-1][1]


def test_softmax_is_told_by_the_outputs(tmp_path: Path, cuts: Path) -> None:
    folder = classes_folder(tmp_path / "net")
    check_model(Request(folder, images=cuts, tune=True, threads=1))
    assert load(folder).parameters["softmax"] is True
    shares = classes_folder(tmp_path / "shares", (0.2, 0.5, 0.3), softmax=True)
    check_model(Request(shares, images=cuts, tune=True, threads=1))
    assert load(shares).parameters["softmax"] is False


def test_a_model_that_answers_the_same_for_every_photo_is_of_no_use(tmp_path: Path, cuts: Path) -> None:
    report = check_model(Request(classes_folder(tmp_path / "net", softmax=True), images=cuts, threads=1))
    assert not report.ok
    assert [doubt.code for doubt in report.doubts if doubt.level == "error"] == ["constant"]


def test_kept_results_are_replayed_with_every_check(tmp_path: Path, cuts: Path) -> None:
    folder = digits_folder(tmp_path / "digits")
    assert check_model(Request(folder, golden=(SCENE,), threads=1)).replay is not None
    again = check_model(Request(folder, images=cuts, threads=1))
    assert again.replay is not None and again.replay.ok
    alone = check_model(Request(folder, threads=1))
    assert alone.replay is not None and alone.replay.ok and alone.images == []


def test_a_photo_that_can_t_be_read_does_not_keep_the_others(tmp_path: Path) -> None:
    mixed = photos(tmp_path / "mixed", 3)
    (mixed / "broken.jpg").write_bytes(b"no picture")
    (mixed / "copy.png").write_bytes((mixed / "cut00.png").read_bytes())
    report = check_model(Request(digits_folder(tmp_path / "digits"), images=mixed, threads=1))
    assert len(report.images) == 3  # a copy says nothing new
    assert [path.name for path, _ in report.failed] == ["broken.jpg"]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(BadImage):
        check_model(Request(tmp_path / "digits", images=tmp_path / "bad"))


def test_what_there_is_nothing_to_check_on_is_told(tmp_path: Path, cuts: Path) -> None:
    folder = digits_folder(tmp_path / "digits")
    for request in (Request(folder), Request(folder, tune=True), Request(folder, images=tmp_path / "nothing")):
        with pytest.raises(AaiError) as caught:
            check_model(request)
        assert caught.value.fix


def test_labels_of_another_purpose_are_refused(tmp_path: Path, cuts: Path, labels: Path) -> None:
    classifier = classes_folder(tmp_path / "net")
    with pytest.raises(UsageError, match="labels are boxes"):
        check_model(Request(classifier, images=cuts, labels=labels))
    (cuts / "classes.csv").write_text("file,label\ncut00.png,bee\n")
    with pytest.raises(UsageError, match="labels are classes"):
        check_model(Request(digits_folder(tmp_path / "digits"), labels=cuts / "classes.csv", tune=True))


def test_the_accuracy_of_a_classifier_is_what_its_labels_say(tmp_path: Path, cuts: Path) -> None:
    folder = classes_folder(tmp_path / "net", (0.1, 0.7, 0.2))
    table = tmp_path / "labels.csv"
    table.write_text("file,label\ncut00.png,bee\ncut01.png,bee\ncut02.png,cat\ncut03.png,wasp\n")
    report = check_model(Request(folder, images=cuts, labels=table, threads=1))
    assert report.accuracy is not None
    figures = report.accuracy.as_dict()
    assert (figures["top1"], figures["images"], figures["left_out"]) == (pytest.approx(2 / 3, abs=1e-6), 3, ["wasp"])


def test_a_feature_vector_is_checked_too(tmp_path: Path, cuts: Path) -> None:
    folder = write_model(tmp_path / "net", constant_onnx([1.0, 2.0, 2.0], (1, 3)), "ReIdentification")
    report = check_model(Request(folder, images=cuts, threads=1, sheet=tmp_path / "sheet.png"))
    assert "constant" in [doubt.code for doubt in report.doubts]


def test_a_sheet_holds_what_can_be_looked_at(tmp_path: Path) -> None:
    tall, wide = np.zeros((500, 20, 3), np.uint8), np.zeros((20, 500, 3), np.uint8)
    sheet = arranged([("täll.png", tall), ("wide.png", wide)], "two")
    assert sheet.shape[0] > 300 and sheet.shape[1] > 800
    many = tmp_path / "many"
    for number in range(MOST_TILES + 5):
        many.mkdir(exist_ok=True)
        write_image(many / f"{number}.png", np.full((8, 8, 3), number, np.uint8))
    folder = classes_folder(tmp_path / "net", softmax=True)
    check_model(Request(folder, images=many, sheet=tmp_path / "sheet.png", threads=1))
    assert read_image(tmp_path / "sheet.png").shape[0] < 8 * 400


def test_the_labelled_set_of_the_lab_is_what_is_on_its_photos(cuts: Path, labels: Path) -> None:
    """The material itself: every box lies in its photo, and the photos differ."""
    found = read_labels(labels, cuts)
    assert len(found.items) == 12 and all(item.marks for item in found.items)
    sizes = {item.path: read_image(item.path).shape for item in found.items}
    for item in found.items:
        for mark in item.marks:
            assert mark.box_xyxy is not None
            assert mark.box_xyxy[0] >= 0 and mark.box_xyxy[2] <= sizes[item.path][1]


def test_every_value_of_a_report_is_json(by_labels: tuple[Path, Report]) -> None:
    document: dict[str, Any] = by_labels[1].as_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_folder_that_can_not_be_written_is_told_before_the_search(
    tmp_path: Path, cuts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = digits_folder(tmp_path / "digits")
    # The rights of a folder do not bind root, who runs tests in containers.
    monkeypatch.setattr("aai.check.run.os.access", lambda path, mode: False)
    seen: list[Any] = []
    with pytest.raises(NotAllowed, match="can't be written"):
        check_model(Request(folder, images=cuts, tune=True), lambda *args: seen.append(args))
    assert not seen
    assert check_model(Request(folder, images=cuts, tune=True, write=False, time_limit_s=0.1)).engine
