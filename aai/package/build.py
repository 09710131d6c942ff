"""A version as OCI documents: one manifest per variant in CNCF ModelPack form, one index over them.

The same files give the same bytes: nothing here depends on time, host, folder name or the order of a listing.
ModelPack: https://github.com/modelpack/model-spec, docs/spec.md and docs/config.md. OCI image specification 1.1,
manifest.md and image-index.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Mapping, Sequence

from aai.errors import UsageError
from aai.package.digest import bytes_digest, package_file
from aai.package.oci import (
    DEFAULT_VARIANT,
    DOC_TYPE,
    FILE_PATH,
    INDEX_TYPE,
    MANIFEST_TYPE,
    MODEL_CONFIG_TYPE,
    MODEL_FILE_NAME,
    MODEL_TYPE,
    PIECES,
    TARGET_PREFIX,
    VARIANT,
    VARIANT_SIZE,
    WEIGHT_CONFIG_TYPE,
    WEIGHT_TYPE,
    canonical_json,
)
from aai.package.read import check_path, read_manifest
from aai.ports import Package, PackageFile, TakeFile

_DOCUMENTS = re.compile(
    r"(readme|licen[cs]e|copying|notice)(-[a-z]+(-[0-9.]+)?)?(\.[a-z]{2})?(\.(md|txt|rst|html|pdf))?\Z", re.IGNORECASE
)
"""README.md, README.de.md, LICENSE, LICENSE-APACHE-2.0, NOTICE.txt; but not license-plate.onnx."""

_CONFIG_SUFFIXES = (
    ".json",
    ".cfg",
    ".prototxt",
    ".prototext",
    ".pbtxt",
    ".xml",
    ".yaml",
    ".yml",
    ".names",
    ".txt",
    ".csv",
)

_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""What OCI's `platform` calls a processor, where the kernel has another name for it."""


@dataclass(frozen=True)
class VariantSource:
    """One variant, before it is built.

    Args:
        key: its name in the version; "default" for the model folder itself.
        document: the bytes of its alwaysai.model.json, without `version`.
        files: path in the package (relative, forward slashes) -> file on disk.
        target: what it is made for, such as {"framework": "tensor-rt", "device": "orin-nano"}; a "cpu", as the kernel
            calls it ("aarch64"), also becomes the OCI platform.
    """

    key: str
    document: bytes
    files: Mapping[str, Path]
    target: Mapping[str, str] = field(default_factory=dict)


def build_package(
    model_id: str, variants: Sequence[VariantSource], summary: Mapping[str, str], take: TakeFile = package_file
) -> Package:
    """The version that these variants make, ready to be published.

    Args:
        model_id: publisher/name.
        variants: at least one, with distinct keys; "default" is put first, the others follow by name.
        summary: what lists show: framework_type, purpose, license, description.
        take: reads a file and says its digest; a registry's `staging` gives one that copies it in the same pass.

    Raises:
        NotFound: a file is not there.
        NotAllowed: a file can't be read.
        IntegrityError: a path that would leave the folder it is installed to.
    """
    ordered = sorted(variants, key=lambda v: (v.key != DEFAULT_VARIANT, v.key))
    if not ordered or len({v.key for v in ordered}) != len(ordered):
        raise UsageError("a version has at least one variant, and each has a name of its own")
    parts = _Parts(model_id, summary, take)
    manifests = [parts.add(variant) for variant in ordered]
    index = canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests})
    by_digest = {file.digest: file for file in reversed(list(parts.files.values()))}
    return Package(
        model_id=model_id,
        index=index,
        digest=bytes_digest(index),
        documents=parts.documents,
        files=tuple(sorted(by_digest.values(), key=lambda file: file.path)),
        summary={**summary, "variants": ", ".join(variant.key for variant in ordered)},
    )


class _Parts:
    """Documents and files of a version, gathered variant by variant; what stands in several is there once."""

    def __init__(self, model_id: str, summary: Mapping[str, str], take: TakeFile) -> None:
        self.model_id = model_id
        self.summary = summary
        self.take = take
        self.documents: dict[str, bytes] = {}
        self.files: dict[Path, PackageFile] = {}

    def add(self, variant: VariantSource) -> dict[str, Any]:
        """Adds a variant; the descriptor of its manifest, for the index."""
        layers = [self._document_layer(variant.document)]
        layers += [self._file_layer(path, variant.files[path]) for path in sorted(variant.files)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": MODEL_TYPE,
            "config": self._put(self._config(variant, layers), MODEL_CONFIG_TYPE),
            "layers": layers,
        }
        read_manifest(canonical_json(manifest))  # refuses here what no reader would take
        # The order of the keys is that of OCI's Go types, and nothing is in here that old ones do not know: a tool that
        # reads an index and writes it again (skopeo copy --all) then keeps its bytes, and so the version's identity.
        annotations = {
            VARIANT: variant.key,
            VARIANT_SIZE: str(sum({layer["digest"]: layer["size"] for layer in layers}.values())),
            **{TARGET_PREFIX + name: value for name, value in variant.target.items()},
        }
        descriptor = {**self._put(manifest, MANIFEST_TYPE), "annotations": dict(sorted(annotations.items()))}
        cpu = variant.target.get("cpu")
        if cpu:
            descriptor["platform"] = {"architecture": _GO_NAMES.get(cpu, cpu), "os": variant.target.get("os", "linux")}
        return descriptor

    def _document_layer(self, document: bytes) -> dict[str, Any]:
        digest = bytes_digest(document)
        self.documents[digest] = document
        annotations = {FILE_PATH: MODEL_FILE_NAME}
        return {"mediaType": WEIGHT_CONFIG_TYPE, "digest": digest, "size": len(document), "annotations": annotations}

    def _file_layer(self, path: str, source: Path) -> dict[str, Any]:
        check_path(path, str(source))
        if source not in self.files:
            self.files[source] = self.take(path, source)
        file = self.files[source]
        annotations = {FILE_PATH: path}
        if file.pieces:
            annotations[PIECES] = ",".join(piece.partition(":")[2] for piece in file.pieces)
        return {
            "mediaType": layer_type(path),
            "digest": file.digest,
            "size": file.size_bytes,
            "annotations": annotations,
        }

    def _config(self, variant: VariantSource, layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """ModelPack's own config: it is shaped for language models, so it holds little of ours."""
        descriptor: dict[str, Any] = {"name": self.model_id}
        if self.summary.get("description"):
            descriptor["description"] = self.summary["description"]
        if self.summary.get("license"):
            descriptor["licenses"] = [self.summary["license"]]
        return {
            "descriptor": descriptor,
            # A raw layer is not compressed, so the digest of its content is its own digest.
            "modelfs": {"type": "layers", "diffIds": [layer["digest"] for layer in layers]},
            "config": {"format": variant.target["framework"]} if "framework" in variant.target else {},
        }

    def _put(self, document: Any, media_type: str) -> dict[str, Any]:
        data = canonical_json(document)
        digest = bytes_digest(data)
        self.documents[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}


def is_document(name: str) -> bool:
    """Whether a file is a licence or a README, by its name: such files go with every model."""
    return _DOCUMENTS.match(name) is not None


def layer_type(path: str) -> str:
    """The ModelPack media type of a file, by its name: documentation, configuration, or else weights."""
    name = PurePosixPath(path.lower())
    if name.suffix == ".md" or is_document(name.name):
        return DOC_TYPE
    return WEIGHT_CONFIG_TYPE if name.suffix in _CONFIG_SUFFIXES else WEIGHT_TYPE
