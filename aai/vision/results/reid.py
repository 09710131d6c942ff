"""What ReIdentification gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Hashable, Sequence

if TYPE_CHECKING:
    from aai.vision.image import Array


@dataclass
class ReIdentificationPrediction:
    """One who is in the gallery.

    Args:
        id: as it was given to `add_to_gallery`.
        confidence: how alike, the cosine of the angle between the feature vectors, in -1..1.
    """

    id: Hashable
    confidence: float

    @property
    def distance(self) -> float:
        """1 - cosine, in 0..2."""
        return 1 - self.confidence


class ReIdentificationResults:
    """Whom one image shows, the most alike first; nobody while the gallery is empty.

    Args:
        embedding: (D,) float32 of length 1: the image's feature vector.
        matches: (id, cosine), falling.
        duration: from image to results, in seconds.
        image: the image, (H, W, 3) uint8 BGR, or None.
    """

    def __init__(
        self, embedding: Array, matches: Sequence[tuple[Hashable, float]], duration: float, image: Array | None = None
    ) -> None:
        self.embedding = embedding
        self.duration = duration
        self.image = image
        self.predictions = [ReIdentificationPrediction(name, cosine) for name, cosine in matches]

    def __len__(self) -> int:
        return len(self.predictions)

    def as_dict(self) -> dict[str, Any]:
        """{"duration_s", "predictions": [{"id", "confidence"}], "embedding": [...]}."""
        return {
            "duration_s": round(self.duration, 6),
            "predictions": [
                {
                    "id": found.id if isinstance(found.id, (str, int)) else str(found.id),
                    "confidence": round(found.confidence, 4),
                }
                for found in self.predictions
            ],
            "embedding": [round(value, 6) for value in self.embedding.tolist()],
        }
