"""Every model of the zoo, from its bare files to its published and installed results, against what is known of them.

The commands are those that a person gives, in processes of their own. Shared by the test and by `scripts/zoo_table.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import cv2
import numpy as np

from aai.vision.boxes import iou

FLAGS: dict[str, list[str]] = {
    "hailo/hand-landmark-lite": ["--purpose", "PoseEstimation"],
    "myriad/landmarks-regression-retail-0009": ["--purpose", "PoseEstimation"],
    "tensor-rt/lenet5-engine": ["--purpose", "Classification", "--device", "nano"],
}
"""What the files truly can't tell; every other model is configured with `--id` alone."""


@dataclass(frozen=True)
class Told:
    """How one model fared.

    Args:
        path: in the zoo, "onnx/yolox-nano".
        purpose: what it is for.
        engine: what ran it; "" where nothing could.
        figures: what was found beside what is expected, in words.
        ok: whether all of it is within the zoo's tolerance.
    """

    path: str
    purpose: str
    engine: str
    figures: str
    ok: bool


def entries(zoo: Path) -> list[dict[str, Any]]:
    """The models of the zoo."""
    found: list[dict[str, Any]] = json.loads((zoo / "MANIFEST.json").read_text(encoding="utf-8"))
    return found


def tell(zoo: Path, entry: dict[str, Any], folder: Path) -> Told:
    """Configures, publishes, adds, installs and runs one model in `folder`, an empty one.

    Raises:
        AssertionError: a command failed; its output is in the message.
    """
    path, name = entry["path"], f"zoo/{entry['name']}"
    model, app = folder / "model", folder / "app"
    model.mkdir()
    for file in entry["files"]:
        shutil.copyfile(str(zoo / path / file), str(model / file))
    registry = f"dir:{folder / 'registry'}"
    home = {"AAI_REGISTRY": registry, "AAI_HOME": str(folder / "home")}
    _aai(model, home, "model", "configure", "--id", name, "--no-input", *FLAGS.get(path, []))
    _aai(model, home, "model", "validate")
    _aai(model, home, "model", "publish")
    app.mkdir()
    _aai(app, home, "app", "configure", "--yes")
    _aai(app, home, "app", "models", "add", name)
    _aai(app, home, "app", "install")
    expected = entry["expected"]
    if isinstance(expected, list):
        installed = app / "models" / name / "alwaysai.model.json"
        # Of models that need their hardware the zoo knows the header alone.
        return Told(path, entry["purpose"], "", "not run: it needs its hardware", installed.is_file())
    image, shift = _image(zoo, entry, expected, folder)
    answer = json.loads(_aai(app, home, "model", "predict", name, str(image), *_thresholds(entry), "--json"))
    (result,) = answer["results"]
    if answer["engine"].split()[0] != expected["engine"].split()[0] and expected["kind"] == "pose":
        # A quantised network's scores differ from one runtime to the next by more than the zoo allows; places do not.
        expected = {**expected, "tolerance": {**expected["tolerance"], "score_abs": 1.0}}
    figures, ok = _COMPARISONS[expected["kind"]](expected, result, shift)
    return Told(path, entry["purpose"], answer["engine"], figures, ok)


def _thresholds(entry: dict[str, Any]) -> list[str]:
    """The overlap that the zoo names, and a confidence below that of what it lists."""
    found = re.search(r"NMS (?:IoU )?(0?\.\d+)", entry["output"])
    confidence = "0.6" if "score .6" in entry["output"] else "0.05" if entry["purpose"] == "Classification" else "0.25"
    return ["--confidence", confidence, "--overlap", found.group(1) if found else "0.45"]


