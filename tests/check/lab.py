"""Material for the checks: the shipped digits detector, photos cut out of its scene, and what is on them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from aai.core.configure import configure
from aai.vision.image import read_image, write_image

ROOT = Path(__file__).resolve().parent.parent.parent
DIGITS = ROOT / "aai" / "demo" / "digits"
SCENE = ROOT / "aai" / "demo" / "scene.png"
TRUTH: list[dict[str, Any]] = json.loads((ROOT / "tests" / "data" / "digits-expected.json").read_text())["digits"]


def digits_folder(folder: Path, **given: Any) -> Path:
    """The digits detector, configured from its files; `given` is what a person says beside that."""
    shutil.copytree(DIGITS, folder)
    (folder / "alwaysai.model.json").unlink(missing_ok=True)
    configure(folder, {"id": "acme/digits", **given}).write()
    return folder


def windows(count: int) -> list[tuple[int, int, int, int]]:
    """`count` windows of the scene, x1, y1, x2, y2, each with whole digits in it; always the same ones."""
    random = np.random.default_rng(7)
    boxes = np.array([digit["box"] for digit in TRUTH], np.float64)
    found: list[tuple[int, int, int, int]] = []
    while len(found) < count:
        width, height = int(random.integers(330, 600)), int(random.integers(300, 460))
        left, top = int(random.integers(0, 641 - width)), int(random.integers(0, 481 - height))
        window = (left, top, left + width, top + height)
        inside = np.clip(boxes, [left, top, left, top], [window[2], window[3]] * 2)
        seen = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        if (seen > 0.99).sum() >= 2 and not ((seen > 0.15) & (seen < 0.99)).any():
            found.append(window)
    return found


def photos(folder: Path, count: int = 4) -> Path:
    """A folder with `count` cuttings of the scene."""
    scene = read_image(SCENE)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (left, top, right, bottom) in enumerate(windows(count)):
        write_image(folder / f"cut{number:02}.png", np.ascontiguousarray(scene[top:bottom, left:right]))
    return folder


def coco_labels(path: Path, count: int) -> Path:
    """What is on the photos of `photos`, as COCO's JSON; category ids are not the network's class ids."""
    images, annotations = [], []
    for number, (left, top, right, bottom) in enumerate(windows(count)):
        images.append({"id": number, "file_name": f"cut{number:02}.png", "width": right - left, "height": bottom - top})
        for digit in TRUTH:
            x1, y1, x2, y2 = digit["box"]
            if x1 >= left and y1 >= top and x2 <= right and y2 <= bottom:
                box = [x1 - left, y1 - top, x2 - x1, y2 - y1]
                entry = {"id": len(annotations), "image_id": number, "category_id": 90 - digit["index"], "bbox": box}
                annotations.append({**entry, "iscrowd": 0, "area": box[2] * box[3]})
    names = sorted({(digit["index"], digit["label"]) for digit in TRUTH})
    categories = [{"id": 90 - index, "name": label.upper()} for index, label in names]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path
