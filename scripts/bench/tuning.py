"""How often the pre-processing of a real model comes out right: from its files, by photos, by labelled photos.

Right is what the zoo's manifest says the model gives for one photo, within the tolerance that stands there. That photo
is not among those that are tuned on. The rule of `aai.check.verdict` was fixed before the first run; what it was drawn
from, and the models of the zoo among that, stands in docs/how-to/prove-the-pre-processing.md.

- files: `configure` with no flag but --id, and the flags of FLAGS, which no file can tell.
- photos: `check --tune` after that, with its usual time limit, on all other photos of the zoo, unsorted: most show
  nothing of what a model for faces looks for. Networks for digits get the other digits.
- from nothing: the same, started from the reference's defaults (0 to 255, BGR), which is wrong for most.
- labelled: `check --tune` with a labelled set; the half that was not chosen on, against the manifest's pre-processing.

Needs the model zoo: AAI_ZOO, or `../shared/zoo` beside the checkout. Photos and tuned settings are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

import numpy as np  # noqa: E402
from table import Row, show  # noqa: E402

from aai.check.accuracy import LabelledPhotos, labelled_photos, measure  # noqa: E402
from aai.check.datasets import read_labels  # noqa: E402
from aai.check.evidence import Evidence, apply, by_answers, by_labels, prior_for  # noqa: E402
from aai.check.photos import photos_of  # noqa: E402
from aai.check.recipes import name_of, set_recipe  # noqa: E402
from aai.check.report import TIME_LIMIT_S  # noqa: E402
from aai.check.runner import Runner  # noqa: E402
from aai.core.configure import configure  # noqa: E402
from aai.core.model_config import InputRecipe, ModelConfig  # noqa: E402
from aai.errors import AaiError  # noqa: E402
from aai.vision.boxes import iou  # noqa: E402
from aai.vision.image import read_image  # noqa: E402
from aai.vision.predict import service_for  # noqa: E402

ONLY_ON_THEIR_DEVICES = ("hailo", "myriad", "tensor-rt")
FLAGS: dict[str, dict[str, Any]] = {}
"""Model -> what no file of it can tell."""
LABELLED = {
    "onnx/yolox-nano": "voc-sample/instances.json",
    "darknet/yolo-fastest-1.1-coco": "voc-sample/instances.json",
    "onnx/shufflenet-v2-int8": "imagenet-sample/labels.csv",
    "tflite/mobilenet-v1-0.25-128-quant": "imagenet-sample/labels.csv",
}
"""Model -> a set of ten labelled photos or more that shows what it looks for. The zoo has none of faces or digits, and
three persons in all."""
COCO = ("onnx/yolox-nano", "darknet/yolo-fastest-1.1-coco")
LISTED = 0.3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="paths in the zoo, such as onnx/yolox-nano (default: all)")
    chosen = parser.parse_args().models
    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo").resolve()
    if not (zoo / "MANIFEST.json").is_file():
        sys.exit(f"the model zoo is not at {zoo}: set AAI_ZOO")
    entries = [e for e in json.loads((zoo / "MANIFEST.json").read_text()) if not chosen or e["path"] in chosen]
    entries = [e for e in entries if e["framework"] not in ONLY_ON_THEIR_DEVICES]
    outcomes: dict[str, list[bool]] = {"files": [], "photos": [], "from nothing": []}
    kept: dict[bool, list[bool]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as scratch:
        for entry in entries:
            for kind, right, note in judged(zoo, entry, Path(scratch)):
                outcomes[kind].append(right)
                print(f"  {entry['path']:44}{kind:14}{'right' if right else 'WRONG':7}{note}", flush=True)
        for entry in entries:
            for from_nothing in (False, True) if entry["path"] in LABELLED else ():
                right, note = with_labels(zoo, entry, Path(scratch), from_nothing)
                kept[from_nothing].append(right)
                kind = "labels, none" if from_nothing else "labels"
                print(f"  {entry['path']:44}{kind:14}{'right' if right else 'WRONG':7}{note}", flush=True)
        rows = [
            share("configure, no photo: wrong outcome", outcomes["files"], 20.0),
            share("check --tune, no labels: wrong outcome", outcomes["photos"], 20.0),
            share("the same, from the reference's defaults: wrong outcome", outcomes["from nothing"]),
            share("check --tune, labels: worse than documented, held out", kept[False], 10.0),
            share("the same, from the reference's defaults: worse", kept[True]),
            *known_figures(zoo, entries, Path(scratch)),
        ]
    return show(rows)


def share(what: str, outcomes: list[bool], target: float | None = None) -> Row:
    wrong = outcomes.count(False)
    value = 100.0 * wrong / len(outcomes) if outcomes else 0.0
    return Row(what, value, "%", target, f"{len(outcomes) - wrong} of {len(outcomes)} right")


def folder_of(zoo: Path, entry: dict[str, Any], scratch: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=scratch)) / entry["name"]
    shutil.copytree(zoo / entry["path"], folder, ignore=shutil.ignore_patterns("expected.json", "README.md"))
    return folder


def configured(zoo: Path, entry: dict[str, Any], scratch: Path, from_nothing: bool = False) -> ModelConfig:
    """The configuration of a copy of the model's files; `from_nothing` with the reference's default pre-processing."""
    folder = folder_of(zoo, entry, scratch)
    result = configure(folder, {"id": f"zoo/{entry['name']}", **FLAGS.get(entry["path"], {})})
    result.write()
    config = result.config
    if from_nothing:
        defaults = {"mean": (0.0,) * 3, "scalefactor": 1.0, "std": (), "swaprb": False, "resize": "stretch"}
        set_recipe(config, replace(recipe_in_use(config), **defaults))
    return config


def judged(zoo: Path, entry: dict[str, Any], scratch: Path) -> Iterator[tuple[str, bool, str]]:
    """(kind, whether the outcome is right, what was done) for a model."""
    try:
        config = configured(zoo, entry, scratch)
        yield "files", *outcome(zoo, entry, config)
    except AaiError as error:
        note = f"{error.what} (fix: {error.fix})"[:150]
        for kind in ("files", "photos", "from nothing"):
            yield kind, False, note
        return
    photos, _ = photos_of(photos_for(zoo, entry))
    for kind in ("photos", "from nothing"):
        if kind == "from nothing":
            config = configured(zoo, entry, scratch, from_nothing=True)
        service = service_for(config).load(threads=1)
        runner = Runner(service, [photo.read() for photo in photos[:3]])
        evidence = by_answers(runner, photos, prior_for(config, service.recipe), time.monotonic() + TIME_LIMIT_S)
        service.close()
        apply(evidence, config)
        right, name = outcome(zoo, entry, config)
        yield kind, right, f"{name}; {said(evidence)}"


def said(evidence: Evidence) -> str:
    rival = f" against {evidence.rival.name}" if evidence.rival else ""
    return f"{evidence.verdict.kind}{rival} on {len(evidence.photos)} photos: {evidence.verdict.reason}"


def recipe_in_use(config: ModelConfig) -> InputRecipe:
    service = service_for(config).load(threads=1)
    try:
        return service.recipe
    finally:
        service.close()


def photos_for(zoo: Path, entry: dict[str, Any]) -> list[Path]:
    """All photos of the zoo but the one that the manifest judges by; the digits for a network that takes grey."""
    folder = zoo / "images" / "mnist" if entry["input"].get("gray") else zoo / "images"
    judge = (zoo / entry["expected"]["image"]).resolve()
    return [p for p in sorted(folder.iterdir()) if p.suffix in (".jpg", ".png") and p.resolve() != judge]


def outcome(zoo: Path, entry: dict[str, Any], config: ModelConfig) -> tuple[bool, str]:
    """Whether the model gives what the manifest says, and its pre-processing in words."""
    expected = entry["expected"]
    service = service_for(config).load(threads=1)
    try:
        image = read_image(zoo / expected["image"])
        left, top = 0, 0
        if "crop_xyxy" in entry["input"]:
            left, top, right, bottom = entry["input"]["crop_xyxy"]
            image = np.ascontiguousarray(image[top:bottom, left:right])
        least = 0.6 if "score .6" in entry["output"] else 0.5 if "score .5" in entry["output"] else LISTED
        least = 0.4 if "score 0.4" in entry["output"] else least
        if expected["kind"] in ("classification", "pose"):
            least = 0.0
        found = service.run(image, least, 0.45).as_dict()["predictions"]
        name = name_of(service.recipe)
    finally:
        service.close()
    check = {
        "detections": lambda: same_boxes(found, expected, least),
        "classification": lambda: same_classes(found, expected),
        "segmentation": lambda: same_shares(found, expected),
        "pose": lambda: same_points(found, expected, left, top),
    }[expected["kind"]]
    return check(), name


def same_boxes(found: list[dict[str, Any]], expected: dict[str, Any], least: float) -> bool:
    tolerance = expected["tolerance"]
    sure = least + tolerance["score_abs"]
    wanted = [entry for entry in expected["results"] if entry["score"] >= sure]
    there = all(any(same_box(p, w, tolerance) for p in found) for w in wanted)
    others = [p for p in found if p["confidence"] >= sure]
    return bool(wanted) and there and all(any(same_box(p, w, tolerance) for w in expected["results"]) for p in others)


def same_box(prediction: dict[str, Any], wanted: dict[str, Any], tolerance: dict[str, Any]) -> bool:
    return (
        prediction["index"] == wanted["class_id"]
        and abs(prediction["confidence"] - wanted["score"]) <= tolerance["score_abs"]
        and bool(iou(np.array([prediction["box"]]), np.array([wanted["box"]]))[0, 0] >= tolerance["box_iou_min"])
    )


def same_classes(found: list[dict[str, Any]], expected: dict[str, Any]) -> bool:
    scores = {entry["index"]: entry["confidence"] for entry in found}
    near = all(
        abs(scores.get(w["class_id"], 0) - w["score"]) <= expected["tolerance"]["score_abs"]
        for w in expected["results"]
    )
    return bool(found) and found[0]["index"] == expected["results"][0]["class_id"] and near


def same_shares(found: list[dict[str, Any]], expected: dict[str, Any]) -> bool:
    now = {entry["index"]: entry["fraction"] for entry in found}
    wanted = {entry["class_id"]: entry["fraction"] for entry in expected["results"]}
    allowed = expected["tolerance"]["fraction_abs"]
    return all(abs(now.get(index, 0) - wanted.get(index, 0)) <= allowed for index in {*now, *wanted})


def same_points(found: list[dict[str, Any]], expected: dict[str, Any], left: int, top: int) -> bool:
    if not found:
        return False
    points = {name.lower().replace(" ", "_"): point for name, point in found[0]["key_points"].items()}
    tolerance = expected["tolerance"]
    for wanted in expected["results"]:
        point = points.get(wanted["part"])
        if point is None:
            if wanted["score"] < 0.1 + tolerance["score_abs"]:
                continue
            return False
        near = abs(point["x"] + left - wanted["x"]), abs(point["y"] + top - wanted["y"])
        if max(near) > tolerance["xy_px"] or abs(point["score"] - wanted["score"]) > tolerance["score_abs"]:
            return False
    return True


def documented(entry: dict[str, Any], base: InputRecipe) -> InputRecipe:
    """The manifest's pre-processing."""
    given = entry["input"]
    resize = given.get("resize", "stretch")
    way: dict[str, Any] = {"resize": "stretch"}
    if "letterbox" in resize or "pad" in resize:
        anchor = "center" if "centred" in resize else "top-left"
        way = {"resize": "letterbox", "anchor": anchor, "pad": 114.0 if "114" in resize else 0.0}
    mean = given["mean"] if "mean" in given else [255 * value for value in given.get("mean_rgb", [0, 0, 0])]
    return replace(
        base,
        mean=tuple(float(value) for value in mean),
        scalefactor=float(given.get("scale", 1)),
        std=tuple(given.get("std_rgb", ())),
        swaprb=bool(given.get("swapRB", False)),
        **way,
    )


