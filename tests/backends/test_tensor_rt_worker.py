"""TensorRT in a process of another Python: what may go wrong between two processes is told, in time, and ends clean."""

from __future__ import annotations

import ast
import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai.errors import AaiError, BackendUnavailable, BadWeights
from aai.ports import LoadOptions, ModelFiles
from aai_backends import _tensor_rt_remote as remote
from aai_backends._tensor_rt_pipe import Unreadable, laid_out, packed, taken
from aai_backends._tensor_rt_process import Worker
from aai_backends.tensor_rt import TensorRtBackend
from tests.backends.tensor_rt_lab import (  # noqa: F401
    IMAGE,
    Machine,
    answer,
    batched,
    fixture_machine_of,
    fixture_shims,
    network,
    running,
)

BACKENDS = Path(remote.__file__).parent
IN_WORKER = ("_tensor_rt_worker", "_tensor_rt_pipe", "_tensor_rt_session", "_tensor_rt_io", "_tensor_rt_build")
IN_WORKER += ("_tensor_rt_refusal", "_cudart")


@pytest.fixture()
def machine(machine_of: Any) -> Machine:
    return machine_of("8_2", "worker")


def load(path: Path) -> TensorRtBackend:
    return TensorRtBackend(ModelFiles(path), LoadOptions())


