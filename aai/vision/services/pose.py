"""Bodies in images."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from aai.errors import UsageError
from aai.vision.decode.candidates import Candidates, Request
from aai.vision.decode.pose import pose_decoder
from aai.vision.image import as_bgr
from aai.vision.results import PoseEstimationResults
from aai.vision.services.detection import best_candidates
from aai.vision.services.service import Service, check_share, parts_of_hook
from aai.vision.skeletons import names_of

if TYPE_CHECKING:
    from aai.vision.decode.bodies import Bodies
    from aai.vision.image import Array
    from aai.vision.preprocess import Placement

_MISSING = -1.0


class PoseEstimation(Service):
    """Finds bodies and their key points with a model whose purpose is PoseEstimation; see `Service`.

    A `post_process` hook is called with results= (the outputs by name), image= and model_input_size= (width, height),
    and returns (points, scores): points (N, K, 3) x, y in pixels of the image and score of each key point, scores (N,)
    of the bodies.
    """

    purpose = "PoseEstimation"

    def estimate(
        self,
        image: Any,
        confidence_level: float = 0.3,
        overlap_threshold: float = 0.3,
        key_point_level: float = 0.1,
    ) -> PoseEstimationResults:
        """The bodies in an image, by falling score.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            confidence_level: the least score of a body, in 0..1.
            overlap_threshold: of two bodies whose boxes overlap more than this (IoU, in 0..1) the better one stays,
                where the network gives boxes and does not suppress them itself.
            key_point_level: the least score of a key point, in 0..1; others are missing.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded, or a level is out of range.
            AaiError: the engine refused the input, or the outputs do not have the layout that the configuration says.
        """
        check_share("confidence_level", confidence_level)
        check_share("overlap_threshold", overlap_threshold)
        check_share("key_point_level", key_point_level)
        started = time.perf_counter()
        frame = as_bgr(image)
        with np.errstate(over="ignore", invalid="ignore"):
            with self._lock:
                outputs, placement = self._outputs(frame)
                if self._post_process is not None:
                    given = self._post_process(results=outputs, image=frame, model_input_size=self._size)
                    return _of_hook(given, frame, started)
                found = self._decode(outputs, Request(self._size, confidence_level, self._settings))
            found = _suppressed(found, overlap_threshold)
            points = _placed(found, placement, key_point_level)
        boxes = None
        if found.boxes_xyxy is not None:
            boxes = placement.to_image(found.boxes_xyxy).astype(np.float32, copy=False)
        duration = time.perf_counter() - started
        return PoseEstimationResults(points, found.point_scores, found.scores, found.names, duration, frame, boxes)

    def run(self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3) -> PoseEstimationResults:
        """See `estimate`."""
        return self.estimate(image, confidence_level, overlap_threshold)

    def draw(self, image: Array, results: PoseEstimationResults) -> Array:
        """A copy of `image` with the limbs and key points of all bodies."""
        return results.draw_poses(image)

    def _prepare(self) -> None:
        if self._post_process is None:
            self._decode, self._settings = pose_decoder(self._config)


def _suppressed(found: Bodies, overlap: float) -> Bodies:
    """The bodies that stay, by falling score."""
    if found.boxes_xyxy is None:
        return found
    class_ids = found.class_ids if found.class_ids is not None else np.zeros(len(found.scores), np.int64)
    candidates = Candidates(found.boxes_xyxy, found.scores, class_ids, suppressed=found.suppressed)
    kept = best_candidates(candidates, overlap)
    return found._replace(
        points=found.points[kept],
        point_scores=found.point_scores[kept],
        scores=found.scores[kept],
        boxes_xyxy=found.boxes_xyxy[kept],
        class_ids=class_ids[kept],
    )


def _placed(found: Bodies, placement: Placement, level: float) -> Array:
    """(N, K, 2) float32 points in pixels of the image, kept inside of it; -1, -1 for those that are missing."""
    offset = np.array([placement.offset_x, placement.offset_y], np.float32)
    scale = np.array([placement.scale_x, placement.scale_y], np.float32)
    limit = np.array(placement.frame_size, np.float32) - 1
    points = np.clip((found.points - offset) / scale, 0, limit)
    seen = np.isfinite(found.points).all(axis=2) & (found.point_scores >= np.float32(level))
    placed: Array = np.where(seen[:, :, None], points, np.float32(_MISSING))
    return placed


def _of_hook(given: Any, frame: Array, started: float) -> PoseEstimationResults:
    points, scores = parts_of_hook(given, "points", "scores")
    points, scores = np.asarray(points, np.float32), np.asarray(scores, np.float32).reshape(-1)
    if points.ndim != 3 or points.shape[2] != 3 or len(points) != len(scores):
        raise UsageError(
            f"post_process returned points of shape {points.shape} and {len(scores)} scores",
            "post_process",
            "return (N, K, 3) points, x, y and score each, and N scores",
        )
    points = np.where(np.isfinite(points).all(axis=2, keepdims=True), points, np.float32(_MISSING))
    order = np.argsort(-scores, kind="stable")
    names = names_of(points.shape[1])
    duration = time.perf_counter() - started
    return PoseEstimationResults(points[order, :, :2], points[order, :, 2], scores[order], names, duration, frame)
