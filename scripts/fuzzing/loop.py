"""One reader, damaged files without end: those that reach new code are kept and damaged further."""

from __future__ import annotations

import hashlib
import random
import resource
import signal
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence

from edges import Edges

from aai.errors import AaiError
from tests.reader_seeds import Seed, damaged, read

SLOW_S = 2.0
HANGS_S = 20
MEMORY_BYTES = 3 << 30
WINDOW_BYTES = 4096
"""Of a large file, as much is damaged at a time: most of the rest is weights, in which nothing is read."""


class Hangs(BaseException):
    """The time is up, in the middle of a reader."""


@dataclass
class Tally:
    """What came of fuzzing one reader.

    Args:
        reader: its name.
        starts: whole files that it began with.
        executions: files that were read.
        seconds: spent.
        edges: steps from line to line that were seen.
        start_edges: those of the whole files alone.
        kept: damaged files that reached something new.
        answers: files that were read and not refused.
        slowest_s: CPU seconds of the slowest one.
        findings: what went wrong, each once.
    """

    reader: str
    starts: int
    executions: int = 0
    seconds: float = 0.0
    edges: int = 0
    start_edges: int = 0
    kept: int = 0
    answers: int = 0
    slowest_s: float = 0.0
    findings: list[str] = field(default_factory=list)


class Loop:
    """The fuzzing of one reader.

    Args:
        reader: its name.
        starts: whole files for it.
        others: content of other readers' files, to splice in.
        words: numbers and texts of the readers' code, to put in.
        edges: what follows the code.
        scratch: a folder for the files that are read, best in memory.
        out: where files that make the reader fail are written.
        seed: of the random numbers.
    """

    def __init__(
        self,
        reader: str,
        starts: Sequence[Seed],
        others: Sequence[bytes],
        words: Sequence[int | bytes],
        edges: Edges,
        scratch: Path,
        out: Path,
        seed: int,
    ) -> None:
        self.queue = list(starts)
        self.others = others
        self.words = words
        self.edges = edges
        self.scratch = scratch
        self.out = out
        self.chance = random.Random(seed)
        self.total: set[int] = set()
        self.tally = Tally(reader, len(starts))
        self._known: set[str] = set()

    def run(self, seconds: float) -> Tally:
        """Goes on for that long."""
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))
        signal.signal(signal.SIGALRM, _time_is_up)
        started = time.monotonic()
        for start in self.queue:
            # Modules that a reader imports on its first run are no steps of it.
            self._try(start)
        self.total.clear()
        for start in list(self.queue):
            self._try(start)
        self.tally.start_edges = len(self.total)
        while time.monotonic() - started < seconds:
            self._try(self._next())
        self.tally.seconds = time.monotonic() - started
        self.tally.edges = len(self.total)
        return self.tally

    def _next(self) -> Seed:
        """A damaged file: as often from those found last as from all."""
        recent = self.queue[-max(8, len(self.queue) // 8) :]
        base = self.chance.choice(recent if self.chance.random() < 0.5 else self.queue)
        begin, end = 0, len(base.data)
        if end > 4 * WINDOW_BYTES:
            begin = self.chance.choice((0, end - WINDOW_BYTES, self.chance.randrange(end)))
            end = begin + WINDOW_BYTES
        middle = damaged(base.data[begin:end], self.chance, self.others, self.words)
        return Seed(base.framework, base.data[:begin] + middle + base.data[end:], base.role, base.other)

    def _try(self, seed: Seed) -> None:
        self.tally.executions += 1
        started = time.process_time()
        signal.alarm(HANGS_S)
        try:
            seen = self.edges.during(lambda: read(seed, seed.data, self.scratch))
            self.tally.answers += 1
        except AaiError:
            seen = self.edges.seen
        except (Exception, Hangs) as error:
            seen = self.edges.seen
            self._report(seed, error)
        finally:
            signal.alarm(0)
        took = time.process_time() - started
        self.tally.slowest_s = max(self.tally.slowest_s, took)
        if took > SLOW_S:
            self._report(seed, TimeoutError(f"{took:.1f} s of CPU time"))
        if not seen <= self.total:
            self.total |= seen
            if self.tally.executions > 2 * self.tally.starts:
                self.queue.append(seed)
                self.tally.kept += 1

    def _report(self, seed: Seed, error: BaseException) -> None:
        """Writes the file and its trace, once for each place that fails."""
        frames = traceback.extract_tb(error.__traceback__)
        place = next((f"{Path(frame.filename).name}:{frame.name}" for frame in reversed(frames)), "")
        what = f"{type(error).__name__} in {place}: {error}"
        if (type(error).__name__ + place) in self._known:
            return
        self._known.add(type(error).__name__ + place)
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{self.tally.reader}-{hashlib.sha256(seed.data).hexdigest()[:12]}"
        path.with_suffix(".bin").write_bytes(seed.data)
        path.with_suffix(".txt").write_text(f"{what}\n\n{''.join(traceback.format_exception(error))}")
        self.tally.findings.append(f"{what} ({path}.bin)")


def _time_is_up(*_: Any) -> None:
    raise Hangs(f"still at it after {HANGS_S} s")
