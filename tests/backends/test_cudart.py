"""CUDA's runtime by ctypes and by cuda-python: the same calls on the same GPU, and what is told when there is none."""

from __future__ import annotations

import ctypes
import importlib
import sys
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

from aai_backends import _cudart
from aai_backends._cudart import CudaRuntime, library_paths, open_cuda
from aai_backends._tensor_rt_refusal import DAMAGED, FAILED, UNAVAILABLE, Refusal
from tests.backends.tensor_rt_lab import FAKES, forget_fakes, make_shims

_POINTER, _INT, _SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t


@pytest.fixture()
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FAKES))
    forget_fakes()
    yield importlib.import_module("gpu").GPU
    forget_fakes()


class Libcudart:
    """libcudart.so on the fake GPU: functions in C's way of calling, as ctypes finds them in a library."""

    def __init__(self, gpu: Any) -> None:
        def filled(call: Any, kind: Any) -> Any:
            def function(target: int, *arguments: Any) -> int:
                code, value = call(*arguments)
                kind.from_address(target).value = value
                return int(code)

            return function

        def properties(target: int, device: int) -> int:
            ctypes.memmove(target, b"Fake GPU 9\0" + b"\xff" * 1000, 1011)
            return 0

        def memory(free: int, total: int) -> int:
            _SIZE.from_address(free).value = gpu.limit_bytes - gpu.used_bytes
            _SIZE.from_address(total).value = gpu.limit_bytes
            return 0

        def attribute(number: int, device: int) -> tuple[int, int]:
            return 0, {75: 8, 76: 7}[number]

        def copy(target: int, source: int, size: int, kind: int, stream: int) -> int:
            assert kind in (1, 2)
            return int(gpu.memcpy_async(target, source, size, kind == 1, stream))

        self._functions = {
            "cudaGetDeviceCount": (filled(gpu.device_count, _INT), _POINTER),
            "cudaGetDeviceProperties": (properties, _POINTER, _INT),
            "cudaDeviceGetAttribute": (filled(attribute, _INT), _POINTER, _INT, _INT),
            "cudaMemGetInfo": (memory, _POINTER, _POINTER),
            "cudaMalloc": (filled(gpu.malloc, _POINTER), _POINTER, _SIZE),
            "cudaFree": (gpu.free, _POINTER),
            "cudaMemcpyAsync": (copy, _POINTER, _POINTER, _SIZE, _INT, _POINTER),
            "cudaStreamCreate": (filled(gpu.stream_create, _POINTER), _POINTER),
            "cudaStreamSynchronize": (gpu.stream_synchronize, _POINTER),
            "cudaStreamDestroy": (gpu.stream_destroy, _POINTER),
        }
        for name, (function, *arguments) in self._functions.items():
            setattr(self, name, ctypes.CFUNCTYPE(_INT, *arguments)(function))


def by_ctypes(gpu: Any) -> CudaRuntime:
    return CudaRuntime(_cudart._Library(Libcudart(gpu), "libcudart.so"))


def by_cuda_python(gpu: Any) -> CudaRuntime:
    return CudaRuntime(_cudart._PythonModule(importlib.import_module("cuda_python"), "cuda.cudart"))


WAYS = pytest.mark.parametrize("way", [by_ctypes, by_cuda_python])


@WAYS
def test_an_array_goes_there_and_back_when_the_stream_is_synchronised_and_not_before(way: Any, gpu: Any) -> None:
    cuda = way(gpu)
    sent = np.arange(12, dtype=np.float32).reshape(3, 4)
    back = np.zeros_like(sent)
    stream, address = cuda.stream_create(), cuda.malloc(sent.nbytes)
    assert isinstance(stream, int) and isinstance(address, int) and stream > 1 << 32 and address > 1 << 32
    cuda.to_device(address, sent, stream)
    cuda.to_host(back, address, stream)
    assert not back.any()
    cuda.stream_synchronize(stream)
    np.testing.assert_array_equal(back, sent)
    cuda.free(address)
    cuda.stream_destroy(stream)
    assert gpu.left() == {"memory": 0, "streams": 0, "faults": []}


