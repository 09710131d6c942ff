"""What the words name that somebody writes for a model: ID, ID@VERSION, ID@TAG, or ./DIR."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from aai.core.app.config import LOCAL_VERSION
from aai.core.app.installed import MODELS, STATE
from aai.core.app.local_model import local_model_id
from aai.core.app.lock import LockedModel, local_path
from aai.core.names import parse_reference
from aai.errors import NotFound, UsageError
from aai.ports import Registry
from aai.storage import from_home


@dataclass(frozen=True)
class Wish:
    """One model that somebody wants in the app, decided.

    Args:
        locked: what the pin stands for.
        note: why that, when it is not plain.
        asked: the version or tag that was asked for; None when none was.
    """

    locked: LockedModel
    note: str = ""
    asked: int | str | None = None


def wish_of(folder: Path, reference: str, registry: Registry) -> tuple[str, Wish]:
    """(model id, wish) of ID, ID@VERSION, ID@TAG, or ./DIR for a model folder.

    Args:
        folder: the app's folder.
        reference: as somebody wrote it; a relative path counts from the working folder.
        registry: where versions are.

    Raises:
        NotFound: the registry does not have it; there is no such folder.
        UsageError: not of that form; the folder is one that was installed, or has no id.
        InvalidFiles: the folder's configuration has errors.
    """
    if is_folder_reference(reference):
        source = Path(os.path.realpath(from_home(reference)))
        model_id = local_model_id(source)
        if folder.resolve() / MODELS / STATE in source.parents:
            raise UsageError("the folder is an installed model", reference, f"add it by its id: {model_id}")
        return model_id, Wish(LockedModel(LOCAL_VERSION, path=local_path(folder, source)), "a model folder")
    return resolve_reference(reference, registry)


def resolve_reference(reference: str, registry: Registry) -> tuple[str, Wish]:
    """(model id, wish) of ID, ID@VERSION or ID@TAG.

    Raises:
        NotFound: the registry does not have it.
        UsageError: not of that form.
    """
    try:
        model_id, wanted = parse_reference(reference)
    except UsageError as error:
        if _is_folder(reference):
            raise UsageError(error.what, reference, f"for the model folder, write ./{reference}") from error
        near = _of_any_publisher(reference, registry)
        raise (UsageError(error.what, None, f"did you mean {near}?") if near else error) from None
    try:
        info = registry.resolve(model_id, wanted)
    except NotFound as error:
        if _is_folder(reference):
            raise NotFound(error.what, error.where, f"for the model folder, write ./{reference}") from error
        raise
    locked = LockedModel(info.number, info.digest)
    if wanted is None or wanted.isdigit():
        return model_id, Wish(locked, "", None if wanted is None else info.number)
    return model_id, Wish(locked, "" if wanted == "latest" else f"tag {wanted}", wanted)


def _is_folder(reference: str) -> bool:
    """Whether the words happen to name a folder; what is too long for a path names none."""
    with contextlib.suppress(OSError):
        return Path(reference).is_dir()
    return False


def _of_any_publisher(reference: str, registry: Registry) -> str:
    """The models that are called as a reference without a publisher says, quoted; "" when there are none."""
    name = reference.partition("@")[0].lower()
    if not name or "/" in name:
        return ""
    return ", ".join(
        f'"{model_id}"' for model_id, _ in registry.list_models(name) if model_id.lower().endswith(f"/{name}")
    )


def project_entries(references: Sequence[str], registry: Registry) -> dict[str, int | str | None]:
    """What a project is to want: model id -> the version or tag that was asked for, None where none was.

    Raises:
        NotFound: models, versions or tags that the registry does not have, all at once.
        UsageError: a model folder, which only an app can have; one model asked for in two versions.
    """
    wishes: dict[str, Wish] = {}
    missing: list[NotFound] = []
    for reference in references:
        if is_folder_reference(reference):
            fix = f"publish it first: aai model publish {reference}"
            raise UsageError("a project wants published models, and this is a folder", reference, fix)
        try:
            model_id, wish = resolve_reference(reference, registry)
        except NotFound as error:
            missing.append(error)
            continue
        if wishes.setdefault(model_id, wish).asked != wish.asked:
            raise UsageError(f"{model_id} is asked for in two versions", reference, "name one of them")
    raise_missing(missing, len(references))
    return {model_id: wish.asked for model_id, wish in wishes.items()}


def is_folder_reference(reference: str) -> bool:
    """Whether `reference` names a model folder: it starts with a dot, a slash or a tilde, as no model id does."""
    return reference.startswith((".", "/", "~", "\\")) or Path(reference).is_absolute()


def raise_missing(missing: Sequence[NotFound], asked: int) -> None:
    """Raises the one error, or one that speaks of all."""
    if len(missing) == 1:
        raise missing[0]
    if missing:
        fixes = "; ".join(error.fix for error in missing if error.fix)
        what = f"{len(missing)} of {asked} models are not there: " + "; ".join(error.what for error in missing)
        raise NotFound(what, missing[0].where, fixes or None)
