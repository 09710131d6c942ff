"""What a version's index and manifests say. They may come from anywhere: nothing in them is trusted.

A digest proves that the bytes are the ones that were published, not that whoever published them meant well. So each
path is one that stays in the model's folder, and each number is one that the bytes can have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from aai.errors import IntegrityError, RegistryError
from aai.package.oci import (
    FILE_METADATA,
    FILE_PATH,
    MODEL_FILE_NAME,
    PIECE_BYTES,
    PIECES,
    TARGET_PREFIX,
    VARIANT,
    VARIANT_SIZE,
    is_digest,
)
from aai.ports import Package

MOST_FILES = 10_000
MOST_PART_BYTES = 255
"""Longest name of a file or folder that Linux file systems take."""
MOST_PATH_BYTES = 4095
"""Longest path that Linux takes (PATH_MAX, less the zero at its end)."""


@dataclass(frozen=True)
class VariantEntry:
    """One variant of a version, as the version's index lists it.

    Args:
        key: its name in the version; "default" for the model folder itself.
        digest: "sha256:..." of its manifest.
        size_bytes: total size of its files, as the publisher counted it: for plans, not for checks.
        target: what it is made for, such as {"framework": "tensor-rt", "device": "orin-nano"}.
    """

    key: str
    digest: str
    size_bytes: int
    target: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileEntry:
    """One file of a variant.

    Args:
        path: relative to the model's folder, forward slashes; safe to join to a folder.
        digest: "sha256:..." of its bytes.
        size_bytes: its size.
        pieces: "sha256:..." of each piece of 8 MiB, in order; empty for a smaller file, or when none were given.
    """

    path: str
    digest: str
    size_bytes: int
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True)
class VariantContents:
    """What a variant's manifest lists: the files, alwaysai.model.json among them, sorted by path."""

    files: tuple[FileEntry, ...]


def read_index(data: bytes) -> list[VariantEntry]:
    """The variants of a version, in the index's order: "default" first.

    Raises:
        RegistryError: not an OCI image index that this version can read.
        IntegrityError: an index that contradicts itself, such as two variants of one name.
    """
    document = _parse(data, "index")
    entries = []
    for position, descriptor in enumerate(_list(document, "manifests", "index")):
        where = f"index, manifests[{position}]"
        annotations = _annotations(descriptor, where)
        entries.append(
            VariantEntry(
                key=_text(annotations.get(VARIANT), f"{where}, {VARIANT}"),
                digest=_digest(descriptor, where),
                size_bytes=_number(annotations.get(VARIANT_SIZE), f"{where}, {VARIANT_SIZE}"),
                target={
                    name[len(TARGET_PREFIX) :]: value
                    for name, value in annotations.items()
                    if name.startswith(TARGET_PREFIX)
                },
            )
        )
    if not entries:
        raise RegistryError("the version's index lists no variant", "index, manifests")
    _check_distinct([entry.key for entry in entries], "variant")
    return entries


def read_manifest(data: bytes) -> VariantContents:
    """The files of a variant, sorted by path.

    Raises:
        RegistryError: not a manifest that this version can read: other layer forms than raw, no alwaysai.model.json.
        IntegrityError: paths that leave the model's folder or meet each other, sizes and pieces that can't be.
    """
    document = _parse(data, "manifest")
    layers = _list(document, "layers", "manifest")
    if len(layers) > MOST_FILES:
        raise IntegrityError(
            f"the manifest lists {len(layers)} files, and {MOST_FILES} are allowed", "manifest, layers"
        )
    files = sorted((_file(layer, f"manifest, layers[{n}]") for n, layer in enumerate(layers)), key=lambda f: f.path)
    _check_distinct([file.path for file in files], "file")
    _check_tree(file.path for file in files)
    if all(file.path != MODEL_FILE_NAME for file in files):
        raise RegistryError(f"the manifest lists no {MODEL_FILE_NAME}", "manifest, layers")
    return VariantContents(tuple(files))


def content_bytes(package: Package) -> int:
    """Total size of the files of a package's variants, alwaysai.model.json among them, each content counted once."""
    sizes: dict[str, int] = {}
    for entry in read_index(package.index):
        for file in read_manifest(package.documents[entry.digest]).files:
            sizes[file.digest] = file.size_bytes
    return sum(sizes.values())


