from __future__ import annotations

import contextlib
import copy
import json
import time
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai.errors import IntegrityError, RegistryError
from aai.package.oci import PIECE_BYTES
from aai.package.read import check_path, read_index, read_manifest

DIGEST = "sha256:" + "0" * 64
PATH = "org.cncf.model.filepath"


def _layer(path: str, size: int = 3, **annotations: str) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.cncf.model.weight.v1.raw",
        "digest": DIGEST,
        "size": size,
        "annotations": {PATH: path, **annotations},
    }


MANIFEST: dict[str, Any] = {"schemaVersion": 2, "layers": [_layer("alwaysai.model.json"), _layer("a/w.onnx", 5)]}
INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "manifests": [
        {
            "digest": DIGEST,
            "size": 7,
            "annotations": {"ai.aai.variant": "default", "ai.aai.variant.size": "8", "ai.aai.target.framework": "onnx"},
        }
    ],
}


def _bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def _changed(document: dict[str, Any], change: Callable[[Any], None]) -> bytes:
    other = copy.deepcopy(document)
    change(other)
    return _bytes(other)


def test_an_index_is_read() -> None:
    (entry,) = read_index(_bytes(INDEX))
    assert (entry.key, entry.digest, entry.size_bytes, dict(entry.target)) == (
        "default",
        DIGEST,
        8,
        {"framework": "onnx"},
    )


def test_a_manifest_is_read_sorted_by_path() -> None:
    contents = read_manifest(_bytes(MANIFEST))
    assert [(file.path, file.digest, file.size_bytes) for file in contents.files] == [
        ("a/w.onnx", DIGEST, 5),
        ("alwaysai.model.json", DIGEST, 3),
    ]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'"text"', b"{}", b"1" * 5000]
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(RegistryError):
        read_index(data)
    with pytest.raises(RegistryError):
        read_manifest(data)


@pytest.mark.parametrize(
    "path",
    [
        "../etc/passwd",
        "a/../../b",
        "/etc/passwd",
        "a/..",
        "..",
        ".",
        "./a",
        "a//b",
        "a/",
        "\\\\host\\share",
        "a\\..\\b",
        "C:\\x",
        "c:x",
        "a\0b",
        "a\nb",
        "\x7f",
        "a" * 256,
        "a/" * 2048 + "a",
        "\ud800",
    ],
)
def test_paths_that_could_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(IntegrityError, match="could leave"):
        read_manifest(_changed(MANIFEST, lambda m: m["layers"][1]["annotations"].update({PATH: path})))


