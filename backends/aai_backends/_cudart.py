"""Memory and streams of CUDA's runtime: through cuda-python where it works, else libcudart by ctypes.

Source of the calls and numbers: NVIDIA, CUDA Runtime API, "Memory Management", "Stream Management", "Error Handling".
No `from __future__ import annotations` here: the worker runs this file under Python 3.6, which does not know it.
"""

import ctypes
import importlib
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from aai_backends._tensor_rt_refusal import DAMAGED, FAILED, UNAVAILABLE, Refusal

TO_DEVICE = 1
TO_HOST = 2
_OUT_OF_MEMORY = 2
_NO_DEVICE = 100
_NO_DRIVER_CODES = {3: "initialization error", 35: "no driver, or one that is too old", _NO_DEVICE: "no GPU"}
_STICKY_CODES = (214, 700, 702, 708, 709, 710, 714, 715, 716, 717, 718, 719)
"""Errors after which every call of the process fails: ECC, illegal address, time-out, assertion, launch failure."""
_CAPABILITY = (75, 76)
"""cudaDevAttrComputeCapabilityMajor and Minor."""
_PROPERTIES_BYTES = 16384
"""Room for any version's cudaDeviceProp; all of them begin with the name, 256 bytes."""
_NAMES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so.10.2")
_PLACES = (
    "usr/local/cuda*/lib64/libcudart.so*",
    "usr/local/cuda*/lib/libcudart.so*",
    "usr/local/cuda*/targets/*/lib/libcudart.so*",
    "usr/lib/*-linux-gnu/libcudart.so*",
)
_WHEELS = ("nvidia/cuda_runtime/lib/libcudart.so*", "nvidia/cu*/lib/libcudart.so*")
_MODULES = ("cuda.bindings.runtime", "cuda.cudart")
"""cuda-python from 12.6 on, and before."""

_PROTOTYPES = {
    "cudaGetDeviceCount": [ctypes.c_void_p],
    "cudaGetDeviceProperties": [ctypes.c_void_p, ctypes.c_int],
    "cudaDeviceGetAttribute": [ctypes.c_void_p, ctypes.c_int, ctypes.c_int],
    "cudaMemGetInfo": [ctypes.c_void_p, ctypes.c_void_p],
    "cudaMalloc": [ctypes.c_void_p, ctypes.c_size_t],
    "cudaFree": [ctypes.c_void_p],
    "cudaMemcpyAsync": [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p],
    "cudaStreamCreate": [ctypes.c_void_p],
    "cudaStreamSynchronize": [ctypes.c_void_p],
    "cudaStreamDestroy": [ctypes.c_void_p],
}


class _Library:
    """libcudart through ctypes. Each call gives the error code and what the call fills in."""

    def __init__(self, library: Any, name: str) -> None:
        self.name = name
        self._library = library
        for function, arguments in _PROTOTYPES.items():
            found = getattr(library, function)
            found.argtypes, found.restype = arguments, ctypes.c_int

    def device_count(self) -> Tuple[int, int]:
        return self._filled("cudaGetDeviceCount", ctypes.c_int())

    def device_name(self) -> Tuple[int, str]:
        room = ctypes.create_string_buffer(_PROPERTIES_BYTES)
        code = self._library.cudaGetDeviceProperties(room, 0)
        return code, room.raw[:256].split(b"\0")[0].decode("utf-8", "replace")

    def attribute(self, number: int) -> Tuple[int, int]:
        value = ctypes.c_int()
        return self._library.cudaDeviceGetAttribute(ctypes.byref(value), number, 0), value.value

    def free_bytes(self) -> Tuple[int, int]:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        return self._library.cudaMemGetInfo(ctypes.byref(free), ctypes.byref(total)), free.value

    def malloc(self, size_bytes: int) -> Tuple[int, int]:
        return self._filled("cudaMalloc", ctypes.c_void_p(), size_bytes)

    def free(self, address: int) -> int:
        return int(self._library.cudaFree(address))

    def memcpy_async(self, target: int, source: int, size_bytes: int, direction: int, stream: int) -> int:
        return int(self._library.cudaMemcpyAsync(target, source, size_bytes, direction, stream))

    def stream_create(self) -> Tuple[int, int]:
        return self._filled("cudaStreamCreate", ctypes.c_void_p())

    def stream_synchronize(self, stream: int) -> int:
        return int(self._library.cudaStreamSynchronize(stream))

    def stream_destroy(self, stream: int) -> int:
        return int(self._library.cudaStreamDestroy(stream))

    def _filled(self, function: str, value: Any, *arguments: int) -> Tuple[int, int]:
        code = getattr(self._library, function)(ctypes.byref(value), *arguments)
        return int(code), int(value.value or 0)


