"""Whom an image shows, of those that were shown before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Hashable

import numpy as np

from aai.vision.decode.embedding import check_embedding, decode, unit
from aai.vision.gallery import PER_ID, Gallery
from aai.vision.image import as_bgr
from aai.vision.results import ReIdentificationResults
from aai.vision.services.service import Service

if TYPE_CHECKING:
    from aai.vision.image import Array

_MATCHES = 10


class ReIdentification(Service):
    """Recognises what it was shown before with a model whose purpose is ReIdentification; see `Service`.

    Images are cut to what is to be recognised: a person, a car. A `post_process` hook is called with results= (the
    outputs by name), image= and model_input_size= (width, height), and returns the feature vector, of any length.
    """

    purpose = "ReIdentification"

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._gallery = Gallery()

    def re_id_image(self, image: Any, count: int = _MATCHES) -> ReIdentificationResults:
        """Those in the gallery that the image is most like, the most alike first.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            count: how many at most.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded.
            AaiError: the engine refused the input, or the output is no feature vector.
        """
        started = time.perf_counter()
        frame = as_bgr(image)
        feature = self._feature(frame)
        matches = self._gallery.nearest(feature, max(0, count))
        return ReIdentificationResults(feature, matches, time.perf_counter() - started, frame)

    def add_to_gallery(self, image: Any, id: Hashable) -> None:
        """Takes in an image of `id`, a text or a number; an id may have several.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded, or the gallery is full: it has 20,000 features.
            AaiError: as `re_id_image`.
        """
        self._gallery.add(id, self._feature(as_bgr(image)))

    def set_per_id_gallery_limit(self, count: int = PER_ID, drop_method: str = "oldest") -> None:
        """Keeps at most `count` features of each id, 50 where nothing is set.

        Args:
            count: 1 or more.
            drop_method: which of an id's features goes when there is one too many, "oldest" or "newest".
        """
        self._gallery.set_limit(count, drop_method)

    def remove_from_gallery(self, id: Hashable) -> None:
        """Forgets an id."""
        self._gallery.remove(id)

    def clear_gallery(self) -> None:
        """Forgets all ids."""
        self._gallery.clear()

    @property
    def gallery_sizes(self) -> dict[Hashable, int]:
        """How many features each id has."""
        return self._gallery.sizes()

    def run(self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3) -> ReIdentificationResults:
        """See `re_id_image`; confidence and overlap have no meaning here."""
        return self.re_id_image(image)

    def draw(self, image: Array, results: ReIdentificationResults) -> Array:
        """A copy of `image`: there is nothing to draw."""
        copy: Array = as_bgr(image).copy()
        return copy

    def _prepare(self) -> None:
        if self._post_process is None:
            check_embedding(self._config)

    def _feature(self, frame: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"), self._lock:
            outputs, _ = self._outputs(frame)
            if self._post_process is not None:
                return unit(self._post_process(results=outputs, image=frame, model_input_size=self._size))
            return decode(outputs)