@WAYS
def test_the_gpu_tells_its_name_its_capability_and_its_memory(way: Any, gpu: Any) -> None:
    cuda = way(gpu)
    assert (cuda.device_name(), cuda.capability(), cuda.free_bytes()) == ("Fake GPU 9", "8.7", 1 << 30)
    cuda.malloc(1000)
    assert cuda.free_bytes() == (1 << 30) - 1000


@WAYS
def test_what_an_error_code_means_is_told(way: Any, gpu: Any) -> None:
    cuda = way(gpu)
    with pytest.raises(Refusal, match="could not take 2,147,483,648 bytes of its memory: it has no more") as caught:
        cuda.malloc(1 << 31)
    assert caught.value.kind == FAILED
    with pytest.raises(Refusal, match="could not give memory back: CUDA error 1"):
        cuda.free(12345)
    with pytest.raises(Refusal, match="CUDA error 400"):
        cuda.stream_synchronize(99)
    stream = cuda.stream_create()
    gpu.enqueue(stream, lambda: 700)
    with pytest.raises(Refusal, match="could not run: CUDA error 700") as caught:
        cuda.stream_synchronize(stream)
    assert caught.value.kind == DAMAGED


@pytest.mark.parametrize("module", ["cudart", "bindings/runtime"])
def test_cuda_python_is_taken_where_it_works_in_either_of_its_places(
    module: str, gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(make_shims(tmp_path / "shims", "10", module)))
    forget_fakes()
    assert open_cuda().name == {"cudart": "cuda.cudart", "bindings/runtime": "cuda.bindings.runtime"}[module]


def test_a_library_that_finds_no_driver_is_passed_over_for_one_that_does(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = importlib.import_module("gpu").Gpu("no-driver")
    libraries = {"libcudart.so.13": Libcudart(old), "libcudart.so.12": Libcudart(gpu)}
    monkeypatch.setattr(_cudart, "_MODULES", ())
    monkeypatch.setattr(_cudart, "library_paths", lambda: [*libraries, "libcudart.so.11.0"])
    monkeypatch.setattr(ctypes, "CDLL", _opener(libraries))
    assert open_cuda().name == "libcudart.so.12"
    del libraries["libcudart.so.12"]
    with pytest.raises(Refusal, match="no usable NVIDIA GPU here: CUDA error 35, no driver") as caught:
        open_cuda()
    assert caught.value.kind == UNAVAILABLE and "--runtime nvidia" in caught.value.fix
    libraries.clear()
    with pytest.raises(Refusal, match=r"neither libcudart\.so nor cuda-python was found"):
        open_cuda()
    libraries["libcudart.so.13"] = object()
    with pytest.raises(Refusal, match="cudaGetDeviceCount"):
        open_cuda()


def _opener(libraries: dict[str, Any]) -> Any:
    def opened(path: str, mode: int = 0) -> Any:
        if path not in libraries:
            raise OSError(f"{path}: cannot open shared object file: No such file or directory")
        return libraries[path]

    return opened


def test_libraries_are_looked_for_where_jetpack_toolkits_and_wheels_put_them(tmp_path: Path) -> None:
    places = [
        "usr/local/cuda-10.2/targets/aarch64-linux/lib/libcudart.so.10.2.300",
        "usr/local/cuda/lib64/libcudart.so",
        "usr/lib/aarch64-linux-gnu/libcudart.so.12",
    ]
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    wheel = tmp_path / "site/nvidia/cuda_runtime/lib/libcudart.so.12"
    newer = tmp_path / "site/nvidia/cu13/lib/libcudart.so.13"
    for path in (wheel, newer):
        path.parent.mkdir(parents=True)
        path.touch()
    loaded = "/opt/own/libcudart.so.11.0"
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/maps").write_text(
        f"7f00-7f10 r-xp 00000000 08:01 12   {loaded}\n7f10-7f20 rw-p 0 0 0\n"
        "7f20-7f30 r-xp 00000000 08:01 13   /lib/libc.so.6\n"
    )
    found = library_paths(tmp_path, [str(tmp_path / "site"), ""])
    assert found[0] == loaded and found[1] == "libcudart.so"
    assert set(found) >= {*(str(tmp_path / place) for place in places), str(wheel), str(newer)}
    assert len(found) == len(set(found))
    assert library_paths(tmp_path / "nothing", [])[0] == "libcudart.so"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_real_files_of_this_machine_are_looked_at_without_a_fault() -> None:
    assert "libcudart.so.12" in library_paths()
