"""Runs every bench of this folder, one after the other, and prints one table of what was measured against its target.

    scripts/bench/run [NAME ...]        such as: scripts/bench/run install startup

A bench says what it measured by `show`, which prints it, and hands it on to the run that started it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Sequence

HERE = Path(__file__).resolve().parent
BENCHES = ("startup", "readers", "inference", "parts", "darknet", "memory", "transfer", "install", "tuning")
HAND_ON = "AAI_BENCH_ROWS"


@dataclass(frozen=True)
class Row:
    """One measured value.

    Args:
        what: what was measured, in a few words.
        value: how much.
        unit: of the value and the target: "x", "s", "MB".
        target: what it may be at most; None where it stands beside others for comparison.
        note: the figures that the value was made of.
    """

    what: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether the value is over the target."""
        return self.target is not None and self.value > self.target


def show(rows: Sequence[Row]) -> int:
    """Prints rows and hands them on; 1 when a target was missed, else 0."""
    for row in rows:
        target = "" if row.target is None else f"{'missed' if row.missed else 'ok':7}{row.target:g}"
        print(f"{row.what:62}{row.value:8.2f} {row.unit:3} {target:13}{row.note}".rstrip(), flush=True)
    path = os.environ.get(HAND_ON)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
    return int(any(row.missed for row in rows))


def main(names: Sequence[str]) -> int:
    """Runs the benches called `names`, or all; 1 when one failed or missed a target."""
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        sys.exit(f"there is no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    rows: list[Row] = []
    failed = []
    for name in names or BENCHES:
        print(f"--- {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows"
            path.touch()
            code = subprocess.run(
                [sys.executable, HERE / f"{name}.py"], env={**os.environ, HAND_ON: str(path)}, check=False
            ).returncode
            found = [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        rows += found
        if code and not any(row.missed for row in found):
            failed.append(name)
    print("--- all with a target")
    code = show([row for row in rows if row.target is not None])
    for name in failed:
        print(f"{name} failed")
    return int(bool(code or failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
