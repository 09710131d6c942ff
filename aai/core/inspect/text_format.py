"""Protocol Buffers' text format, as prototxt and pbtxt files have it: nested messages of named fields.

Source: "Text Format Language Specification", Protocol Buffers documentation. No schema is known here: a field keeps all
its values, each as text or as a message. Names in brackets (extensions, Any) are not read.
"""

from __future__ import annotations

import math
import re
from itertools import repeat
from typing import List, Union

MAX_DEPTH = 100
MAX_VALUES = 300_000
MAX_WHOLE = 1 << 40
"""Beyond any size, count or number of channels in a network."""

# A name with a plain value, with a plain string that no other follows, with the start of a message, or with anything
# else, which is looked at apart; or the end of a message. Blanks after it.
_STEP = re.compile(
    r"([A-Za-z_]\w*)[ \t\r\n]*"
    r"""(?::[ \t\r\n]*(?:([^\s{}\[\]<>"'#,;]+)|"([^"\\\n]*)"(?!\s*["'])|([{<])|(?=[\["'#]))|([{<])|(?=#))"""
    r"[\s,;]*|([}>])[\s,;]*"
)
_PLAIN, _QUOTED, _OPENS, _OPENS_BARE, _CLOSES = 2, 3, 4, 5, 6
_BLANK = re.compile(r"(?:[\s,;]|#[^\n]*(?:\n|\Z))*")
_GAP = re.compile(r"(?:\s|#[^\n]*(?:\n|\Z))*")
"""What may stand between two pieces of one string: a comma would start another."""
_WORD = re.compile(r"""[^\s{}\[\]<>"'#,;:]+""")
_STRING = re.compile(r"""'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)\"""")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.S)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_CLOSER = {"{": "}", "<": ">"}


class NotTextFormat(Exception):
    """A text that is not of this format.

    Args:
        message: what is wrong.
        line: where, from 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Message:
    """A message: field name -> its values, in the order of the file. Of them only the kind that is asked for counts."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: dict[str, Values] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def texts(self, name: str) -> list[str]:
        """The scalar values of a field, strings without their quotes."""
        return [value for value in self.fields.get(name, ()) if isinstance(value, str)]

    def text(self, name: str, default: str = "") -> str:
        """The value of a field that is given once; of several, the last, as protobuf has it."""
        values = self.texts(name)
        return values[-1] if values else default

    def messages(self, name: str) -> list[Message]:
        """The values of a field that are messages."""
        return [value for value in self.fields.get(name, ()) if isinstance(value, Message)]

    def message(self, name: str) -> Message:
        """The message in a field; an empty one when there is none."""
        values = self.messages(name)
        return values[-1] if values else Message()

    def integers(self, name: str) -> list[int]:
        """The whole numbers in a field; those beyond `MAX_WHOLE` are left out."""
        found = [int(text) for text in self.texts(name) if _WHOLE.fullmatch(text)]
        return [number for number in found if abs(number) <= MAX_WHOLE]

    def integer(self, name: str, default: int = 0) -> int:
        """The last whole number in a field; see `integers`."""
        found = self.integers(name)
        return found[-1] if found else default

    def numbers(self, name: str) -> list[float]:
        """The finite numbers in a field, also in C's way, `0.5f`."""
        return [number for number in map(_number, self.texts(name)) if number is not None]

    def flag(self, name: str, default: bool = False) -> bool:
        """The boolean in a field."""
        text = self.text(name)
        return text in ("true", "True", "t", "1") if text else default


Values = List[Union[str, Message]]


def parse_text_format(text: str) -> Message:
    """The message that `text` holds.

    Raises:
        NotTextFormat: it is not of this format, nested deeper than `MAX_DEPTH`, or has more than `MAX_VALUES` values.
    """
    return _Parser(text).parse()


class _Parser:
    """One pass over the text. What is open is kept in a list: depth costs no recursion."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.top = Message()
        self.open: list[tuple[str, Message | Values]] = [("", self.top)]
        self.count = 0

    def parse(self) -> Message:
        self._skip()
        while self.at < len(self.text):
            inner = self.open[-1][1]
            if isinstance(inner, Message):
                self._fields(inner)
            else:
                self._list(inner)
        if len(self.open) > 1:
            raise self._wrong("the text ends inside a message")
        return self.top

    def _fields(self, message: Message) -> None:
        """Reads on inside an open message, as long as nothing comes that needs a closer look."""
        text, step = self.text, _STEP.match
        # As many steps as that many values and the ends of as many messages take.
        for _ in repeat(None, 2 * MAX_VALUES):
            found = step(text, self.at)
            if found is None:
                break
            kind = found.lastindex
            if kind == _CLOSES:
                if self.open[-1][0] != found.group(_CLOSES):
                    break
                self.at = found.end()
                self.open.pop()
                inner = self.open[-1][1]
                if not isinstance(inner, Message):
                    return
                message = inner
                continue
            self.at = found.end()
            self.count += 1
            values = message.fields.setdefault(found.group(1), [])
            if kind in (_PLAIN, _QUOTED):
                values.append(found.group(kind))
            elif kind in (_OPENS, _OPENS_BARE):
                message = Message()
                values.append(message)
                self._open(_CLOSER[found.group(kind)], message)
            else:
                self._skip()
                self._value(values, may_be_list=True)
                return
        self._check_count()
        if text.startswith("#", self.at):
            self._skip()
        elif self.at < len(text):
            raise self._wrong(f'"{text[self.at : self.at + 20].split()[0]}" is not a field')

    def _list(self, values: Values) -> None:
        """Reads one value of an open list, or its end."""
        if self.text.startswith("]", self.at):
            self.open.pop()
            self.at += 1
            self._skip()
        else:
            self._value(values, may_be_list=False)

    def _value(self, values: Values, may_be_list: bool) -> None:
        """Reads a value, or opens it when it is nested."""
        start = self.text[self.at : self.at + 1]
        if start in _CLOSER:
            message = Message()
            values.append(message)
            self._open(_CLOSER[start], message)
            self.at += 1
        elif start == "[" and may_be_list:
            self._open("]", values)
            self.at += 1
        elif start and start in "\"'":
            values.append(self._string())
        else:
            word = _WORD.match(self.text, self.at)
            if word is None:
                raise self._wrong("a field has no value")
            values.append(word.group())
            self.at = word.end()
        self._check_count()
        self._skip()

    def _string(self) -> str:
        """A string, which may be written in several pieces, each in quotes."""
        parts = []
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self._wrong("a string does not end")
        while found is not None:
            parts.append(found.group(1) if found.group(1) is not None else found.group(2))
            self.at = found.end()
            gap = _GAP.match(self.text, self.at)
            found = _STRING.match(self.text, gap.end() if gap else self.at)
        return _ESCAPE.sub(_unescaped, "".join(parts))

    def _open(self, closer: str, inner: Message | Values) -> None:
        if len(self.open) > MAX_DEPTH:
            raise self._wrong(f"messages are nested deeper than {MAX_DEPTH}")
        self.open.append((closer, inner))

    def _skip(self) -> None:
        found = _BLANK.match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def _check_count(self) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self._wrong(f"the text has more than {MAX_VALUES:,} values")

    def _wrong(self, message: str) -> NotTextFormat:
        return NotTextFormat(message, self.text.count("\n", 0, self.at) + 1)


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1)
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    return _ESCAPED.get(code, code)


def _number(text: str) -> float | None:
    try:
        value = float(text.rstrip("fF"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
