"""CPU time of `detect_objects` on a 1280x720 frame, against the bare engine on a tensor that is ready.

Both run on one thread, turn about, in one process; what is printed are medians and their ratio. Needs the model zoo:
AAI_ZOO, or `../shared/zoo` beside the checkout.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402

from aai.core.model_config import ModelConfig, normalise  # noqa: E402
from aai.vision.image import read_image  # noqa: E402
from aai.vision.tasks import ObjectDetection  # noqa: E402

TARGET = 1.10
MODELS: dict[str, dict[str, Any]] = {
    "onnx/yolox-nano": {
        "model_parameters": {
            "framework_type": "onnx",
            "purpose": "ObjectDetection",
            "model_file": "yolox_nano.onnx",
            "size": [416, 416],
        },
        "aai": {
            "input": {"resize": "letterbox", "anchor": "top-left", "pad": 114},
            "decoder": {"name": "yolox", "strides": [8, 16, 32]},
        },
    },
    "darknet/yolo-fastest-1.1-coco": {
        "model_parameters": {
            "framework_type": "darknet",
            "purpose": "ObjectDetection",
            "model_file": "yolo-fastest-1.1.weights",
            "config_file": "yolo-fastest-1.1.cfg",
            "label_file": "coco.names",
            "size": [320, 320],
            "scalefactor": 1 / 255,
            "swaprb": True,
        },
    },
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="timed calls of each (default: 100)")
    rounds = parser.parse_args().rounds
    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo")
    cv2.setNumThreads(1)
    frame = cv2.resize(read_image(zoo / "images" / "dog.jpg"), (1280, 720))
    worst = 0.0
    for path, document in MODELS.items():
        config = ModelConfig(normalise({"id": f"bench/{Path(path).name}", **document})[0], zoo / path)
        detector = ObjectDetection(path, config).load(threads=1)
        whole, bare = measure(lambda d=detector: d.detect_objects(frame), bare_engine(config), rounds)
        worst = max(worst, whole / bare)
        objects = len(detector.detect_objects(frame))
        print(
            f"{path:32} {detector.engine:20} detect_objects {whole:6.2f} ms  bare engine {bare:6.2f} ms  "
            f"ratio {whole / bare:.3f}  (target {TARGET:.2f})  {objects} objects"
        )
    return int(worst > TARGET)


def bare_engine(config: ModelConfig) -> Callable[[], Any]:
    """A call that runs the network alone, written against the engine itself."""
    recipe = config.input_recipe()
    tensor = np.random.default_rng(0).random((1, 3, recipe.size[1], recipe.size[0]), np.float32)
    weights = str(config.file("model_file"))
    if config.framework == "onnx":
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda: session.run(None, {name: tensor})
    net = cv2.dnn.readNetFromDarknet(str(config.file("config_file")), weights)
    names = net.getUnconnectedOutLayersNames()

    def forward() -> Any:
        net.setInput(tensor)
        return net.forward(names)

    return forward


def measure(one: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median CPU milliseconds of both, called in turn."""
    for _ in range(5):
        one()
        other()
    pairs = [(_cpu_ms(one), _cpu_ms(other)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _cpu_ms(call: Callable[[], Any]) -> float:
    started = time.process_time_ns()
    call()
    return (time.process_time_ns() - started) / 1e6


if __name__ == "__main__":
    sys.exit(main())
