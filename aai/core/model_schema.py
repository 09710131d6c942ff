"""What an alwaysai.model.json must look like: brought to one form, with every finding on types and values."""

from __future__ import annotations

import copy
from typing import Any

from aai.core.fields import ARCHITECTURES, BY_NAME, FIELDS, FILE_NAME, PARAMETERS, TOP, Field
from aai.core.values import choose, coerce, kind_of
from aai.errors import Finding

SCHEMA = 1
RESIZES = ("stretch", "crop", "letterbox", "pad")
ANCHORS = ("center", "top-left")
LAYOUTS = ("NCHW", "NHWC")
DTYPES = ("float32", "float16", "uint8", "int8", "int32")
COLOURS = ("rgb", "bgr", "gray")
_INPUT_CHOICES: dict[str, tuple[str, ...]] = {
    "resize": RESIZES,
    "anchor": ANCHORS,
    "layout": LAYOUTS,
    "dtype": DTYPES,
    "colour": COLOURS,
}


def normalise(document: Any, where: str = FILE_NAME) -> tuple[dict[str, Any], list[Finding]]:
    """The nested form of `document`, values in their own types, and what is wrong with it.

    Reads the nested form and the flat form; numbers and booleans written as text; blanks around names.
    """
    if not isinstance(document, dict):
        fix = "move the file away, then make it anew: aai model configure"
        return {}, [Finding("error", f"the file holds {kind_of(document)} where an object belongs", where, fix)]
    document = copy.deepcopy(document)
    findings: list[Finding] = []
    parameters = document.get(PARAMETERS, {})
    if not isinstance(parameters, dict):
        findings.append(_wrong(PARAMETERS, "an object", parameters, where))
        parameters = {}
    for entry in FIELDS:
        # The flat form of the documentation's table: everything at the top level.
        if entry.place == PARAMETERS and entry.name in document:
            parameters.setdefault(entry.name, document.pop(entry.name))
    document[PARAMETERS] = parameters
    for entry in FIELDS:
        holder, prefix = (document, "") if entry.place == TOP else (parameters, f"{PARAMETERS}.")
        if entry.name in holder:
            _take(holder, entry, f"{where}, {prefix}{entry.name}", findings)
    _check_version(document, where, findings)
    if not any(finding.where == f"{where}, {PARAMETERS}" for finding in findings):
        _check_required(parameters, where, findings)
    _check_aai(document, where, findings)
    return document, findings


def _take(holder: dict[str, Any], entry: Field, where: str, findings: list[Finding]) -> None:
    value = holder[entry.name]
    if value is None:
        return
    try:
        holder[entry.name] = value = coerce(entry.kind, value)
    except ValueError as error:
        findings.append(
            Finding("error", f"{entry.name} {error}", where, f"set it: aai model configure {entry.flag} ...")
        )
        holder[entry.name] = None
        return
    if entry.values and value != "" and value not in entry.values:
        findings.append(
            Finding("error", f'{entry.name} is "{value}", which is not known', where, choose(value, entry.values))
        )


def _wrong(name: str, wanted: str, value: Any, where: str) -> Finding:
    return Finding("error", f"{name} is {kind_of(value)}, where {wanted} belongs", f"{where}, {name}", None)


def _check_version(document: dict[str, Any], where: str, findings: list[Finding]) -> None:
    version = document.get("version")
    if version is None:
        return
    try:
        document["version"] = coerce("integer", version)
    except ValueError as error:
        findings.append(
            Finding("error", f"version {error}", f"{where}, version", "leave it out: publishing gives the version")
        )


