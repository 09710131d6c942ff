"""Objects in images, with their pixels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from aai.errors import UsageError
from aai.vision.decode.candidates import Request
from aai.vision.decode.instances import instance_decoder
from aai.vision.draw import markup_image
from aai.vision.image import as_bgr
from aai.vision.labels import LabelMap
from aai.vision.masks import Cutout, cut_out, overlay
from aai.vision.results import InstanceSegmentationPrediction, InstanceSegmentationResults
from aai.vision.services.detection import best_candidates
from aai.vision.services.service import Service, check_share, parts_of_hook

if TYPE_CHECKING:
    from aai.vision.decode.yolo_seg import Instances
    from aai.vision.image import Array
    from aai.vision.preprocess import Placement

MOST_INSTANCES = 300
"""Objects whose masks are made, the best ones: as many as Ultralytics keeps."""


class InstanceSegmentation(Service):
    """Finds objects and their pixels with a model whose purpose is InstanceSegmentation; see `Service`.

    A `post_process` hook is called with results= (the outputs by name), image=, model_input_size= (width, height),
    confidence_level=, overlap_threshold=, and returns (boxes, confidences, indexes, masks): boxes (N, 4) x1, y1, x2, y2
    in pixels of the image, masks N of (H, W), in pixels of the image.
    """

    purpose = "InstanceSegmentation"

    def segment_image(
        self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3
    ) -> InstanceSegmentationResults:
        """The objects in an image and their masks, by falling confidence; at most the 300 best.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            confidence_level: the least confidence, in 0..1.
            overlap_threshold: of two boxes of a class that overlap more than this (IoU, in 0..1) the better one stays,
                unless the network suppresses by itself.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded, or a threshold is out of range.
            AaiError: the engine refused the input, or the outputs do not have the layout that the configuration says.
        """
        check_share("confidence_level", confidence_level)
        check_share("overlap_threshold", overlap_threshold)
        started = time.perf_counter()
        frame = as_bgr(image)
        with np.errstate(over="ignore", invalid="ignore"), self._lock:
            outputs, placement = self._outputs(frame)
            if self._post_process is not None:
                given = self._post_process(
                    results=outputs,
                    image=frame,
                    model_input_size=self._size,
                    confidence_level=confidence_level,
                    overlap_threshold=overlap_threshold,
                )
                return self._of_hook(given, frame, started)
            # The masks are made with the lock held: the prototypes may be the engine's own memory.
            found = self._decode(outputs, Request(self._size, confidence_level, self._settings))
            return self._results(found, placement, overlap_threshold, frame, started)

    def markup_image(self, image: Any, predictions: Sequence[InstanceSegmentationPrediction]) -> Array:
        """A copy of the image with masks, boxes and labels in the model's colours.

        Args:
            image: (H, W, 3) uint8 BGR, of the size of the image that the objects were found in.
            predictions: of `InstanceSegmentationResults`.

        Raises:
            BadImage: not an image.
        """
        colours = [self.colors[found.index % len(self.colors)] for found in predictions]
        marked = overlay(as_bgr(image), [found.cutout for found in predictions], colours)
        return markup_image(marked, predictions, colors=self.colors)

    def run(
        self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3
    ) -> InstanceSegmentationResults:
        """See `segment_image`."""
        return self.segment_image(image, confidence_level, overlap_threshold)

    def draw(self, image: Array, results: InstanceSegmentationResults) -> Array:
        """See `markup_image`."""
        return self.markup_image(image, results.predictions)

    def _prepare(self) -> None:
        if self._post_process is None:
            self._decode, self._settings = instance_decoder(self._config)

    def _results(
        self, instances: Instances, placement: Placement, overlap: float, frame: Array, started: float
    ) -> InstanceSegmentationResults:
        found = instances.found
        kept = best_candidates(found, overlap)[:MOST_INSTANCES]
        boxes = placement.to_image(found.boxes_xyxy[kept]).astype(np.float32, copy=False)
        cutouts = cut_out(instances.coefficients[kept], instances.prototypes, boxes, placement, self._size)
        # An object of which no pixel is left is none, as with Ultralytics.
        rows = [row for row, cutout in enumerate(cutouts) if cutout.bits.any()]
        label = LabelMap(self._labels, found.classes, found.first_class)
        return InstanceSegmentationResults(
            boxes[rows],
            found.scores[kept][rows].astype(np.float32, copy=False),
            found.class_ids[kept][rows],
            [cutouts[row] for row in rows],
            label,
            time.perf_counter() - started,
            frame,
        )

    def _of_hook(self, given: Any, frame: Array, started: float) -> InstanceSegmentationResults:
        boxes, scores, class_ids, masks = parts_of_hook(given, "boxes", "confidences", "indexes", "masks")
        scores = np.asarray(scores, np.float32).reshape(-1)
        if len(masks) != len(scores) or any(np.shape(mask) != frame.shape[:2] for mask in masks):
            raise UsageError(
                f"post_process returned {len(masks)} masks for {len(scores)} objects, or masks of another size",
                "post_process",
                f"return a mask of {frame.shape[0]} x {frame.shape[1]} for each object",
            )
        order = np.argsort(-scores, kind="stable")
        return InstanceSegmentationResults(
            np.asarray(boxes, np.float32).reshape(-1, 4)[order],
            scores[order],
            np.asarray(class_ids, np.int64).reshape(-1)[order],
            [Cutout.of_mask(masks[row]) for row in order.tolist()],
            LabelMap(self._labels),
            time.perf_counter() - started,
            frame,
        )
