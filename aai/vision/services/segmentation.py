"""The class of each pixel of images."""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from aai.core.inspect.labels import is_background
from aai.errors import UsageError
from aai.vision.class_maps import blend, paint, to_image
from aai.vision.decode.candidates import Request
from aai.vision.decode.segmentation import ClassMap, decode, segmentation_settings
from aai.vision.image import as_bgr
from aai.vision.labels import LabelMap
from aai.vision.preprocess import stretched
from aai.vision.results import SemanticSegmentationResults
from aai.vision.services.service import Service

if TYPE_CHECKING:
    from aai.vision.image import Array


class SemanticSegmentation(Service):
    """Tells the class of each pixel with a model whose purpose is SemanticSegmentation; see `Service`.

    A `post_process` hook is called with results= (the outputs by name), image= and model_input_size= (width, height),
    and returns a (h, w) map of class ids of any size, which is taken to lie over the whole of the image.
    """

    purpose = "SemanticSegmentation"

    def segment_image(self, image: Any) -> SemanticSegmentationResults:
        """The class of each pixel of an image.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded.
            AaiError: the engine refused the input, or the output is no map of classes.
        """
        started = time.perf_counter()
        frame = as_bgr(image)
        with np.errstate(over="ignore", invalid="ignore"), self._lock:
            outputs, placement = self._outputs(frame)
            if self._post_process is not None:
                given = self._post_process(results=outputs, image=frame, model_input_size=self._size)
                found, placement = _of_hook(given), stretched(frame.shape, self._size)
            else:
                found = decode(outputs, Request(self._size, 0.0, self._settings))
        class_map = to_image(found.class_ids, placement, self._size)
        label = self._label_map(found.classes)
        return SemanticSegmentationResults(class_map, label, time.perf_counter() - started, frame)

    def build_image_mask(self, class_map: Array) -> Array:
        """A picture of a class map in the model's colours; black where the network has not looked.

        Args:
            class_map: (H, W) integers.

        Returns:
            (H, W, 3) uint8 BGR.
        """
        return paint(np.asarray(class_map), self.colors)

    def build_legend(self) -> str:
        """An HTML table with the colour and the label of each class."""
        rows = [
            f'<tr><td style="background-color:rgb({red},{green},{blue})">&emsp;</td><td>{html.escape(label)}</td></tr>'
            for label, (blue, green, red) in zip(self.labels, self.colors)
        ]
        return f"<table>{''.join(rows)}</table>"

    def run(
        self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3
    ) -> SemanticSegmentationResults:
        """See `segment_image`; confidence and overlap have no meaning here."""
        return self.segment_image(image)

    def draw(self, image: Array, results: SemanticSegmentationResults) -> Array:
        """A copy of `image` with the colours of the classes laid over it; a background class stays as it is."""
        frame, class_map = as_bgr(image), results.class_map
        covered = class_map != np.iinfo(class_map.dtype).max
        if self.labels and is_background(self.labels[0]):
            covered &= class_map != 0
        return blend(frame, self.build_image_mask(class_map), covered)

    def _prepare(self) -> None:
        if self._post_process is None:
            self._settings = segmentation_settings(self._config)
        if len(self._labels) == 1:
            # A network with one channel: its class 0 is all that the one label is not.
            self._labels, self._colours = ["background", *self._labels], [(0, 0, 0), *self._colours]

    def _label_map(self, classes: int | None) -> LabelMap:
        lacking = classes is not None and len(self._labels) == classes - 1 and len(self._labels) > 0
        return LabelMap(["background", *self._labels] if lacking else self._labels, classes)


def _of_hook(given: Any) -> ClassMap:
    class_ids = np.asarray(given)
    if class_ids.ndim != 2 or not class_ids.size or class_ids.dtype.kind not in "iub":
        raise UsageError(
            f"post_process returned {class_ids.dtype} of shape {class_ids.shape}, where a (h, w) map of ids belongs",
            "post_process",
            "return whole numbers, one for each pixel or cell",
        )
    top = int(class_ids.max())
    if class_ids.min() < 0 or top >= np.iinfo(np.uint16).max:
        raise UsageError(
            f"post_process returned class ids from {class_ids.min()} to {top}", "post_process", "return 0 to 65534"
        )
    return ClassMap(class_ids.astype(np.uint8 if top < np.iinfo(np.uint8).max else np.uint16), None)
