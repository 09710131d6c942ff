"""Makes tests/data/{poses,instances}/yolo*.npz: Ultralytics' pose and mask heads, and what it makes of their outputs.

Run it in an environment of its own:

    python -m venv .venv-oracle && .venv-oracle/bin/pip install torch torchvision ultralytics
    .venv-oracle/bin/python scripts/oracles/ultralytics_poses_and_masks.py

Each network is the package's own definition with random weights, its last layers scaled so that values spread as a
trained network's do. Decoding, suppression, masks and the way back to the picture are the package's own code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import ultralytics
from ultralytics.nn.tasks import PoseModel, SegmentationModel
from ultralytics.utils.nms import non_max_suppression
from ultralytics.utils.ops import process_mask_native, scale_boxes, scale_coords

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
NETWORK_SIZE = (96, 64)
IMAGE_SIZE = (150, 70)
CONFIDENCE = 0.5
OVERLAP = 0.45
CLASSES = 3


def main() -> None:
    for name in ("yolov8n-pose", "yolo26n-pose"):
        torch.manual_seed(7)
        pose(name, PoseModel(f"{name}.yaml", nc=1, data_kpt_shape=[17, 3], verbose=False))
    for name in ("yolov8n-seg", "yolo26n-seg"):
        torch.manual_seed(7)
        masks(name, SegmentationModel(f"{name}.yaml", nc=CLASSES, verbose=False))


def pose(name: str, model: Any) -> None:
    raw, _ = outputs(model)
    found = suppressed(raw, model, 1)
    points = found[:, 6:].reshape(-1, 17, 3)
    height, width = IMAGE_SIZE[::-1]
    on_image = scale_coords(NETWORK_SIZE[::-1], points.clone(), (height, width))
    save(
        DATA / "poses" / f"{name}.npz",
        raw=raw,
        boxes_xyxy=found[:, :4],
        scores=found[:, 4],
        points=points,
        image_points=on_image,
        end_to_end=model.model[-1].end2end,
    )


def masks(name: str, model: Any) -> None:
    raw, prototypes = outputs(model)
    # Those of random weights are all but constant; a trained network's vary smoothly over the picture.
    coarse = torch.randn(1, prototypes.shape[1], 4, 6)
    prototypes = torch.nn.functional.interpolate(coarse, prototypes.shape[2:], mode="bicubic").half().float()
    found = suppressed(raw, model, CLASSES)
    height, width = IMAGE_SIZE[::-1]
    boxes = scale_boxes(NETWORK_SIZE[::-1], found[:, :4].clone(), (height, width))
    drawn = process_mask_native(prototypes[0], found[:, 6:], boxes, (height, width))
    save(
        DATA / "instances" / f"{name}.npz",
        raw=raw,
        prototypes=prototypes,
        boxes_xyxy=found[:, :4],
        scores=found[:, 4],
        class_ids=found[:, 5],
        image_boxes_xyxy=boxes,
        masks=np.packbits(drawn.numpy(), axis=2),
        end_to_end=model.model[-1].end2end,
    )


def outputs(model: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The raw tensors, as an export has them: boxes, and the prototypes of the masks."""
    width, height = NETWORK_SIZE
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the statistics of the one batch below
    head = model.model[-1]
    for layer in last_layers(head):
        # Where a head gives the sides of boxes outright, they are lengths, and not below 0 on the whole.
        layer.centre = 2.0 if head.reg_max == 1 and layer.out_channels == 4 else -0.5
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.constant_(layer.bias, 0.0)
        layer.register_forward_hook(spread_once)
    model.train()
    with torch.no_grad():
        model(torch.rand(4, 3, height, width))
        model.eval()
        image = torch.rand(1, 3, height, width)
        model(image)
        head.export = True
        # A head for suppression in the graph, where the network has one: Ultralytics exports that.
        head.end2end = hasattr(head, "one2one_cv2")
        found = model(image)
    return found if isinstance(found, tuple) else (found, None)


def last_layers(head: Any) -> list[Any]:
    """The last convolution of each branch, for boxes, classes and weights or key points."""
    found = []
    for name, branches in head.named_children():
        if isinstance(branches, torch.nn.ModuleList) and "cv" in name:
            found += [[m for m in branch.modules() if isinstance(m, torch.nn.Conv2d)][-1] for branch in branches]
    return [layer for layer in found if layer.bias is not None]


def spread_once(layer: Any, inputs: Any, output: torch.Tensor) -> None:
    """Scales random weights so that each logit varies over the picture, as a trained network's do."""
    if not layer.training and not hasattr(layer, "spread"):
        scale = 1.5 / output.std(dim=(0, 2, 3)).clamp(min=1e-3)
        layer.weight.data *= scale[:, None, None, None]
        layer.bias.data = layer.centre - output.mean(dim=(0, 2, 3)) * scale
        layer.spread = True


def suppressed(raw: torch.Tensor, model: Any, classes: int) -> torch.Tensor:
    return non_max_suppression(raw.clone(), CONFIDENCE, OVERLAP, nc=classes, end2end=model.model[-1].end2end)[0]


def save(path: Path, **arrays: Any) -> None:
    scores = np.asarray(arrays["scores"])
    assert len(scores) > 3, f"{path.stem}: only {len(scores)} found"
    assert len(np.unique(scores)) == len(scores), f"{path.stem}: equal scores: which one stays would be chance"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        network_size=NETWORK_SIZE,
        image_size=IMAGE_SIZE,
        confidence=CONFIDENCE,
        overlap=OVERLAP,
        source=f"ultralytics {ultralytics.__version__}, {path.stem}.yaml",
        **{name: np.asarray(value) for name, value in arrays.items()},
    )
    print(f"{path.name}: {tuple(arrays['raw'].shape)}, {len(scores)} found, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
