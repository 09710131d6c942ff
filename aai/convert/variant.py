"""A converted model beside the one it came from: a variant folder, whole or not at all, that publish takes along."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any, Mapping

from aai.core.fields import FILE_NAME, VARIANTS
from aai.core.model_config import ModelConfig
from aai.core.model_schema import SCHEMA
from aai.core.paths import check_inside
from aai.core.variants import SOURCE, source_of
from aai.storage import translated

_TAKEN_ALONG = ("label_file", "colors_file")


def write_variant(
    source: ModelConfig,
    key: str,
    files: Mapping[str, bytes | Path],
    parameters: Mapping[str, Any],
    section: Mapping[str, Any],
    folder: Path | None = None,
) -> ModelConfig:
    """Writes `variants/<key>/` of a model, in place of one that is there; returns its configuration.

    Labels, colours and the images with known results go along.

    Args:
        source: the model that was converted.
        key: name of the variant: small letters and digits, joined by dots, dashes and underscores.
        files: name -> content of the variant's own files, or the file to copy.
        parameters: what differs in `model_parameters`; None takes a field away.
        section: what differs in the `aai` section; None takes an entry away.
        folder: the model's folder, where `source` is itself a variant; None for that of `source`.

    Raises:
        NotAllowed, StorageFailed: the folder can't be written.
    """
    root = (folder or source.folder) / VARIANTS
    document = _document(source, parameters, section)
    with translated(root):
        root.mkdir(exist_ok=True)
        # The dot keeps an unfinished folder out of what publish sees.
        with tempfile.TemporaryDirectory(prefix=f".{key}-", dir=str(root)) as temporary:
            made = Path(temporary) / key
            made.mkdir()
            for name, content in files.items():
                if isinstance(content, bytes):
                    (made / name).write_bytes(content)
                else:
                    shutil.copyfile(str(content), str(made / name))
            for field in _TAKEN_ALONG:
                _take_along(source, document, field, made)
            for name in source.golden_files:
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(check_inside(source.folder, name)), str(made / name))
            ModelConfig(document, made).write()
            old = root / key
            if old.exists():
                old.rename(Path(temporary) / "old")
            made.rename(old)
    return ModelConfig(document, root / key)


def _document(source: ModelConfig, parameters: Mapping[str, Any], section: Mapping[str, Any]) -> dict[str, Any]:
    document = source.published_document()
    ours: dict[str, Any] = {"schema": SCHEMA, **(document.get("aai") or {})}
    # What the files told, and what lies beside them, is said of the old files.
    for name in ("told", "files", "preprocessing_proof"):
        ours.pop(name, None)
    for holder, changes in ((document["model_parameters"], parameters), (ours, section)):
        for name, value in changes.items():
            if value is None:
                holder.pop(name, None)
            else:
                holder[name] = copy.deepcopy(value)
    # An engine that is built from the ONNX variant still stems from the model itself.
    ours.setdefault(SOURCE, source_of(source))
    document["aai"] = ours
    return document


def _take_along(source: ModelConfig, document: dict[str, Any], field: str, folder: Path) -> None:
    path = source.file(field)
    if path is None:
        return
    shutil.copyfile(str(path), str(folder / path.name))
    document["model_parameters"][field] = path.name
    assert path.name != FILE_NAME
