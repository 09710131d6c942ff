"""What a published version holds, as the core reads it: its variants, and the alwaysai.model.json that each has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol, Sequence, TypeVar

from aai.core.names import did_you_mean
from aai.errors import IntegrityError, NotFound
from aai.package.oci import MODEL_FILE_NAME
from aai.package.read import FileEntry
from aai.storage import is_too_deep


@dataclass(frozen=True)
class VariantDescription:
    """One variant of a version: its key, its target and its files."""

    key: str
    digest: str
    target: dict[str, str]
    files: tuple[FileEntry, ...]

    def as_dict(self) -> dict[str, Any]:
        """The description as `--json` prints it."""
        files = [{"path": f.path, "size_bytes": f.size_bytes, "digest": f.digest} for f in self.files]
        return {"key": self.key, "digest": self.digest, "target": self.target, "files": files}


class Keyed(Protocol):
    """A variant, in whatever detail."""

    @property
    def key(self) -> str:
        """What the variant is called."""
        ...


Variant = TypeVar("Variant", bound=Keyed)


def find_variant(variants: Sequence[Variant], key: str, where: str | None = None) -> Variant:
    """The variant called `key`.

    Args:
        variants: those of one version.
        key: as somebody wrote it.
        where: the version, for the message.

    Raises:
        NotFound: there is none; `fix` holds the nearest and all names.
    """
    for variant in variants:
        if variant.key == key:
            return variant
    known = [variant.key for variant in variants]
    fix = f"{did_you_mean(key, known)} variants: {', '.join(known)}".strip()
    raise NotFound(f'there is no variant "{key}"', where, fix)


def model_document(data: bytes, where: str) -> dict[str, Any]:
    """The content of a package's alwaysai.model.json.

    Args:
        data: the file, its digest checked.
        where: the version, for the message.

    Raises:
        IntegrityError: it is not a JSON object, or too deep, so that no publish of ours can have packed it.
    """
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or is_too_deep(document):
        raise IntegrityError(
            f"the {MODEL_FILE_NAME} of the package is not a JSON object", where, "publish the model again"
        )
    return document
