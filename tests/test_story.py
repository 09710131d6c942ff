"""The whole way on real models, as a person goes it: configure, publish, add, install, run; each command a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# The README's commands, which are run with the quick tests, go the same way; here the results are held against the zoo.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


class Shell:
    """Runs `aai` in folders of one person, without a terminal."""

    def __init__(self, home: Path) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "backends")])
        self.environment = {**os.environ, "HOME": str(home), "PYTHONPATH": paths}

    def run(self, folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess:
        answer = subprocess.run(
            [sys.executable, "-m", "aai", *words],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert answer.returncode == code, f"aai {' '.join(words)}\n{answer.stdout}\n{answer.stderr}"
        return answer

    def json(self, folder: Path, *words: str) -> Any:
        return json.loads(self.run(folder, *words, "--json").stdout)


@pytest.fixture()
def shell(own_home: Path) -> Shell:
    return Shell(own_home)


def _copy_model(source: Path, folder: Path) -> None:
    """Copies a model of the zoo without its notes, and without its rights: the zoo may be read-only."""
    folder.mkdir()
    for path in source.iterdir():
        if path.suffix not in (".json", ".md"):
            shutil.copyfile(path, folder / path.name)


def _iou(a: list, b: list) -> float:
    left, top, right, bottom = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


def _expected(zoo: Path, path: str) -> Any:
    entries = json.loads((zoo / "MANIFEST.json").read_text())
    return next(entry["expected"] for entry in entries if entry["path"] == path)


def _assert_found(predictions: list, expected: Any) -> None:
    """Every expected detection is there, within the stated tolerance; those near the threshold may be missing."""
    tolerance = expected["tolerance"]
    for wanted in expected["results"]:
        if wanted["score"] < 0.3 + tolerance["score_abs"]:
            continue
        same = [p for p in predictions if p["label"] == wanted["label"]]
        assert any(
            _iou(p["box"], wanted["box"]) >= tolerance["box_iou_min"]
            and abs(p["confidence"] - wanted["score"]) <= tolerance["score_abs"]
            for p in same
        ), (wanted, predictions)
    sure = [p for p in predictions if p["confidence"] > 0.3 + tolerance["score_abs"]]
    assert len(sure) <= len(expected["results"])


def test_from_two_folders_of_weights_to_boxes_in_an_app(zoo: Path, shell: Shell, tmp_path: Path) -> None:
    sources = {"yolo-fastest": "darknet/yolo-fastest-1.1-coco", "yolox-nano": "onnx/yolox-nano"}
    for name, path in sources.items():
        _copy_model(zoo / path, tmp_path / name)
        shell.run(tmp_path / name, "model", "configure", "--id", f"acme/{name}")
        assert shell.json(tmp_path / name, "model", "validate") == {"id": f"acme/{name}", "ok": True, "findings": []}
        assert shell.json(tmp_path / name, "model", "publish")["version"] == 1
    app = tmp_path / "app"
    app.mkdir()
    shell.run(app, "app", "configure")
    shell.run(app, "app", "models", "add", *(f"acme/{name}" for name in sources))
    assert shell.json(app, "app", "install")["changed"] is True
    assert shell.json(app, "app", "install")["changed"] is False
    assert shell.json(app, "app", "status")["healthy"] is True
    for name, path in sources.items():
        expected = _expected(zoo, path)
        image = zoo / expected["image"]
        # The expected boxes were made with IoU 0.45 for the suppression, as the zoo's notes say.
        document = shell.json(app, "model", "predict", f"acme/{name}", str(image), "--overlap", "0.45", "--save", "out")
        assert (document["model"], document["version"]) == (f"acme/{name}", 1)
        (result,) = document["results"]
        assert (result["width"], result["height"]) == (768, 576)
        _assert_found(result["predictions"], expected)
    assert [path.name for path in (app / "out").iterdir()] == ["dog-predicted.jpg"]


def test_a_second_publish_makes_a_version_only_when_something_changed(zoo: Path, shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    _copy_model(zoo / "darknet/yoloface-500k-v2", folder)
    shell.run(folder, "model", "configure", "--id", "acme/faces")
    first = shell.json(folder, "model", "publish", "--tag", "stable")
    again = shell.json(folder, "model", "publish")
    assert (again["version"], again["created"], again["digest"]) == (1, False, first["digest"])
    shell.run(folder, "model", "configure", "--description", "finds faces")
    assert shell.json(folder, "model", "publish")["version"] == 2
    assert shell.json(folder, "model", "publish", "--force")["version"] == 3
    versions = shell.json(folder, "model", "versions", "acme/faces")["versions"]
    assert [v["version"] for v in versions] == [1, 2, 3]
    assert versions[0]["tags"] == ["stable"]
    shell.run(folder, "model", "tag", "acme/faces@3", "stable")
    shell.run(tmp_path, "model", "pull", "acme/faces@stable", "copy")
    assert json.loads((tmp_path / "copy/alwaysai.model.json").read_text())["version"] == 3
    assert (tmp_path / "copy/face.names").read_bytes() == (folder / "face.names").read_bytes()


def test_the_three_example_commands_of_the_reference_work_as_printed(zoo: Path, shell: Shell, tmp_path: Path) -> None:
    source = zoo / "darknet/yolo-fastest-1.1-coco"
    names = {"yolo.weights": "*.weights", "yolo.cfg": "*.cfg", "yolo.names": "*.names"}
    for name, pattern in names.items():
        shutil.copyfile(next(source.glob(pattern)), tmp_path / name)
    for name in ("newModel.names", "newHailoModel.names"):
        shutil.copyfile(tmp_path / "yolo.names", tmp_path / name)
    (tmp_path / "newModel.bin").write_bytes(b"ftrt" + bytes(2000))
    shutil.copyfile(next((zoo / "hailo").glob("*/*.hef")), tmp_path / "newHailoModel.bin")
    lines = [
        "aai model configure --framework darknet --purpose ObjectDetection --model_file yolo.weights "
        "--config_file yolo.cfg --label_file yolo.names",
        "aai model configure --framework tensor-rt --model_file newModel.bin --label_file newModel.names "
        "--purpose ObjectDetection --architecture yolo --device nano",
        "aai model configure --framework hailo --model_file newHailoModel.bin --label_file newHailoModel.names "
        "--purpose ObjectDetection --architecture yolov3 --quantize_input false --quantize_output false "
        "--input_format auto --output_format none",
    ]
    wanted = [
        {"framework_type": "darknet", "config_file": "yolo.cfg", "size": [320, 320]},
        {"framework_type": "tensor-rt", "device": "nano", "architecture": "yolo", "size": [320, 320]},
        {"framework_type": "hailo", "quantize_input": False, "input_format": "auto", "output_format": "none"},
    ]
    for line, values in zip(lines, wanted):
        (tmp_path / "alwaysai.model.json").unlink(missing_ok=True)
        shell.run(tmp_path, *line.split()[1:])
        document = json.loads((tmp_path / "alwaysai.model.json").read_text())
        assert document["id"] == "<username>/<modelname>"
        assert {name: document["model_parameters"][name] for name in values} == values
    shell.run(tmp_path, "model", "publish", code=1)
