"""Objects in images."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from aai.errors import UsageError
from aai.vision.boxes import nms
from aai.vision.decode.candidates import Request
from aai.vision.decode.detection import detection_decoder
from aai.vision.draw import markup_image
from aai.vision.image import as_bgr
from aai.vision.labels import LabelMap
from aai.vision.results import ObjectDetectionResults
from aai.vision.services.service import Service, check_share, parts_of_hook

if TYPE_CHECKING:
    from aai.vision.decode.candidates import Candidates
    from aai.vision.image import Array
    from aai.vision.preprocess import Placement
    from aai.vision.services.service import Outputs

_FAR = 1e6
"""Pixels: where the corners of overflowing boxes are put, so that sums and areas of boxes stay finite."""


class ObjectDetection(Service):
    """Finds objects in images with a model whose purpose is ObjectDetection; see `Service`.

    A `post_process` hook is called with results= (the outputs by name), image=, model_input_size= (width, height),
    confidence_level=, overlap_threshold=, and returns (boxes, confidences, indexes): boxes (N, 4) x1, y1, x2, y2 in
    pixels of the image. `post_process_batch` has results= and images= as lists, and returns a list of such triples.
    """

    purpose = "ObjectDetection"

    def detect_objects(
        self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3
    ) -> ObjectDetectionResults:
        """The objects in an image, by falling confidence, in pixels of the image.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            confidence_level: the least confidence, in 0..1.
            overlap_threshold: of two boxes of a class that overlap more than this (IoU, in 0..1) the better one stays.
                A network that does its own suppression (SSD) ignores it.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded, or a threshold is out of range.
            AaiError: the engine refused the input, or the outputs do not have the layout that the configuration says.
        """
        check_share("confidence_level", confidence_level)
        check_share("overlap_threshold", overlap_threshold)
        started = time.perf_counter()
        frame = as_bgr(image)
        # What a broken network gives overflows or is no number; `best_candidates` sorts it out, without a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            with self._lock:
                outputs, placement = self._outputs(frame)
                if self._post_process is not None:
                    given = self._hooked(outputs, frame, confidence_level, overlap_threshold)
                    return self._of_hook(given, frame, started)
                found = self._decode(outputs, Request(self._size, confidence_level, self._settings))
            return self._results(found, placement, overlap_threshold, frame, started)

    def detect_objects_batch(
        self, images: Sequence[Any], confidence_level: float = 0.3, overlap_threshold: float = 0.3
    ) -> list[ObjectDetectionResults]:
        """`detect_objects` for several images, in one run of the network where its batch axis allows it.

        The durations are those of the whole batch.
        """
        check_share("confidence_level", confidence_level)
        check_share("overlap_threshold", overlap_threshold)
        started = time.perf_counter()
        frames = [as_bgr(image) for image in images]
        if not frames:
            return []
        with np.errstate(over="ignore", invalid="ignore"), self._lock:
            runs = self._outputs_of_batch(frames)
            if self._post_process_batch is not None:
                given = self._post_process_batch(
                    results=[outputs for outputs, _ in runs],
                    images=frames,
                    model_input_size=self._size,
                    confidence_level=confidence_level,
                    overlap_threshold=overlap_threshold,
                )
                if not isinstance(given, (tuple, list)) or len(given) != len(frames):
                    raise UsageError(
                        f"post_process_batch returned no list of {len(frames)}",
                        "post_process_batch",
                        "return (boxes, confidences, indexes) for each image",
                    )
                return [self._of_hook(triple, frame, started) for triple, frame in zip(given, frames)]
            results = []
            for (outputs, placement), frame in zip(runs, frames):
                if self._post_process is not None:
                    triple = self._hooked(outputs, frame, confidence_level, overlap_threshold)
                    results.append(self._of_hook(triple, frame, started))
                else:
                    found = self._decode(outputs, Request(self._size, confidence_level, self._settings))
                    results.append(self._results(found, placement, overlap_threshold, frame, started))
            return results

    def run(self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3) -> ObjectDetectionResults:
        """See `detect_objects`."""
        return self.detect_objects(image, confidence_level, overlap_threshold)

    def draw(self, image: Array, results: ObjectDetectionResults) -> Array:
        """A copy of `image` with a box for each object; see `markup_image`."""
        return markup_image(image, results.predictions, colors=self.colors)

    def _prepare(self) -> None:
        if self._post_process is None:
            self._decode, self._settings = detection_decoder(self._config)

    def _results(
        self, found: Candidates, placement: Placement, overlap: float, frame: Array, started: float
    ) -> ObjectDetectionResults:
        kept = best_candidates(found, overlap)
        boxes = placement.to_image(found.boxes_xyxy[kept]).astype(np.float32, copy=False)
        scores = found.scores[kept].astype(np.float32, copy=False)
        inside = boxes[:, 2:] > boxes[:, :2]
        if not inside.all():
            # Of a box in the border of a letterbox nothing is left.
            rows = inside.all(axis=1)
            boxes, scores, kept = boxes[rows], scores[rows], kept[rows]
        label = LabelMap(self._labels, found.classes, found.first_class)
        duration = time.perf_counter() - started
        return ObjectDetectionResults(boxes, scores, found.class_ids[kept], label, duration, frame)

    def _hooked(self, outputs: Outputs, frame: Array, confidence: float, overlap: float) -> Any:
        assert self._post_process is not None
        return self._post_process(
            results=outputs,
            image=frame,
            model_input_size=self._size,
            confidence_level=confidence,
            overlap_threshold=overlap,
        )

    def _of_hook(self, given: Any, frame: Array, started: float) -> ObjectDetectionResults:
        parts = parts_of_hook(given, "boxes", "confidences", "indexes")
        boxes, scores = np.asarray(parts[0], np.float32), np.asarray(parts[1], np.float32).reshape(-1)
        class_ids = np.asarray(parts[2], np.int64).reshape(-1)
        if boxes.size != 4 * len(scores) or len(class_ids) != len(scores):
            raise UsageError(
                f"post_process returned boxes of shape {boxes.shape}, {len(scores)} confidences and "
                f"{len(class_ids)} indexes",
                "post_process",
                "return (N, 4) boxes, N confidences and N indexes",
            )
        order = np.argsort(-scores, kind="stable")
        return ObjectDetectionResults(
            boxes.reshape(-1, 4)[order],
            scores[order],
            class_ids[order],
            LabelMap(self._labels),
            time.perf_counter() - started,
            frame,
        )


def best_candidates(found: Candidates, overlap: float) -> Array:
    """Indices of the candidates that stay after suppression, by falling score."""
    # The boxes of a broken network may be no numbers.
    if not math.isfinite(found.boxes_xyxy.sum()):
        real = np.flatnonzero(np.isfinite(found.boxes_xyxy.astype(np.float64)).all(axis=1))
        boxes = np.clip(found.boxes_xyxy[real], -_FAR, _FAR)
        sound = found._replace(boxes_xyxy=boxes, scores=found.scores[real], class_ids=found.class_ids[real])
        kept: Array = real[best_candidates(sound, overlap)]
        return kept
    if found.suppressed:
        return np.argsort(-found.scores, kind="stable")
    return nms(found.boxes_xyxy, found.scores, found.class_ids, overlap)
