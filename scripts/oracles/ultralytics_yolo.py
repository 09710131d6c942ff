"""Makes tests/data/layouts/{yolov8,yolo11,yolov5}.npz: raw outputs, and the boxes that the own packages make of them.

The tests hold our decoders against these files. Run it in an environment of its own, which nothing else here needs:

    python -m venv .venv-layouts && .venv-layouts/bin/pip install torch torchvision ultralytics yolov5 "setuptools<81"
    .venv-layouts/bin/python scripts/oracles/ultralytics_yolo.py

Each network is the package's own definition with random weights, its last layers scaled so that scores spread over
0..1; decoding, suppression and the way back to the picture are the package's own code. Only numbers are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "layouts"
CLASSES = 3
NETWORK_SIZE = (96, 64)
IMAGE_SIZE = (150, 70)
CONFIDENCE = 0.5
OVERLAP = 0.45


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    width, height = NETWORK_SIZE
    for name, make in (("yolov8", _ultralytics), ("yolo11", _ultralytics), ("yolov5", _yolov5)):
        torch.manual_seed(7)
        model, last_layers, source, suppress, scale_boxes = make(name)
        raw = _raw_output(model, last_layers)
        assert len(raw.unique()) > 0.9 * raw.numel(), "equal scores: which of two boxes stays would be chance"
        found = suppress(raw.clone(), CONFIDENCE, OVERLAP)[0]
        on_image = scale_boxes((height, width), found[:, :4].clone(), IMAGE_SIZE[::-1])
        np.savez_compressed(
            DATA / f"{name}.npz",
            raw=raw.numpy(),
            boxes_xyxy=found[:, :4].numpy(),
            scores=found[:, 4].numpy(),
            class_ids=found[:, 5].numpy().astype(np.int64),
            image_boxes_xyxy=on_image.numpy(),
            network_size=NETWORK_SIZE,
            image_size=IMAGE_SIZE,
            confidence=CONFIDENCE,
            overlap=OVERLAP,
            source=source,
        )
        print(f"{name}: {tuple(raw.shape)}, {len(found)} boxes, classes {sorted(set(found[:, 5].tolist()))}, {source}")


def _ultralytics(name: str) -> tuple[Any, list[Any], str, Callable[..., Any], Callable[..., Any]]:
    import ultralytics
    from ultralytics.nn.tasks import DetectionModel
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import scale_boxes

    model = DetectionModel(f"{name}n.yaml", nc=CLASSES, verbose=False)
    head = model.model[-1]
    last_layers = [branch[-1] for branch in (*head.cv2, *head.cv3)]
    return model, last_layers, f"ultralytics {ultralytics.__version__}, {name}n.yaml", non_max_suppression, scale_boxes


def _yolov5(name: str) -> tuple[Any, list[Any], str, Callable[..., Any], Callable[..., Any]]:
    import yolov5
    from yolov5.models.yolo import DetectionModel
    from yolov5.utils.general import non_max_suppression, scale_boxes

    model = DetectionModel(str(Path(yolov5.__file__).parent / "models" / f"{name}n.yaml"), nc=CLASSES)
    return (
        model,
        list(model.model[-1].m),
        f"yolov5 {yolov5.__version__}, {name}n.yaml",
        non_max_suppression,
        scale_boxes,
    )


def _raw_output(model: Any, last_layers: list[Any]) -> torch.Tensor:
    """The layout's raw tensor, as an export has it."""
    width, height = NETWORK_SIZE
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the statistics of the one batch below
    for layer in last_layers:
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.constant_(layer.bias, 0.0)
        layer.register_forward_hook(_spread_once)
    model.train()
    with torch.no_grad():
        model(torch.rand(4, 3, height, width))
        model.eval()
        image = torch.rand(1, 3, height, width)
        model(image)
        return model(image)[0]


def _spread_once(layer: Any, inputs: Any, output: torch.Tensor) -> None:
    """Scales random weights so that each logit varies over the picture, as a trained network's do."""
    if not layer.training and not hasattr(layer, "spread"):
        scale = 1.5 / output.std(dim=(0, 2, 3))
        layer.weight.data *= scale[:, None, None, None]
        layer.bias.data = -0.5 - output.mean(dim=(0, 2, 3)) * scale
        layer.spread = True


if __name__ == "__main__":
    main()
