"""Oracle for DETR, RT-DETR and D-FINE: their networks with random weights, and the post-processing of Transformers.

python -m venv .venv-detr && .venv-detr/bin/pip install torch torchvision transformers
.venv-detr/bin/python scripts/oracles/transformers_detr.py
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from _fixture import save
from transformers import (
    DetrConfig,
    DetrForObjectDetection,
    DetrImageProcessor,
    DFineConfig,
    DFineForObjectDetection,
    ResNetConfig,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
)

SOURCE = f"transformers {transformers.__version__}"
SIZE = (96, 64)
CLASSES = 5
CONFIDENCE = 0.3
SMALL = {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1], "layer_type": "basic"}


def main() -> None:
    detr = DetrForObjectDetection(
        DetrConfig(
            use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
            backbone_config=ResNetConfig(**SMALL, out_features=["stage4"]),
            num_labels=CLASSES, num_queries=60, d_model=16, encoder_layers=1, decoder_layers=1,
            encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2,
        )
    )  # fmt: skip
    _make("detr", detr, DetrImageProcessor(), {"name": "detr", "softmax": True}, "DETR")
    shared: Any = {
        "num_labels": CLASSES, "num_queries": 60, "d_model": 32, "encoder_hidden_dim": 32, "decoder_layers": 2,
        "encoder_in_channels": [8, 8, 8], "decoder_in_channels": [32, 32, 32], "feat_strides": [8, 16, 32],
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
        "backbone_config": RTDetrResNetConfig(**SMALL, out_features=["stage2", "stage3", "stage4"]),
    }  # fmt: skip
    rtdetr = RTDetrForObjectDetection(RTDetrConfig(**shared, use_timm_backbone=False, backbone=None))
    _make("rt-detr", rtdetr, RTDetrImageProcessor(), {"name": "detr"}, "RT-DETR")
    _make("d-fine", DFineForObjectDetection(DFineConfig(**shared)), RTDetrImageProcessor(), {"name": "detr"}, "D-FINE")


def _make(name: str, model: Any, processor: Any, decoder: dict[str, Any], title: str) -> None:
    torch.manual_seed(3)
    model.eval()
    with torch.no_grad():
        found = model(pixel_values=torch.rand(1, 3, SIZE[1], SIZE[0]))
        # Random weights give every query nearly the same: the numbers are spread, as a trained network's are.
        found.logits = _spread(found.logits, 2.5)
        found.pred_boxes = torch.sigmoid(_spread(torch.logit(found.pred_boxes), 1.5))
    listed = processor.post_process_object_detection(
        found, threshold=CONFIDENCE, target_sizes=torch.tensor([[SIZE[1], SIZE[0]]])
    )[0]
    parts = {"boxes_xyxy": listed["boxes"], "scores": listed["scores"], "class_ids": listed["labels"]}
    source = f"{SOURCE}, {title}"
    outputs = {"logits": found.logits.numpy(), "pred_boxes": found.pred_boxes.numpy()}
    save(name, outputs, parts, decoder, SIZE, CONFIDENCE, source)
    if name == "d-fine":
        # Exports with `orig_target_sizes` end in this very post-processing.
        every = processor.post_process_object_detection(
            found, threshold=0.0, target_sizes=torch.tensor([[SIZE[1], SIZE[0]]])
        )[0]
        outputs = {part: every[part].numpy()[None] for part in ("labels", "boxes", "scores")}
        named = {"boxes": "boxes", "scores": "scores", "classes": "labels"}
        save("d-fine-listed", outputs, parts, {"name": "listed", **named, "unit": "pixels"}, SIZE, CONFIDENCE, source)


def _spread(values: torch.Tensor, deviation: float) -> torch.Tensor:
    noise = torch.randn_like(values)
    return (values - values.mean()) / values.std().clamp(min=1e-3) * 0.3 + noise * deviation - deviation / 2


if __name__ == "__main__":
    main()