def with_labels(zoo: Path, entry: dict[str, Any], scratch: Path, from_nothing: bool) -> tuple[bool, str]:
    """Whether the tuned model is at least as accurate as the documented one on photos that were not chosen on."""
    try:
        config = configured(zoo, entry, scratch, from_nothing)
        labelled = labelled_photos(read_labels(zoo / "datasets" / LABELLED[entry["path"]], None))
        service = service_for(config).load(threads=1)
        runner = Runner(service, [photo.read() for photo in labelled.photos[:3]])
        evidence = by_labels(runner, labelled, prior_for(config, service.recipe))
        _, held_out = labelled.halves()
        ours = accuracy(runner, evidence.chosen.recipe, held_out)
        theirs = accuracy(runner, documented(entry, service.recipe), held_out)
        service.close()
    except AaiError as error:
        return False, f"{error.what} (fix: {error.fix})"[:150]
    note = f"{ours:.4f} to {theirs:.4f} documented on {len(held_out.photos)} photos held out of {len(labelled.photos)}"
    return ours >= theirs, f"{note}; {evidence.chosen.name}; {said(evidence)}"


def accuracy(runner: Runner, recipe: InputRecipe, photos: LabelledPhotos) -> float:
    """Top-1, or COCO's average precision."""
    runner.use(recipe)
    try:
        figures = measure(runner, photos).as_dict()
    finally:
        runner.reset()
    return float(figures.get("top1", figures.get("ap")) or 0.0)


