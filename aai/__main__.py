"""`python -m aai`, and the start of the `aai` command: little is imported before Ctrl-C is an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command line and exits with the code of the table in `aai.errors`."""
    try:
        from aai.cli.main import run
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
