"""Finds out what the model in a folder is: its files, what they say, and with that the value of each field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from aai.core.configured import Configured
from aai.core.fields import ARCHITECTURES, FILE_NAME
from aai.core.inspect import inspect_model
from aai.core.inspect.folder import find_files
from aai.core.inspect.report import Fact
from aai.core.model_config import check_folder, read
from aai.core.names import parse_id
from aai.core.questions import coerced
from aai.core.settle import FOUND, Settling
from aai.core.validate import validate_config
from aai.core.values import choose
from aai.errors import Finding, InvalidFiles, NotFound, UsageError
from aai.ports import Prompter


def configure(
    folder: Path,
    given: Mapping[str, Any],
    asker: Prompter | None = None,
    publisher: str = "",
    keep_guesses: bool = False,
) -> Configured:
    """The configuration of the model in `folder`, without writing it.

    Args:
        folder: holds the weights.
        given: field name -> value that the user said, as text or in its own type; "name" may stand for an id.
        asker: somebody to ask what is still open; None takes the guesses.
        publisher: makes an id of "name", and the proposal for an id.
        keep_guesses: take guesses without asking even when there is an asker.

    Raises:
        NotFound: no such folder, or no weights in it.
        NotAllowed: the rights forbid reading the folder or a file in it.
        UsageError: a value that the field can't have, or a required one that nobody could tell.
        BadWeights: the weights can't be read.
        InvalidFiles: the files contradict each other.
    """
    check_folder(folder)
    said = _check_given(given, publisher)
    existing = _existing(folder, said)
    found = _find(folder, said, existing)
    framework = str(found["framework_type"].value)
    inspection = inspect_model(
        framework, folder / found["model_file"].value, _optional(folder, found.get("config_file"))
    )
    work = Settling(folder, framework, said, existing, found, inspection, None if keep_guesses else asker)
    result = work.settle(publisher)
    _check(result)
    return result


def _check_given(given: Mapping[str, Any], publisher: str) -> dict[str, Any]:
    """The user's values in their own types."""
    said: dict[str, Any] = {}
    given = dict(given)
    name = given.pop("name", None)
    if name is not None and "id" not in given:
        if not publisher:
            fix = "set it once: aai user login --publisher NAME; or pass --id publisher/name"
            raise UsageError("--name needs a publisher, and none is set", "--name", fix)
        given["id"] = f"{publisher}/{name}"
    for key, value in given.items():
        said[key] = coerced(key, value)
    if "id" in said:
        parse_id(said["id"])
    framework, architecture = said.get("framework_type"), said.get("architecture")
    allowed = ARCHITECTURES.get(str(framework))
    if framework and architecture and allowed and architecture not in allowed:
        raise UsageError(
            f'{framework} has no architecture "{architecture}"', "--architecture", choose(architecture, allowed)
        )
    return said


def _existing(folder: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    """The document that is there already, nested; {} when there is none.

    Raises:
        InvalidFiles: it can't be read as JSON, or holds something of a wrong type that the user has not said anew: a
            person should look first.
    """
    try:
        config, findings = read(folder)
    except NotFound:
        return {}
    wrong = [f for f in findings if f.level == "error" and "is missing" not in f.what and not _said_anew(f, said)]
    if wrong:
        raise InvalidFiles(f"{FILE_NAME} has errors", wrong, str(folder / FILE_NAME))
    return config.document


def _said_anew(finding: Finding, said: Mapping[str, Any]) -> bool:
    """Whether a finding is on a field that the user gives by flag, which mends it."""
    place = finding.where.rpartition(", ")[2]
    return place.replace("model_parameters.", "") in said


def _find(folder: Path, said: Mapping[str, Any], existing: Mapping[str, Any]) -> dict[str, Fact]:
    """Which file is what, by the user, the existing file, and the content of the folder."""
    parameters = existing.get("model_parameters") or {}
    told = (existing.get("aai") or {}).get("told") or {}
    by_hand = {name: parameters.get(name) for name in FOUND if parameters.get(name) != told.get(name)}
    known = {name: str(said.get(name) or by_hand.get(name) or "") for name in FOUND}
    return find_files(folder, {name: value for name, value in known.items() if value})


def _optional(folder: Path, fact: Fact | None) -> Path | None:
    return folder / fact.value if fact is not None and fact.value else None


def _check(result: Configured) -> None:
    """Refuses what contradicts itself; what is only open is not an error yet."""
    findings = validate_config(result.config, result.inspection, labels=result.labels or None)
    open_places = tuple(f".{name}" for name in result.open)
    errors = [f for f in findings if f.level == "error" and not f.where.endswith(open_places)]
    if errors:
        raise InvalidFiles("the files do not fit together", errors, str(result.config.folder))
    result.findings = [f for f in findings if f.level == "warning" and not f.where.endswith((", id", *open_places))]
