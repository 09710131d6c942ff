"""Which Python has TensorRT: this one, the one that is named, or the first of the usual ones that can import it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from aai.errors import BackendUnavailable
from aai.ports import LoadOptions, ModelFiles
from aai_backends import _tensor_rt_python as python_of
from aai_backends.tensor_rt import TensorRtBackend
from tests.backends.tensor_rt_lab import FAKES, VERSIONS, make_shims, network, plan


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    python_of._searched.cache_clear()
    yield
    python_of._searched.cache_clear()


@pytest.fixture()
def pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a Python on the PATH: pythons("python3.6", "8_2") has that TensorRT; with None it has none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(python_of, "_NAMES", tuple(name for name in python_of._NAMES if not name.startswith("/")))

    def make(name: str, version: str | None, body: str = "") -> Path:
        path = folder / name
        places = f"{make_shims(tmp_path / name, version)}:{FAKES}" if version else ""
        path.write_text(f'#!/bin/sh\n{body}\nPYTHONPATH={places} exec {sys.executable} "$@"\n')
        path.chmod(0o755)
        return path

    return make


def test_the_first_python_that_can_import_it_is_taken(pythons: Any) -> None:
    pythons("python3.8", None)
    taken = pythons("python3.10", "8_5")
    pythons("python3.12", "11")
    assert python_of.other_python() == python_of.Found(str(taken), "8.5.3.1")
    assert [found.absent for found in python_of.searched()] == [True, False]
    assert not python_of.in_process()


def test_a_python_that_is_named_is_the_only_one(pythons: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pythons("python3.10", "8_5")
    named = pythons("mine", "10")
    monkeypatch.setenv("AAI_TENSORRT_PYTHON", str(named))
    assert python_of.other_python() == python_of.Found(str(named), "10.3.0")
    monkeypatch.setenv("AAI_TENSORRT_PYTHON", "mine")
    found = python_of.other_python()
    assert found is not None and found.version == "10.3.0"
    monkeypatch.setenv("AAI_TENSORRT_PYTHON", "not-there")
    assert python_of.other_python() is None
    assert "does not start: No such file" in python_of.searched()[0].trouble


def test_a_python_is_asked_once(pythons: Any, tmp_path: Path) -> None:
    pythons("python3.6", "8_2", f"echo asked >> {tmp_path}/asked")
    for _ in range(3):
        assert python_of.other_python() is not None
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_python_whose_tensorrt_or_numpy_is_broken_is_told_with_what_is_missing(pythons: Any, tmp_path: Path) -> None:
    pythons("python3.6", "8_2")
    (tmp_path / "python3.6/tensorrt.py").write_text(
        "raise ImportError('libnvinfer.so.8: cannot open shared object file')"
    )
    pythons("python3.8", "8_5")
    (tmp_path / "python3.8/numpy.py").write_text("raise ImportError('no numpy of this Python')")
    engine = tmp_path / "model.engine"
    engine.write_bytes(plan("8_2", network()))
    with pytest.raises(BackendUnavailable, match=r"python3\.6: libnvinfer\.so\.8: cannot open.*python3\.8: no numpy"):
        TensorRtBackend(ModelFiles(engine), LoadOptions())
    assert python_of.other_python() is None


def test_a_machine_without_tensorrt_is_told_what_was_looked_for_and_what_to_do(pythons: Any, tmp_path: Path) -> None:
    pythons("python3.6", None)
    engine = tmp_path / "model.engine"
    engine.write_bytes(plan("8_2", network()))
    with pytest.raises(BackendUnavailable, match=r"not found, in this Python nor in .*python3\.6") as caught:
        TensorRtBackend(ModelFiles(engine), LoadOptions())
    assert "AAI_TENSORRT_PYTHON" in (caught.value.fix or "") and caught.value.exit_code == 6


def test_a_python_that_does_not_answer_is_given_up(pythons: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_of, "_LIMIT_S", 0.3)
    pythons("python3.6", "8_2", "exec /bin/sleep 30")
    assert python_of.other_python() is None
    assert "within 0.3 s" in python_of.searched()[0].trouble


@pytest.mark.parametrize("version", VERSIONS)
def test_this_python_comes_first(version: str, pythons: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pythons("python3.6", "8_2")
    monkeypatch.syspath_prepend(str(make_shims(tmp_path / "own", version)))
    assert python_of.in_process()
