"""A loaded model, asked for answers with one pre-processing after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import numpy as np

from aai.check.answers import CLASSES, CONFIDENCE, OVERLAP, Answer, answer_of, are_logits, probabilities

if TYPE_CHECKING:
    from aai.core.model_config import InputRecipe
    from aai.vision.image import Array
    from aai.vision.services import Service


class Runner:
    """Answers of one service. A classifier's are read before its softmax, so that a wrong setting of that does no harm.

    Args:
        service: loaded.
        samples: some photos, from which it is told whether a classifier gives logits.
    """

    def __init__(self, service: Service, samples: Sequence[Array] = ()) -> None:
        self.service = service
        self.classifies = service.purpose == "Classification"
        self.configured = service.recipe
        self.logits: bool | None = None
        if self.classifies and samples:
            self.logits = are_logits([self._raw(image) for image in samples])

    def use(self, recipe: InputRecipe) -> None:
        """Takes another pre-processing, until `reset`."""
        self.service.use_recipe(recipe)

    def reset(self) -> None:
        """Takes the configured pre-processing again."""
        self.service.use_recipe(self.configured)

    def answer(self, image: Array, confidence: float = CONFIDENCE) -> Answer:
        """The answer for (H, W, 3) uint8 BGR, of a classifier with the shares of all classes."""
        if self.classifies:
            size = (image.shape[1], image.shape[0])
            return Answer(CLASSES, size, vector=probabilities(self._raw(image), bool(self.logits)).astype(np.float32))
        return answer_of(self.service.run(image, confidence, OVERLAP), image)

    def class_labels(self, image: Array) -> dict[int, str]:
        """Class id -> label, of all classes of a classifier, or of those objects that are found in an image."""
        predictions = self.service.run(image, 0.0 if self.classifies else CONFIDENCE, OVERLAP).predictions
        return {prediction.index: prediction.label for prediction in predictions}

    def _raw(self, image: Array) -> Array:
        for output in self.service.outputs(image).values():
            return output.reshape(-1)
        return np.zeros(0, np.float32)
