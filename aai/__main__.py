"""`python -m aai`."""

from __future__ import annotations

from aai.cli.main import main

if __name__ == "__main__":
    main()
