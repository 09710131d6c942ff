from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aai.core.inspect.text_format import MAX_DEPTH, Message, NotTextFormat, parse_text_format


def plain(message: Message) -> dict[str, Any]:
    """A message as dicts and lists."""
    return {
        name: [value if isinstance(value, str) else plain(value) for value in values]
        for name, values in message.fields.items()
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("# nothing but a comment", {}),
        ("dim: 1 dim: 3", {"dim": ["1", "3"]}),
        ("a: 1, b: 2; c: 3", {"a": ["1"], "b": ["2"], "c": ["3"]}),
        ('name: "LeNet"', {"name": ["LeNet"]}),
        ("name: 'a \"b\"'", {"name": ['a "b"']}),
        ('name: "a" "b"\n  \'c\'', {"name": ["abc"]}),
        (r'name: "a\n\"\\\x41\101\t"', {"name": ['a\n"\\AA\t']}),
        ("layer { type: MAX }", {"layer": [{"type": ["MAX"]}]}),
        ("layer: { a: 1 } layer < a: 2 >", {"layer": [{"a": ["1"]}, {"a": ["2"]}]}),
        ("layer{a:-1.5e-3f}", {"layer": [{"a": ["-1.5e-3f"]}]}),
        ("a { b { } } # end\nc: 1", {"a": [{"b": [{}]}], "c": ["1"]}),
        ("dim: [1, 3, 224]", {"dim": ["1", "3", "224"]}),
        ("dim: []", {"dim": []}),
        ('a: ["x", \'y\' "z"]', {"a": ["x", "yz"]}),
        ("a: [{ b: 1 }, < b: 2 >] c: 3", {"a": [{"b": ["1"]}, {"b": ["2"]}], "c": ["3"]}),
        ("a: # why\n  5 # because\n b: 6", {"a": ["5"], "b": ["6"]}),
        ("a # why\n { b: 1 }", {"a": [{"b": ["1"]}]}),
        ("a:1#x\nb:2", {"a": ["1"], "b": ["2"]}),
        ("\r\na: 1\r\nb {\r\n}\r\n", {"a": ["1"], "b": [{}]}),
    ],
)
def test_a_text_is_read_as_the_specification_has_it(text: str, wanted: dict[str, Any]) -> None:
    assert plain(parse_text_format(text)) == wanted


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n}", 2),
        ("a {\n b: 1\n", 3),
        ("a < }", 1),
        ("a\nb: 1", 1),
        ("a: 1\n\n = 2", 3),
        ("person\nbicycle\n", 1),
        ('a: "no end\n', 1),
        ("a: [1, 2", 1),
        ("a: [[1]]", 1),
        ("a:", 1),
        ("{}", 1),
        ("<xml>", 1),
        ("[net]\nwidth=1", 1),
        ('{"json": 1}', 1),
    ],
)
def test_what_is_not_this_format_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(NotTextFormat) as caught:
        parse_text_format(text)
    assert caught.value.line == line


def test_a_field_is_asked_for_in_the_type_that_belongs_there() -> None:
    message = parse_text_format('n: 3 n: 4 f: .5 f: 1e400 t: "3" b: true m { x: 1 } big: 99999999999999999999 n { }')
    assert (message.integers("n"), message.integer("n"), message.integer("none", 7)) == ([3, 4], 4, 7)
    assert message.numbers("f") == [0.5]
    assert (message.text("t"), message.text("m", "-")) == ("3", "-")
    assert (message.flag("b"), message.flag("none", True), message.flag("n")) == (True, True, False)
    assert message.message("m").integer("x") == 1
    assert message.message("none").fields == {}
    assert message.integers("big") == []
    assert "m" in message
    assert "none" not in message


def test_nesting_has_a_limit_and_costs_no_recursion() -> None:
    deep = MAX_DEPTH - 1
    parse_text_format("a {" * deep + "}" * deep)
    for text in ("a {" * 310_000, "a: [" * 500_000, "a: [{" * 500_000):
        with pytest.raises(NotTextFormat):
            parse_text_format(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n" * 310_000,
        "a {}\n" * 310_000,
        "a: [" + "1," * 400_000,
        "#" * 300_000,
        "# a\n" * 300_000,
        " " * 1_000_000 + "!",
        "a " * 300_000,
        'a: "" ' * 310_000,
        'a: ""' + " " * 500_000 + '"' * 3,
        'a: "' + "\\" * 500_000,
        "a: '" + "x" * 500_000,
        "a" * 1_000_000,
        "a:" + "\n" * 500_000,
        "a # x\n" * 310_000,
    ],
)
def test_hostile_texts_are_done_with_soon(text: str) -> None:
    start = time.process_time()
    try:
        parse_text_format(text)
    except NotTextFormat:
        pass
    assert time.process_time() - start < 2


NAMES = st.sampled_from(["a", "layer", "input_dim", "x1"])
WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
TREES = st.recursive(
    st.dictionaries(NAMES, st.lists(WORDS, max_size=3), max_size=3),
    lambda inner: st.dictionaries(NAMES, st.lists(WORDS | inner, max_size=3), max_size=3),
    max_leaves=8,
)


def written(tree: dict[str, Any]) -> str:
    parts = []
    for name, values in tree.items():
        for value in values:
            if isinstance(value, str):
                escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
                parts.append(f'{name}: "{escaped}"')
            else:
                parts.append(f"{name} {{ {written(value)} }}")
    return "\n".join(parts)


def without_empty(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [value if isinstance(value, str) else without_empty(value) for value in values]
        for name, values in tree.items()
        if values
    }


@settings(deadline=2000)
@given(TREES)
def test_what_is_written_is_read(tree: dict[str, Any]) -> None:
    assert plain(parse_text_format(written(tree))) == without_empty(tree)


@settings(deadline=2000)
@given(st.text(alphabet="ab:{}<>[]\"'\\#,; \n1.-", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_text_format(text)
    except NotTextFormat as error:
        assert 1 <= error.line <= text.count("\n") + 1
