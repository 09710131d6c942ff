"""Oracle for YOLOX exported with its own decoding (--decode_in_inference).

    python -m venv .venv-yolox && .venv-yolox/bin/pip install torch torchvision opencv-python-headless loguru tabulate
    .venv-yolox/bin/pip install --no-deps --no-build-isolation yolox==0.3.0
    .venv-yolox/bin/python scripts/oracles/yolox_decoded.py

One network with random weights gives both forms of the output; the boxes are those of the package's own
post-processing of the decoded one, and hold for both.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

import torch
from _fixture import save
from yolox.models import YOLOPAFPN, YOLOX, YOLOXHead
from yolox.utils import postprocess

SOURCE = f"yolox {importlib.metadata.version('yolox')}"
SIZE = (96, 64)
CLASSES = 3
CONFIDENCE = 0.2
OVERLAP = 0.45


def main() -> None:
    torch.manual_seed(9)
    channels = [256, 512, 1024]
    model = YOLOX(
        YOLOPAFPN(0.33, 0.25, in_channels=channels, depthwise=True),
        YOLOXHead(CLASSES, 0.25, in_channels=channels, depthwise=True),
    ).eval()
    head = model.head
    for layer in (*head.cls_preds, *head.obj_preds, *head.reg_preds):
        layer.register_forward_hook(_vary)
    picture = torch.rand(1, 3, SIZE[1], SIZE[0])
    outputs = {}
    with torch.no_grad():
        for name, decoded in (("raw", False), ("decoded", True)):
            torch.manual_seed(1)
            head.decode_in_inference = decoded
            outputs[name] = model(picture)
    found = postprocess(outputs["decoded"].clone(), CLASSES, CONFIDENCE, OVERLAP)[0]
    parts = {"boxes_xyxy": found[:, :4], "scores": found[:, 4] * found[:, 5], "class_ids": found[:, 6]}
    for name, decoder in (("raw", {"strides": [8, 16, 32]}), ("decoded", {"decoded": True})):
        array = {"output": outputs[name].numpy()}
        save(f"yolox-{name}", array, parts, {"name": "yolox", **decoder}, SIZE, CONFIDENCE, SOURCE, OVERLAP)


def _vary(layer: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    """What random weights give each cell is nearly the same: here it is varied, as a trained network's is."""
    return output * 0.1 + torch.randn_like(output)


if __name__ == "__main__":
    main()