def check_path(path: object, where: str) -> str:
    """`path`, if joining it to a folder stays in that folder on every system.

    Raises:
        IntegrityError: absolute, with "..", "." or empty parts, backslashes, a drive or control characters, or longer
            than Linux takes.
        RegistryError: empty, or not text.
    """
    text = _text(path, where)
    parts = text.split("/")
    unsafe = (
        any(part in ("", ".", "..") for part in parts)
        or any(character in "\\:" or ord(character) < 32 or ord(character) == 127 for character in text)
        or any(_bytes(part) > MOST_PART_BYTES for part in parts)
        or _bytes(text) > MOST_PATH_BYTES
        or not _is_unicode(text)
    )
    if unsafe:
        raise IntegrityError(
            f"the path {text[:200]!r} could leave the model's folder", where, "do not install this version"
        )
    return text


def _file(layer: Mapping[str, Any], where: str) -> FileEntry:
    annotations = _annotations(layer, where)
    media_type = layer.get("mediaType")
    if not (isinstance(media_type, str) and media_type.endswith(".raw")):
        raise RegistryError(f"a layer has the form {media_type!r}, and only raw ones are read", where)
    _check_regular(annotations.get(FILE_METADATA), where)
    size_bytes = _number(layer.get("size"), f"{where}, size")
    return FileEntry(
        path=check_path(annotations.get(FILE_PATH), f"{where}, {FILE_PATH}"),
        digest=_digest(layer, where),
        size_bytes=size_bytes,
        pieces=_pieces(annotations.get(PIECES), size_bytes, where),
    )


def _check_regular(metadata: str | None, where: str) -> None:
    """Refuses a link or a device: ModelPack's file metadata may say so with tar's typeflag."""
    if metadata is None:
        return
    kind = _parse(metadata.encode("utf-8", "replace"), "file metadata").get("typeflag", 0)
    if kind not in (0, "0", 48, ""):
        raise IntegrityError("the version holds a link or a special file", where, "do not install this version")


def _pieces(text: str | None, size_bytes: int, where: str) -> tuple[str, ...]:
    if text is None:
        return ()
    pieces = tuple(f"sha256:{piece}" for piece in text.split(","))
    wanted = -(-size_bytes // PIECE_BYTES)
    if len(pieces) != wanted or not all(is_digest(piece) for piece in pieces):
        raise IntegrityError(f"the list of pieces does not fit a file of {size_bytes} bytes", f"{where}, {PIECES}")
    return pieces


def _check_distinct(names: list[str], kind: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise IntegrityError(f"the {kind} {name!r} is listed twice", kind)
        seen.add(name)


def _check_tree(paths: Iterable[str]) -> None:
    # With "/" before every other character, what lies in a folder comes right after a file of the folder's name.
    ordered = sorted(paths, key=lambda path: path.replace("/", "\0"))
    for path, following in zip(ordered, ordered[1:]):
        if following.startswith(f"{path}/"):
            raise IntegrityError(f"{path!r} is listed as a file and as a folder", "manifest, layers")


def _parse(data: bytes, kind: str) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"the {kind} is not JSON", kind, "publish the model again") from error
    if not isinstance(document, dict):
        raise RegistryError(f"the {kind} is not a JSON object", kind, "publish the model again")
    return document


def _list(document: Mapping[str, Any], name: str, kind: str) -> list[Mapping[str, Any]]:
    value = document.get(name)
    if not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        raise RegistryError(f"{name} is not a list of descriptors", f"{kind}, {name}", "publish the model again")
    return value


def _annotations(descriptor: Mapping[str, Any], where: str) -> dict[str, str]:
    value = descriptor.get("annotations") or {}
    if not (isinstance(value, dict) and all(isinstance(item, str) for item in value.values())):
        raise RegistryError("annotations is not an object of texts", f"{where}, annotations")
    return value


def _text(value: object, where: str) -> str:
    if not (isinstance(value, str) and value):
        raise RegistryError("a name is missing or not text", where)
    return value


def _digest(descriptor: Mapping[str, Any], where: str) -> str:
    value = descriptor.get("digest")
    if not (isinstance(value, str) and is_digest(value)):
        raise RegistryError("a digest is missing or not sha256", f"{where}, digest")
    return value


def _number(value: object, where: str) -> int:
    """A size: a JSON integer, or digits in an annotation."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    raise RegistryError("a size is missing or not a number of bytes", where)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
