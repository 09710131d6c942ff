"""Questions on a real terminal: what is asked, what is typed, and what is left when somebody gives up."""

from __future__ import annotations

import os
import re
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.model_maker import closed_caffe_folder, onnx_bytes, value_info

pty = pytest.importorskip("pty", reason="needs pseudo-terminals, which Windows does not have")
fcntl = pytest.importorskip("fcntl", reason="needs terminal settings, which Windows does not have")
termios = pytest.importorskip("termios", reason="needs terminal settings, which Windows does not have")

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 20
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ENTER, CTRL_C, DOWN = b"\r", b"\x03", b"\x1b[B"


def typed(folder: Path, words: list[str], answers: list[tuple[str, bytes]]) -> tuple[int, str, str]:
    """(exit code, standard output, screen) of `aai WORDS` in `folder`, each answer typed when its words are on screen.

    Questions are on the terminal, as are messages; standard output is a file, as with `> answer.json`.
    """
    control, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 250, 0, 0))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")]), "TERM": "xterm"}
    output = folder.parent / "stdout"
    with output.open("w") as stdout, subprocess.Popen(
        [sys.executable, "-m", "aai", *words],
        cwd=folder, env=environment, stdin=terminal, stdout=stdout, stderr=terminal, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(terminal)
        screen = ""
        try:
            for question, answer in answers:
                screen += _read_until(control, question)
                # A key that comes before the question listens is echoed by the terminal and lost.
                time.sleep(0.3)
                os.write(control, answer)
            screen += _read_until(control, None)
        except BaseException:
            process.kill()
            raise
        finally:
            os.close(control)
    return process.returncode, output.read_text(), screen


def _read_until(control: int, words: str | None) -> str:
    """What the terminal shows until `words` are there, or until its program ends."""
    seen = ""
    deadline = time.monotonic() + TIMEOUT_S
    while words is None or words not in _ESCAPE.sub("", seen):
        if not select.select([control], [], [], max(deadline - time.monotonic(), 0))[0]:
            raise AssertionError(f"{words} did not come: {seen}")
        try:
            data = os.read(control, 4096)
        except OSError:
            data = b""
        if not data:
            assert words is None, f"{words} did not come: {seen}"
            return seen
        seen += data.decode("utf-8", "replace")
        if b"\x1b[6n" in data:
            # The program asks where the cursor is.
            os.write(control, b"\x1b[1;1R")
    return seen


@pytest.fixture()
def unknown(tmp_path: Path) -> Path:
    """A folder with a model that tells neither its purpose nor its size."""
    folder = tmp_path / "model"
    folder.mkdir()
    return closed_caffe_folder(folder, "net.prototxt", "net.caffemodel")


CAFFE = ["model", "configure", "--framework", "caffe", "--model_file", "net.caffemodel"]


def test_text_and_choice_are_asked_and_the_answer_goes_to_stdout(unknown: Path) -> None:
    answers = [
        ("Model id", b"\x15acme/net" + ENTER),
        ("--purpose", DOWN + ENTER),
        ("--size", b"\x15" + b"64 48" + ENTER),
    ]
    code, stdout, screen = typed(unknown, [*CAFFE, "--quiet"], answers)
    assert (code, stdout) == (0, "acme/net\n"), screen
    text = (unknown / "alwaysai.model.json").read_text()
    assert '"purpose": "ObjectDetection"' in text


def test_a_guess_is_confirmed_with_enter(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(onnx_bytes([value_info("in", [1, 3, 32, 32])], [value_info("out", [1, 20])]))
    given = ["--id", "a/b", "--purpose", "Classification", "--mean", "0", "--scalefactor", "1", "--no-swaprb"]
    answers = [("--softmax", b"n"), ("Take these 20 names", ENTER)]
    code, _, screen = typed(folder, ["model", "configure", *given], answers)
    assert code == 0, screen
    assert '"softmax": false' in (folder / "alwaysai.model.json").read_text()
    assert len((folder / "labels.txt").read_text().splitlines()) == 20


@pytest.mark.parametrize("before", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2))])
def test_ctrl_c_at_a_question_exits_130_and_leaves_nothing(unknown: Path, before: int) -> None:
    answers = [("Model id", ENTER), ("--purpose", ENTER), ("--size", ENTER)]
    answers[before] = (answers[before][0], CTRL_C)
    code, stdout, screen = typed(unknown, CAFFE, answers[: before + 1])
    assert (code, stdout) == (130, ""), screen
    assert "Traceback" not in screen
    assert sorted(path.name for path in unknown.iterdir()) == ["net.caffemodel", "net.prototxt"]


@pytest.mark.parametrize("flag", ["--yes", "--no-input"])
def test_nothing_is_asked_when_nothing_may_be_asked(unknown: Path, flag: str) -> None:
    code, _, screen = typed(unknown, [*CAFFE, flag], [])
    assert code == 2
    assert "purpose must be given" in screen
