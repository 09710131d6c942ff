"""The packages that run networks: which are here, in which version, and how one gets those that are not.

Looks at files and at the metadata of installed packages; imports none of the packages.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Iterable

from aai.core.machine import ROOT, board, processor


@dataclass(frozen=True)
class Runtime:
    """A package that runs networks.

    Args:
        name: as people call it.
        module: the module whose presence shows that it is installed.
        packages: the distributions that bring the module, the usual one first.
        extra: of our own package, which brings it; "" when none does.
        frameworks: the frameworks that it alone runs for us.
        places: patterns below / of files that show it for another Python of this machine, which a back end can use.
        setting: environment variable that names another Python that has it.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    extra: str = ""
    frameworks: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    setting: str = ""


@dataclass(frozen=True)
class RuntimeState:
    """A runtime as it is found on this machine.

    Args:
        runtime: which.
        found: whether it is installed.
        version: its version; "" when it is not installed or, as a system's own OpenCV, does not say.
        fault: why it is of no use although it is installed; "" when it is.
        install: the command that installs it on this machine, or where it comes from.
    """

    runtime: Runtime
    found: bool
    version: str
    fault: str
    install: str

    @property
    def usable(self) -> bool:
        """Whether networks can run on it."""
        return self.found and not self.fault

    def __str__(self) -> str:
        return f"{self.runtime.name} {self.version}".strip()


OPENCV_PACKAGES = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
RUNTIMES: tuple[Runtime, ...] = (
    Runtime(
        "onnxruntime",
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
        "cpu",
        ("onnx",),
    ),
    Runtime("opencv", "cv2", OPENCV_PACKAGES, "cpu", ("darknet", "caffe", "tensorflow", "enet", "onnx")),
    Runtime("openvino", "openvino", ("openvino",), "openvino", ("dldt", "onnx", "tensorflow")),
    Runtime("ai-edge-litert", "ai_edge_litert", ("ai-edge-litert",), "tflite", ("tflite",)),
    Runtime("tflite-runtime", "tflite_runtime", ("tflite-runtime",), "tflite", ("tflite",)),
    Runtime(
        "tensorflow",
        "tensorflow",
        ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos"),
        "",
        ("tensorflow", "tflite"),
    ),
    Runtime(
        "tensorrt",
        "tensorrt",
        ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-bindings"),
        "tensorrt",
        ("tensor-rt",),
        ("usr/lib/python3*/dist-packages/tensorrt/__init__.py",),
        "AAI_TENSORRT_PYTHON",
    ),
    Runtime("hailo", "hailo_platform", ("hailort",), "", ("hailo",)),
    Runtime("depthai", "depthai", ("depthai",), "oak", ("myriad",)),
    Runtime("onnx", "onnx", ("onnx",), "export"),
)
_BY_NAME = {runtime.name: runtime for runtime in RUNTIMES}


def runtimes() -> list[RuntimeState]:
    """Every runtime that we know of, found here or not."""
    return [runtime_state(name) for name in _BY_NAME]


def runtime_state(name: str, root: Path = ROOT) -> RuntimeState:
    """How one of `RUNTIMES` is found here; see there for the names."""
    runtime = _BY_NAME[name]
    install = install_line(name, root)
    if not is_present(runtime.module):
        elsewhere = [path for place in runtime.places for path in sorted(root.glob(place))]
        version = _version_beside(elsewhere[-1]) if elsewhere else ""
        named = bool(runtime.setting and os.environ.get(runtime.setting))
        return RuntimeState(runtime, bool(elsewhere) or named, "" if named else version, "", install)
    version = _version(runtime.packages) or (_opencv_version() if name == "opencv" else "")
    return RuntimeState(runtime, True, version, _fault(name, version), install)


def is_present(module: str) -> bool:
    """Whether `module` can be found by an import, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def install_line(name: str, root: Path = ROOT) -> str:
    """The command that installs a runtime on this machine, or where it comes from."""
    here = board(root).lower()
    if "jetson" in here and name in _ON_A_JETSON:
        return _ON_A_JETSON[name]
    if name == "hailo":
        if "raspberry" in here:
            return "sudo apt install hailo-all, and a virtual environment with --system-site-packages"
        return "install HailoRT and its Python package from https://hailo.ai/developer-zone"
    if name == "tensorflow":
        return "pip install tensorflow"
    if name == "tflite-runtime" and sys.version_info >= (3, 9):
        return "pip install 'aai[tflite]', which brings ai-edge-litert in its place"
    if name == "ai-edge-litert" and sys.version_info < (3, 9):
        return "pip install 'aai[tflite]', which brings tflite-runtime in its place on this Python"
    missing = _no_wheel(name)
    return missing or f"pip install 'aai[{_BY_NAME[name].extra}]'"


_ON_A_JETSON = {
    "tensorrt": "sudo apt install nvidia-jetpack, and a virtual environment with --system-site-packages",
    "opencv": "sudo apt install python3-opencv, and a virtual environment with --system-site-packages",
    # The extra would bring an OpenCV that shadows the board's own.
    "onnxruntime": "pip install onnxruntime",
}


def _no_wheel(name: str) -> str:
    """Why the package index has nothing for this machine; "" when it has."""
    cpu, python = processor(), sys.version_info[:2]
    if name == "tensorrt" and cpu != "x86_64":
        return "TensorRT comes with JetPack on a Jetson; its package is for x86_64 otherwise"
    if name == "openvino" and cpu == "aarch64" and python >= (3, 10) and 0 < _glibc() < 2.35:
        return "openvino has no package for glibc before 2.35 on aarch64 with this Python: use Python 3.8 or 3.9"
    if name == "tflite-runtime" and cpu == "aarch64" and 0 < _glibc() < 2.34:
        return "tflite-runtime has no package for glibc before 2.34 on aarch64: use Python 3.9 or newer, aai[tflite]"
    return ""


def _glibc() -> float:
    """The version of glibc, 2.31 for instance; 0 where there is none or it does not say."""
    found = re.match(r"\d+\.\d+", platform.libc_ver()[1])
    return float(found.group()) if found else 0.0


def _fault(name: str, version: str) -> str:
    if name == "opencv" and version and not version.startswith("4."):
        return "version 4 is needed: 5 dropped the readers of Darknet, Caffe and Torch7"
    if name == "tflite-runtime" and _version(("numpy",)).split(".")[0] not in ("", "0", "1"):
        return "it does not work with numpy 2"
    return ""


def _version(packages: Iterable[str]) -> str:
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _opencv_version() -> str:
    """The version of an OpenCV that no package brought, from the file that its own Python part has."""
    spec = find_spec("cv2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "version.py"
        found = re.search(r'opencv_version = "([\d.]+)', file.read_text("utf-8")) if file.is_file() else None
        if found:
            return found.group(1)
    return ""


def _version_beside(module_file: Path) -> str:
    """The version that the metadata beside a package's folder tells, for another Python than this one."""
    folder = module_file.parent
    for info in sorted(folder.parent.glob(f"{folder.name}-*.*-info")):
        return info.name.rsplit(".", 1)[0].split("-")[1]
    return ""