class _PythonModule:
    """cuda-python: each function returns a tuple whose first item is the error."""

    def __init__(self, module: Any, name: str) -> None:
        self.name = name
        self._module = module
        self._directions = {
            TO_DEVICE: module.cudaMemcpyKind.cudaMemcpyHostToDevice,
            TO_HOST: module.cudaMemcpyKind.cudaMemcpyDeviceToHost,
        }
        attributes = module.cudaDeviceAttr
        self._attributes = dict(
            zip(
                _CAPABILITY,
                (attributes.cudaDevAttrComputeCapabilityMajor, attributes.cudaDevAttrComputeCapabilityMinor),
            )
        )

    def device_count(self) -> Tuple[int, int]:
        return self._pair(self._module.cudaGetDeviceCount())

    def device_name(self) -> Tuple[int, str]:
        error, properties = self._module.cudaGetDeviceProperties(0)
        if int(error):
            return int(error), ""
        name = properties.name
        return 0, name.split(b"\0")[0].decode("utf-8", "replace") if isinstance(name, bytes) else str(name)

    def attribute(self, number: int) -> Tuple[int, int]:
        return self._pair(self._module.cudaDeviceGetAttribute(self._attributes[number], 0))

    def free_bytes(self) -> Tuple[int, int]:
        return self._pair(self._module.cudaMemGetInfo()[:2])

    def malloc(self, size_bytes: int) -> Tuple[int, int]:
        return self._pair(self._module.cudaMalloc(size_bytes))

    def free(self, address: int) -> int:
        return int(self._module.cudaFree(address)[0])

    def memcpy_async(self, target: int, source: int, size_bytes: int, direction: int, stream: int) -> int:
        return int(self._module.cudaMemcpyAsync(target, source, size_bytes, self._directions[direction], stream)[0])

    def stream_create(self) -> Tuple[int, int]:
        return self._pair(self._module.cudaStreamCreate())

    def stream_synchronize(self, stream: int) -> int:
        return int(self._module.cudaStreamSynchronize(stream)[0])

    def stream_destroy(self, stream: int) -> int:
        return int(self._module.cudaStreamDestroy(stream)[0])

    def _pair(self, answer: Sequence[Any]) -> Tuple[int, int]:
        code = int(answer[0])
        return code, 0 if code else int(answer[1])


class CudaRuntime:
    """CUDA's runtime on its first device. Addresses and streams are plain numbers.

    Args:
        calls: libcudart or cuda-python; see `open_cuda`.
    """

    def __init__(self, calls: Any) -> None:
        self._calls = calls
        self.name = str(calls.name)

    def device_name(self) -> str:
        """What the GPU calls itself, such as "Orin" or "NVIDIA L4"."""
        code, name = self._calls.device_name()
        _check(code, "ask for the name of the GPU")
        return str(name)

    def capability(self) -> str:
        """The GPU's compute capability, such as "8.7"."""
        numbers = []
        for attribute in _CAPABILITY:
            code, value = self._calls.attribute(attribute)
            _check(code, "ask for the compute capability")
            numbers.append(str(value))
        return ".".join(numbers)

    def free_bytes(self) -> int:
        """Memory of the GPU that is free, in bytes."""
        code, free = self._calls.free_bytes()
        _check(code, "ask for the free memory")
        return int(free)

    def malloc(self, size_bytes: int) -> int:
        """The address of new memory on the device.

        Raises:
            Refusal: there is not so much left.
        """
        code, address = self._calls.malloc(size_bytes)
        _check(code, f"take {size_bytes:,} bytes of its memory")
        return int(address)

    def free(self, address: int) -> None:
        """Gives memory back."""
        _check(self._calls.free(address), "give memory back")

    def to_device(self, address: int, array: Any, stream: int) -> None:
        """Starts to copy `array`, contiguous, to the device. It must stay as it is until the stream is synchronised."""
        code = self._calls.memcpy_async(address, array.ctypes.data, array.nbytes, TO_DEVICE, stream)
        _check(code, "copy to the GPU")

    def to_host(self, array: Any, address: int, stream: int) -> None:
        """Starts to fill `array`, contiguous, from the device; it holds the values once the stream is synchronised."""
        code = self._calls.memcpy_async(array.ctypes.data, address, array.nbytes, TO_HOST, stream)
        _check(code, "copy from the GPU")

    def stream_create(self) -> int:
        """A new stream."""
        code, stream = self._calls.stream_create()
        _check(code, "make a stream")
        return int(stream)

    def stream_synchronize(self, stream: int) -> None:
        """Waits until all that was put into the stream is done; faults of it show here."""
        _check(self._calls.stream_synchronize(stream), "run")

    def stream_destroy(self, stream: int) -> None:
        """Gives a stream back."""
        _check(self._calls.stream_destroy(stream), "give a stream back")