def _check_required(parameters: dict[str, Any], where: str, findings: list[Finding]) -> None:
    framework = parameters.get("framework_type")
    for name in ("framework_type", "purpose", "model_file"):
        if not parameters.get(name) and not any(f.where.endswith(f".{name}") for f in findings):
            flag = BY_NAME[name].flag
            findings.append(
                Finding(
                    "error",
                    f"{name} is missing",
                    f"{where}, {PARAMETERS}.{name}",
                    f"set it: aai model configure {flag} ...",
                )
            )
    allowed = ARCHITECTURES.get(str(framework))
    architecture = parameters.get("architecture")
    if allowed and architecture and architecture not in allowed:
        findings.append(
            Finding(
                "error",
                f'architecture is "{architecture}", which {framework} does not have',
                f"{where}, {PARAMETERS}.architecture",
                choose(str(architecture), allowed),
            )
        )


def _check_aai(document: dict[str, Any], where: str, findings: list[Finding]) -> None:
    section = document.get("aai")
    if section is None:
        return
    if not isinstance(section, dict):
        findings.append(_wrong("aai", "an object", section, where))
        document["aai"] = {}
        return
    schema = section.get("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        findings.append(
            Finding(
                "error",
                f"aai.schema is {schema}, and this program reads up to {SCHEMA}",
                f"{where}, aai.schema",
                "use a newer aai",
            )
        )
    for name in ("input", "decoder", "target", "told", "preprocessing_proof"):
        if section.get(name) is not None and not isinstance(section[name], dict):
            findings.append(_wrong(f"aai.{name}", "an object", section[name], where))
            section[name] = {}
    decoder = section.get("decoder") or {}
    if decoder and not isinstance(decoder.get("name"), str):
        findings.append(_wrong("aai.decoder.name", "text", decoder.get("name"), where))
    told = section.get("told") or {}
    for holder, name, place in (
        (section, "files", "aai.files"),
        (section, "golden", "aai.golden"),
        (told, "files", "aai.told.files"),
    ):
        files = holder.get(name)
        if files is not None and not (isinstance(files, list) and all(isinstance(path, str) for path in files)):
            findings.append(_wrong(place, "a list of paths", files, where))
            holder[name] = []
    _check_input(section.get("input") or {}, where, findings)


def _check_input(given: dict[str, Any], where: str, findings: list[Finding]) -> None:
    for name, allowed in _INPUT_CHOICES.items():
        if name in given and given[name] not in allowed:
            place = f"{where}, aai.input.{name}"
            findings.append(
                Finding(
                    "error", f"aai.input.{name} is {kind_of(given[name])}", place, choose(str(given[name]), allowed)
                )
            )
            del given[name]
    for name, kind in (("std", "numbers"), ("pad", "number")):
        if given.get(name) is None:
            given.pop(name, None)
            continue
        try:
            given[name] = coerce(kind, given[name])
        except ValueError as error:
            findings.append(Finding("error", f"aai.input.{name} {error}", f"{where}, aai.input.{name}", None))
            del given[name]
    if any(v == 0 for v in given.get("std") or ()):
        findings.append(Finding("error", "aai.input.std holds a zero, and it divides", f"{where}, aai.input.std", None))
        del given["std"]
    _check_quantisation(given, f"{where}, aai.input.quantisation", findings)


def _check_quantisation(given: dict[str, Any], where: str, findings: list[Finding]) -> None:
    value = given.pop("quantisation", None)
    if value is None:
        return
    if not isinstance(value, dict):
        what = f"aai.input.quantisation is {kind_of(value)}, where an object belongs"
        findings.append(Finding("error", what, where, 'write {"scale": 0.0039, "zero_point": 0}'))
        return
    checked = dict(value)
    for name, kind, default in (("scale", "number", None), ("zero_point", "integer", 0)):
        try:
            checked[name] = coerce(kind, value.get(name, default))
        except ValueError as error:
            findings.append(Finding("error", f"aai.input.quantisation.{name} {error}", f"{where}.{name}", None))
            return
    if checked["scale"] <= 0 or not -128 <= checked["zero_point"] <= 255:
        what = "aai.input.quantisation needs a scale over 0 and a zero_point from -128 to 255"
        findings.append(Finding("error", what, where, "take both from the weights: aai model inspect FILE"))
        return
    given["quantisation"] = checked