def _aai(folder: Path, variables: dict[str, str], *words: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", "aai", *words],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, f"aai {' '.join(words)}: {answer.stdout}{answer.stderr}"
    return answer.stdout


def _image(zoo: Path, entry: dict[str, Any], expected: dict[str, Any], folder: Path) -> tuple[Path, tuple[int, int]]:
    """The photo, cut to the person where the model takes one person, and where the cut starts."""
    photo = zoo / expected["image"]
    crop = entry["input"].get("crop_xyxy")
    if not crop:
        return photo, (0, 0)
    left, top, right, bottom = crop
    cut = folder / "cut.png"
    cv2.imwrite(str(cut), cv2.imread(str(photo))[top:bottom, left:right])
    return cut, (left, top)


def _detections(expected: dict[str, Any], result: dict[str, Any], shift: tuple[int, int]) -> tuple[str, bool]:
    tolerance, found = expected["tolerance"], result["predictions"]
    worst_iou, worst_score, missed = 1.0, 0.0, 0
    for one in expected["results"]:
        same = [p for p in found if p["index"] == one["class_id"]]
        overlaps = iou(np.array([one["box"]]), np.array([p["box"] for p in same]).reshape(-1, 4))[0]
        if not same or overlaps.max() < 0.5:
            missed += 1
            continue
        nearest = int(overlaps.argmax())
        worst_iou = min(worst_iou, float(overlaps[nearest]))
        worst_score = max(worst_score, abs(same[nearest]["confidence"] - one["score"]))
    count = len(expected["results"])
    ok = missed == 0 and worst_iou >= tolerance["box_iou_min"] and worst_score <= tolerance["score_abs"]
    return f"{count - missed} of {count} objects, IoU at least {worst_iou:.2f}, scores within {worst_score:.3f}", ok


def _classification(expected: dict[str, Any], result: dict[str, Any], shift: tuple[int, int]) -> tuple[str, bool]:
    best, wanted = (
        (result["predictions"] or [{"index": None, "confidence": 0, "label": "-"}])[0],
        expected["results"][0],
    )
    apart = abs(best["confidence"] - wanted["score"])
    text = f"{best['label']} {best['confidence']:.3f}, expected {wanted['label']} {wanted['score']:.3f}"
    return text, best["index"] == wanted["class_id"] and apart <= expected["tolerance"]["score_abs"]


def _segmentation(expected: dict[str, Any], result: dict[str, Any], shift: tuple[int, int]) -> tuple[str, bool]:
    shares = {p["index"]: p["fraction"] for p in result["predictions"]}
    apart = max(abs(shares.get(one["class_id"], 0.0) - one["fraction"]) for one in expected["results"])
    largest = expected["results"][0]
    text = f"shares of the image within {apart:.3f} ({largest['label']} {shares.get(largest['class_id'], 0):.3f})"
    return text, apart <= expected["tolerance"]["fraction_abs"]


def _pose(expected: dict[str, Any], result: dict[str, Any], shift: tuple[int, int]) -> tuple[str, bool]:
    tolerance = expected["tolerance"]
    (pose,) = result["predictions"][:1] or [{"key_points": {}}]
    points = {name.lower().replace(" ", "_"): point for name, point in pose["key_points"].items() if point}
    far, apart = 0.0, 0.0
    for one in expected["results"]:
        point = points.get(one["part"], {"x": -1e4, "y": -1e4, "score": 0.0})
        far = max(far, abs(point["x"] + shift[0] - one["x"]), abs(point["y"] + shift[1] - one["y"]))
        apart = max(apart, abs(point["score"] - one["score"]))
    ok = far <= tolerance["xy_px"] and apart <= tolerance["score_abs"]
    return f"{len(expected['results'])} key points within {far:.0f} pixels, scores within {apart:.3f}", ok


_COMPARISONS = {
    "detections": _detections,
    "classification": _classification,
    "segmentation": _segmentation,
    "pose": _pose,
}


def table(told: Sequence[Told]) -> str:
    """The outcomes as a Markdown table."""
    rows = [
        f"| {one.path} | {one.purpose} | {' '.join(['`--id`', *FLAGS.get(one.path, [])])} | {one.engine or '-'} | "
        f"{one.figures} | {'yes' if one.ok else 'no'} |"
        for one in told
    ]
    head = "| model | purpose | flags of `configure` | engine | found | within tolerance |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *rows])
