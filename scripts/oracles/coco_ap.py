"""Makes tests/data/metrics/coco-ap.json: random boxes, and what COCO's own evaluation says of them.

Needs pycocotools, in an environment of its own:

    python -m venv /tmp/coco && /tmp/coco/bin/pip install pycocotools numpy
    /tmp/coco/bin/python scripts/oracles/coco_ap.py
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

OUT = Path(__file__).resolve().parent.parent.parent / "tests" / "data" / "metrics" / "coco-ap.json"
IMAGES, CLASSES, SEED = 30, 4, 20260


def main() -> None:
    cases = [
        case("plain", crowds=0.0, ties=False),
        case("crowds", crowds=0.25, ties=False),
        case("equal scores", crowds=0.0, ties=True),
        case("many boxes", crowds=0.1, ties=False, boxes=250, images=3),
    ]
    document = {"cases": cases}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")
    print(OUT, OUT.stat().st_size, [c["expected"] for c in cases])


def case(name: str, crowds: float, ties: bool, boxes: int = 8, images: int = IMAGES) -> dict[str, Any]:
    random = np.random.default_rng(SEED + len(name))
    truths, found = [], []
    for image in range(images):
        for _ in range(int(random.integers(0, 7))):
            box = a_box(random)
            class_id = int(random.integers(0, CLASSES - 1))  # the last class has no truth
            truths.append([image, class_id, *box, int(random.random() < crowds)])
            for _ in range(int(random.integers(0, 4))):
                moved = [round(side + float(random.normal(0, 6)), 1) for side in box]
                moved[2], moved[3] = max(moved[2], 2.0), max(moved[3], 2.0)
                other = int(random.integers(0, CLASSES)) if random.random() < 0.15 else class_id
                found.append([image, other, *moved, a_score(random, ties)])
        for _ in range(int(random.integers(0, boxes))):
            found.append([image, int(random.integers(0, CLASSES)), *a_box(random), a_score(random, ties)])
    expected = judged(truths, found, images)
    return {"name": name, "images": images, "truths": truths, "found": found, "expected": expected}


def a_box(random: np.random.Generator) -> list[float]:
    x, y = random.uniform(0, 300, 2)
    width, height = random.uniform(10, 180, 2)
    return [round(float(value), 1) for value in (x, y, width, height)]


def a_score(random: np.random.Generator, ties: bool) -> float:
    return round(float(random.random()), 1 if ties else 6)


def judged(truths: list[list[Any]], found: list[list[Any]], images: int) -> dict[str, Any]:
    dataset = {
        "info": {},
        "images": [{"id": i + 1, "width": 480, "height": 480} for i in range(images)],
        "categories": [{"id": c + 1, "name": str(c)} for c in range(CLASSES)],
        "annotations": [
            {
                "id": number + 1,
                "image_id": image + 1,
                "category_id": class_id + 1,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": crowd,
            }
            for number, (image, class_id, *box, crowd) in enumerate(truths)
        ],
    }
    results = [
        {"image_id": image + 1, "category_id": class_id + 1, "bbox": box, "score": score}
        for image, class_id, *box, score in found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dataset
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    precision = judge.eval["precision"][:, :, :, 0, 2]  # thresholds, recalls, classes; all sizes, 100 boxes
    by_class = {str(c): float(precision[:, :, c].mean()) for c in range(CLASSES) if precision[0, 0, c] >= 0}
    return {
        "ap": float(judge.stats[0]),
        "ap50": float(judge.stats[1]),
        "ap75": float(judge.stats[2]),
        "recall": float(judge.stats[8]),
        "by_class": by_class,
    }


if __name__ == "__main__":
    main()
