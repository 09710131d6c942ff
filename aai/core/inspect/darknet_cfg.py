"""Darknet's cfg files: sections of options, in order.

Read as Darknet reads them (`parser.c`, `option_list.c`): blanks are dropped anywhere in a line, `#` and `;` start a
comment line, an option that is given twice counts as it was given last.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from aai.core.inspect.source import read_text
from aai.errors import BadWeights

MAX_BYTES = 4 * 1024 * 1024
MAX_SECTIONS = 5000
MAX_WORDS = 5000
MAX_VALUE = 10_000_000
"""Beyond any width, height, number of filters or classes."""

_BLANKS = re.compile(r"\s+")
_INTEGER = re.compile(r"[+-]?\d+")


@dataclass
class Section:
    """One layer, or the `[net]` at the top.

    Args:
        kind: what stands in the brackets, lower case.
        line: where it starts, from 1.
        options: name -> value, without blanks.
        path: of the file, for messages.
    """

    kind: str
    line: int
    path: Path
    options: dict[str, str] = field(default_factory=dict)

    def integer(self, name: str, default: int) -> int:
        """A whole number; like Darknet, of "3.0" or "3abc" the 3 is read.

        Raises:
            BadWeights: no number, or one beyond `MAX_VALUE`.
        """
        text = self.options.get(name)
        if text is None:
            return default
        found = _INTEGER.match(text)
        if found is None or len(found.group()) > 9 or abs(int(found.group())) > MAX_VALUE:
            raise self.wrong(f'{name} is "{text[:40]}", where a number belongs')
        return int(found.group())

    def positive(self, name: str, default: int) -> int:
        """A whole number from 1 up; see `integer`."""
        value = self.integer(name, default)
        if value < 1:
            raise self.wrong(f"{name} is {value}, where a number from 1 up belongs")
        return value

    def integers(self, name: str) -> list[int]:
        """A comma list of whole numbers, empty when the option is not there; see `integer`."""
        return [Section(self.kind, self.line, self.path, {name: word}).integer(name, 0) for word in self._words(name)]

    def numbers(self, name: str) -> list[float]:
        """A comma list of numbers, empty when the option is not there.

        Raises:
            BadWeights: one of them is not a number, or not a finite one.
        """
        try:
            values = [float(word) for word in self._words(name)]
        except ValueError:
            values = [math.nan]
        if not all(math.isfinite(value) for value in values):
            raise self.wrong(f'{name} is "{self.options[name][:40]}", where numbers belong')
        return values

    def _words(self, name: str) -> list[str]:
        # Some cfgs have a comment behind the list.
        words = [word for word in self.options.get(name, "").split("#")[0].split(",") if word]
        if len(words) > MAX_WORDS:
            raise self.wrong(f"{name} has {len(words):,} values")
        return words

    def wrong(self, what: str) -> BadWeights:
        """An error about this section."""
        return BadWeights(
            f"[{self.kind}] {what}", f"{self.path}, line {self.line}", "mend the cfg, or name the right one"
        )


def read_cfg(path: Path) -> list[Section]:
    """The sections of a cfg; the first is `[net]`, with at least one layer behind it.

    Raises:
        NotFound: the file is not there.
        BadWeights: not a cfg; the line at fault is named.
    """
    sections: list[Section] = []
    for number, raw in enumerate(read_text(path, MAX_BYTES).splitlines(), 1):
        line = _BLANKS.sub("", raw)
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            kind = line[1:].split("]")[0].lower()
            sections.append(Section(kind, number, path))
            if len(sections) > MAX_SECTIONS:
                raise BadWeights(f"the cfg has more than {MAX_SECTIONS:,} sections", str(path), "name the right cfg")
            continue
        name, equals, value = line.partition("=")
        if not equals or not sections:
            what = f'"{raw.strip()[:60]}" is neither a [section] nor an option'
            raise BadWeights(what, f"{path}, line {number}", "mend the cfg, or name the right one")
        sections[-1].options[name] = value
    if not sections or sections[0].kind not in ("net", "network"):
        raise BadWeights("the file is not a Darknet cfg: it does not start with [net]", str(path), "name the right cfg")
    if len(sections) < 2:
        raise BadWeights("the cfg has no layers", str(path), "name the right cfg")
    return sections
