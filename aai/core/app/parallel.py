"""Several jobs at once, in threads that never hold up the end of the program."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Iterator, Mapping, TypeVar

Key = TypeVar("Key")


def in_parallel(jobs: Mapping[Key, Callable[[], Any]], workers: int) -> Iterator[tuple[Key, Any, BaseException | None]]:
    """(key, result, None) or (key, None, error) of each job, as they end.

    The threads are daemons, which a `ThreadPoolExecutor`'s are not: on Ctrl-C the program ends at once, and does not
    wait for a download. Jobs that were not begun when the caller stops asking are not begun any more.
    """
    waiting: queue.SimpleQueue[tuple[Key, Callable[[], Any]]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Key, Any, BaseException | None]] = queue.SimpleQueue()
    stopped = threading.Event()
    for key, job in jobs.items():
        waiting.put((key, job))

    def work() -> None:
        while not stopped.is_set():
            try:
                key, job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((key, job(), None))
            except BaseException as error:  # the caller judges it, on its own thread
                done.put((key, None, error))

    for _ in range(min(workers, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in jobs:
            yield done.get()
    finally:
        stopped.set()
