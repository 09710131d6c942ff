"""What this project's own conversion writes into an ONNX file, so that the file alone tells what it is."""

from __future__ import annotations

import json
from typing import Any, Mapping

from aai.core.inspect.recipes import DARKNET, Circumstances, recipe_facts
from aai.core.inspect.report import Fact

DECODER = "aai.decoder"
"""Key of the metadata: `aai.decoder` of the configuration, as JSON."""
_LONGEST = 100_000
_REPLACED = ("purpose", "decoder", "classes", "mean", "scalefactor", "swaprb", "crop", "softmax", "input")


def converted_facts(facts: Mapping[str, Fact], metadata: Mapping[str, str], at: Circumstances) -> dict[str, Fact]:
    """`facts`, with those that the shapes alone told replaced where the file is a converted Darknet network.

    Args:
        facts: what the shapes told.
        metadata: of the file.
        at: how its input is laid out.
    """
    decoder = _decoder(metadata.get(DECODER, ""))
    if decoder is None:
        return dict(facts)
    source = f"metadata {DECODER}, which the conversion from Darknet wrote"
    kept = {name: fact for name, fact in facts.items() if name not in _REPLACED}
    kept.update({"purpose": Fact("ObjectDetection", source), "decoder": Fact(decoder, source)})
    kept.update(recipe_facts(DARKNET, at))
    classes = {head.get("classes") for head in decoder["heads"]}
    if len(classes) == 1 and type(next(iter(classes))) is int:
        kept["classes"] = Fact(classes.pop(), source)
    return kept


def _decoder(text: str) -> dict[str, Any] | None:
    """The decoder in a file's metadata; None when it is not of the form that the conversion writes."""
    if not text or len(text) > _LONGEST:
        return None
    try:
        decoder = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(decoder, dict) or decoder.get("name") != "darknet-region":
        return None
    heads = decoder.get("heads")
    return decoder if isinstance(heads, list) and heads and all(isinstance(head, dict) for head in heads) else None
