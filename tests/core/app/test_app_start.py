from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from app_lab import Lab

from aai.core.app.config import load_app
from aai.core.app.start import start_app, start_command
from aai.errors import InvalidFiles, NotFound

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def script(lab: Lab, line: str, source: str = "") -> None:
    document = lab.json("alwaysai.app.json")
    document["scripts"]["start"] = line
    (lab.app / "alwaysai.app.json").write_text(json.dumps(document))
    if source:
        (lab.app / "app.py").write_text(source)


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_scripts(lab: Lab, code: int) -> None:
    script(lab, f"exit {code}; echo")
    # The arguments go to the end of the line, as words of its last command.
    assert start_app(lab.app) == code


def test_arguments_come_through_whole(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    script(lab, "python app.py first", "import json, sys; print(json.dumps(sys.argv[1:]))")
    words = ["a b", "it's", '"', "$HOME", "`id`", "", "*", "-x", "--", "\\", "new\nline", "é"]
    assert start_app(lab.app, words) == 0
    assert json.loads(capfd.readouterr().out) == ["first", *words]


def test_python_is_this_interpreter_and_the_folder_is_the_app(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    script(lab, "python app.py", "import os, sys; print(sys.version); print(os.getcwd())")
    assert start_app(lab.app) == 0
    assert capfd.readouterr().out.strip() == f"{sys.version}\n{lab.app.resolve()}"


def test_python_is_this_interpreter_where_only_python3_is_installed(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    only = tmp_path / "a b" / "python3"
    only.parent.mkdir()
    only.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    only.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(only))
    monkeypatch.setenv("PATH", "/bin")
    script(lab, "python app.py && python app.py", "print('ran')")
    assert start_app(lab.app) == 0
    assert capfd.readouterr().out == "ran\nran\n"


def test_an_app_without_a_start_script_says_how_to_give_it_one(lab: Lab) -> None:
    (lab.app / "alwaysai.app.json").write_text('{"scripts": {"strat": "true"}}')
    with pytest.raises(NotFound) as caught:
        start_command(load_app(lab.app))
    assert 'did you mean "strat"?' in str(caught.value.fix)


def test_start_refuses_an_app_that_is_not_installed_as_locked(lab: Lab, tmp_path: Path) -> None:
    script(lab, f"touch {shlex.quote(str(tmp_path))}/ran")
    lab.publish()
    lab.publish("acme/faces")
    lab.add("acme/yolo", "acme/faces")
    with pytest.raises(InvalidFiles) as caught:
        start_app(lab.app)
    assert len(caught.value.findings) == 2
    assert "aai app install" in str(caught.value)
    assert not (tmp_path / "ran").exists()
    lab.install()
    assert start_app(lab.app) == 0
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
@pytest.mark.parametrize("line", ["python app.py", "python app.py; echo not this", "A=1 python app.py"])
def test_signals_reach_the_app_and_its_end_is_ours(lab: Lab, number: signal.Signals, line: str) -> None:
    source = """
import signal, sys, time
def end(number, frame):
    print("ended by", number, flush=True)
    sys.exit(42)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
print("ready", flush=True)
time.sleep(60)
"""
    script(lab, line, source)
    code = (
        "import sys; from pathlib import Path; from aai.core.app.start import start_app; sys.exit(start_app(Path('.')))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=lab.app,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    out, _ = child.communicate(timeout=30)
    assert f"ended by {int(number)}" in out
    assert child.returncode == 42
    assert "not this" not in out


@pytest.mark.parametrize("line", ["python app.py", "python app.py; echo not this"])
def test_on_a_terminal_the_app_reads_and_ctrl_c_ends_it(lab: Lab, line: str) -> None:
    script(
        lab,
        line,
        "import sys, time\ntry:\n  print('read', input(), flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: sys.exit(42)",
    )
    code = (
        "import sys; from pathlib import Path; from aai.core.app.start import start_app; sys.exit(start_app(Path('.')))"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child, terminal = pty.fork()
    if child == 0:
        os.chdir(lab.app)
        os.execve(sys.executable, [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(ROOT)})
    os.write(terminal, b"hello\n")
    seen = b""
    while b"read hello" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    with contextlib.suppress(OSError):  # how Linux tells that the other side is closed
        while True:
            data = os.read(terminal, 1000)
            if not data:
                break
            seen += data
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.WEXITSTATUS(status) == 42
    assert b"not this" not in seen
    assert b"Traceback" not in seen


def test_a_script_that_a_signal_ends_has_a_shells_exit_code(lab: Lab) -> None:
    script(lab, "kill -9 $$")
    assert start_app(lab.app) == 137


def test_our_own_signal_handlers_are_as_before(lab: Lab) -> None:
    before = signal.getsignal(signal.SIGTERM)
    script(lab, "true")
    start_app(lab.app)
    assert signal.getsignal(signal.SIGTERM) is before
