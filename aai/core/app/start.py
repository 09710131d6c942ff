"""`aai app start`: runs the app's start script, and passes on arguments, signals and exit code."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

from aai.core.app.config import AppConfig, load_app
from aai.core.app.status import check_installed
from aai.core.names import did_you_mean
from aai.errors import AaiError, NotFound

_TRAPS = "trap 'exit $?' TERM INT HUP QUIT; trap : USR1 USR2"
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def start_command(app: AppConfig, arguments: Sequence[str] = (), script: str = "start") -> str:
    """The shell line that starts the app, with `arguments` at its end, each quoted whole.

    Raises:
        NotFound: the app has no such script.
    """
    line = app.scripts.get(script, "").strip()
    if not line:
        near = did_you_mean(script, [name for name in app.scripts if name != script])
        fix = f'{near} give it one in {app.path.name}: "scripts": {{"{script}": "python app.py"}}'.strip()
        raise NotFound(f'the app has no script "{script}"', f"{app.path}, scripts", fix)
    return " ".join([line, *(shlex.quote(argument) for argument in arguments)])


def start_app(folder: Path, arguments: Sequence[str] = (), script: str = "start") -> int:
    """Runs a script of the app, after a check that what is installed is what is locked; its exit code.

    The script runs in the app's folder. `python` in it is the interpreter that this program runs in. A script that a
    signal ended has the exit code 128 + the signal's number, as in a shell.

    Raises:
        NotFound: no app, or no such script.
        InvalidFiles: what is installed is not what is locked.
    """
    app = load_app(folder)
    line = start_command(app, arguments, script)
    check_installed(folder)
    environment = _environment(os.environ)
    text = _shell_text(line, app.scripts[script], environment["PATH"])
    sys.stdout.flush()
    sys.stderr.flush()
    # On a terminal the script stays in our process group, so that it can read and gets Ctrl-C from the terminal itself.
    # Elsewhere it gets a group of its own, and a signal to us reaches all that a compound line has started.
    own_group = not sys.stdin or not sys.stdin.isatty()
    with _Forwarding(own_group) as forwarding:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", text], cwd=folder, env=environment, start_new_session=own_group
            )
        except OSError as error:
            raise AaiError(f"the script can't be started: {error.strerror}", f"{app.path}, scripts.{script}") from error
        forwarding.begin(process)
        code = process.wait()
    return 128 - code if code < 0 else code


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with the folder of this interpreter first on PATH."""
    binaries = str(Path(sys.executable).parent)
    paths = environment.get("PATH", os.defpath)
    return {**environment, "PATH": f"{binaries}{os.pathsep}{paths}"}


def _shell_text(line: str, script: str, path: str) -> str:
    """What the shell is given to run `line`, which is `script` with arguments.

    One command replaces the shell. Else the shell outlives signals until the command at work has ended, and then ends
    with its exit code. `python` is this interpreter also where only `python3` is installed, as on Debian.
    """
    if not (Path(sys.executable).parent / "python").exists():
        return f'{_TRAPS}\npython() {{ {shlex.quote(sys.executable)} "$@"; }}\n{line}'
    return f"exec {line}" if _is_one_command(script, path) else f"{_TRAPS}\n{line}"


def _is_one_command(script: str, path: str) -> bool:
    """Whether a shell line is a program with words after it, and no syntax; in doubt it is not."""
    first = script.split()[0]
    return not re.search(r"[;&|()<>`\n]", script) and "=" not in first and shutil.which(first, path=path) is not None


class _Forwarding:
    """Inside of its `with`, signals to this process go to the script instead; those that come early, once it runs.

    Args:
        own_group: whether the script has a process group of its own.
    """

    def __init__(self, own_group: bool) -> None:
        self.own_group = own_group
        self.process: subprocess.Popen[bytes] | None = None
        self.early: list[int] = []
        self.before: dict[int, Any] = {}

    def __enter__(self) -> _Forwarding:
        for name in _FORWARDED:
            number = getattr(signal, name, None)
            with contextlib.suppress(ValueError):  # not in the main thread: the caller's own matter
                if number is not None:
                    self.before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """The script runs, as `process`."""
        self.process = process
        for number in self.early:
            self._send(number)

    def _take(self, number: int, frame: Any) -> None:
        if self.process is None:
            self.early.append(number)
        else:
            self._send(number)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.own_group and self.process is not None:
                os.killpg(self.process.pid, number)
            elif number not in (signal.SIGINT, signal.SIGQUIT):  # these the terminal has sent to all
                signal.signal(number, signal.SIG_IGN)
                os.killpg(0, number)
                signal.signal(number, self._take)
