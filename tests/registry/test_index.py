from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai.errors import RegistryError
from aai.registry.index import Entry, ModelIndex, index_bytes, parse_index

_DIGESTS = st.integers(0, 3).map(lambda number: f"sha256:{number:064x}")
_ENTRIES = st.lists(
    st.builds(
        Entry,
        number=st.integers(1, 40),
        digest=_DIGESTS,
        index_bytes=st.integers(0, 10**6),
        size_bytes=st.integers(0, 10**12),
        summary=st.dictionaries(st.sampled_from(["purpose", "license", "description"]), st.text(max_size=12)),
    ),
    unique_by=lambda entry: entry.number,
    min_size=1,
    max_size=4,
).map(lambda entries: tuple(sorted(entries, key=lambda entry: entry.number)))


@st.composite
def _indexes(draw: st.DrawFn) -> ModelIndex:
    entries = draw(_ENTRIES)
    numbers = st.sampled_from([entry.number for entry in entries])
    tags = draw(st.dictionaries(st.sampled_from(["a", "production", "v1.2"]), numbers))
    last = draw(st.integers(entries[-1].number, 50))
    return ModelIndex("Acme/Model", entries, tags, last)


@given(_indexes())
def test_what_is_written_is_read_again(index: ModelIndex) -> None:
    assert parse_index(index_bytes(index), "acme/model", "here") == index


@given(_indexes(), _DIGESTS)
def test_a_new_version_is_the_newest_and_takes_nothing_away(index: ModelIndex, digest: str) -> None:
    grown = index.with_version(digest, 1, 2, {})
    latest = grown.latest()
    assert latest is not None
    assert (latest.number, latest.digest) == (index.last_number + 1, digest)
    assert [v.number for v in grown.versions()][:-1] == [v.number for v in index.versions()]
    assert grown.tags == index.tags


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | _DIGESTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["manifests", "annotations", "digest", "size", "org.opencontainers.image.ref.name"]), inner
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_no_content_makes_reading_fail_in_another_way(document: Any) -> None:
    for content in (
        document,
        {"manifests": document},
        {"manifests": [document]},
        {"manifests": [], "annotations": document},
    ):
        try:
            parse_index(json.dumps(content).encode(), "acme/model", "here")
        except RegistryError as error:
            assert error.where == "here"


@pytest.mark.parametrize("number", ["1e400", '"none"'])
def test_a_last_number_that_is_none_is_damage(number: str) -> None:
    data = '{"manifests": [], "annotations": {"ai.aai.last.version": ' + number + "}}"
    with pytest.raises(RegistryError, match="damaged"):
        parse_index(data.encode(), "a/b", "here")


def test_numbers_start_at_1_whatever_the_last_one_is_said_to_be() -> None:
    index = parse_index(b'{"manifests": [], "annotations": {"ai.aai.last.version": "-5"}}', "a/b", "here")
    assert index.with_version(f"sha256:{1:064x}", 1, 1, {}).entries[0].number == 1
