from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from aai.core import runtimes
from aai.core.runtimes import install_line, runtime_state


def _board(root: Path, name: str) -> Path:
    place = root / "proc/device-tree"
    place.mkdir(parents=True)
    (place / "model").write_bytes(name.encode() + b"\0")
    return root


def test_every_runtime_has_a_line_that_installs_it_on_every_machine(tmp_path: Path) -> None:
    roots = [
        tmp_path / "pc",
        _board(tmp_path / "jetson", "NVIDIA Jetson Xavier NX"),
        _board(tmp_path / "pi", "Raspberry Pi 5"),
    ]
    for root in roots:
        for runtime in runtimes.RUNTIMES:
            assert install_line(runtime.name, root)


def test_a_jetson_and_a_raspberry_are_sent_to_their_makers_packages(tmp_path: Path) -> None:
    jetson = _board(tmp_path / "jetson", "NVIDIA Jetson Orin Nano Developer Kit")
    assert "nvidia-jetpack" in install_line("tensorrt", jetson)
    assert "python3-opencv" in install_line("opencv", jetson)
    # Our extra would bring an OpenCV that shadows the board's own.
    assert "aai[" not in install_line("onnxruntime", jetson)
    pi = _board(tmp_path / "pi", "Raspberry Pi 5 Model B Rev 1.0")
    assert "hailo-all" in install_line("hailo", pi)
    assert "hailo.ai" in install_line("hailo", tmp_path)


@pytest.mark.parametrize(
    ("name", "cpu", "glibc", "python", "words"),
    [
        ("openvino", "aarch64", "2.31", (3, 10), "use Python 3.8 or 3.9"),
        ("openvino", "aarch64", "2.31", (3, 8), "aai[openvino]"),
        ("openvino", "aarch64", "2.35", (3, 10), "aai[openvino]"),
        ("openvino", "x86_64", "2.31", (3, 10), "aai[openvino]"),
        ("tensorrt", "aarch64", "2.35", (3, 10), "JetPack"),
        ("tensorrt", "x86_64", "2.35", (3, 10), "aai[tensorrt]"),
        ("tflite-runtime", "aarch64", "2.31", (3, 8), "glibc before 2.34"),
        ("tflite-runtime", "x86_64", "2.31", (3, 8), "aai[tflite]"),
        ("ai-edge-litert", "x86_64", "2.31", (3, 8), "tflite-runtime in its place"),
        ("tflite-runtime", "x86_64", "2.31", (3, 12), "ai-edge-litert in its place"),
    ],
)
def test_the_line_is_for_this_processor_and_this_python(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    cpu: str,
    glibc: str,
    python: tuple[int, int],
    words: str,
) -> None:
    monkeypatch.setattr(runtimes, "processor", lambda: cpu)
    monkeypatch.setattr(runtimes.platform, "libc_ver", lambda: ("glibc", glibc))
    monkeypatch.setattr(sys, "version_info", (*python, 0, "final", 0))
    assert words in install_line(name, tmp_path)


def test_an_opencv_that_no_package_brought_tells_its_version_by_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "version.py").write_text('opencv_version = "4.5.4"\ncontrib = False\n')
    spec = ModuleSpec("cv2", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(runtimes, "find_spec", lambda name: spec)
    monkeypatch.setattr(runtimes, "_version", lambda names: "")
    assert str(runtime_state("opencv")) == "opencv 4.5.4"
    (tmp_path / "version.py").unlink()
    state = runtime_state("opencv")
    assert (state.version, state.usable) == ("", True)


def test_tensorrt_of_another_python_of_this_machine_counts_and_tells_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "is_present", lambda module: False)
    assert not runtime_state("tensorrt", tmp_path).found
    site = tmp_path / "usr/lib/python3.6/dist-packages"
    (site / "tensorrt").mkdir(parents=True)
    (site / "tensorrt/__init__.py").write_text("")
    (site / "tensorrt-8.2.1.8.dist-info").mkdir()
    state = runtime_state("tensorrt", tmp_path)
    assert (state.usable, state.version) == (True, "8.2.1.8")


def test_faults_are_told_for_versions_that_do_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"opencv-python-headless": "5.0.0.93", "tflite-runtime": "2.14.0", "numpy": "2.2.0"}
    monkeypatch.setattr(runtimes, "is_present", lambda module: True)
    monkeypatch.setattr(runtimes, "_version", lambda names: next((versions.get(n, "") for n in names), ""))
    assert "version 4 is needed" in runtime_state("opencv").fault
    assert "numpy 2" in runtime_state("tflite-runtime").fault
    assert runtime_state("onnxruntime").usable
    versions.update({"opencv-python-headless": "4.14.0.94", "numpy": "1.24.4"})
    assert runtime_state("opencv").usable and runtime_state("tflite-runtime").usable
