"""CPU time of the parts around a network, against `cv2.dnn.blobFromImage` of the same frame, on one thread.

Pre-processing is 1080p to a letterboxed 640x640 of float32; the other part is decoding and suppression of a YOLOv8
output, 84 x 8,400 with 396 candidates, with OpenCV's suppression and with the one for an OpenCV that lacks it.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any, Callable
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from table import Row, show  # noqa: E402

from aai.core.model_config import InputRecipe  # noqa: E402
from aai.vision import boxes  # noqa: E402
from aai.vision.decode import yolov8  # noqa: E402
from aai.vision.decode.candidates import Request  # noqa: E402
from aai.vision.preprocess import Preprocessor  # noqa: E402

SIZE = (640, 640)
CANDIDATES = 396
ROUNDS, IN_A_ROW = 40, 10
PREPROCESS_TARGET, DECODE_TARGET = 0.7, 0.25


def main() -> int:
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    frame = cv2.resize(random.integers(0, 256, (68, 120, 3), dtype=np.uint8), (1920, 1080))
    preprocess = Preprocessor(InputRecipe(SIZE, scalefactor=1 / 255, swaprb=True, resize="letterbox"))
    output = raw_output(random)
    calls: dict[str, Callable[[], Any]] = {
        "blob": lambda: cv2.dnn.blobFromImage(frame, 1 / 255, SIZE, swapRB=True),
        "ours": lambda: preprocess(frame),
        "decode": lambda: decode(output),
        "greedy": lambda: decode_without_batched_nms(output),
    }
    kept = decode(output)
    assert sorted(kept) == sorted(decode_without_batched_nms(output)), "the two suppressions differ"
    times = in_turns(calls)
    blob = times["blob"]
    rows = [
        row("pre-processing, 1080p to 640 letterbox", times["ours"], blob, PREPROCESS_TARGET),
        row(f"decode and NMS, {CANDIDATES} of 8,400, {len(kept)} stay", times["decode"], blob, DECODE_TARGET),
        row("the same without NMSBoxesBatched (OpenCV 4.5)", times["greedy"], blob, DECODE_TARGET),
    ]
    return show(rows)


def raw_output(random: np.random.Generator) -> np.ndarray:
    """(1, 84, 8400) float32: as many anchors over 0.3 as `CANDIDATES`, in clusters around 40 objects."""
    output = random.uniform(0, 0.05, (1, 84, 8400)).astype(np.float32)
    output[0, :4] = random.uniform(20, 600, (4, 8400))
    chosen = random.choice(8400, CANDIDATES, replace=False)
    objects = random.uniform((40, 40, 30, 30), (600, 600, 200, 200), (40, 4))
    owner = random.integers(0, len(objects), CANDIDATES)
    output[0, :4, chosen] = objects[owner] + random.normal(0, 3, (CANDIDATES, 4))
    output[0, 4 + owner, chosen] = random.uniform(0.31, 0.95, CANDIDATES)
    return output


def decode(output: np.ndarray) -> list[int]:
    found = yolov8.decode({"output0": output}, Request(SIZE, 0.3, {}))
    assert len(found.scores) == CANDIDATES
    return boxes.nms(found.boxes_xyxy, found.scores, found.class_ids, 0.45).tolist()


def decode_without_batched_nms(output: np.ndarray) -> list[int]:
    with mock.patch.object(boxes, "_batched_nms", None):
        return decode(output)


def in_turns(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median CPU milliseconds of each call."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            call()
            for _ in range(IN_A_ROW):
                started = time.process_time_ns()
                call()
                times[name].append((time.process_time_ns() - started) / 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def row(what: str, ours: float, blob: float, target: float) -> Row:
    return Row(f"{what}: CPU, to blobFromImage", ours / blob, "x", target, f"{ours:.2f} ms to {blob:.2f} ms")


if __name__ == "__main__":
    sys.exit(main())