def open_cuda() -> CudaRuntime:
    """CUDA's runtime on a GPU that answers.

    It is asked before TensorRT is: without a driver, `Runtime()` of TensorRT 8.6.0 ends the process by a segmentation
    fault (seen with the wheel of PyPI), where 8.5 raises.

    Raises:
        Refusal: no libcudart and no cuda-python, no driver, or no GPU.
    """
    troubles: Dict[str, List[str]] = {}
    for calls in _candidates(troubles):
        code, count = calls.device_count()
        if code == 0 and count > 0:
            return CudaRuntime(calls)
        troubles.setdefault(_reason(code or _NO_DEVICE), []).append(calls.name)
    if not troubles:
        raise Refusal(
            UNAVAILABLE,
            "CUDA's runtime is not here: neither libcudart.so nor cuda-python was found",
            "install the CUDA toolkit's runtime (apt install cuda-cudart-12-6, or pip install "
            "nvidia-cuda-runtime-cu12), or put its folder into LD_LIBRARY_PATH; on a Jetson it comes with JetPack",
        )
    told = "; ".join(f"{reason} ({', '.join(names[:3])})" for reason, names in list(troubles.items())[:3])
    raise Refusal(
        UNAVAILABLE,
        f"there is no usable NVIDIA GPU here: {told}",
        "look at it with nvidia-smi, or on a Jetson with tegrastats; in a container start it with --gpus all, on a "
        "Jetson with --runtime nvidia",
    )


def library_paths(root: Path = Path("/"), search: Optional[Sequence[str]] = None) -> List[str]:
    """Where libcudart may be, in the order to try: what the process has loaded, the loader's, the usual folders.

    Args:
        root: the file system to look at; another one than / in tests.
        search: folders that wheels are installed in; None for this Python's.
    """
    wheels = [Path(folder) for folder in (sys.path if search is None else search) if folder]
    places = [(folder, pattern) for folder in wheels for pattern in _WHEELS] + [(root, pattern) for pattern in _PLACES]
    found = [str(path) for folder, pattern in places for path in sorted(folder.glob(pattern), reverse=True)]
    return list(dict.fromkeys([*_loaded(root), *_NAMES, *found]))


def _loaded(root: Path) -> List[str]:
    try:
        lines = (root / "proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return []
    paths = [line.split(None, 5)[-1] for line in lines if "libcudart" in line]
    return [path for path in paths if Path(path).name.startswith("libcudart")]


def _candidates(troubles: Dict[str, List[str]]) -> Iterator[Any]:
    for name in _MODULES:
        try:
            yield _PythonModule(importlib.import_module(name), name)
        except ImportError:
            continue
        except (AttributeError, OSError, RuntimeError) as error:
            troubles.setdefault(str(error), []).append(name)
    for path in library_paths():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        try:
            yield _Library(library, path)
        except AttributeError as error:
            troubles.setdefault(str(error), []).append(path)


def _check(code: int, doing: str) -> None:
    """Raises what an error code means."""
    if code == 0:
        return
    if code == _OUT_OF_MEMORY:
        raise Refusal(FAILED, f"the GPU could not {doing}: it has no more", "close other models or programs")
    raise Refusal(DAMAGED if code in _STICKY_CODES else FAILED, f"the GPU could not {doing}: {_reason(code)}")


def _reason(code: int) -> str:
    meaning = _NO_DRIVER_CODES.get(code)
    return f"CUDA error {code}, {meaning}" if meaning else f"CUDA error {code}"
