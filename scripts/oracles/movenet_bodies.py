"""Makes tests/data/poses/movenet.npz: outputs in MoveNet's form, and what TensorFlow's own example makes of them.

    git clone --depth 1 https://github.com/tensorflow/examples
    python -m venv .venv-oracle && .venv-oracle/bin/pip install numpy
    .venv-oracle/bin/python scripts/oracles/movenet_bodies.py examples/lite/examples/pose_estimation/raspberry_pi

The outputs are random numbers; places, names and scores are made by the example's `data.py` and
`ml/movenet_multipose.py`, of which neither the interpreter nor the tracker is used.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "poses"
SIZE = (320, 256)
CONFIDENCE = 0.3


def main() -> None:
    example = Path(sys.argv[1])
    sys.path[:0] = [str(example), str(example / "ml")]
    for name in ("cv2", "tracker", "utils", "ai_edge_litert", "ai_edge_litert.interpreter"):
        sys.modules[name] = ModuleType(name)
        for used in ("BoundingBoxTracker", "KeypointTracker", "TrackerConfig", "Interpreter"):
            setattr(sys.modules[name], used, None)
    random = np.random.default_rng(3)
    many = random.uniform(0, 1, (1, 6, 56)).astype(np.float32)
    one = random.uniform(0, 1, (1, 1, 17, 3)).astype(np.float32)
    one[..., 2] **= 3  # some below the least score that counts
    multi: Any = importlib.import_module("movenet_multipose").MoveNetMultiPose
    network = multi.__new__(multi)
    network._tracker = None
    width, height = SIZE
    bodies = network._postprocess(many, height, width, CONFIDENCE)
    single = importlib.import_module("data").person_from_keypoints_with_scores(one[0, 0], height, width)
    np.savez_compressed(
        DATA / "movenet.npz",
        one=one,
        many=many,
        network_size=SIZE,
        confidence=CONFIDENCE,
        names=[point.body_part.name for point in single.keypoints],
        one_points=points(single),
        one_score=single.score,
        many_points=[points(body) for body in bodies],
        many_scores=[body.score for body in bodies],
        many_boxes=[[*body.bounding_box.start_point, *body.bounding_box.end_point] for body in bodies],
        source="tensorflow/examples, lite/examples/pose_estimation/raspberry_pi",
    )
    print(f"movenet.npz: {len(bodies)} of 6 bodies, the single one with {single.score:.3f}")


def points(person: Any) -> list[list[float]]:
    return [[*point.coordinate, float(point.score)] for point in person.keypoints]


if __name__ == "__main__":
    main()