@given(st.text())
def test_a_path_that_is_taken_stays_in_the_folder_on_posix_and_windows(text: str) -> None:
    import ntpath
    import posixpath

    try:
        check_path(text, "here")
    except (IntegrityError, RegistryError):
        return
    for flavour, root in ((posixpath, "/root/x"), (ntpath, "C:\\root\\x")):
        joined = flavour.normpath(flavour.join(root, text))
        assert joined.startswith(root + flavour.sep)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["layers"].append(_layer("a/w.onnx")),
        lambda m: m["layers"].append(_layer("a")),
        lambda m: m["layers"].extend(_layer(path) for path in ("a!", "a", "a b/c", "a.d")),
        lambda m: m["layers"].append(_layer("x", **{"org.cncf.model.file.metadata+json": '{"typeflag": 50}'})),
        lambda m: m["layers"].append(_layer("x", **{"org.cncf.model.file.metadata+json": '{"typeflag": "2"}'})),
        lambda m: m["layers"].append(_layer("x", PIECE_BYTES + 1, **{"ai.aai.pieces.sha256": "0" * 64})),
        lambda m: m["layers"].append(_layer("x", 5, **{"ai.aai.pieces.sha256": "zz"})),
        lambda m: m["layers"].extend(_layer(str(number)) for number in range(10_001)),
    ],
    ids=[
        "twice",
        "file and folder",
        "file and folder among others",
        "link",
        "link as text",
        "too few pieces",
        "bad piece",
        "too many",
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(change: Callable[[Any], None]) -> None:
    with pytest.raises(IntegrityError):
        read_manifest(_changed(MANIFEST, change))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(layers=None),
        lambda m: m.update(layers={}),
        lambda m: m.update(layers=["text"]),
        lambda m: m["layers"].pop(0),
        lambda m: m["layers"][1].update(mediaType="application/vnd.cncf.model.weight.v1.tar"),
        lambda m: m["layers"][1].pop("mediaType"),
        lambda m: m["layers"][1].update(digest="sha512:" + "0" * 128),
        lambda m: m["layers"][1].update(digest=DIGEST.replace("0", "F")),
        lambda m: m["layers"][1].update(digest=DIGEST + "\n"),
        lambda m: m["layers"][1].update(digest=None),
        lambda m: m["layers"][1].update(size=-1),
        lambda m: m["layers"][1].update(size=1.5),
        lambda m: m["layers"][1].update(size=True),
        lambda m: m["layers"][1].update(size=2**63),
        lambda m: m["layers"][1].pop("size"),
        lambda m: m["layers"][1].update(annotations=[]),
        lambda m: m["layers"][1].update(annotations=["x"]),
        lambda m: m["layers"][1].update(annotations={PATH: 5}),
        lambda m: m["layers"][1].update(annotations={PATH: ""}),
        lambda m: m["layers"][1].update(annotations={}),
        lambda m: m["layers"].append(_layer("x", **{"org.cncf.model.file.metadata+json": "no"})),
    ],
)
def test_a_manifest_of_wrong_types_is_refused(change: Callable[[Any], None]) -> None:
    with pytest.raises(RegistryError):
        read_manifest(_changed(MANIFEST, change))


def test_a_plain_file_may_say_that_it_is_one() -> None:
    text = '{"name": "x", "mode": 420, "typeflag": 48}'
    change = lambda m: m["layers"].append(_layer("x", **{"org.cncf.model.file.metadata+json": text}))  # noqa: E731
    assert len(read_manifest(_changed(MANIFEST, change)).files) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda i: i.update(manifests=[]),
        lambda i: i.update(manifests=7),
        lambda i: i["manifests"][0]["annotations"].pop("ai.aai.variant"),
        lambda i: i["manifests"][0]["annotations"].pop("ai.aai.variant.size"),
        lambda i: i["manifests"][0]["annotations"].update({"ai.aai.variant.size": "-1"}),
        lambda i: i["manifests"][0]["annotations"].update({"ai.aai.variant.size": "²"}),
        lambda i: i["manifests"][0].update(digest="x"),
    ],
)
def test_an_index_of_wrong_types_is_refused(change: Callable[[Any], None]) -> None:
    with pytest.raises(RegistryError):
        read_index(_changed(INDEX, change))


def test_two_variants_of_one_name_are_refused() -> None:
    with pytest.raises(IntegrityError, match="twice"):
        read_index(_changed(INDEX, lambda i: i["manifests"].append(i["manifests"][0])))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["layers", "manifests", "size"]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["layers", "manifests"]), st.sampled_from(["mediaType", "digest", "size", "annotations"]), _JSON)
def test_no_document_makes_a_reader_fail_in_another_way(part: str, key: str, value: Any) -> None:
    layer = {**_layer("alwaysai.model.json"), key: value}
    for read in (read_index, read_manifest):
        for document in ({part: [layer]}, {part: value}):
            with contextlib.suppress(IntegrityError, RegistryError):
                read(_bytes(document))


def test_many_files_deep_down_are_read_soon() -> None:
    deep = [_layer("a/" * 2000 + str(number)) for number in range(800)]
    data = _changed(MANIFEST, lambda m: m["layers"].extend(deep))
    started = time.process_time()
    assert len(read_manifest(data).files) > len(deep)
    assert time.process_time() - started < 5
