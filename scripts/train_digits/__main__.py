"""Trains the digit detector that the package ships, exports it, measures the exports and writes its card.

    python -m pip install torch scikit-learn "opencv-python-headless<5" onnx onnxruntime pycocotools
    python scripts/train_digits

Took 17 minutes on two processor cores that had other work too. Writes, in the repository:

    aai/demo/digits/digits.onnx, README.md      the model, and its card with the numbers measured here
    aai/demo/scene.png                          a scene of digits that were not trained on
    tests/data/digits-darknet/                  the same weights as Darknet cfg, weights and names
    tests/data/digits-expected.json             what is on scene.png, and where

The same machine and the same versions give the same bytes; other ones round differently, and training carries that on.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import cv2
import numpy as np
import sklearn
import torch
from evaluate import DarknetDetector, OnnxDetector, mean_average_precision
from network import SIDE, Network
from scenes import NAMES, SEED, SPLITS, Digits, Scene, letterbox
from to_darknet import write_darknet
from to_onnx import write_onnx
from training import BATCH, train

REPOSITORY = Path(__file__).resolve().parents[2]
DESCRIPTION = "Detector of handwritten digits, the demonstration model of aai"
TEST_SCENES = 500
SHOWN_SIZE = (640, 480)
SHOWN_SCENE = 25
"""Chosen from a hundred, for its looks and because both files find all of its digits; the card tells the average."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6000, help=f"batches of {BATCH} scenes to train on")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw scenes, beside the one that trains")
    parser.add_argument("--out", type=Path, default=REPOSITORY, help="where the files go instead of the repository")
    parser.add_argument("--state", type=Path, help="file of the trained weights: used if it is there, else written")
    options = parser.parse_args()
    network = _network(options.steps, options.workers, options.state)
    write_all(network, options.out, options.steps)


def write_all(network: Network, root: Path, steps: int) -> None:
    """Writes every file that comes from the trained network, and prints what was measured."""
    demo, darknet = root / "aai/demo", root / "tests/data/digits-darknet"
    model = demo / "digits/digits.onnx"
    model.parent.mkdir(parents=True, exist_ok=True)
    write_onnx(network, model, DESCRIPTION)
    write_darknet(network, darknet)
    scene = shown_scene()
    cv2.imwrite(str(demo / "scene.png"), scene.image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    _write_expected(scene, root / "tests/data/digits-expected.json")
    numbers = _measure(model, darknet)
    card = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    filled = card.format(
        **numbers,
        steps=steps,
        trained_on=steps * BATCH,
        parameters=sum(value.numel() for value in network.parameters()),
        size_kb=round(model.stat().st_size / 1000),
        versions=f"Python {platform.python_version()}, torch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, OpenCV {cv2.__version__}",
    )
    (model.parent / "README.md").write_text(filled, encoding="utf-8", newline="\n")
    print(json.dumps(numbers, indent=2))


def shown_scene() -> Scene:
    """The picture of the demonstration: eight different digits of the test forms, on paper without noise."""
    digits = Digits("test")
    rng = np.random.default_rng((SEED, SHOWN_SCENE))
    labels = digits.labels[digits.indices]
    sources = [rng.choice(digits.indices[labels == digit]) for digit in rng.permutation(10)[:8]]
    return digits.compose(rng, SHOWN_SIZE, np.array(sources), noise=0.0)


def _network(steps: int, workers: int, state: Path | None) -> Network:
    if state is None or not state.exists():
        network = train(steps, workers)
        if state is not None:
            torch.save(network.state_dict(), state)
        return network
    network = Network()
    network.load_state_dict(torch.load(state, weights_only=True))
    return network.eval()


def _write_expected(scene: Scene, path: Path) -> None:
    height, width = scene.image.shape[:2]
    digits = [
        {"label": NAMES[digit], "index": int(digit), "box": box.astype(int).tolist(), "source": source}
        for digit, box, source in zip(scene.class_ids, scene.boxes_xyxy, scene.sources)
    ]
    document = {"image": "scene.png", "width": width, "height": height, "digits": digits}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8", newline="\n")


def _measure(model: Path, darknet: Path) -> dict[str, float]:
    """Precision of both files on held-out scenes, and how far their raw outputs lie apart."""
    onnx, opencv = OnnxDetector(model), DarknetDetector(darknet)
    digits = Digits("test")
    scenes = [digits.scene(number) for number in range(TEST_SCENES)]
    apart = [_difference(onnx, opencv, scene) for scene in scenes[:50]]
    of_onnx, of_darknet = mean_average_precision(onnx, scenes), mean_average_precision(opencv, scenes)
    return {
        "scenes": TEST_SCENES,
        "digits": sum(len(scene.class_ids) for scene in scenes),
        "train_pictures": len(SPLITS["train"]),
        "test_pictures": len(SPLITS["test"]),
        "onnx_map50": round(of_onnx["mAP@50"], 3),
        "onnx_map": round(of_onnx["mAP@50-95"], 3),
        "darknet_map50": round(of_darknet["mAP@50"], 3),
        "darknet_map": round(of_darknet["mAP@50-95"], 3),
        "apart_pixels": float(f"{max(pixels for pixels, _ in apart):.1e}"),
        "apart_scores": float(f"{max(scores for _, scores in apart):.1e}"),
    }


def _difference(onnx: OnnxDetector, opencv: DarknetDetector, scene: Scene) -> tuple[float, float]:
    """Largest difference of box coordinates in input pixels, and of scores that OpenCV does not set to zero."""
    square = letterbox(scene.image, SIDE)[0]
    rows, rows_cv = onnx.rows(square), opencv.rows(square)
    scores, scores_cv = rows[:, 5:] * rows[:, 4:5], rows_cv[:, 5:]
    seen = scores_cv > 0
    return (
        float(np.abs(rows[:, :4] - rows_cv[:, :4]).max()),
        float(np.abs(scores - scores_cv)[seen].max(initial=0.0)),
    )


if __name__ == "__main__":
    main()
