from __future__ import annotations

import pytest

from aai.core.names import parse_id, version_number
from aai.errors import UsageError


@pytest.mark.parametrize("text", ["acme/net", "Acme/Net-2", "a.b_c__d---e/1", "a" * 64 + "/b"])
def test_an_id_is_read_as_its_two_sides(text: str) -> None:
    assert "/".join(parse_id(text)) == text


@pytest.mark.parametrize(
    "text", ["", "net", "a/b/c", "a/", "a/b c", "a/..", "a/-b", "a/b.", "a" * 65 + "/b", "acme/\u212aelvin", "a/\u0130"]
)
def test_what_is_no_id_is_refused_also_where_it_becomes_ascii_in_lower_case(text: str) -> None:
    with pytest.raises(UsageError, match="is not a model id"):
        parse_id(text)


@pytest.mark.parametrize(
    ("reference", "number"),
    [("3", 3), ("0", 0), ("production", None), ("", None), ("\u00b2", None), ("9" * 5000, None)],
)
def test_a_version_is_a_number_of_plain_digits(reference: str, number: int | None) -> None:
    assert version_number(reference) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", True), ("007", True), ("", False), ("1.0", False), ("²", False), ("-1", False), ("1234567890", False)],
)
def test_a_number_is_told_from_a_tag(text: str, number: bool) -> None:
    assert (version_number(text) is not None) is number
