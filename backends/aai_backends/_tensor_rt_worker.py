"""The worker: a program that runs TensorRT for another Python, over its standard input and output.

On a Jetson Nano only the system's Python 3.6 has TensorRT, so that this file and all that it imports is written for it
(no `from __future__ import annotations`) and needs the standard library, numpy and tensorrt alone.

Each command is a frame of `_tensor_rt_pipe` and has one answer: what it asked for, {"refused": ...} or {"failed": ...}.
"""

import mmap
import os
import sys
import traceback
from pathlib import Path
from typing import Any, Dict, Optional

_HERE = Path(__file__).resolve().parent


class _Worker:
    """Carries out commands until its input ends."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer = bytearray()
        self._trt: Any = None
        self._cuda: Any = None
        self._session: Any = None
        self._inputs: Dict[str, Any] = {}
        self._outputs: Dict[str, Any] = {}
        self._doing = {
            "hello": self._hello,
            "load": self._load,
            "prepare": self._prepare,
            "share": self._share,
            "run": self._run,
            "build": self._build,
        }

    def serve(self) -> None:
        """Answers each command in turn."""
        from aai_backends._tensor_rt_refusal import Refusal

        try:
            while True:
                command = self._next()
                if command is None or command.get("do") == "close":
                    return
                try:
                    answer = self._doing[command["do"]](command)
                except Refusal as refusal:
                    answer = {"refused": refusal.as_dict()}
                # What TensorRT and numpy raise has no base class of its own; the client is to hear of all of it.
                except Exception:
                    answer = {"failed": traceback.format_exc(limit=-3)[-2000:]}
                self._say(answer)
        finally:
            if self._session is not None:
                self._session.close()

    def _hello(self, _command: Dict[str, Any]) -> Dict[str, Any]:
        """Opens CUDA before TensorRT, which may die without a driver; see `open_cuda`."""
        from aai_backends._cudart import open_cuda
        from aai_backends._tensor_rt_refusal import UNAVAILABLE, Refusal
        from aai_backends._tensor_rt_session import what_runs

        try:
            import tensorrt
        except ImportError as error:
            raise Refusal(
                UNAVAILABLE,
                f"the TensorRT of {sys.executable} can't be loaded: {error}",
                "install what is missing; on x86 with: pip install 'aai[tensorrt]', on a Jetson from JetPack",
            ) from error
        self._trt, self._cuda = tensorrt, open_cuda()
        return what_runs(self._trt, self._cuda)

    def _load(self, command: Dict[str, Any]) -> Dict[str, Any]:
        from aai_backends._tensor_rt_session import Session

        with Path(command["path"]).open("rb") as file:
            file.seek(command["offset"])
            plan = file.read()
        self._session = Session(self._trt, self._cuda, plan, command["plugins"])
        return {"inputs": self._session.inputs, "outputs": self._session.outputs}

    def _prepare(self, command: Dict[str, Any]) -> Dict[str, Any]:
        shapes = {name: tuple(shape) for name, shape in command["shapes"].items()}
        return {"shapes": self._session.prepare(shapes)}

    def _share(self, command: Dict[str, Any]) -> Dict[str, Any]:
        """Opens the memory that the client made; it may take the file's name away afterwards."""
        self._inputs = self._outputs = {}
        with Path(command["path"]).open("r+b") as file:
            memory = mmap.mmap(file.fileno(), command["size_bytes"])
        from aai_backends._tensor_rt_pipe import Slot, views

        self._inputs = views(memory, [Slot(*slot) for slot in command["inputs"]])
        self._outputs = views(memory, [Slot(*slot) for slot in command["outputs"]])
        return {}

    def _run(self, _command: Dict[str, Any]) -> Dict[str, Any]:
        self._session.run(self._inputs, self._outputs)
        return {}

    def _build(self, command: Dict[str, Any]) -> Dict[str, Any]:
        from aai_backends._tensor_rt_build import build

        return build(self._trt, self._cuda, command["order"], self._inputs, self._ask, self._say)

    def _ask(self, question: Dict[str, Any]) -> Dict[str, Any]:
        self._say(question)
        answer = self._next()
        if answer is None:
            raise EOFError("the client is gone")
        return answer

    def _say(self, message: Dict[str, Any]) -> None:
        from aai_backends._tensor_rt_pipe import packed

        rest = memoryview(packed(message))
        while rest:
            rest = rest[os.write(self._answers, rest) :]

    def _next(self) -> Optional[Dict[str, Any]]:
        """The next command; None at the end of the input."""
        from aai_backends._tensor_rt_pipe import taken

        while True:
            message = taken(self._buffer)
            if message is not None:
                return message
            data = os.read(self._commands, 1 << 16)
            if not data:
                return None
            self._buffer += data


def _know_our_package() -> None:
    """Makes `aai_backends` importable without its folder, or the folder above, on the path.

    In the one lie modules called `onnx` and `tensorflow`, in the other the packages of another Python.
    """
    package = type(sys)("aai_backends")
    package.__dict__["__path__"] = [str(_HERE)]
    sys.modules["aai_backends"] = package
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != _HERE]


def main() -> None:
    """Serves, with a standard output of its own: what libraries print must not come between the answers."""
    answers = os.dup(1)
    os.dup2(2, 1)
    _know_our_package()
    _Worker(0, answers).serve()


if __name__ == "__main__":
    main()
