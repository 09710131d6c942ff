"""TensorRT in another Python: an engine in a worker, with its tensors in memory that both see."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from aai.errors import AaiError, BackendUnavailable, BadWeights, StorageFailed
from aai_backends._tensor_rt_io import Tensor
from aai_backends._tensor_rt_pipe import Slot, laid_out, views
from aai_backends._tensor_rt_process import Worker, WorkerDied
from aai_backends._tensor_rt_refusal import UNAVAILABLE, WEIGHTS, Refusal

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LOAD_LIMIT_S = 600.0
"""A Nano takes most of a minute to load CUDA's libraries from its card, before it reads the engine."""
RUN_LIMIT_S = 60.0
_SHARED = Path("/dev/shm")


class RemoteEngine:
    """An engine that a worker has loaded.

    Args:
        python: the interpreter that has TensorRT.
        path: the engine file.
        offset: where in it the plan starts.
        plugins: shared libraries with further layers.
        limits_s: for loading, and for one inference.

    Raises:
        Refusal: what TensorRT does not take.
        BackendUnavailable: the interpreter has no TensorRT or GPU that works.
        BadWeights: the worker died of the file.
    """

    def __init__(
        self,
        python: str,
        path: Path,
        offset: int,
        plugins: Sequence[str],
        limits_s: tuple[float, float] = (LOAD_LIMIT_S, RUN_LIMIT_S),
    ) -> None:
        self._run_limit_s = limits_s[1]
        self._worker = Worker(python)
        try:
            order = {"do": "load", "path": str(path), "offset": offset, "plugins": list(plugins)}
            told = self._worker.call(order, limits_s[0])
            self.inputs = [_tensor(fields) for fields in told["inputs"]]
            self.outputs = [_tensor(fields) for fields in told["outputs"]]
        except WorkerDied as error:
            fix = "build the engine again on this machine: aai model convert DIR --to tensor-rt"
            raise BadWeights(f"the engine could not be loaded: {error.what}", str(path), fix) from error
        except BaseException:
            self._worker.close()
            raise
        self.about = self._worker.about
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._in: dict[str, Array] = {}
        self._out: dict[str, Array] = {}

    def infer(self, tensors: Mapping[str, Array], wanted: Sequence[str]) -> dict[str, Array]:
        """The outputs called `wanted`; overwritten by the next call.

        Raises:
            Refusal: the engine refused the input.
            WorkerDied: the worker is gone.
        """
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != self._shapes:
            self._prepare(shapes, wanted)
        for name, tensor in tensors.items():
            self._in[name][...] = tensor
        self._worker.call({"do": "run"}, self._run_limit_s)
        return dict(self._out)

    def close(self) -> None:
        """Ends the worker. Calling it twice is fine."""
        self._in, self._out = {}, {}
        self._worker.close()

    def _prepare(self, shapes: dict[str, tuple[int, ...]], wanted: Sequence[str]) -> None:
        self._shapes = {}
        told = self._worker.call({"do": "prepare", "shapes": shapes}, self._run_limit_s)["shapes"]
        ours = [(tensor.name, shapes[tensor.name], tensor.dtype) for tensor in self.inputs]
        theirs = [(t.name, tuple(told[t.name]), t.dtype) for t in self.outputs if t.name in wanted]
        memory, slots = shared_memory(self._worker, [*ours, *theirs], len(ours), self._run_limit_s)
        self._in, self._out = views(memory, slots[: len(ours)]), views(memory, slots[len(ours) :])
        self._shapes = shapes


def shared_memory(
    worker: Worker, tensors: Sequence[tuple[str, tuple[int, ...], str]], inputs: int, limit_s: float
) -> tuple[mmap.mmap, list[Slot]]:
    """Memory that this process and the worker see, with a place for each of `tensors`; the first `inputs` go in.

    It is a file without a name, so that nothing is left of it however the two end. (Python 3.6 has no
    `multiprocessing.shared_memory`.)

    Raises:
        StorageFailed: there is no room for it.
    """
    slots, size = laid_out(tensors)
    for folder in (_SHARED, Path(tempfile.gettempdir())):
        try:
            handle, name = tempfile.mkstemp(prefix="aai-tensors-", dir=folder)
        except OSError:
            continue
        try:
            # Not truncate alone: writing where the file system has no room left ends the process (SIGBUS).
            os.posix_fallocate(handle, 0, size)
            memory = mmap.mmap(handle, size)
            command = {"do": "share", "path": name, "size_bytes": size}
            worker.call({**command, "inputs": slots[:inputs], "outputs": slots[inputs:]}, limit_s)
            return memory, slots
        except OSError:
            continue
        finally:
            os.close(handle)
            Path(name).unlink()
    raise StorageFailed(
        f"there is no room for {size:,} bytes of tensors",
        f"{_SHARED}, {tempfile.gettempdir()}",
        "free some; a container gets more by --shm-size",
    )


def translated(refusal: Refusal, where: str) -> AaiError:
    """The error that a refusal is here."""
    fix = refusal.fix or None
    if refusal.kind == UNAVAILABLE:
        return BackendUnavailable(refusal.what, where, fix)
    if refusal.kind == WEIGHTS:
        return BadWeights(refusal.what, where, fix)
    return AaiError(refusal.what, where, fix)


def _tensor(fields: Sequence[Any]) -> Tensor:
    name, shape, dtype, is_input, least, most = fields
    return Tensor(str(name), tuple(shape), str(dtype), bool(is_input), tuple(least), tuple(most))
