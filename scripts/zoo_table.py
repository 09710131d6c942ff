"""Writes the table in docs/reference/models-tried.md: every model of the zoo, from bare files to installed results.

    .venv-newest/bin/python scripts/zoo_table.py

Takes a minute or two. Needs the model zoo: AAI_ZOO, or `../shared/zoo` beside the checkout.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

from tests import zoo_story  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "models-tried.md"
START, END = "<!-- table: written by scripts/zoo_table.py -->\n", "<!-- end of table -->\n"


def main() -> int:
    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo")
    if not (zoo / "MANIFEST.json").is_file():
        sys.exit(f"the model zoo is not at {zoo}: set AAI_ZOO")
    told = []
    for entry in sorted(zoo_story.entries(zoo), key=lambda entry: str(entry["path"])):
        with tempfile.TemporaryDirectory() as folder:
            told.append(zoo_story.tell(zoo, entry, Path(folder)))
        print(f"{told[-1].path}: {told[-1].figures}", flush=True)
    page = PAGE.read_text(encoding="utf-8")
    head, tail = page.split(START)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{START}{zoo_story.table(told)}\n{END}{tail}", encoding="utf-8")
    return int(not all(one.ok for one in told))


if __name__ == "__main__":
    sys.exit(main())
