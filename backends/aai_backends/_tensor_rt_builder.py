"""Engines built from ONNX files, always in a process of their own: a build may take an hour, and is to be ended."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator

from aai_backends._tensor_rt_pipe import views
from aai_backends._tensor_rt_plugins import own_plugins
from aai_backends._tensor_rt_process import Worker
from aai_backends._tensor_rt_python import in_process, usable_python
from aai_backends._tensor_rt_refusal import Refusal
from aai_backends._tensor_rt_remote import RUN_LIMIT_S, shared_memory, translated

if TYPE_CHECKING:
    import numpy as np

    from aai.ports import BuildOrder

    Array = np.ndarray[Any, Any]
    Progress = Callable[[str], None]

BUILD_LIMIT_S = 6 * 3600.0
"""A large network with int8 takes a Nano over an hour; a build that never ends is Ctrl-C's."""


class EngineBuilder:
    """Builds engines for the TensorRT and the GPU of this machine, which `about` tells.

    Raises:
        BackendUnavailable: no TensorRT, CUDA, driver or GPU.
    """

    def __init__(self) -> None:
        try:
            python = sys.executable if in_process() else usable_python()
            self._worker = Worker(python)
        except Refusal as refusal:
            raise translated(refusal, "TensorRT") from refusal
        self.about: dict[str, str] = self._worker.about
        """tensorrt, python: versions; gpu: its name; capability: "8.7"."""

    def __enter__(self) -> EngineBuilder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def build(
        self, order: BuildOrder, images: Iterable[Array] = (), progress: Progress | None = None, limit_s: float = 0
    ) -> list[str]:
        """Builds one engine; see `aai.ports.EngineBuilder`. It takes at most `limit_s`, 0 for `BUILD_LIMIT_S`."""
        left = iter(images)
        try:
            take = self._shared(order, left) if order.precision == "int8" else None
            command = {
                "do": "build",
                "order": {
                    "onnx": str(order.onnx),
                    "engine": str(order.engine),
                    "precision": order.precision,
                    "workspace_bytes": order.workspace_bytes,
                    "input_shape": list(order.input_shape),
                    "max_batch": order.max_batch,
                    "plugins": own_plugins(),
                },
            }
            told = self._worker.call(command, limit_s or BUILD_LIMIT_S, _Listener(take, progress))
        except Refusal as refusal:
            raise translated(refusal, str(order.onnx)) from refusal
        return [str(note) for note in told["notes"]]

    def close(self) -> None:
        """Ends the process. Calling it twice is fine."""
        self._worker.close()

    def _shared(self, order: BuildOrder, images: Iterator[Array]) -> Callable[[], bool] | None:
        """Memory that takes one batch; calling what comes back puts the next one there, False at the end."""
        first = next(images, None)
        if first is None:
            return None
        tensor = (order.input_name, tuple(first.shape), str(first.dtype))
        memory, slots = shared_memory(self._worker, [tensor], 1, RUN_LIMIT_S)
        array = views(memory, slots)[order.input_name]
        waiting = [first]

        def take() -> bool:
            batch = waiting.pop() if waiting else next(images, None)
            if batch is None:
                return False
            array[...] = batch
            return True

        return take


class _Listener:
    """What the worker says while it builds."""

    def __init__(self, take: Callable[[], bool] | None, progress: Progress | None) -> None:
        self._take, self._progress = take, progress
        self._text, self._start, self._batches = "starting", time.monotonic(), 0

    def __call__(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Answers a question of the worker; None where it asks nothing."""
        if message["event"] == "images":
            more = self._take is not None and self._take()
            self._batches += more
            self._text = f"calibrating, batch {self._batches}"
            return {"more": more}
        if message["event"] == "progress":
            self._text = str(message.get("text", ""))[:200]
        if self._progress is not None:
            self._progress(f"{self._text}, {time.monotonic() - self._start:.0f} s")
        return None
