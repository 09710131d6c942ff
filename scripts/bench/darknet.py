"""CPU time of Darknet networks through the project's own conversion on onnxruntime, against OpenCV's reading of them.

Only the networks run, on a tensor that is ready, on one thread. Needs the model zoo: AAI_ZOO, or `../shared/zoo`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from inference import measure  # noqa: E402
from table import Row, show  # noqa: E402

from aai import backend_table  # noqa: E402
from aai.core.inspect.darknet_cfg import read_cfg  # noqa: E402
from aai.ports import LoadOptions, ModelFiles  # noqa: E402

ROUNDS = 400
TARGET = 1.0
NAMES = ("yolo-fastest-1.1-coco", "yoloface-500k-v2")


def main() -> int:
    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo")
    if not (zoo / "MANIFEST.json").is_file():
        sys.exit(f"the model zoo is not at {zoo}: set AAI_ZOO")
    cv2.setNumThreads(1)
    return show([one_row(zoo / "darknet" / name) for name in NAMES])


def one_row(folder: Path) -> Row:
    (cfg,), (weights,) = folder.glob("*.cfg"), folder.glob("*.weights")
    net = read_cfg(cfg)[0]
    shape = (1, 3, net.positive("height", 0), net.positive("width", 0))
    tensor = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    files, options = ModelFiles(weights, cfg), LoadOptions(threads=1)
    ours = backend_table.load("darknet", files, options, "ONNX_RT")
    theirs = backend_table.load("darknet", files, options, "DNN")
    name, other = ours.inputs[0].name, theirs.inputs[0].name
    converted, opencv = measure(lambda: ours.infer({name: tensor}), lambda: theirs.infer({other: tensor}), ROUNDS)
    note = f"{converted:.2f} ms to {opencv:.2f} ms, {ours.engine}, {theirs.engine}"
    return Row(f"{folder.name}, converted: CPU, to OpenCV", converted / opencv, "x", TARGET, note)


if __name__ == "__main__":
    sys.exit(main())
