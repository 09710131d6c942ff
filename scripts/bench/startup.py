"""User CPU of `aai --help` and `aai --version` against `python -c "import click"`, in turns, as medians and a ratio.

    python scripts/bench/startup.py [ROUNDS]

Needs the package installed in the environment of the Python that runs this.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

AAI = str(Path(sys.executable).parent / "aai")
COMMANDS = {
    "import click": [sys.executable, "-c", "import click"],
    "aai --help": [AAI, "--help"],
    "aai --version": [AAI, "--version"],
}
TARGET = 1.3


def user_ms(words: list[str]) -> float:
    """User CPU of one run of a command, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return 1000 * (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)


def main(rounds: int) -> None:
    """Runs all commands in turns and prints the table."""
    for words in COMMANDS.values():
        user_ms(words)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, words in COMMANDS.items():
            times[name].append(user_ms(words))
    base = statistics.median(times["import click"])
    print(f"{'command':16}{'user ms':>9}{'ratio':>8}   target {TARGET}")
    for name, values in times.items():
        print(f"{name:16}{statistics.median(values):9.1f}{statistics.median(values) / base:8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
