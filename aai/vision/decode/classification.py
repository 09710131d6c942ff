"""Classification heads: one vector of logits or probabilities, in whatever shape it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.vision.decode import activations
from aai.vision.decode.candidates import misfit
from aai.vision.decode.settings import no_decoder

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array], softmax: bool) -> Array:
    """(C,) float32 confidence of each class.

    Args:
        outputs: the network's outputs; the first one is read.
        softmax: whether it holds logits, so that softmax is to be applied.

    Raises:
        AaiError: there is no output, or it is no vector.
    """
    for output in outputs.values():
        if output.size and max(output.shape, default=1) == output.size:
            scores: Array = output.reshape(-1).astype(np.float32)
            return activations.softmax(scores) if softmax else scores
        break
    raise misfit(outputs, "classification")


def classification_softmax(config: ModelConfig) -> bool:
    """Whether the network of a classification model gives logits, so that softmax is to be applied.

    Raises:
        UsageError: the configuration names another layout than classification.
    """
    name = config.decoder.get("name", "classification")
    if name != "classification":
        raise no_decoder(config, "classification", ("classification",))
    return bool(config.parameters.get("softmax", False))
