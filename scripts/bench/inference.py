"""CPU time of `detect_objects` on 720p and 1080p frames, against the bare engine on a tensor that is ready.

Both run on one thread in one process, turn about, many calls in a row, as a camera loop makes them; what is printed are
medians and their ratio. Needs the model zoo: AAI_ZOO, or `../shared/zoo` beside the checkout.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
from inference_models import LARGE_MODEL, MODELS  # noqa: E402
from large_graph import make as make_large_graph  # noqa: E402
from table import Row, show  # noqa: E402

from aai.core.model_config import ModelConfig  # noqa: E402
from aai.core.model_schema import normalise  # noqa: E402
from aai.vision.image import read_image  # noqa: E402
from aai.vision.preprocess import Preprocessor  # noqa: E402
from aai.vision.services import ObjectDetection  # noqa: E402

FRAMES = ((1280, 720), (1920, 1080))
TARGET = 1.10
LARGE_TARGET = 1.03
LARGE_ROUNDS = 60
"""Of about 100 ms each."""
IN_A_ROW = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=400, help="timed calls of each (default: 400)")
    rounds = parser.parse_args().rounds
    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo")
    if not (zoo / "MANIFEST.json").is_file():
        sys.exit(f"the model zoo is not at {zoo}: set AAI_ZOO")
    cv2.setNumThreads(1)
    picture = read_image(zoo / "images" / "dog.jpg")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_large_graph(Path(folder) / "large.onnx")
        large = ("large", LARGE_MODEL, Path(folder), LARGE_TARGET, min(rounds, LARGE_ROUNDS))
        small = [(Path(path).name, document, zoo / path, TARGET, rounds) for path, document in MODELS.items()]
        for name, document, where, target, count in (*small, large):
            config = ModelConfig(normalise({"id": f"bench/{name}", **document})[0], where)
            detector = ObjectDetection(name, config).load(threads=1)
            for size in FRAMES:
                rows.append(one_row(name, detector, cv2.resize(picture, size), target, count))
            detector.close()
    return show(rows)


def one_row(name: str, detector: ObjectDetection, frame: np.ndarray, target: float, rounds: int) -> Row:
    whole, bare = measure(lambda: detector.detect_objects(frame), bare_engine(detector.model_config, frame), rounds)
    what = f"detect_objects, {name}, {frame.shape[0]}p: CPU, to the bare engine"
    note = f"{whole:.2f} ms to {bare:.2f} ms, {len(detector.detect_objects(frame))} objects, {detector.engine}"
    return Row(what, whole / bare, "x", target, note)


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
