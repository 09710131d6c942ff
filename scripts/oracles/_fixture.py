"""Writes tests/data/layouts/NAME.npz: raw outputs of a detection layout, and the boxes that others make of them.

tests/vision/decode/test_layouts.py holds our decoders against these files. Only numbers are kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "layouts"


def save(
    name: str,
    outputs: Mapping[str, Any],
    found: Mapping[str, Any],
    decoder: Mapping[str, Any],
    size: tuple[int, int],
    confidence: float,
    source: str,
    overlap: float | None = None,
) -> None:
    """Writes one fixture.

    Args:
        name: of the file.
        outputs: output name -> raw array, in the network's order.
        found: "boxes_xyxy" in pixels of the network's input, "scores", "class_ids": what the other program makes of it.
        decoder: `aai.decoder` for this layout.
        size: (width, height) of the network's input.
        confidence: the least score.
        source: the program and its version.
        overlap: IoU of its suppression; None where it has none.
    """
    arrays = {f"output:{key}": np.asarray(value) for key, value in outputs.items()}
    boxes = np.asarray(found["boxes_xyxy"], np.float32).reshape(-1, 4)
    scores, class_ids = np.asarray(found["scores"], np.float32), np.asarray(found["class_ids"], np.int64)
    assert len(boxes) == len(scores) == len(class_ids) > 3, f"{name}: only {len(boxes)} boxes"
    assert len(np.unique(scores)) == len(scores), f"{name}: equal scores: which of two boxes stays would be chance"
    facts = {"decoder": dict(decoder), "size": size, "confidence": confidence, "overlap": overlap, "source": source}
    DATA.mkdir(parents=True, exist_ok=True)
    path = DATA / f"{name}.npz"
    np.savez_compressed(path, facts=json.dumps(facts), boxes_xyxy=boxes, scores=scores, class_ids=class_ids, **arrays)
    shapes = ", ".join(f"{key} {list(value.shape)}" for key, value in outputs.items())
    print(f"{name}: {shapes}: {len(boxes)} boxes of classes {sorted(set(class_ids.tolist()))}")
