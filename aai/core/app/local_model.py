"""A model folder that an app uses as it is, published or not: its id, and the files that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aai.core.fields import FILE_NAME
from aai.core.model_config import ModelConfig, load
from aai.core.names import parse_id
from aai.errors import NotFound, UsageError
from aai.storage import translated


@dataclass(frozen=True)
class LocalModel:
    """A model folder.

    Args:
        folder: absolute.
        config: its alwaysai.model.json.
        files: path relative to the folder, forward slashes -> (size in bytes, time of change in ns), of each file that
            belongs to the model, alwaysai.model.json among them; sorted by path.
    """

    folder: Path
    config: ModelConfig
    files: dict[str, tuple[int, int]]


def local_model_id(folder: Path) -> str:
    """The id of the model in `folder`, whose files must all be there; see `read_local_model`."""
    model = read_local_model(folder)
    if not model.config.has_id:
        raise UsageError(
            "the model folder has no id yet",
            f"{folder / FILE_NAME}, id",
            f"give it one: aai model configure {folder} --id publisher/name",
        )
    parse_id(model.config.id)
    return model.config.id


def read_local_model(folder: Path) -> LocalModel:
    """The model in `folder`, with the files that a publish would pack; its variants are left out.

    Raises:
        NotFound: no such folder, or no alwaysai.model.json in it.
        UsageError: a file.
        InvalidFiles: the configuration has errors, or names files that are not there or lie outside the folder.
    """
    from aai.core.publish import collect_files

    folder = folder.absolute()
    if folder.is_file():
        raise UsageError("this is a file, not a model folder", str(folder), "give the folder that it is in")
    if not folder.is_dir():
        raise NotFound("the model folder is not there", str(folder), "give the path of a folder with a model in it")
    config = load(folder)
    with translated(folder):
        paths = {FILE_NAME: folder / FILE_NAME, **collect_files(config)}
        stamps = {name: path.stat() for name, path in sorted(paths.items())}
    files = {name: (stamp.st_size, stamp.st_mtime_ns) for name, stamp in stamps.items()}
    return LocalModel(folder, config, files)
