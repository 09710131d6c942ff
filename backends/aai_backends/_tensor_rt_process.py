"""A process of another Python that runs TensorRT for this one: its start, its answers, its end."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from aai.errors import AaiError, BackendUnavailable
from aai_backends._tensor_rt_pipe import Unreadable, packed, taken
from aai_backends._tensor_rt_python import environment
from aai_backends._tensor_rt_refusal import Refusal

if TYPE_CHECKING:
    Answer = dict[str, Any]
    OnEvent = Callable[[Answer], Answer | None]

START_LIMIT_S = 120.0
_CLOSE_LIMIT_S = 5.0
_TICK_S = 1.0
_KEPT_BYTES = 4000
"""Of what the worker prints, for the error when it dies."""
_SCRIPT = Path(__file__).with_name("_tensor_rt_worker.py")


class WorkerDied(AaiError):
    """The worker ended, hung, or said what no worker says. The network that it had is lost."""


class Worker:
    """A worker process. Not for use by several threads at the same time.

    Args:
        python: the interpreter that has TensorRT.
        start_limit_s: for its start and the import of TensorRT.

    Raises:
        BackendUnavailable: it can't be started, or has no TensorRT or GPU that works.
    """

    def __init__(self, python: str, start_limit_s: float = START_LIMIT_S) -> None:
        self.python = python
        self._buffer, self._printed = bytearray(), bytearray()
        try:
            # In a session of its own, so that Ctrl-C ends the caller, and the caller ends the worker.
            self._process = subprocess.Popen(
                # -B: another Python's compiled files have no place in our folder.
                [python, "-B", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise BackendUnavailable(
                f"the Python that has TensorRT does not start: {error.strerror}", python, "mend AAI_TENSORRT_PYTHON"
            ) from error
        self._end = weakref.finalize(self, _ended, self._process)
        self._selector = selectors.DefaultSelector()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ)
        try:
            self.about: dict[str, str] = self.call({"do": "hello"}, start_limit_s)
        except WorkerDied as error:
            raise BackendUnavailable(error.what, error.where, error.fix) from error
        except BaseException:
            self.kill()
            raise

    def call(self, command: Answer, limit_s: float, on_event: OnEvent | None = None) -> Answer:
        """The answer to a command.

        Args:
            command: {"do": ..., ...}.
            limit_s: the longest wait for it; the worker is killed then.
            on_event: given what the worker says before the answer, {"event": ...}, and {"event": "tick"} every second;
                what it returns goes back to the worker.

        Raises:
            Refusal: what TensorRT does not do.
            WorkerDied: no answer came. Any exception here, a Ctrl-C too, ends the worker but a Refusal.
        """
        try:
            self._send(command)
            deadline = time.monotonic() + limit_s
            while True:
                message = self._received(command["do"], deadline, limit_s, on_event)
                if "event" not in message:
                    break
                reply = on_event(message) if on_event else None
                if reply is not None:
                    self._send(reply)
            if "failed" in message:
                lines = str(message["failed"]).strip().splitlines() or [""]
                raise WorkerDied(f"the TensorRT process failed: {lines[-1][:300]}", self._where(), _again())
        except BaseException:
            self.kill()
            raise
        if "refused" in message:
            told = message["refused"]
            raise Refusal(str(told.get("kind")), str(told.get("what")), str(told.get("fix") or ""))
        return message

    def close(self) -> None:
        """Asks it to end, and ends it when it does not. Calling it twice is fine."""
        if not self._end.alive:
            return
        with contextlib.suppress(OSError, WorkerDied, subprocess.TimeoutExpired):
            self._send({"do": "close"})
            self._process.wait(_CLOSE_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """Ends it at once."""
        if self._end.alive:
            self._selector.close()
        self._end()

    def _send(self, message: Answer) -> None:
        if not self._end.alive:
            raise WorkerDied("the TensorRT process has ended", self._where(), _again())
        pipe = self._process.stdin
        assert pipe is not None
        try:
            # What a worker is sent fits into the pipe: it can't block on one that does not read.
            pipe.write(packed(message))
            pipe.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._death() from error

    def _received(self, doing: str, deadline: float, limit_s: float, on_event: OnEvent | None) -> Answer:
        while True:
            try:
                message = taken(self._buffer)
            except Unreadable as error:
                raise WorkerDied(
                    f"the TensorRT process gave an answer that can't be read: {error}", self._where(), _again()
                ) from error
            if message is not None:
                return message
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise WorkerDied(
                    f"the TensorRT process gave no answer to {doing} within {limit_s:g} s, and was ended",
                    self._where(),
                    _again(),
                )
            ready = self._selector.select(min(left_s, _TICK_S))
            if not ready and on_event:
                on_event({"event": "tick"})
            for key, _ in ready:
                if key.fileobj is self._process.stderr:
                    self._keep(os.read(key.fd, 1 << 16))
                    continue
                data = os.read(key.fd, 1 << 16)
                if not data:
                    raise self._death()
                self._buffer += data

    def _keep(self, data: bytes) -> None:
        if not data:
            assert self._process.stderr is not None
            self._selector.unregister(self._process.stderr)
        self._printed += data
        del self._printed[:-_KEPT_BYTES]

    def _death(self) -> WorkerDied:
        assert self._process.stderr is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_LIMIT_S)
        with contextlib.suppress(OSError, ValueError):
            self._keep(os.read(self._process.stderr.fileno(), 1 << 16) or b" ")
        code = self._process.poll()
        how = "closed its output" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was ended by signal {-code} ({signal.strsignal(-code) if -code in signal.valid_signals() else '?'})"
        lines = self._printed.decode("utf-8", "replace").strip().splitlines()
        last = f"; it said: {lines[-1].strip()[:300]}" if lines and lines[-1].strip() else ""
        return WorkerDied(f"the TensorRT process {how}{last}", self._where(), _again())

    def _where(self) -> str:
        return f"{self.python}, process {self._process.pid}"


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Leaves no process and no pipe behind; also called when a worker is forgotten, and at the end of the program."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _again() -> str:
    return "try it again; if it comes back, look at the GPU (nvidia-smi; tegrastats) and at the system's log (dmesg)"
