"""How right a pre-processing is on labelled photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Sequence, Union

import numpy as np

from aai.check.datasets import LabelledSet, Marked
from aai.check.matching import match_classes
from aai.check.photos import Photo, photos_of
from aai.errors import AaiError, UsageError
from aai.metrics.classification import ClassAccuracy, class_accuracy
from aai.metrics.detection import BoxAccuracy, FoundBoxes, TrueBoxes, box_accuracy

if TYPE_CHECKING:
    from pathlib import Path

    from aai.check.runner import Runner

CONFIDENCE = 0.01
"""Average precision needs the long tail too: COCO's evaluations are run at about this."""

Figure = Union[BoxAccuracy, ClassAccuracy]
Step = Callable[[], None]


@dataclass(frozen=True)
class LabelledPhotos:
    """Labelled photos that can be read, each with its labels, in the order of their digests.

    Args:
        labels: the set that they are from.
        photos: the files.
        items: their labels, in the same order.
        failures: those that can't be read.
    """

    labels: LabelledSet
    photos: tuple[Photo, ...]
    items: tuple[Marked, ...]
    failures: tuple[tuple[Path, AaiError], ...] = ()

    def halves(self) -> tuple[LabelledPhotos, LabelledPhotos]:
        """Every other photo by digest, to choose on, and the rest, to report on: the same for the same photos."""
        return self._part(slice(0, None, 2)), self._part(slice(1, None, 2))

    def _part(self, rows: slice) -> LabelledPhotos:
        return LabelledPhotos(self.labels, self.photos[rows], self.items[rows])


def labelled_photos(labels: LabelledSet) -> LabelledPhotos:
    """The photos of a labelled set, each content once."""
    photos, failures = photos_of([item.path for item in labels.items])
    by_path = {item.path: item for item in labels.items}
    ordered = sorted(photos, key=lambda photo: photo.digest)
    return LabelledPhotos(labels, tuple(ordered), tuple(by_path[photo.path] for photo in ordered), tuple(failures))


@dataclass(frozen=True)
class Measured:
    """Accuracy on a set of photos.

    Args:
        figure: the usual figures: COCO's for boxes, top-1 and top-5 for classes.
        score: one number to choose by, from 0 to 1, finer than the usual ones on few photos. Boxes: average precision
            over all classes in one list. Classes: the mean reciprocal rank.
        left_out: classes of the labels that the network does not have.
    """

    figure: Figure
    score: float
    left_out: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return {**self.figure.as_dict(), "score": round(self.score, 6), "left_out": list(self.left_out)}


def measure(runner: Runner, labelled: LabelledPhotos, step: Step = lambda: None) -> Measured:
    """Accuracy of the pre-processing in use.

    Raises:
        UsageError: the labels are none for the model's purpose, or the network has none of their classes.
    """
    check_kind(runner, labelled.labels)
    return _measure_classes(runner, labelled, step) if runner.classifies else _measure_boxes(runner, labelled, step)


def check_kind(runner: Runner, labels: LabelledSet) -> None:
    """Refuses labels that are none for the model's purpose."""
    if runner.classifies and labels.has_boxes:
        fix = "pass a CSV table, or a folder with a folder for each class"
        raise UsageError("the labels are boxes, and the model tells classes", "--labels", fix)
    if not runner.classifies and not labels.has_boxes:
        fix = "pass a COCO JSON file, or a folder of YOLO text files"
        raise UsageError("the labels are classes, and the model finds objects", "--labels", fix)
    if not runner.classifies and runner.service.purpose not in ("ObjectDetection", "InstanceSegmentation"):
        raise UsageError(
            f"labelled photos are not understood for {runner.service.purpose} yet",
            "--labels",
            "leave the labels out: --tune then goes by the answers alone",
        )


def _measure_classes(runner: Runner, labelled: LabelledPhotos, step: Step) -> Measured:
    config = runner.service.model_config
    vectors, class_ids = [], []
    matching = None
    for photo, item in zip(labelled.photos, labelled.items):
        image = photo.read()
        if matching is None:
            matching = match_classes(labelled.labels, config, runner.class_labels(image))
        class_id = matching.class_id(item.marks[0]) if item.marks else None
        if class_id is not None:
            vectors.append(runner.answer(image).vector)
            class_ids.append(class_id)
        step()
    figure = class_accuracy(np.array(vectors), _checked(class_ids, len(vectors[0]) if vectors else 0))
    return Measured(figure, figure.reciprocal_rank or 0.0, matching.left_out if matching else ())


def _checked(class_ids: Sequence[int], classes: int) -> Sequence[int]:
    if class_ids and not 0 <= min(class_ids) <= max(class_ids) < classes:
        raise UsageError(
            f"the labels have class {max(class_ids)}, and the network has {classes} classes",
            "--labels",
            "classes are counted from 0",
        )
    return class_ids


def _measure_boxes(runner: Runner, labelled: LabelledPhotos, step: Step) -> Measured:
    raw: list[tuple[Any, Any, Any]] = []
    shown: dict[int, str] = {}
    for photo in labelled.photos:
        results = runner.service.run(photo.read(), CONFIDENCE, 0.5)
        shown.update({prediction.index: prediction.label for prediction in results.predictions})
        raw.append((results.boxes_xyxy, results.scores, results.class_ids))
        step()
    # A class that was not found has no id yet, and its objects count as missed: any id that no other has will do.
    unseen = [label for label in dict.fromkeys(runner.service.labels) if label not in shown.values()]
    network = {**shown, **{-1 - number: label for number, label in enumerate(unseen)}}
    matching = match_classes(labelled.labels, runner.service.model_config, network)
    truths: list[TrueBoxes] = [matching.truth(item) for item in labelled.items]
    found: list[FoundBoxes] = [matching.found(*answer) for answer in raw]
    figure = box_accuracy(truths, found)
    one_list = box_accuracy(truths, found, one_class=True)
    return Measured(figure, one_list.ap or 0.0, matching.left_out)
