"""Measures taken in turns: what else the machine does falls on all of them alike."""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from pathlib import Path
from typing import Callable, Mapping, NamedTuple, Sequence

from table import Row


class Cost(NamedTuple):
    """Seconds of one call: on the clock, and of the processor in all threads."""

    wall: float
    cpu: float


Costs = Mapping[str, Sequence[Cost]]


def in_turns(
    measures: Mapping[str, Callable[[], Cost]], rounds: int, before: Callable[[str], None] = lambda name: None
) -> dict[str, list[Cost]]:
    """The costs of each measure, round by round; a first round is not counted.

    Args:
        measures: name -> what measures.
        rounds: how many are counted.
        before: runs before each measure, with its name.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in measures}
    for number in range(rounds + 1):
        for name, measure in measures.items():
            before(name)
            cost = measure()
            if number:
                costs[name].append(cost)
    return costs


def ratio(what: str, costs: Costs, ours: str, base: str, field: str, target: float | None = None) -> Row:
    """The median of the ratios that the rounds have, with the medians of both in its note."""
    pairs = [(getattr(our, field), getattr(its, field)) for our, its in zip(costs[ours], costs[base])]
    ours_ms, base_ms = (1000 * statistics.median(values) for values in zip(*pairs))
    return Row(what, statistics.median(a / b for a, b in pairs), "x", target, f"{ours_ms:.0f} ms to {base_ms:.0f} ms")


def here(work: Callable[[], object]) -> Cost:
    """What `work` costs in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def process(words: Sequence[str], folder: Path) -> Cost:
    """What a command costs, from its start to its end."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - wall, cpu)
