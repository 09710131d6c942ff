"""A GPU for tests, under the fakes of CUDA and TensorRT: memory with bounds, and streams that run when synchronised.

What is put into a stream is carried out when the stream is synchronised and not before, so that a result that is read
too early, or memory that is given back too early, is wrong here as it is on a GPU. Misuse that a GPU does not always
notice is kept in `faults`. Written for Python 3.6, as what it tests.
"""

import atexit
import ctypes
import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List

MODE = "FAKE_GPU"
"""Environment: "no-driver", "no-device", "broken-driver", or "memory=BYTES"."""
REPORT = "FAKE_GPU_REPORT"
"""Environment: a file for what is left at the end of the process."""
OK, INVALID_VALUE, OUT_OF_MEMORY, NO_DRIVER, NO_DEVICE, INVALID_HANDLE, ILLEGAL_ADDRESS = 0, 1, 2, 35, 100, 400, 700


class Gpu:
    def __init__(self, mode: str = "") -> None:
        self.mode = mode
        self.limit_bytes = int(mode[7:]) if mode.startswith("memory=") else 1 << 30
        self.memory: Dict[int, bytearray] = {}
        self.streams: Dict[int, List[Callable[[], int]]] = {}
        self.faults: List[str] = []
        self.calls: List[str] = []
        self.broken = False
        self._next = 0x7F0000000000

    @property
    def used_bytes(self) -> int:
        return sum(len(block) for block in self.memory.values())

    def device_count(self) -> Any:
        self.calls.append("device count")
        code = {"no-driver": NO_DRIVER, "no-device": NO_DEVICE}.get(self.mode, OK)
        return code, 0 if code else 1

    def malloc(self, size: int) -> Any:
        self.calls.append("malloc")
        if size <= 0:
            self.faults.append(f"malloc of {size}")
        if self.used_bytes + size > self.limit_bytes:
            return OUT_OF_MEMORY, 0
        self._next += 1 << 24
        # What is in new memory nobody knows.
        self.memory[self._next] = bytearray(b"\xa5" * size)
        return OK, self._next

    def free(self, address: int) -> int:
        self.calls.append("free")
        if self.memory.pop(address, None) is None:
            self.faults.append(f"free of an address that is not allocated: {address or 0:#x}")
            return INVALID_VALUE
        if any(self.streams.values()):
            self.faults.append("free while a stream has work")
        return ILLEGAL_ADDRESS if self.broken else OK

    def stream_create(self) -> Any:
        self._next += 8
        self.streams[self._next] = []
        return OK, self._next

    def stream_destroy(self, stream: int) -> int:
        if self.streams.get(stream):
            self.faults.append("a stream with work is destroyed")
        if self.streams.pop(stream, None) is None:
            self.faults.append("destroy of a stream that is none")
            return INVALID_HANDLE
        return OK

    def memcpy_async(self, target: int, source: int, size: int, to_device: bool, stream: int) -> int:
        address = target if to_device else source
        block = self.memory.get(address)
        if block is None or size > len(block):
            self.faults.append(f"copy of {size} bytes at {address or 0:#x}")
            return INVALID_VALUE
        self.calls.append("to device" if to_device else "to host")

        def copy() -> int:
            there = self.memory.get(address)
            if there is None:
                self.faults.append("copy after free")
                return ILLEGAL_ADDRESS
            if to_device:
                there[:size] = ctypes.string_at(source, size)
            else:
                ctypes.memmove(target, bytes(there[:size]), size)
            return OK

        return self.enqueue(stream, copy)

    def enqueue(self, stream: int, work: Callable[[], int]) -> int:
        if stream not in self.streams:
            self.faults.append("work for a stream that is none")
            return INVALID_HANDLE
        self.streams[stream].append(work)
        return OK

    def stream_synchronize(self, stream: int) -> int:
        if stream not in self.streams:
            self.faults.append("synchronize of a stream that is none")
            return INVALID_HANDLE
        self.calls.append("synchronize")
        work, self.streams[stream] = self.streams[stream], []
        for step in work:
            code = ILLEGAL_ADDRESS if self.broken else step()
            if code:
                self.broken = code == ILLEGAL_ADDRESS
                return code
        return OK

    def left(self) -> Dict[str, Any]:
        return {"memory": len(self.memory), "streams": len(self.streams), "faults": self.faults}


GPU = Gpu(os.environ.get(MODE, ""))


def renew(mode: str = "") -> Gpu:
    """The only GPU, as new; for tests in one process."""
    GPU.__init__(mode)  # type: ignore[misc]
    return GPU


def _report() -> None:
    if not GPU.calls:
        return
    with Path(os.environ[REPORT]).open("a") as file:
        file.write(json.dumps(GPU.left()) + "\n")


if REPORT in os.environ:
    atexit.register(_report)
