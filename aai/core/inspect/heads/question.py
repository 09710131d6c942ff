"""What a reading of a network's outputs goes by, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

from aai.core.inspect.exporter import ExporterNotes
from aai.core.inspect.graph import GraphHints
from aai.ports import TensorSpec

_INTEGERS = ("int32", "int64", "uint8", "int8", "uint32")


@dataclass(frozen=True)
class Head:
    """A reading of the outputs.

    Args:
        purpose: "" when the shapes do not say.
        reason: why, for people.
        family: whose pre-processing is the usual one: a key of `aai.core.inspect.recipes`.
        decoder: name and settings of the decoder; None while there is none for this layout.
        classes: number of classes, None when the shapes do not say.
        certain: False for a guess.
        outputs: names of the outputs to read; empty for all.
        size: (width, height) of the input that the number of rows asks for, when the input's own axes are open.
        labels: names of the classes, for a network that is made for one thing.
    """

    purpose: str
    reason: str
    family: str
    decoder: dict[str, Any] | None = None
    classes: int | None = None
    certain: bool = True
    outputs: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()


UNKNOWN = Head("", "the shapes of the outputs are of no layout that is known here", "unknown", certain=False)


@dataclass(frozen=True)
class Question:
    """All that a reading goes by: the outputs, the input's size as far as it is fixed, and what else is known."""

    outputs: Sequence[TensorSpec]
    size: tuple[int | None, int | None] = (None, None)
    notes: ExporterNotes = field(default_factory=ExporterNotes)
    hints: GraphHints = field(default_factory=GraphHints)

    @property
    def closed_size(self) -> tuple[int, int] | None:
        """(width, height), when both are fixed."""
        width, height = self.size
        return (width, height) if width and height else None


def is_integer(spec: TensorSpec) -> bool:
    """Whether a tensor holds whole numbers, such as class ids; quantised values stand for real ones."""
    return spec.dtype in _INTEGERS and spec.quantisation is None


def only(question: Question, spec: TensorSpec) -> tuple[str, ...]:
    """The output's name, when there are others that are not to be read."""
    return (spec.name,) if len(question.outputs) > 1 else ()


def told_by(notes: ExporterNotes, reason: str) -> str:
    """The exporter's note of the task, when there is one, else `reason`."""
    return f"metadata task: {notes.task}" if notes.task else reason


def describe(spec: TensorSpec) -> str:
    """`images [1, 3, 416, 416]`, with ? for an open axis."""
    return f"{spec.name} [{', '.join('?' if axis is None else str(axis) for axis in spec.shape)}]"
