"""Where an application's models are: a folder that is named, or `models/<publisher>/<name>` of the app."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Union

from aai.core.fields import FILE_NAME
from aai.core.model_config import load
from aai.core.names import did_you_mean
from aai.errors import Finding, InvalidFiles, NotFound
from aai.storage import translated

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig

ModelName = Union[str, Path]


def find_model(model: ModelName) -> ModelConfig:
    """The configuration of a model by its id or its folder.

    An id is looked up in `models/` of the working directory, then beside the program that runs; a name that is not
    found there may be a folder.

    Raises:
        NotFound: it is in neither; `fix` names the nearest of the models that are there.
        InvalidFiles: its configuration has errors.
        NotAllowed, StorageFailed: a folder on the way may not be read, or no file can have that name.
    """
    with translated(Path(model)):
        if isinstance(model, str) and _is_id(model):
            for app in _app_folders():
                folder = app / "models" / model
                if (folder / FILE_NAME).is_file():
                    return load(folder)
        folder = Path(model)
        if (folder / FILE_NAME).is_file() or (folder.is_dir() and not _is_id(str(model))):
            return load(folder.absolute())
        raise _not_found(str(model))


def model_file(config: ModelConfig, name: str) -> Path | None:
    """Absolute path of a file that the configuration names, None when it names none.

    Raises:
        InvalidFiles: the path is absolute or climbs out of the model's folder.
    """
    value = config.parameters.get(name)
    if not value:
        return None
    path = Path(value)
    if path.is_absolute() or ".." in path.parts:
        where = f"{config.folder / FILE_NAME}, model_parameters.{name}"
        finding = Finding(
            "error", f'{name} is "{value}", outside of the model\'s folder', where, "move the file into the folder"
        )
        raise InvalidFiles("the configuration names a file outside of the model's folder", [finding])
    return config.folder / path


def installed_models() -> list[str]:
    """The ids of the models in the app's `models/`, sorted."""
    return sorted(
        {
            f"{folder.parent.parent.name}/{folder.parent.name}"
            for app in _app_folders()
            for folder in (app / "models").glob(f"*/*/{FILE_NAME}")
        }
    )


def _is_id(text: str) -> bool:
    sides = text.split("/")
    return len(sides) == 2 and all(side and side.strip(".") and "\\" not in side and side[0] != "~" for side in sides)


def _app_folders() -> Iterator[Path]:
    here = Path.cwd()
    yield here
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    if program and Path(program).resolve().parent != here.resolve():
        yield Path(program).resolve().parent


def _not_found(model: str) -> NotFound:
    path = Path(model).absolute()
    if path.is_symlink() and not path.exists():
        fix = "it was copied without what it leads to: copy the folder `models` with cp -rL, or run aai app install"
        return NotFound(f"the model folder {model} is a link that leads nowhere", str(path), fix)
    if path.is_file():
        fix = f"name the folder that holds it and {FILE_NAME}: {path.parent}"
        return NotFound(f"{model} is a file, where a model folder or an id belongs", str(path), fix)
    if not _is_id(model):
        return NotFound(f"there is no model folder {model}", str(path), "check the path")
    near = did_you_mean(model, installed_models())
    where = " and ".join(str(app / "models") for app in _app_folders())
    install = f"aai app models add {model}, then aai app install"
    return NotFound(
        f"the model {model} is not installed", where, f"{near} or install it: {install}" if near else install
    )