def known_figures(zoo: Path, entries: list[dict[str, Any]], scratch: Path) -> Iterator[Row]:
    """Accuracy on the whole of the small sets, which tests compare with a run by hand."""
    for entry in entries:
        name = entry["name"]
        if entry["path"] in COCO:
            figures = on_set(zoo, entry, scratch, "coco8/instances.json")
            yield Row(f"COCO AP 0.50 to 0.95, coco8, {name}", figures["ap"], "", None, f"AP 0.50 {figures['ap50']:.4f}")
        if entry["path"] == "onnx/shufflenet-v2-int8":
            figures = on_set(zoo, entry, scratch, "imagenet-sample/labels.csv")
            count = figures["images"]
            note = f"{round(figures['top1'] * count)} and {round(figures['top5'] * count)} of {count}"
            yield Row(f"top-1, imagenet-sample, {name}", figures["top1"], "", None, note)


def on_set(zoo: Path, entry: dict[str, Any], scratch: Path, path: str) -> dict[str, Any]:
    labelled = labelled_photos(read_labels(zoo / "datasets" / path, None))
    service = service_for(configured(zoo, entry, scratch)).load(threads=1)
    try:
        runner = Runner(service, [photo.read() for photo in labelled.photos[:3]])
        return measure(runner, labelled).as_dict()
    finally:
        service.close()


if __name__ == "__main__":
    sys.exit(main())
