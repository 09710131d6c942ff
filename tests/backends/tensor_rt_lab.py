"""Machines with a fake TensorRT, in this process or in another Python, and engines for them with a known answer."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

FAKES = Path(__file__).resolve().parent.parent / "fakes"
VERSIONS = ("8_2", "8_5", "10", "11")
_OURS = ("gpu", "cuda", "cuda_python", "tensorrt")

MATRIX = np.random.default_rng(3).normal(size=(12, 8)).round(3)
IMAGE = np.random.default_rng(4).normal(size=(1, 3, 2, 2)).astype(np.float32)


def network(**changes: Any) -> dict[str, Any]:
    """A network that takes (1, 3, 2, 2) float32 to "boxes" (1, 2, 3) float32 and "classes" (1, 2) int32."""
    return {
        "inputs": [{"name": "images", "shape": [1, 3, 2, 2], "dtype": "FLOAT"}],
        "outputs": [
            {"name": "boxes", "shape": [1, 2, 3], "dtype": "FLOAT"},
            {"name": "classes", "shape": [1, 2], "dtype": "INT32"},
        ],
        "matrix": MATRIX.tolist(),
        **changes,
    }


def batched(most: int = 4, least: int = 1, **changes: Any) -> dict[str, Any]:
    """`network` with an open batch axis."""
    inputs = {"shape": [-1, 3, 2, 2], "least": [least, 3, 2, 2], "most": [most, 3, 2, 2]}
    made = network(**changes)
    made["inputs"][0].update(inputs)
    for output in made["outputs"]:
        output["shape"][0] = -1
    return made


def implicit(most: int = 4) -> dict[str, Any]:
    """`network` of an old TensorRT, whose engine has no batch axis."""
    made = network(implicit=True, max_batch=most)
    for spec in made["inputs"] + made["outputs"]:
        spec["shape"][0] = -1
    return made


def answer(images: np.ndarray) -> dict[str, np.ndarray]:
    """What `network` gives for (N, 3, 2, 2), worked out here."""
    values = images.reshape(len(images), 12).astype(np.float64) @ MATRIX
    return {
        "boxes": values[:, :6].reshape(-1, 2, 3).astype(np.float32),
        "classes": values[:, 6:].astype(np.int32),
    }


class Machine:
    """A machine with a fake TensorRT.

    Args:
        version: "8_2", "8_5", "10" or "11".
        place: "in process" or "worker".
        folder: for its files.
        shims: see `make_shims`; of all machines of the version, so that its Python is asked once for its TensorRT.
    """

    def __init__(self, version: str, place: str, folder: Path, shims: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.version, self.place, self.folder = version, place, folder
        self._patch = monkeypatch
        self._report = folder / "gpu-report"
        self._use(shims)

    def _use(self, shims: Path) -> None:
        # Engines are built in a worker even where this process has TensorRT.
        self._patch.setenv("PYTHONPATH", os.pathsep.join([str(shims), str(FAKES)]))
        if self.place == "in process":
            for path in (FAKES, shims):
                self._patch.syspath_prepend(str(path))
            forget_fakes()
        else:
            self._patch.setenv("AAI_TENSORRT_PYTHON", sys.executable)
            self._patch.setenv("FAKE_GPU_REPORT", str(self._report))

    def install(self, tensorrt: str) -> None:
        """Puts a module of this text in the place of the fake TensorRT."""
        shims = make_shims(self.folder / "shims", self.version)
        (shims / "tensorrt.py").write_text(tensorrt)
        self._use(shims)

    @property
    def trt(self) -> Any:
        """The fake module, in process."""
        return importlib.import_module("tensorrt")

    @property
    def gpu(self) -> Any:
        """The fake GPU, in process."""
        return importlib.import_module("gpu").GPU

    def set_mode(self, mode: str) -> None:
        """Makes the GPU one of the kinds in `gpu.MODE`."""
        self._patch.setenv("FAKE_GPU", mode)
        if self.place == "in process":
            importlib.import_module("gpu").renew(mode)

    def engine(self, made: dict[str, Any] | None = None, name: str = "model.engine", front: bytes = b"") -> Path:
        """An engine file of this machine's version."""
        path = self.folder / name
        path.write_bytes(front + plan(self.version, made or network()))
        return path

    def reports(self) -> list[dict[str, Any]]:
        """What is left on the GPU: now, or at the end of each worker."""
        if self.place == "in process":
            return [self.gpu.left()]
        return [json.loads(line) for line in self._report.read_text().splitlines()] if self._report.exists() else []

    def assert_clean(self, workers: int = 1) -> None:
        """All memory and streams were given back, and nothing was misused."""
        clean = {"memory": 0, "streams": 0, "faults": []}
        assert self.reports() == [clean] * (1 if self.place == "in process" else workers)


def plan(version: str, made: dict[str, Any]) -> bytes:
    """The plan of a network for a version, written by the fakes' own writer."""
    sys.path.insert(0, str(FAKES))
    try:
        fake = importlib.import_module("tensorrt_network")
        dotted = {"8_2": "8.2.1", "8_5": "8.5.3", "10": "10.3.0", "11": "11.4.0"}[version]
        return bytes(fake.make_plan(made, dotted))
    finally:
        sys.path.remove(str(FAKES))


def make_shims(folder: Path, version: str, module: str = "cudart") -> Path:
    """A folder whose `tensorrt` is a fake version, and whose `cuda` is the fake cuda-python."""
    (folder / "cuda/bindings").mkdir(parents=True)
    stands_for = "import sys\nimport {0}\nsys.modules[__name__] = {0}\n"
    (folder / "tensorrt.py").write_text(stands_for.format(f"tensorrt_{version}"))
    (folder / "cuda/__init__.py").touch()
    (folder / "cuda/bindings/__init__.py").touch()
    (folder / f"cuda/{module}.py").write_text(stands_for.format("cuda_python"))
    return folder


def forget_fakes() -> None:
    """Lets the fakes be imported anew."""
    for name in list(sys.modules):
        if name.split(".")[0] in _OURS or name.startswith("tensorrt_"):
            del sys.modules[name]


@pytest.fixture(name="shims", scope="session")
def fixture_shims(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The shims of each version."""
    folder = tmp_path_factory.mktemp("shims")
    return {version: make_shims(folder / version, version) for version in VERSIONS}


@pytest.fixture(name="machine_of")
def fixture_machine_of(tmp_path: Path, shims: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes the machine of a test: machine_of(version, place)."""
    yield lambda version, place: Machine(version, place, tmp_path, shims[version], monkeypatch)
    forget_fakes()


def running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
