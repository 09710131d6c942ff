"""Finds the Python interpreters of this machine that the project is tested with.

    python scripts/pythons.py newest    the newest from 3.8 to 3.13
    python scripts/pythons.py 3.8       that one

Prints the path of one interpreter; exit code 1 when there is none. Looks on PATH, then where pyenv and uv keep theirs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MINORS = range(13, 7, -1)


def candidates(minor: int) -> list[str]:
    """Paths that may be Python 3.`minor`, the likeliest first."""
    home = Path.home()
    roots = [Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions", home / ".local/share/uv/python"]
    found = [shutil.which(f"python3.{minor}"), sys.executable]
    for root in roots:
        found += [str(path) for path in sorted(root.glob(f"*3.{minor}.*/bin/python3"), reverse=True)]
    return [path for path in found if path]


def runs_as(path: str, minor: int) -> bool:
    """Whether `path` starts, is Python 3.`minor`, and can make virtual environments."""
    code = "import sys, venv, ensurepip; print(sys.version_info[1])"
    try:
        answer = subprocess.run([path, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == str(minor)


def main(wanted: str) -> int:
    minors = list(MINORS) if wanted == "newest" else [int(wanted.split(".")[1])]
    for minor in minors:
        for path in candidates(minor):
            if runs_as(path, minor):
                print(path)
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "newest"))
