"""Feature vectors: one for the whole image, compared by the angle between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import numpy as np

from aai.errors import AaiError
from aai.vision.decode.candidates import misfit
from aai.vision.decode.settings import no_decoder

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.image import Array


def decode(outputs: Mapping[str, Array]) -> Array:
    """(D,) float32 of length 1: the direction of the first output.

    Raises:
        AaiError: there is no output, it is no vector, or it has no direction.
    """
    for output in outputs.values():
        if output.size and max(output.shape, default=1) == output.size:
            return unit(output)
        break
    raise misfit(outputs, "embedding")


def unit(vector: Array) -> Array:
    """(D,) float32 of length 1 in the direction of `vector`, which has D elements.

    Raises:
        AaiError: all of it is 0, or some of it is no number.
    """
    values = np.asarray(vector, np.float64).reshape(-1)
    length = float(np.sqrt(values @ values))
    if not 0 < length < np.inf:
        raise AaiError(
            "the feature vector has no direction: it is all 0, or not all numbers",
            None,
            "check the pre-processing: mean, scalefactor and dtype of the input",
        )
    direction: Array = (values / length).astype(np.float32)
    return direction


def check_embedding(config: ModelConfig) -> None:
    """Refuses a configuration that names another layout, with a UsageError."""
    name = config.decoder.get("name", "embedding")
    if name != "embedding":
        raise no_decoder(config, "re-identification", ("embedding",))
