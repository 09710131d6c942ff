"""The fakes of TensorRT have no name that the real module of that version does not have."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.backends.tensor_rt_lab import FAKES, VERSIONS, forget_fakes

ORACLE = Path(__file__).resolve().parent.parent / "data" / "tensorrt-api.json"
REAL = json.loads(ORACLE.read_text(encoding="utf-8"))
READ = {"8_5": "8.5.3.1", "10": "10.3.0", "11": "11.4.0.106"}
NOT_IN_8_2 = {
    "": {"TensorIOMode", "MemoryPoolType"},
    "IBuilderConfig": {"set_memory_pool_limit"},
    "ICudaEngine": {"num_io_tensors"},
    "IExecutionContext": {"execute_async_v3", "set_input_shape", "set_tensor_address", "get_tensor_shape"},
    "DataType": {"UINT8"},
}
"""What came after 8.2, which is on no package index: its names are those of 8.5 without these (NVIDIA's history)."""


@pytest.fixture(params=VERSIONS)
def fake(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FAKES))
    forget_fakes()
    yield importlib.import_module(f"tensorrt_{request.param}")
    forget_fakes()


def _own(thing: Any) -> set:
    return {name for name in dir(thing) if name[0] != "_"}


def test_every_name_of_a_fake_is_one_of_the_real_module(fake: Any) -> None:
    version = fake.__name__[len("tensorrt_") :]
    real = REAL[READ.get(version, "8.5.3.1")]
    gone = NOT_IN_8_2 if version == "8_2" else {}
    assert _own(fake) <= set(real[""]) - gone.get("", set())
    for name in _own(fake) - {"init_libnvinfer_plugins"}:
        known = set(real[name]) - gone.get(name, set())
        # Enumerations of Python have these of their own, or from int.
        known |= {"Severity", "name", "value"} | _own(int)
        made = {"logger", "engine"} if name in ("Runtime", "Builder", "IExecutionContext") else set()
        assert _own(getattr(fake, name)) <= known | made, name


def test_what_the_versions_differ_by_is_so_in_the_real_ones() -> None:
    """The back end asks for these; the wheels answer."""
    engine = {version: set(names["ICudaEngine"]) for version, names in REAL.items()}
    assert {version for version in REAL if "num_io_tensors" in engine[version]} == set(REAL)
    assert {version for version in REAL if "num_bindings" in engine[version]} == {"8.5.3.1", "8.6.0"}
    assert "FP16" in REAL["10.3.0"]["BuilderFlag"] and "FP16" not in REAL["11.4.0.106"]["BuilderFlag"]
    assert "IInt8EntropyCalibrator2" in REAL["10.3.0"][""]
    assert "set_memory_pool_limit" in REAL["11.4.0.106"]["IBuilderConfig"]
    assert "EXPLICIT_BATCH" not in REAL["11.4.0.106"]["NetworkDefinitionCreationFlag"]


def test_a_fake_gpu_notices_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FAKES))
    gpu = importlib.import_module("gpu").Gpu()
    _, stream = gpu.stream_create()
    _, address = gpu.malloc(8)
    assert gpu.memcpy_async(address, 0, 9, True, stream) and len(gpu.faults) == 1
    gpu.enqueue(stream, lambda: 0)
    gpu.free(address)
    assert "free while a stream has work" in gpu.faults[-1]
    gpu.free(address)
    assert "not allocated" in gpu.faults[-1]
    gpu.stream_destroy(stream)
    assert "with work" in gpu.faults[-1]
    assert gpu.left()["memory"] == 0 and gpu.left()["streams"] == 0
    forget_fakes()
