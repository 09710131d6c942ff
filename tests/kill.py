"""Work that is killed (SIGKILL) at each change that it makes to the disk, one after the other."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import Any, Callable, Iterator

_CHANGES = {
    "os.rename",
    "os.link",
    "os.symlink",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "os.utime",
    "os.truncate",
}


def killed_at_each_change(work: Callable[[], Any], step: int = 1) -> Iterator[int]:
    """Runs `work` in a child that is killed just before its n-th change of the disk; yields n after each kill.

    Ends, without a yield, once `work` came to its end. The changes are those that Python tells audit hooks of.
    """
    number = 1
    while not _ends_before(work, number):
        yield number
        number += step


def _ends_before(work: Callable[[], Any], number: int) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, which here have nothing to do
        child = os.fork()
    if child == 0:
        left = [number]

        def hook(event: str, arguments: Any) -> None:
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if event in _CHANGES or writes:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            sys.addaudithook(hook)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return True
