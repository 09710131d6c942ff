"""CPU time of `detect_objects` on a 1280x720 frame, against the bare engine on a tensor that is ready.

Both run on one thread in one process, turn about, many calls in a row, as a camera loop makes them; what is printed are
medians and their ratio. Needs the model zoo: AAI_ZOO, or `../shared/zoo` beside the checkout.
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
from table import Row, show  # noqa: E402

from aai.core.model_config import ModelConfig  # noqa: E402
from aai.core.model_schema import normalise  # noqa: E402
from aai.vision.image import read_image  # noqa: E402
from aai.vision.preprocess import Preprocessor  # noqa: E402
from aai.vision.services import ObjectDetection  # noqa: E402

TARGET = 1.10
IN_A_ROW = 10
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
    parser.add_argument("--rounds", type=int, default=400, help="timed calls of each (default: 400)")
    rounds = parser.parse_args().rounds
    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo")
    if not (zoo / "MANIFEST.json").is_file():
        sys.exit(f"the model zoo is not at {zoo}: set AAI_ZOO")
    cv2.setNumThreads(1)
    frame = cv2.resize(read_image(zoo / "images" / "dog.jpg"), (1280, 720))
    rows = []
    for path, document in MODELS.items():
        config = ModelConfig(normalise({"id": f"bench/{Path(path).name}", **document})[0], zoo / path)
        detector = ObjectDetection(path, config).load(threads=1)
        whole, bare = measure(lambda d=detector: d.detect_objects(frame), bare_engine(config, frame), rounds)
        what = f"detect_objects, {Path(path).name}: CPU, to the bare engine"
        note = f"{whole:.2f} ms to {bare:.2f} ms, {len(detector.detect_objects(frame))} objects, {detector.engine}"
        rows.append(Row(what, whole / bare, "x", TARGET, note))
    return show(rows)


def bare_engine(config: ModelConfig, frame: np.ndarray) -> Callable[[], Any]:
    """A call that runs the network alone, on the tensor of `frame`, written against the engine itself."""
    tensor = Preprocessor(config.input_recipe())(frame)[0].copy()
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
    """Median CPU milliseconds of both, in turn, some calls of the one and then of the other, as a camera loop runs."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds // IN_A_ROW):
        for call, kept in zip((one, other), times):
            call()
            kept.extend(_cpu_ms(call) for _ in range(IN_A_ROW))
    return statistics.median(times[0]), statistics.median(times[1])


def _cpu_ms(call: Callable[[], Any]) -> float:
    started = time.process_time_ns()
    call()
    return (time.process_time_ns() - started) / 1e6


if __name__ == "__main__":
    sys.exit(main())
