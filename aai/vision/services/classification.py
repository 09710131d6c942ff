"""What an image shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from aai.vision.decode.classification import classification_softmax, decode
from aai.vision.draw import markup_image
from aai.vision.image import as_bgr
from aai.vision.labels import LabelMap
from aai.vision.results import ClassificationResults
from aai.vision.services.service import Service, check_share

if TYPE_CHECKING:
    from aai.vision.image import Array


class Classification(Service):
    """Tells what an image shows with a model whose purpose is Classification; see `Service`.

    A `post_process` hook is called with results= (the outputs by name), image= and model_input_size=, and returns the
    confidences of all classes, (C,).
    """

    purpose = "Classification"

    def classify_image(self, image: Any, confidence_level: float = 0.3) -> ClassificationResults:
        """The classes of an image whose confidence is high enough, by falling confidence.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            confidence_level: the least confidence, in 0..1.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded, or the confidence is out of range.
            AaiError: the engine refused the input, or the output is no vector of classes.
        """
        check_share("confidence_level", confidence_level)
        started = time.perf_counter()
        frame = as_bgr(image)
        with np.errstate(over="ignore", invalid="ignore"), self._lock:
            outputs, _ = self._outputs(frame)
            if self._post_process is not None:
                given = self._post_process(results=outputs, image=frame, model_input_size=self._size)
                scores = np.asarray(given, np.float32).reshape(-1)
            else:
                scores = decode(outputs, self._softmax)
        enough = np.flatnonzero(scores >= np.float32(confidence_level))
        class_ids = enough[np.argsort(-scores[enough], kind="stable")]
        label = LabelMap(self._labels, len(scores))
        duration = time.perf_counter() - started
        return ClassificationResults(scores[class_ids], class_ids, label, duration, frame)

    def run(self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3) -> ClassificationResults:
        """See `classify_image`; the overlap has no meaning here."""
        return self.classify_image(image, confidence_level)

    def draw(self, image: Array, results: ClassificationResults) -> Array:
        """A copy of `image` with a line for each class; see `markup_image`."""
        return markup_image(image, results.predictions, colors=self.colors)

    def _prepare(self) -> None:
        if self._post_process is None:
            self._softmax = classification_softmax(self._config)
