"""The value of each field of a configuration, and where it came from.

A value comes, in this order, from: the user (flag), the existing file if a person made it, the weights, a guess that
the user may confirm, the reference's default. Every value keeps where it came from, so that people can check it. What
the files told is remembered under `aai.told`: a later run may renew that, and keeps what a hand changed.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Mapping, Sequence

from aai.core.configured import Configured, Origin, labels_text
from aai.core.fields import (
    ARCHITECTURES,
    BY_NAME,
    DEFAULT_SIZES,
    FIELDS,
    FILE_FIELDS,
    FILE_NAME,
    PLACEHOLDER_ID,
    REQUIRED_PARAMETERS,
    Field,
    applies_to,
)
from aai.core.inspect.companions import LABELS_NAME
from aai.core.inspect.folder import GIVEN
from aai.core.inspect.labels import known_labels
from aai.core.inspect.report import Fact, Inspection
from aai.core.model_config import ModelConfig, default_document
from aai.core.model_schema import SCHEMA
from aai.core.names import parse_id
from aai.core.questions import as_typed, ask_guess, ask_text, coerced
from aai.core.validate import NEEDS_LABELS, said_otherwise
from aai.errors import UsageError
from aai.package.digest import bytes_digest
from aai.ports import Prompter
from aai.storage import translated

_DETECTORS_OF_ONE_LAYOUT = ("darknet", "caffe", "tensorflow")
_PLAIN_DECODERS = {
    "Classification": "classification",
    "SemanticSegmentation": "segmentation",
    "ReIdentification": "embedding",
}
"""Purposes whose outputs have one layout."""
_NORMALISATION = ("mean", "scalefactor")
FOUND = ("framework_type", *FILE_FIELDS)
"""Fields that the content of the folder tells, before the weights are read."""


class Settling:
    """The settling of all fields of one configuration, with what it is settled from at hand."""

    def __init__(
        self,
        folder: Path,
        framework: str,
        said: dict[str, Any],
        existing: dict[str, Any],
        found: Mapping[str, Fact],
        inspection: Inspection,
        asker: Prompter | None,
    ) -> None:
        self.folder = folder
        self.framework = framework
        self.said = said
        self.asker = asker
        self.was_told: dict[str, Any] = (existing.get("aai") or {}).get("told") or {}
        self.facts = {**inspection.facts, **found}
        self.own_labels = self._own_labels()
        self.told = {
            name: fact.value
            for name, fact in self.facts.items()
            if name in (*BY_NAME, "decoder", "input", "target") and fact.source != GIVEN
        }
        if self.own_labels:
            self.told["labels"] = self.was_told["labels"]
        document = default_document(framework)
        for key, value in existing.items():
            if key != "model_parameters":
                document[key] = copy.deepcopy(value)
        document["model_parameters"].update(copy.deepcopy(existing.get("model_parameters") or {}))
        self.existing = ModelConfig(copy.deepcopy(existing), folder) if existing else None
        self.result = Configured(ModelConfig(document, folder), inspection)
        self._drop_what_the_user_replaced()

    def settle(self, publisher: str) -> Configured:
        """Gives each field its value."""
        self._id(publisher)
        for entry in FIELDS:
            if entry.name != "id" and (applies_to(entry, self.framework) or entry.name in self.said):
                self._field(entry)
        self._labels()
        self._section()
        self._ask_for_open()
        return self.result

    def _field(self, entry: Field) -> None:
        config = self.result.config
        hand = self._hand_made(entry.name)
        fact = self.facts.get(entry.name)
        if entry.name in self.said:
            self._put(entry.name, self.said[entry.name], "said")
        elif hand is not None:
            self._put(entry.name, hand, "kept", FILE_NAME)
        elif fact is not None and fact.certain:
            self._put(entry.name, fact.value, "inferred", fact.source)
        elif fact is not None:
            self._guess(entry, fact)
        else:
            default = self._default(entry)
            config.set(entry.name, default)
            if default not in (None, "", []) or entry.default not in (None, "", []):
                self.result.origins.append(Origin(entry.name, "default", default))

    def _hand_made(self, name: str) -> Any:
        """The value in the existing file, when a person put it there.

        In a file that this program wrote, that is a value which is neither what the files told nor the default.
        """
        value = self.existing.value(name) if self.existing else None
        if value is None or value == "":
            return None
        if self.was_told and value == self.was_told.get(name, self._default(BY_NAME[name])):
            return None
        return value

    def _is_own(self, name: str) -> bool:
        """Whether a person normalises in another way than the weights tell; a file from elsewhere has the defaults."""
        hand = self._hand_made(name)
        return hand is not None and (bool(self.was_told) or hand not in ([0, 0, 0], 1))

    def _default(self, entry: Field) -> Any:
        if entry.name != "size":
            return copy.deepcopy(entry.default)
        architecture = str(self.said.get("architecture") or "")
        size = DEFAULT_SIZES.get("darknet" if architecture.startswith("yolo") else self.framework)
        return list(size) if size else None

    def _guess(self, entry: Field, fact: Fact) -> None:
        """Takes a guess, or what a person at the terminal says instead; what the file holds was asked before."""
        held = self.existing.value(entry.name) if self.existing else None
        open_to_person = entry.name not in FOUND and held != fact.value
        answer = ask_guess(self.asker, entry, fact) if self.asker is not None and open_to_person else fact.value
        if answer == fact.value:
            self._put(entry.name, fact.value, "guessed", fact.source)
        else:
            self.said[entry.name] = answer
            self._put(entry.name, answer, "said")
            self._drop_what_the_user_replaced(keep_others=True)

    def _put(self, name: str, value: Any, how: str, source: str = "") -> None:
        self.result.config.set(name, copy.deepcopy(value))
        self.result.origins.append(Origin(name, how, value, source))

    def _id(self, publisher: str) -> None:
        config = self.result.config
        hand = self._hand_made("id")
        if "id" in self.said:
            self._put("id", self.said["id"], "said")
        elif hand not in (None, PLACEHOLDER_ID):
            self._put("id", hand, "kept", FILE_NAME)
        elif self.asker is not None:
            proposal = f"{publisher or 'me'}/{_slug(self.folder.resolve().name)}"
            sides = ask_text(self.asker, "Model id, publisher/name (--id)", proposal, parse_id)
            self._put("id", "/".join(sides), "said")
        else:
            config.set("id", PLACEHOLDER_ID)
            self.result.open["id"] = "give the model an id: aai model configure --id publisher/name"

    def _labels(self) -> None:
        config = self.result.config
        if config.value("label_file"):
            return
        names = self.facts.get("labels")
        classes = self.facts.get("classes")
        if names is None and classes is not None and config.purpose in NEEDS_LABELS:
            known = known_labels(int(classes.value), self.framework, config.purpose)
            if known is not None:
                source = f"{known.name}: the network has as many, and there is no label file"
                names = Fact(list(known.labels), source, certain=False)
        if names is None:
            if classes is not None and config.purpose in NEEDS_LABELS:
                self.result.open["label_file"] = (
                    f"pass the names of the {classes.value} classes, one a line: aai model configure --label_file FILE"
                )
            return
        question = f"Take these {len(names.value)} names, written into {LABELS_NAME}? {names.source} (or --label_file)"
        new = self.own_labels != tuple(names.value) and not names.certain
        if new and self.asker is not None and not self.asker.confirm(question, True):
            self.result.open["label_file"] = "pass the class names: aai model configure --label_file FILE"
            return
        self.result.labels = tuple(names.value)
        self._put("label_file", LABELS_NAME, "inferred" if names.certain else "guessed", names.source)
        self.told["label_file"] = LABELS_NAME
        self.told["labels"] = bytes_digest(labels_text(self.result.labels))

    def _own_labels(self) -> tuple[str, ...]:
        """The labels of a file that an earlier run wrote and no hand has changed; empty when there is none.

        They are told anew by the weights, which may have other classes by now.
        """
        fact = self.facts.get("label_file")
        if fact is None or fact.value != LABELS_NAME or fact.source == GIVEN or "labels" not in self.was_told:
            return ()
        path = self.folder / LABELS_NAME
        with translated(path):
            data = path.read_bytes()
        if bytes_digest(data) != self.was_told["labels"]:
            return ()
        del self.facts["label_file"]
        return tuple(data.decode("utf-8").split("\n")[:-1])

    def _section(self) -> None:
        """The `aai` section: decoder, input, further files, and what this program told."""
        section: dict[str, Any] = dict(self.result.config.document.get("aai") or {})
        section["schema"] = SCHEMA
        for name in ("decoder", "input", "target"):
            fact = self._decoder_fact() if name == "decoder" else self.facts.get(name)
            old = section.get(name)
            if old and old != self.was_told.get(name):
                self.result.origins.append(Origin(name, "kept", old, FILE_NAME))
            elif fact is not None and fact.value:
                section[name] = copy.deepcopy(fact.value)
                how = "inferred" if fact.certain else "guessed"
                self.result.origins.append(Origin(name, how, fact.value, fact.source))
            else:
                section.pop(name, None)
        if not section.get("decoder") and _needs_decoder(self.result.config):
            self.result.open["aai.decoder"] = (
                "the outputs have no layout that is known: give a post_process in Python, or name the layout in "
                f"{FILE_NAME} (docs/reference/decoders.md)"
            )
        self._extra_files(section)
        section["told"] = {name: copy.deepcopy(self.told[name]) for name in sorted(self.told)}
        self.result.config.document["aai"] = section

    def _decoder_fact(self) -> Fact | None:
        """What the files tell of the decoder, unless somebody says that the network is for something else."""
        told, purpose = self.facts.get("purpose"), self.result.config.purpose
        if told is None or told.value == purpose:
            return self.facts.get("decoder")
        name = _PLAIN_DECODERS.get(purpose)
        return Fact({"name": name}, f"what a network for {purpose} has", certain=False) if name else None

    def _extra_files(self, section: dict[str, Any]) -> None:
        root = self.folder.resolve()
        extra = [path.resolve().relative_to(root).as_posix() for path in self.result.inspection.extra_files]
        files = [name for name in section.get("files") or [] if name not in (self.was_told.get("files") or [])]
        files.extend(name for name in extra if name not in files)
        if extra:
            self.told["files"] = extra
            self.result.origins.append(Origin("files", "inferred", extra, "external data that the weights name"))
        if files:
            section["files"] = files
        else:
            section.pop("files", None)

    def _drop_what_the_user_replaced(self, keep_others: bool = False) -> None:
        """A guess stands or falls whole: a mean that the user said does not go with a guessed standard deviation.

        With `keep_others`, a guessed scale factor beside that mean is still put to the person who is asked.
        """
        recipe = self.facts.get("input")
        parts = dict(recipe.value) if recipe else {}
        if any(name in self.said or self._is_own(name) for name in _NORMALISATION):
            parts.pop("std", None)
            for name in _NORMALISATION:
                fact = self.facts.get(name)
                if fact is not None and not fact.certain and not keep_others:
                    del self.facts[name]
        if "crop" in self.said:
            for name in ("resize", "anchor", "pad"):
                parts.pop(name, None)
        if "swaprb" in self.said and parts.get("colour") != "gray":
            parts.pop("colour", None)
        if recipe is not None:
            self.facts["input"] = Fact(parts, recipe.source, recipe.certain)

    def _ask_for_open(self) -> None:
        """Required fields that nobody told: asked for, or an error that names every flag; the size may stay open."""
        missing = []
        for_detection = ""
        for name in ("purpose", *REQUIRED_PARAMETERS.get(self.framework, ())):
            if name == "architecture" and not self.result.config.purpose:
                for_detection = f"; for ObjectDetection also --architecture {'|'.join(ARCHITECTURES[self.framework])}"
                continue
            if self.result.config.value(name) or said_otherwise(self.result.config, name):
                continue
            allowed = ARCHITECTURES[self.framework] if name == "architecture" else BY_NAME[name].values
            if self.asker is None:
                missing.append((name, allowed))
            else:
                answer = self.asker.select(f"{BY_NAME[name].help} ({BY_NAME[name].flag})", allowed)
                self.said[name] = answer
                self._put(name, answer, "said")
        if missing:
            reason = self.result.inspection.not_read or "the files do not tell"
            flags = [f"{BY_NAME[name].flag} {'|'.join(allowed)}" for name, allowed in missing]
            raise UsageError(
                f"{_and([name for name, _ in missing])} must be given for {self.framework}: {reason}",
                str(self.result.inspection.model_file),
                f"add {', '.join(flags)}{for_detection}",
            )
        if not self.result.config.value("size"):
            if self.asker is not None:
                proposal = as_typed(self._default(BY_NAME["size"]) or [300, 300])
                question = "Input size of the network, width x height (--size)"
                self._put("size", ask_text(self.asker, question, proposal, lambda said: coerced("size", said)), "said")
            else:
                self.result.open["size"] = "pass the network's input size: aai model configure --size WIDTH HEIGHT"


def _needs_decoder(config: ModelConfig) -> bool:
    """Whether nothing but `aai.decoder` can say how the outputs are read; see `vision.decode`."""
    if config.purpose == "ObjectDetection":
        return config.framework not in _DETECTORS_OF_ONE_LAYOUT and not config.value("architecture")
    return config.purpose not in ("", "Classification")


def _and(words: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _slug(name: str) -> str:
    words = "".join(c if c.isalnum() and c.isascii() else " " for c in name.lower()).split()
    return "-".join(words)[:64] or "model"
