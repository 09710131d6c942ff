"""Media types, annotation names and digests of the OCI image specification 1.1, CNCF ModelPack 0.0.7 and our own.

A descriptor is a JSON object with `mediaType`, `digest` and `size` that points at a blob by its sha256.
"""

from __future__ import annotations

import json
import re
from typing import Any

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MODEL_TYPE = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
WEIGHT_TYPE = "application/vnd.cncf.model.weight.v1.raw"
WEIGHT_CONFIG_TYPE = "application/vnd.cncf.model.weight.config.v1.raw"
DOC_TYPE = "application/vnd.cncf.model.doc.v1.raw"

REF_NAME = "org.opencontainers.image.ref.name"
FILE_PATH = "org.cncf.model.filepath"
FILE_METADATA = "org.cncf.model.file.metadata+json"
PIECES = "ai.aai.pieces.sha256"
"""On a layer of more than PIECE_BYTES: the sha256 of each piece in hex, in order, joined by commas."""
VARIANT = "ai.aai.variant"
VARIANT_SIZE = "ai.aai.variant.size"
TARGET_PREFIX = "ai.aai.target."

PIECE_BYTES = 8 * 1024 * 1024
MODEL_FILE_NAME = "alwaysai.model.json"
DEFAULT_VARIANT = "default"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def is_digest(value: object) -> bool:
    """Whether `value` is "sha256:" and 64 hex digits in lower case."""
    return isinstance(value, str) and _DIGEST.match(value) is not None


def canonical_json(document: Any) -> bytes:
    """The bytes that a digest is taken of: keys in the order given, no blanks, UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
