"""A model folder becomes a version in a registry: what belongs to it is packed and published, nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from aai.core.fields import FILE_FIELDS, FILE_NAME, VARIANTS
from aai.core.model_config import ModelConfig, load
from aai.core.names import check_tag, differs_in_case, parse_id
from aai.core.packed import VariantDescription
from aai.core.paths import check_inside
from aai.errors import AaiError, Finding, InvalidFiles, NotFound
from aai.package.build import VariantSource, build_package, is_document
from aai.package.digest import package_file
from aai.package.oci import DEFAULT_VARIANT
from aai.package.read import content_bytes, read_index, read_manifest
from aai.ports import Package, Registry, TakeFile

_SUMMARY_FIELDS = ("framework_type", "purpose", "license", "description")
_SUMMARY_LENGTH = 200
_VARIANT_KEY = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*\Z")


@dataclass(frozen=True)
class PublishReport:
    """What a publish did, or with `dry_run` would do.

    Args:
        model_id: publisher/name.
        number: the version that holds these files.
        digest: "sha256:..." of the version's index.
        created: whether the version is new; False when the latest one was the same already.
        tag: the tag that was set on it, if any.
        size_bytes: of the files of all variants, each counted once.
        variants: "default" first, with their files.
        dry_run: whether the registry was left as it is.
    """

    model_id: str
    number: int
    digest: str
    created: bool
    tag: str | None
    size_bytes: int
    variants: tuple[VariantDescription, ...]
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {
            "id": self.model_id,
            "version": self.number,
            "digest": self.digest,
            "created": self.created,
            "tag": self.tag,
            "size_bytes": self.size_bytes,
            "variants": [variant.as_dict() for variant in self.variants],
            "dry_run": self.dry_run,
        }


def collect_files(config: ModelConfig) -> dict[str, Path]:
    """The files of a model besides alwaysai.model.json: path in the package -> file on disk.

    They are what the configuration names, what `aai.files` lists, the images with results that `aai.golden` lists, and
    licence and README files of the folder.

    Raises:
        InvalidFiles: files that are not there, are not plain files or lie outside the folder, all at once.
    """
    named = [(name, str(config.parameters[name])) for name in FILE_FIELDS if config.parameters.get(name)]
    named += [("aai.files", name) for name in config.aai.get("files") or ()]
    named += [("aai.golden", name) for name in config.golden_files]
    named += [("the folder", entry.name) for entry in _entries(config.folder) if is_document(entry.name)]
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    for field, relative in named:
        where = f"{config.folder / FILE_NAME}, {field}"
        try:
            path = check_inside(config.folder, relative, field)
        except AaiError as error:
            findings.append(Finding("error", error.what, where, error.fix))
            continue
        if path.is_file():
            files[PurePosixPath(relative.replace("\\", "/")).as_posix()] = path
        elif field != "the folder":
            kind = "is a folder, where a file belongs" if path.is_dir() else "is not there"
            findings.append(Finding("error", f'the file "{relative}" {kind}', where, "put it there, or mend the path"))
    if findings:
        raise InvalidFiles("files of the model can't be packed", findings, str(config.folder / FILE_NAME))
    files.pop(FILE_NAME, None)
    return dict(sorted(files.items()))


def build(config: ModelConfig, take: TakeFile = package_file) -> Package:
    """The version that a model folder and its `variants/` make, ready to be published.

    Args:
        config: the configuration of the model folder.
        take: reads a file and says its digest; see `aai.package.build.build_package`.

    Raises:
        InvalidFiles: the id is the placeholder; files or variants that can't be packed.
        UsageError: the id is not one.
    """
    _check_id(config)
    variants = [_variant_source(DEFAULT_VARIANT, config, config.id)]
    variants += [_variant_source(folder.name, load(folder), config.id) for folder in _variant_folders(config.folder)]
    return build_package(config.id, variants, _summary(config), take)


def publish_model(
    config: ModelConfig, registry: Registry, tag: str | None = None, force: bool = False, dry_run: bool = False
) -> PublishReport:
    """Publishes a model folder as the model's next version, whole or not at all.

    Args:
        config: the configuration of the folder, validated.
        registry: where to.
        tag: a movable name to set on the version.
        force: make a new version even when the latest has the same bytes.
        dry_run: build, and leave the registry as it is.

    Raises:
        InvalidFiles: see `build`.
        UsageError: the id or the tag is not one, or the registry has the id in another case.
        AaiError: what `ports.Registry.publish` raises.
    """
    if tag is not None:
        check_tag(tag)
    _check_id(config)
    if dry_run:
        package = build(config)
        number, created = _next_number(package, registry, force)
        return _report(package, number, package.digest, created, tag, dry_run)
    with registry.staging(config.id) as take:
        package = build(config, take)
        published = registry.publish(package, tag, force)
    version = published.version
    return _report(package, version.number, version.digest, published.created, tag, dry_run)


def _report(package: Package, number: int, digest: str, created: bool, tag: str | None, dry_run: bool) -> PublishReport:
    return PublishReport(
        model_id=package.model_id,
        number=number,
        digest=digest,
        created=created,
        tag=tag,
        size_bytes=content_bytes(package),
        variants=tuple(
            VariantDescription(
                entry.key, entry.digest, dict(entry.target), read_manifest(package.documents[entry.digest]).files
            )
            for entry in read_index(package.index)
        ),
        dry_run=dry_run,
    )


def _next_number(package: Package, registry: Registry, force: bool) -> tuple[int, bool]:
    """(the version that a publish would give, whether it would be a new one)."""
    for model_id, _ in registry.list_models(package.model_id):
        if model_id != package.model_id and model_id.lower() == package.model_id.lower():
            raise differs_in_case(package.model_id, model_id)
    try:
        latest = registry.resolve(package.model_id)
    except NotFound:
        return 1, True
    if latest.digest == package.digest and not force:
        return latest.number, False
    return latest.number + 1, True


def _check_id(config: ModelConfig) -> None:
    if not config.has_id:
        finding = Finding(
            "error",
            "the model has no id yet, and a published one needs it",
            f"{config.folder / FILE_NAME}, id",
            "give it one: aai model configure --id publisher/name",
        )
        raise InvalidFiles("the model can't be published", [finding])
    parse_id(config.id)


def _variant_folders(folder: Path) -> list[Path]:
    """The folders of the variants besides the model folder itself, sorted.

    Raises:
        InvalidFiles: a folder that can't be a variant.
    """
    found = [entry for entry in _entries(folder / VARIANTS) if entry.is_dir() and not entry.name.startswith(".")]
    findings = []
    for entry in found:
        if not _VARIANT_KEY.match(entry.name) or entry.name == DEFAULT_VARIANT:
            fix = f'use small letters and digits, joined by dots, dashes and underscores, and not "{DEFAULT_VARIANT}"'
            findings.append(Finding("error", f'"{entry.name}" can\'t be the name of a variant', str(entry), fix))
        elif not (entry / FILE_NAME).is_file():
            fix = f"make it: aai model configure {entry}; or remove the folder"
            findings.append(Finding("error", f"a variant has no {FILE_NAME}", str(entry), fix))
        elif entry.resolve().parent != (folder / VARIANTS).resolve():
            findings.append(
                Finding("error", "a variant is a link to another folder", str(entry), "copy the files here")
            )
    if findings:
        raise InvalidFiles("the variants can't be packed", findings, str(folder / VARIANTS))
    return found


def _variant_source(key: str, config: ModelConfig, model_id: str) -> VariantSource:
    """A variant's documents and files; its id is the model's, whatever its own file still has."""
    if key != DEFAULT_VARIANT and config.has_id and config.id != model_id:
        finding = Finding(
            "error",
            f"the variant has the id {config.id}, and the model has {model_id}",
            f"{config.folder / FILE_NAME}, id",
            "give both the same id",
        )
        raise InvalidFiles("the variants can't be packed", [finding])
    document = config.published_document()
    document["id"] = model_id
    return VariantSource(key, _document_bytes(document, config), collect_files(config), _target(config))


def _document_bytes(document: dict[str, Any], config: ModelConfig) -> bytes:
    try:
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError as error:
        finding = Finding(
            "error",
            "a text holds half of a surrogate pair, which is no character",
            str(config.folder / FILE_NAME),
            "write that text anew",
        )
        raise InvalidFiles("the model can't be published", [finding]) from error


def _target(config: ModelConfig) -> dict[str, str]:
    """What a variant is made for: its framework, the board of an engine, and what `aai.target` says besides."""
    given = config.aai.get("target")
    target = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    device = config.parameters.get("device")
    return {"framework": config.framework, **({"device": str(device)} if device else {}), **target}


def _summary(config: ModelConfig) -> dict[str, str]:
    values = {name: str(config.value(name) or "").strip() for name in _SUMMARY_FIELDS}
    return {name: value[:_SUMMARY_LENGTH] for name, value in values.items() if value}


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
