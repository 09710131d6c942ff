"""A model's index.json as data: its versions and tags, so that listing and resolving need no other file.

It is the index of an OCI image layout (OCI image specification 1.1, image-layout.md). Each version is a descriptor of
the version's own index, named by its number in org.opencontainers.image.ref.name; each tag is one more descriptor of
the same index. What else a reader wants to know stands in annotations, and descriptors of other tools are kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Mapping

from aai.core.names import version_number
from aai.errors import RegistryError
from aai.package.oci import INDEX_TYPE, REF_NAME, is_digest
from aai.ports import VersionInfo

MODEL_ID = "ai.aai.model.id"
LAST_NUMBER = "ai.aai.last.version"
"""The highest number ever given out: a number is not used again, not even when its version has gone."""
SIZE = "ai.aai.size"
TAG_OF = "ai.aai.version"
SUMMARY_PREFIX = "ai.aai.summary."


@dataclass(frozen=True)
class Entry:
    """One version: the descriptor of its index, read."""

    number: int
    digest: str
    index_bytes: int
    size_bytes: int = 0
    summary: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelIndex:
    """The content of index.json.

    Args:
        model_id: publisher/name, in the case it was first published with.
        entries: the versions, oldest first.
        tags: tag -> version number.
        last_number: the highest number ever given out.
        foreign: descriptors that other tools put there.
    """

    model_id: str
    entries: tuple[Entry, ...] = ()
    tags: Mapping[str, int] = field(default_factory=dict)
    last_number: int = 0
    foreign: tuple[Mapping[str, Any], ...] = ()

    def versions(self) -> list[VersionInfo]:
        """All versions, oldest first."""
        return [self._info(entry) for entry in self.entries]

    def latest(self) -> VersionInfo | None:
        """The newest version; None when there is none."""
        return self._info(self.entries[-1]) if self.entries else None

    def version(self, number: int) -> VersionInfo | None:
        """Version `number`, None when there is no such version."""
        return next((self._info(entry) for entry in self.entries if entry.number == number), None)

    def by_digest(self, digest: str) -> VersionInfo | None:
        """The newest version whose index has this digest."""
        return next((self._info(entry) for entry in reversed(self.entries) if entry.digest == digest), None)

    def with_version(self, digest: str, index_bytes: int, size_bytes: int, summary: Mapping[str, str]) -> ModelIndex:
        """The index with one more version, under the next number."""
        entry = Entry(self.last_number + 1, digest, index_bytes, size_bytes, summary)
        return replace(self, entries=(*self.entries, entry), last_number=entry.number)

    def with_tag(self, tag: str, number: int) -> ModelIndex:
        """The index with `tag` on version `number`."""
        return replace(self, tags={**self.tags, tag: number})

    def without_tag(self, tag: str) -> ModelIndex:
        """The index without `tag`."""
        return replace(self, tags={name: number for name, number in self.tags.items() if name != tag})

    def _info(self, entry: Entry) -> VersionInfo:
        tags = tuple(sorted(tag for tag, number in self.tags.items() if number == entry.number))
        return VersionInfo(entry.number, entry.digest, tags, entry.size_bytes, entry.summary)


def index_bytes(index: ModelIndex) -> bytes:
    """The bytes of index.json."""
    by_number = {entry.number: entry for entry in index.entries}
    manifests: list[Mapping[str, Any]] = [_version_descriptor(entry) for entry in index.entries]
    manifests += [_tag_descriptor(tag, by_number[number]) for tag, number in sorted(index.tags.items())]
    document = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [*manifests, *index.foreign],
        "annotations": {MODEL_ID: index.model_id, LAST_NUMBER: str(index.last_number)},
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def parse_index(data: bytes, model_id: str, where: str) -> ModelIndex:
    """What index.json says.

    Args:
        data: its bytes.
        model_id: the id that the folder stands for, used when another tool wrote the file.
        where: the file, for errors.

    Raises:
        RegistryError: it is not the index of an image layout.
    """
    try:
        return _read(json.loads(data.decode("utf-8")), model_id)
    # OverflowError: JSON may hold 1e400, which is infinite.
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise RegistryError(
            f"the index of {model_id} is damaged",
            where,
            "put back a copy of this file, or of the model's folder; its blobs are not touched",
        ) from error


def _read(document: Any, model_id: str) -> ModelIndex:
    annotations = document.get("annotations") or {}
    entries: dict[int, Entry] = {}
    others: list[Mapping[str, Any]] = []
    for descriptor in document["manifests"]:
        name = (descriptor.get("annotations") or {}).get(REF_NAME, "")
        if version_number(name) is not None:
            entries[int(name)] = _entry(int(name), descriptor)
        else:
            others.append(descriptor)
    ordered = tuple(entries[number] for number in sorted(entries))
    tags, foreign = _tags(others, ordered)
    last = max([0, int(annotations.get(LAST_NUMBER, 0)), *entries])
    return ModelIndex(str(annotations.get(MODEL_ID, model_id)), ordered, tags, last, tuple(foreign))


def _entry(number: int, descriptor: Mapping[str, Any]) -> Entry:
    annotations = descriptor["annotations"]
    summary = {
        name[len(SUMMARY_PREFIX) :]: str(value)
        for name, value in annotations.items()
        if name.startswith(SUMMARY_PREFIX)
    }
    return Entry(number, _digest(descriptor), int(descriptor["size"]), int(annotations.get(SIZE, 0)), summary)


def _digest(descriptor: Mapping[str, Any]) -> str:
    digest = descriptor["digest"]
    if not is_digest(digest):
        raise ValueError(f"{digest!r} is not a sha256 digest")
    return str(digest)


def _tags(
    descriptors: list[Mapping[str, Any]], entries: tuple[Entry, ...]
) -> tuple[dict[str, int], list[Mapping[str, Any]]]:
    """Tags that name one of `entries`, and the descriptors that are something else.

    Another tool's tag says only a digest: it then names the newest version that has it.
    """
    numbers = {entry.number for entry in entries}
    by_digest = {entry.digest: entry.number for entry in entries}
    tags: dict[str, int] = {}
    foreign = []
    for descriptor in descriptors:
        annotations = descriptor.get("annotations") or {}
        number = int(annotations.get(TAG_OF, by_digest.get(str(descriptor.get("digest")), 0)))
        if REF_NAME in annotations and number in numbers:
            tags[str(annotations[REF_NAME])] = number
        else:
            foreign.append(descriptor)
    return tags, foreign


def _version_descriptor(entry: Entry) -> dict[str, Any]:
    annotations = {REF_NAME: str(entry.number), SIZE: str(entry.size_bytes)}
    annotations.update({SUMMARY_PREFIX + name: value for name, value in entry.summary.items()})
    return _descriptor(entry, annotations)


def _tag_descriptor(tag: str, entry: Entry) -> dict[str, Any]:
    return _descriptor(entry, {REF_NAME: tag, TAG_OF: str(entry.number)})


def _descriptor(entry: Entry, annotations: Mapping[str, str]) -> dict[str, Any]:
    return {
        "mediaType": INDEX_TYPE,
        "digest": entry.digest,
        "size": entry.index_bytes,
        "annotations": dict(annotations),
    }
