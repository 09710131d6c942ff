"""The numbers and texts that code compares with: put into a file, they open doors that chance would not."""

from __future__ import annotations

import ast
from pathlib import Path


def words_below(folder: Path) -> list[int | bytes]:
    """Whole numbers and short texts in the source of all modules below `folder`, docstrings left out."""
    words: set[int | bytes] = set()
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        plain = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in plain:
                words.update(_words(node.value))
    return sorted(words, key=repr)


def _words(value: object) -> list[int | bytes]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int) and 0 <= value < 1 << 64:
        return [value]
    if isinstance(value, str):
        # A message is of no use in a file.
        return [value.encode("utf-8", "replace")] if 0 < len(value) <= 32 and value.count(" ") < 2 else []
    return [value] if isinstance(value, bytes) and 0 < len(value) <= 32 else []
