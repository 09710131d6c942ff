"""A published version: what is in it, and a copy of it in a folder."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aai.core.fields import FILE_NAME
from aai.core.names import parse_reference
from aai.core.packed import VariantDescription, find_variant, model_document
from aai.errors import UsageError
from aai.package.oci import DEFAULT_VARIANT
from aai.package.read import read_index, read_manifest
from aai.ports import Registry, VersionInfo
from aai.storage import translated, write_json


@dataclass(frozen=True)
class VersionDescription:
    """One version with its variants."""

    model_id: str
    version: VersionInfo
    variants: tuple[VariantDescription, ...]

    @property
    def name(self) -> str:
        """publisher/name@number, as people write it."""
        return f"{self.model_id}@{self.version.number}"

    def as_dict(self) -> dict[str, Any]:
        """The description as `--json` prints it."""
        return {
            "id": self.model_id,
            "version": self.version.number,
            "digest": self.version.digest,
            "tags": list(self.version.tags),
            "size_bytes": self.version.size_bytes,
            "summary": dict(self.version.summary),
            "variants": [variant.as_dict() for variant in self.variants],
        }


@dataclass(frozen=True)
class Pulled:
    """A version that was copied into a folder."""

    model_id: str
    number: int
    digest: str
    variant: str
    folder: Path
    size_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """The answer as `--json` prints it."""
        return {
            "id": self.model_id,
            "version": self.number,
            "digest": self.digest,
            "variant": self.variant,
            "folder": str(self.folder),
            "size_bytes": self.size_bytes,
        }


def describe(registry: Registry, reference: str) -> VersionDescription:
    """What the version that `reference` names holds.

    Raises:
        NotFound: no such model, version or tag.
        IntegrityError: the registry's documents are not the ones that were published.
    """
    model_id, wanted = parse_reference(reference)
    version = registry.resolve(model_id, wanted)
    variants = []
    for entry in read_index(registry.document(model_id, version.digest)):
        contents = read_manifest(registry.document(model_id, entry.digest))
        variants.append(VariantDescription(entry.key, entry.digest, dict(entry.target), contents.files))
    return VersionDescription(model_id, version, tuple(variants))


def pull_model(registry: Registry, reference: str, folder: Path | None = None, variant: str | None = None) -> Pulled:
    """Copies a version's files into `folder`, which must be new or empty; nothing is left there on failure.

    A folder that is there stays the same one: somebody may be working in it, or it is where a disk is mounted.

    Args:
        registry: where it was published.
        reference: publisher/name, with @VERSION or @TAG.
        folder: where to; without it, the model's name in the working folder.
        variant: key of the variant; without it, the model folder itself.

    Raises:
        NotFound: no such model, version, tag or variant.
        UsageError: the folder holds something already.
        IntegrityError: a file is not the one that was published.
    """
    description = describe(registry, reference)
    chosen = find_variant(description.variants, variant or DEFAULT_VARIANT, description.name)
    target = folder or Path(description.model_id.split("/")[1])
    with translated(target):
        is_there = target.exists()
        if is_there and (not target.is_dir() or any(target.iterdir())):
            raise UsageError("the folder holds something already", str(target), "name a new folder, or empty this one")
        home = target if is_there else target.parent
        home.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=home))
        try:
            _fetch_into(scratch, registry, description, chosen)
            scratch.chmod(0o755)
            if is_there:
                _move_out(scratch)
            else:
                scratch.rename(target)
        except BaseException:
            with contextlib.suppress(OSError):
                shutil.rmtree(scratch)
            raise
    return Pulled(
        description.model_id,
        description.version.number,
        description.version.digest,
        chosen.key,
        target,
        sum(file.size_bytes for file in chosen.files),
    )


def _fetch_into(folder: Path, registry: Registry, description: VersionDescription, variant: VariantDescription) -> None:
    """Copies a variant's files into `folder`, and puts the version's number into its alwaysai.model.json."""
    for file in variant.files:
        destination = folder / file.path
        destination.parent.mkdir(parents=True, exist_ok=True)
        registry.fetch(description.model_id, file.digest, file.size_bytes, destination)
    document = model_document((folder / FILE_NAME).read_bytes(), description.name)
    write_json(folder / FILE_NAME, {**document, "version": description.version.number})


def _move_out(folder: Path) -> None:
    """Moves all that is in `folder` one level up, alwaysai.model.json last, and removes it; or leaves it as it was."""
    moved: list[Path] = []
    try:
        for entry in sorted(folder.iterdir(), key=lambda path: path.name == FILE_NAME):
            moved.append(entry.rename(folder.parent / entry.name))
        folder.rmdir()
    except BaseException:
        for path in moved:
            path.rename(folder / path.name)
        raise