def pid_of(loaded: TensorRtBackend) -> int:
    return int(loaded._engine._worker._process.pid)


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("module", IN_WORKER)
def test_what_runs_in_the_worker_is_python_3_6_and_needs_numpy_and_tensorrt_alone(module: str) -> None:
    tree = ast.parse((BACKENDS / f"{module}.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module == "__future__" and node.names[0].name == "annotations")
            names.add(str(node.module) if str(node.module).startswith("aai") else str(node.module).split(".")[0])
        assert not isinstance(node, ast.NamedExpr)
    ours = {name for name in names if name.startswith("aai")}
    assert all(name.rpartition(".")[2] in (*IN_WORKER, "aai_backends") for name in ours)
    standard = {"collections", "contextlib", "ctypes", "importlib", "json", "mmap", "os", "pathlib", "struct", "sys"}
    assert names - ours <= standard | {"time", "traceback", "typing", "numpy", "tensorrt"}


def test_the_worker_sees_neither_the_folder_that_it_lies_in_nor_our_package(machine: Machine) -> None:
    machine.install(
        "import sys\n"
        f"assert {str(BACKENDS)!r} not in sys.path, sys.path\n"
        "assert 'aai' not in sys.modules, sorted(sys.modules)\n"
        "import tensorrt_8_2\nsys.modules[__name__] = tensorrt_8_2\n"
    )
    np.testing.assert_allclose(load(machine.engine()).infer({"images": IMAGE})["boxes"], answer(IMAGE)["boxes"], 1e-5)


def test_no_process_pipe_or_shared_file_stays_behind(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = machine.folder / "shared"
    shared.mkdir()
    monkeypatch.setattr(remote, "_SHARED", shared)
    before = open_files()
    loaded = load(machine.engine(batched()))
    for count in (1, 3, 4):
        loaded.infer({"images": np.zeros((count, 3, 2, 2), np.float32)})
        assert list(shared.iterdir()) == []
    pid = pid_of(loaded)
    assert running(pid)
    loaded.close()
    loaded.close()
    assert not running(pid)
    assert open_files() == before
    machine.assert_clean()


def test_a_network_that_is_forgotten_ends_its_process(machine: Machine) -> None:
    loaded = load(machine.engine())
    pid = pid_of(loaded)
    del loaded
    gc.collect()
    assert not running(pid)


def test_a_program_that_ends_or_dies_takes_its_worker_along(machine: Machine) -> None:
    path, python = machine.engine(), machine.folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={os.environ["PYTHONPATH"]} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "AAI_TENSORRT_PYTHON": str(python)}
    code = (
        "import os, sys, pathlib; from aai.ports import LoadOptions, ModelFiles; "
        "from aai_backends.tensor_rt import TensorRtBackend; "
        f"loaded = TensorRtBackend(ModelFiles(pathlib.Path({str(path)!r})), LoadOptions()); "
        "print(loaded._engine._worker._process.pid, flush=True); "
    )
    for end in ("sys.exit(0)", "os._exit(1)", "os.kill(os.getpid(), 9)"):
        answered = subprocess.run(
            [sys.executable, "-c", code + end], capture_output=True, text=True, env=environment, check=False, timeout=60
        )
        pid = int(answered.stdout)
        deadline = time.monotonic() + 10
        while running(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not running(pid), end


def test_a_worker_that_is_killed_in_the_middle_of_a_call_is_an_error_and_not_the_end(machine: Machine) -> None:
    loaded = load(machine.engine(network(tricks={"run": "hang"})))
    pid = pid_of(loaded)
    killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(AaiError, match=r"the TensorRT process was ended by signal 9") as caught:
        loaded.infer({"images": IMAGE})
    killer.join()
    assert "dmesg" in (caught.value.fix or "")
    with pytest.raises(AaiError, match="closed"):
        loaded.infer({"images": IMAGE})
    loaded.close()
    assert not running(pid)


def test_a_worker_that_is_killed_between_two_calls_is_an_error(machine: Machine) -> None:
    loaded = load(machine.engine())
    loaded.infer({"images": IMAGE})
    os.kill(pid_of(loaded), signal.SIGKILL)
    with pytest.raises(AaiError, match="the TensorRT process was ended by signal 9"):
        loaded.infer({"images": IMAGE})


def test_a_worker_that_hangs_is_ended_when_its_time_is_over(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(machine.engine(network(tricks={"run": "hang"})))
    loaded._engine._run_limit_s = 0.5
    pid, start = pid_of(loaded), time.monotonic()
    with pytest.raises(AaiError, match=r"gave no answer to run within 0\.5 s, and was ended"):
        loaded.infer({"images": IMAGE})
    assert time.monotonic() - start < 5
    assert not running(pid)


def test_an_engine_that_hangs_or_kills_its_loader_is_bad_weights(machine: Machine) -> None:
    python = sys.executable
    with pytest.raises(BadWeights, match=r"could not be loaded: .*no answer to load within 0\.5 s"):
        remote.RemoteEngine(python, machine.engine(network(tricks={"load": "hang"})), 0, [], (0.5, 1))
    with pytest.raises(BadWeights, match="could not be loaded: the TensorRT process was ended by signal 9") as caught:
        load(machine.engine(network(tricks={"load": "die"})))
    assert "aai model convert" in (caught.value.fix or "")


def test_what_a_dying_worker_says_is_in_the_error(machine: Machine) -> None:
    with pytest.raises(BadWeights, match=r"exit code 7; it said: \[TRT\] \[E\] a library says why"):
        load(machine.engine(network(tricks={"load": "say"})))


def test_what_libraries_print_does_not_come_between_the_answers(machine: Machine) -> None:
    loaded = load(machine.engine(network(tricks={"run": "print", "load": "print"})))
    for _ in range(3):
        np.testing.assert_allclose(loaded.infer({"images": IMAGE})["boxes"], answer(IMAGE)["boxes"], 1e-5)


@pytest.mark.parametrize("trick", ["garbage", "flood", "half"])
def test_garbage_in_the_pipe_is_an_error_in_time(trick: str, machine: Machine) -> None:
    loaded = load(machine.engine(network(tricks={"run": trick})))
    loaded._engine._run_limit_s = 2.0
    pid = pid_of(loaded)
    with pytest.raises(AaiError, match=r"can't be read|no answer"):
        loaded.infer({"images": IMAGE})
    assert not running(pid)


def test_a_fault_of_the_binding_is_told_and_ends_the_worker(machine: Machine) -> None:
    loaded = load(machine.engine(network(tricks={"run": "raise"})))
    pid = pid_of(loaded)
    with pytest.raises(AaiError, match="the TensorRT process failed: ValueError: a fault of the binding"):
        loaded.infer({"images": IMAGE})
    assert not running(pid)


def test_ctrl_c_in_the_middle_of_a_call_ends_the_worker(machine: Machine) -> None:
    loaded = load(machine.engine(network(tricks={"run": "hang"})))
    pid = pid_of(loaded)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        loaded.infer({"images": IMAGE})
    timer.join()
    assert not running(pid)


def test_a_terminals_ctrl_c_does_not_reach_the_worker_itself(machine: Machine) -> None:
    loaded = load(machine.engine())
    assert os.getsid(pid_of(loaded)) == pid_of(loaded) != os.getsid(0)
    loaded.close()


def test_a_full_shared_memory_falls_back_to_a_file_and_then_is_an_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_SHARED", machine.folder / "not there")
    loaded = load(machine.engine())
    np.testing.assert_allclose(loaded.infer({"images": IMAGE})["boxes"], answer(IMAGE)["boxes"], 1e-5)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(AaiError, match="there is no room for"):
        load(machine.engine()).infer({"images": IMAGE})


def test_a_python_that_does_not_start_or_is_none_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, told in (
        ("#!/bin/sh\nexit 3\n", "does not answer as a Python does"),
        ("#!/nowhere/at/all\n", "does not start"),
        ("#!/bin/sh\necho no json\n", "does not answer as a Python does"),
    ):
        script = machine.folder / f"python-{len(text)}"
        script.write_text(text)
        script.chmod(0o755)
        monkeypatch.setenv("AAI_TENSORRT_PYTHON", str(script))
        with pytest.raises(BackendUnavailable, match=told) as caught:
            load(machine.engine())
        assert str(script) in str(caught.value)


def test_a_worker_that_is_no_worker_is_unavailable(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    script = machine.folder / "python"
    script.write_text("#!/bin/sh\necho HTTP/1.1 400\nsleep 5\n")
    script.chmod(0o755)
    with pytest.raises(BackendUnavailable, match="can't be read"):
        Worker(str(script))
    script.write_text("#!/bin/sh\nsleep 60\n")
    with pytest.raises(BackendUnavailable, match=r"no answer to hello within 0\.3 s"):
        Worker(str(script), 0.3)
    with pytest.raises(BackendUnavailable, match="does not start"):
        Worker(str(machine.folder / "nothing"))


def test_frames_come_whole_out_of_any_pieces_and_nothing_else_does() -> None:
    messages = [{"do": "run"}, {"text": "é" * 300, "list": [1, [None, True]]}, {}]
    data = b"".join(packed(message) for message in messages)
    for step in (1, 3, 7, len(data)):
        buffer, found = bytearray(), []
        for start in range(0, len(data), step):
            buffer += data[start : start + step]
            while (message := taken(buffer)) is not None:
                found.append(message)
        assert found == messages and not buffer
    for wrong in (b"x", b"aai2....", b"aai1\xff\xff\xff\x7f", b"aai1\x02\0\0\0[]", b"aai1\x01\0\0\0{"):
        with pytest.raises(Unreadable):
            taken(bytearray(wrong))
    deep = b"[" * 100_000
    with pytest.raises(Unreadable):
        taken(bytearray(b"aai1" + len(deep).to_bytes(4, "little") + deep))


def test_tensors_do_not_overlap_in_shared_memory() -> None:
    slots, size = laid_out([("a", (1, 3, 2, 2), "float32"), ("b", (0, 4), "int32"), ("c", (), "float64")])
    assert [slot.offset % 64 for slot in slots] == [0, 0, 0]
    assert slots[0].offset + 48 <= slots[1].offset <= slots[2].offset and slots[2].offset + 8 <= size


@pytest.fixture(scope="module")
def python36(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python 3.6 with numpy: one that has it, or an environment made for the tests."""
    found = [shutil.which("python3.6") or ""]
    found += [
        str(path)
        for path in Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.6.*/bin/python3")
    ]
    pythons = [path for path in found if path and _runs(path, "import sys; assert sys.version_info[:2] == (3, 6)")]
    if not pythons:
        pytest.skip("no Python 3.6 here: install one, python3.6 on the PATH or by pyenv")
    for python in pythons:
        if _runs(python, "import numpy"):
            return python
    folder = tmp_path_factory.mktemp("python36")
    subprocess.run([pythons[0], "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin/pip"), "-q", "install", "numpy"], check=False, capture_output=True)
    if not _runs(str(folder / "bin/python"), "import numpy"):
        pytest.skip("the Python 3.6 here has no numpy, and the package index can't be reached: pip install numpy")
    return str(folder / "bin/python")


def _runs(python: str, code: str) -> bool:
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("version", ["8_2", "11"])
def test_a_real_python_3_6_runs_the_worker(
    version: str,
    python36: str,
    machine_of: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = machine_of(version, "worker")
    monkeypatch.setenv("AAI_TENSORRT_PYTHON", python36)
    loaded = load(machine.engine(batched()))
    assert loaded._engine.about["python"] == "3.6"
    for count in (1, 6):
        images = np.random.default_rng(count).normal(size=(count, 3, 2, 2)).astype(np.float32)
        found = loaded.infer({"images": images})
        np.testing.assert_allclose(found["boxes"], answer(images)["boxes"], rtol=1e-5)
    loaded.close()
    machine.assert_clean()
    with pytest.raises(BadWeights, match=r"TensorRT can't load the engine: .*truncated"):
        path = machine.engine()
        path.write_bytes(path.read_bytes()[:-5])
        load(path)
    assert re.fullmatch(r"TensorRT [\d.]+", loaded.engine)
