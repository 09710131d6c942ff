"""The lock on a folder: `aai.storage.alone_in`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aai.errors import AaiError
from aai.storage import alone_in

ROOT = Path(__file__).resolve().parent.parent


def test_one_is_in_at_a_time_also_when_each_takes_the_folder_away(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    inside: list[int] = []
    crowds: list[int] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(200):
                with alone_in(folder):
                    inside.append(1)
                    crowds.append(len(inside))
                    inside.pop()
                    folder.rmdir()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert set(crowds) == {1}


def test_who_has_to_wait_is_told_and_a_killed_holder_lets_go(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from aai.storage import alone_in\n"
    code += "with alone_in(Path(sys.argv[1])):\n  print('in', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"in\n"
    told: list[bool] = []

    def waiting() -> None:
        told.append(True)
        holder.send_signal(signal.SIGKILL)

    with alone_in(tmp_path, waiting):
        assert told == [True]
    holder.wait()
    holder.stdout.close()
    with alone_in(tmp_path, waiting):
        assert told == [True]


@pytest.mark.parametrize("kind", ["file", "dangling link", "file above"])
def test_what_is_no_folder_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.write_text("")
    with pytest.raises(AaiError), alone_in(path / "y" if kind == "file above" else path):
        pass
