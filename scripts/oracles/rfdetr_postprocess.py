"""Oracle for RF-DETR: the post-processing of its own package.

    python -m venv .venv-rfdetr && .venv-rfdetr/bin/pip install torch torchvision rfdetr
    .venv-rfdetr/bin/python scripts/oracles/rfdetr_postprocess.py

The logits and boxes are random, of the names and shapes that the package's ONNX exports have.
"""

from __future__ import annotations

import importlib.metadata

import torch
from _fixture import save
from rfdetr.models.postprocess import PostProcess

SIZE = (96, 64)
QUERIES, CLASSES = 60, 6
CONFIDENCE = 0.3


def main() -> None:
    torch.manual_seed(2)
    logits = torch.randn(1, QUERIES, CLASSES) * 2 - 3
    boxes = torch.cat([torch.rand(1, QUERIES, 2) * 0.4 + 0.3, torch.rand(1, QUERIES, 2) * 0.4], dim=2)
    outputs = {"pred_logits": logits, "pred_boxes": boxes}
    found = PostProcess(num_select=QUERIES)(outputs, torch.tensor([[SIZE[1], SIZE[0]]]))[0]
    keep = found["scores"] >= CONFIDENCE
    parts = {"boxes_xyxy": found["boxes"][keep], "scores": found["scores"][keep], "class_ids": found["labels"][keep]}
    raw = {"dets": boxes.numpy(), "labels": logits.numpy()}
    save("rf-detr", raw, parts, {"name": "detr"}, SIZE, CONFIDENCE, f"rfdetr {importlib.metadata.version('rfdetr')}")


if __name__ == "__main__":
    main()
