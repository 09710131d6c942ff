from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import platformdirs
import pytest

from aai import ObjectDetection
from aai.cli.main import run
from aai.core.model_config import load
from aai.errors import AaiError, BackendUnavailable, BadWeights, UsageError
from aai.vision import trial
from tests.model_maker import node, onnx_bytes, value_info
from tests.vision.models import _int as whole
from tests.vision.models import ints, ssd_folder, weights, write_model

DIES = {
    "loading": ("os.abort()", "0"),
    "running": ("0", "os.abort()"),
}
VENDOR = """
import os, sys, time
import numpy as np
from aai.ports import Capabilities, TensorSpec
class Backend:
    capabilities = Capabilities(engines=("ACME_RT",), accelerators=("CPU",))
    engine, accelerator = "acme 1.0", "CPU"
    def __init__(self, files, options):
        self.inputs = (TensorSpec("image", (1, 3, 32, 32), "float32"),)
        self.outputs = (TensorSpec("boxes", (1, 1, 1, 7), "float32"),)
        print("noise of a native library", flush=True)
        LOADING
    def infer(self, tensors):
        RUNNING
        return {"boxes": np.zeros((1, 1, 1, 7), np.float32)}
    def close(self):
        pass
"""


@pytest.fixture(autouse=True)
def trials(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> Path:
    """Trials as users have them; the folder of what is remembered."""
    monkeypatch.delenv("AAI_TRIAL")
    return Path(platformdirs.user_cache_dir("aai", appauthor=False)) / "loaded"


def _vendor(folder: Path, monkeypatch: pytest.MonkeyPatch, loading: str = "0", running: str = "0") -> None:
    """Installs a package with an engine ACME_RT for onnx that does this when it loads and when it runs."""
    (folder / "acme_net.py").write_text(VENDOR.replace("LOADING", loading).replace("RUNNING", running))
    info = folder / "acme_net-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-net\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[aai.backends]\nonnx = acme_net:Backend\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "acme_net", raising=False)


def _without_opencv(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker finds no OpenCV."""
    (folder / "cv2.py").write_text("raise ImportError('No module named cv2')\n")
    monkeypatch.syspath_prepend(str(folder))


def _site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.mark.parametrize("stage", [pytest.param("loading", marks=pytest.mark.slow), "running"])
def test_a_runtime_that_dies_is_an_error_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, trials: Path
) -> None:
    _vendor(_site(tmp_path), monkeypatch, *DIES[stage])
    detector = ObjectDetection(ssd_folder(tmp_path / "m"))
    with pytest.raises(BadWeights, match=rf"the runtime died \(signal 6\) while {stage}") as caught:
        detector.load("ACME_RT")
    assert "net.onnx" in str(caught.value.where) or "model" in str(caught.value.where)
    assert "take another engine (ONNX_RT" in str(caught.value.fix)
    assert not trials.exists()


def test_where_it_is_allowed_the_next_engine_is_taken_for_one_that_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _vendor(_site(tmp_path), monkeypatch, *DIES["loading"])
    detector = ObjectDetection(ssd_folder(tmp_path / "m")).load("ACME_RT", fallback=True)
    assert detector.engine.startswith("onnxruntime")
    assert "ACME_RT can't run it: the runtime died" in detector.engine_reason


def test_a_runtime_that_ends_the_process_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _vendor(_site(tmp_path), monkeypatch, "os._exit(3)")
    with pytest.raises(BadWeights, match=r"the runtime ended the process \(exit code 3\) while loading"):
        ObjectDetection(ssd_folder(tmp_path / "m")).load("ACME_RT")


@pytest.mark.slow
def test_a_runtime_that_does_not_come_back_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _vendor(_site(tmp_path), monkeypatch, running="time.sleep(600)")
    monkeypatch.setenv("AAI_TRIAL", "never")
    started = time.monotonic()
    with pytest.raises(trial.RuntimeDied, match="did not come back within 5 s while running"):
        trial.try_model(load(ssd_folder(tmp_path / "m")), "ACME_RT", limit_s=5)
    assert time.monotonic() - started < 60


def test_the_first_load_alone_pays_until_the_file_or_the_engine_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: Path
) -> None:
    folder = ssd_folder(tmp_path / "m")
    tried: list[Any] = []
    real = trial.try_model
    monkeypatch.setattr(trial, "try_model", lambda *args: tried.append(args[1]) or real(*args))
    for _ in range(2):
        ObjectDetection(folder).load()
    assert tried == ["ONNX_RT"]
    assert len(list(trials.glob("*.json"))) == 1
    ObjectDetection(folder).load("DNN")
    assert tried == ["ONNX_RT", "DNN"]
    weights = folder / load(folder).parameters["model_file"]
    os.utime(weights, ns=(1, 1))
    ObjectDetection(folder).load()
    assert tried == ["ONNX_RT", "DNN", "ONNX_RT"]


@pytest.mark.parametrize(("setting", "count"), [("never", 0), pytest.param("always", 2, marks=pytest.mark.slow)])
def test_the_setting_says_when_trials_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, count: int
) -> None:
    monkeypatch.setenv("AAI_TRIAL", setting)
    tried: list[Any] = []
    real = trial.try_model
    monkeypatch.setattr(trial, "try_model", lambda *args: tried.append(args[1]) or real(*args))
    folder = ssd_folder(tmp_path / "m")
    for _ in range(2):
        ObjectDetection(folder).load()
    assert len(tried) == count


@pytest.mark.slow
def test_a_cache_folder_that_can_t_be_written_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert ObjectDetection(ssd_folder(tmp_path / "m")).load().engine


@pytest.mark.slow
def test_a_setting_that_is_damaged_does_not_keep_a_model_from_loading(tmp_path: Path, own_home: Path) -> None:
    settings = Path(platformdirs.user_config_dir("aai", appauthor=False)) / "config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text("{")
    assert ObjectDetection(ssd_folder(tmp_path / "m")).load().engine


def test_an_error_in_the_worker_is_left_to_the_load_itself(tmp_path: Path, trials: Path) -> None:
    folder = ssd_folder(tmp_path / "m")
    (folder / load(folder).parameters["model_file"]).write_bytes(b"\x08\x08" + b"\xff" * 100)
    with pytest.raises(BadWeights, match="onnxruntime can't load the model"):
        ObjectDetection(folder).load()
    assert not trials.exists()


@pytest.mark.slow
def test_a_fault_in_the_worker_is_no_death_of_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _vendor(_site(tmp_path), monkeypatch, "assert os.environ.get('AAI_TRIAL') != 'never'")
    config = load(ssd_folder(tmp_path / "m"))
    with pytest.raises(AaiError, match="the trial failed: AssertionError") as caught:
        trial.try_model(config, "ACME_RT")
    assert not isinstance(caught.value, trial.RuntimeDied)
    assert ObjectDetection("m", config).load("ACME_RT").engine == "acme 1.0"


def test_a_worker_that_can_t_be_started_is_no_death_of_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ssd_folder(tmp_path / "m")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AaiError, match="could not be started") as caught:
        trial.try_model(load(folder))
    assert not isinstance(caught.value, trial.RuntimeDied)
    assert ObjectDetection(folder).load().engine


def test_a_worker_without_opencv_names_the_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_opencv(_site(tmp_path), monkeypatch)
    with pytest.raises(BackendUnavailable, match="OpenCV is needed") as caught:
        trial.try_model(load(ssd_folder(tmp_path / "m")))
    assert caught.value.fix == "pip install 'aai[cpu]'"


def test_a_trial_tells_engine_times_and_outputs(tmp_path: Path) -> None:
    found = trial.try_model(load(ssd_folder(tmp_path / "m")), accelerator="CPU", threads=1)
    assert found["engine"].startswith("onnxruntime")
    assert (found["engine_reason"], found["accelerator"]) == ("the first choice for onnx models", "CPU")
    assert found["load_s"] > 0 and found["run_s"] > 0
    assert [output["dtype"] for output in found["outputs"]] == ["float32"]
    with pytest.raises(UsageError, match="the engine NOBODY"):
        trial.try_model(load(ssd_folder(tmp_path / "n")), "NOBODY")


def test_validate_load_says_that_the_model_loads_or_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(ssd_folder(tmp_path / "m"))
    assert run(["model", "validate", folder, "--load", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] and document["load"]["engine"].startswith("onnxruntime")
    assert run(["model", "validate", folder, "--load"]) == 0
    assert "first run" in capsys.readouterr().out
    _vendor(_site(tmp_path), monkeypatch, "os.abort()")
    assert run(["model", "validate", folder, "--load", "--engine", "acme_rt", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["load"] is None and not document["ok"]
    assert "signal 6" in document["findings"][-1]["what"]


def test_validate_load_tells_what_it_found_before_it_says_that_the_runtime_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(ssd_folder(tmp_path / "m", labels=""))
    _without_opencv(_site(tmp_path), monkeypatch)
    assert run(["model", "validate", folder, "--load"]) == 6
    printed = capsys.readouterr()
    assert "there is no label file" in printed.out
    assert "pip install 'aai[cpu]'" in printed.err
    assert run(["model", "validate", folder, "--load", "--json"]) == 6
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)["findings"]) == 1
    assert json.loads(printed.err)["error"]["code"] == "runtime_missing"


IMAGE = [1, 3, 32, 32]
CRASHES = {
    "a Concat of nothing": (node("Concat", [], ["y"], whole("axis", 1)), "signal 11"),
    "a Conv of 0 groups": (
        node("Conv", ["x", "w"], ["y"], ints("kernel_shape", (1, 1)) + whole("group", 0)),
        "signal 8",
    ),
}
"""Graphs that OpenCV 4.14 dies of."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CRASHES))
def test_opencv_dies_of_some_onnx_graphs_and_here_it_is_an_error(tmp_path: Path, name: str) -> None:
    graph, death = CRASHES[name]
    kernel = [weights("w", (3, 3, 1, 1), [1.0] * 9)]
    onnx = onnx_bytes([value_info("x", IMAGE)], [value_info("y", IMAGE)], [graph], kernel)
    folder = write_model(tmp_path, onnx, aai={"decoder": {"name": "ssd"}})
    with pytest.raises(AaiError) as caught:
        ObjectDetection(folder).load("DNN")
    if cv2.__version__.startswith("4.14"):
        assert death in caught.value.what
