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

from table import Row, show

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


def main(rounds: int) -> int:
    """Runs all commands in turns and prints the table; 1 when a target was missed."""
    for words in COMMANDS.values():
        user_ms(words)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, words in COMMANDS.items():
            times[name].append(user_ms(words))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = medians["import click"]
    return show(
        [
            Row(f"{name}: user CPU, to import click", median / base, "x", TARGET, f"{median:.0f} ms to {base:.0f} ms")
            for name, median in medians.items()
            if name != "import click"
        ]
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
