"""What a published version holds."""

from __future__ import annotations

import pytest

from aai.core.packed import model_document
from aai.errors import IntegrityError


def test_the_model_file_of_a_package_is_read() -> None:
    assert model_document(b'{"id": "acme/net"}', "acme/net@1") == {"id": "acme/net"}


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff", b'{"a": ' + b"[" * 600 + b"]" * 600 + b"}", b"[" * 100_000],
    ids=["empty", "list", "bytes", "deep", "very deep"],
)
def test_a_model_file_that_no_publish_has_packed_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="not a JSON object") as caught:
        model_document(data, "acme/net@1")
    assert caught.value.where == "acme/net@1"
