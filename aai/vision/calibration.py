"""Pictures as a network gets them, one after the other: for engines that find their number ranges with them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Sequence

from aai.vision.image import read_image
from aai.vision.preprocess import Preprocessor

if TYPE_CHECKING:
    from aai.core.model_config import InputRecipe
    from aai.vision.image import Array


class InputTensors:
    """The input tensors of pictures through a pre-processing, made anew each time that one goes through them.

    Args:
        recipe: the pre-processing; its size must be known.
        pictures: files; read one at a time.

    Raises:
        UsageError: the recipe asks for something that can't be made.
    """

    def __init__(self, recipe: InputRecipe, pictures: Sequence[Path]) -> None:
        self._recipe, self._pictures = recipe, tuple(pictures)
        Preprocessor(recipe)

    def __iter__(self) -> Iterator[Array]:
        """(1, C, H, W) or (1, H, W, C) in the recipe's dtype, overwritten by the next one.

        Raises:
            BadImage: a picture can't be read.
        """
        preprocessor = Preprocessor(self._recipe)
        for path in self._pictures:
            yield preprocessor(read_image(path))[0]

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self._pictures)

    def digest(self) -> str:
        """The sha256, as "sha256:<hex>", of the pre-processing and of the pictures' bytes, in their order."""
        hasher = hashlib.sha256(json.dumps(asdict(self._recipe), sort_keys=True).encode())
        for path in self._pictures:
            hasher.update(hashlib.sha256(path.read_bytes()).digest())
        return "sha256:" + hasher.hexdigest()
