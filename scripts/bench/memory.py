"""Memory of one loaded model that has run, against a process that loads and runs it with the bare engine.

Each is the resident memory of a fresh process on Linux, after one picture, the median of some. Needs the model zoo:
AAI_ZOO, or `../shared/zoo` beside the checkout.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET_MB = 30.0
ROUNDS = 5
MODELS = ("onnx/yolox-nano", "darknet/yolo-fastest-1.1-coco")
RESIDENT = "\nprint([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')][0])\n"
BARE = {
    "onnx/yolox-nano": """
import sys, cv2, numpy as np, onnxruntime as ort
options = ort.SessionOptions(); options.intra_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1] + "/yolox_nano.onnx", options, providers=["CPUExecutionProvider"])
frame = cv2.imread(sys.argv[2])
session.run(None, {session.get_inputs()[0].name: cv2.dnn.blobFromImage(frame, 1.0, (416, 416))})
""",
    "darknet/yolo-fastest-1.1-coco": """
import sys, cv2
cv2.setNumThreads(1)
net = cv2.dnn.readNetFromDarknet(sys.argv[1] + "/yolo-fastest-1.1.cfg", sys.argv[1] + "/yolo-fastest-1.1.weights")
net.setInput(cv2.dnn.blobFromImage(cv2.imread(sys.argv[2]), 1 / 255, (320, 320), swapRB=True))
net.forward(net.getUnconnectedOutLayersNames())
""",
}
OURS = """
import sys
sys.path[:0] = [sys.argv[3], sys.argv[3] + "/backends", sys.argv[3] + "/scripts/bench"]
from pathlib import Path
from aai import ObjectDetection, read_image
from aai.core.model_config import ModelConfig
from aai.core.model_schema import normalise
from inference_models import MODELS
config = ModelConfig(normalise({"id": "bench/net", **MODELS[sys.argv[4]]})[0], Path(sys.argv[1]))
detector = ObjectDetection("bench/net", config).load(threads=1)
detector.detect_objects(read_image(sys.argv[2]))
"""


def main() -> int:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from table import Row, show

    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo")
    if not (zoo / "MANIFEST.json").is_file():
        sys.exit(f"the model zoo is not at {zoo}: set AAI_ZOO")
    rows = []
    for model in MODELS:
        words = [str(zoo / model), str(zoo / "images" / "dog.jpg"), str(ROOT), model]
        bare, ours = (
            statistics.median(resident_mb(code, words) for _ in range(ROUNDS)) for code in (BARE[model], OURS)
        )
        note = f"{ours:.0f} MB to {bare:.0f} MB"
        rows.append(Row(f"memory, {Path(model).name} loaded: over the bare engine", ours - bare, "MB", TARGET_MB, note))
    return show(rows)


def resident_mb(code: str, words: list[str]) -> float:
    """Resident memory, in MB of a million bytes, of a fresh process at the end of `code`."""
    answer = subprocess.run(
        [sys.executable, "-c", code + RESIDENT, *words], capture_output=True, text=True, check=True
    ).stdout
    return int(answer.split()[-1]) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
