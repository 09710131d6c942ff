"""What an ONNX file tells of its model, read without the onnx package or a runtime; the weights are not looked at."""

from __future__ import annotations

from pathlib import Path

from aai.core.inspect.converted import converted_facts
from aai.core.inspect.exporter import card_facts, read_exporter
from aai.core.inspect.graph import GraphHints, read_hints
from aai.core.inspect.heads import describe
from aai.core.inspect.kinds import WAYS_OUT, content_kind, refusal
from aai.core.inspect.layout import image_input, read_layout
from aai.core.inspect.onnx_file import OnnxFile, read_onnx
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.recipes import Circumstances
from aai.core.inspect.report import Inspection
from aai.core.inspect.source import check_file, mapped
from aai.core.paths import why_outside
from aai.errors import BadWeights


def inspect_onnx(path: Path) -> Inspection:
    """Inputs, outputs, types, opset, producer and metadata of an ONNX file, and what they tell of the model.

    Raises:
        NotFound: the file is not there.
        BadWeights: not ONNX, truncated or damaged, or its external data is missing, too short or outside the folder.
    """
    path = path.absolute()
    try:
        with mapped(path) as data:
            return _inspect(read_onnx(data), path)
    except Malformed as error:
        raise _bad(path, error) from error


def _inspect(file: OnnxFile, path: Path) -> Inspection:
    image = image_input(file.inputs)
    hints = read_hints(file, image.spec.name) if image else GraphHints()
    report = Inspection("onnx", path, inputs=tuple(file.inputs), outputs=tuple(file.outputs), metadata=file.metadata)
    report.facts.update(read_layout(file.inputs, file.outputs, file.metadata, hints))
    if image is not None:
        at = Circumstances("darknet", image.channels, image.layout, image.spec.dtype, tensor=describe(image.spec))
        report.facts = converted_facts(report.facts, file.metadata, at)
    report.facts.update(read_exporter(file.metadata).label_facts())
    report.facts.update(card_facts(file.metadata))
    report.details.update(
        {
            "producer": file.producer,
            "ir_version": file.ir_version,
            "opset": file.opsets,
            "nodes": len(file.nodes),
            "parameters": file.parameters,
            **hints.as_dict(),
        }
    )
    report.extra_files.extend(_external_files(file, path))
    return report


def _external_files(file: OnnxFile, path: Path) -> list[Path]:
    """The files that hold tensors outside of the ONNX file, each checked: there, long enough, in its folder."""
    needed: dict[str, int] = {}
    for tensor in file.tensors.values():
        location = tensor.external.get("location")
        if location:
            end = _number(tensor.external.get("offset")) + _number(tensor.external.get("length"))
            needed[location] = max(needed.get(location, 0), end)
    return [_external_file(path, location, needed[location]) for location in sorted(needed)]


def _external_file(path: Path, location: str, needed: int) -> Path:
    reason = why_outside(path.parent, location)
    if reason:
        raise BadWeights(
            f'the path "{location}" of its external data {reason}',
            str(path),
            "save the model again with its data beside it: onnx.save(model, PATH, save_as_external_data=True)",
        )
    data = path.parent / location
    if not data.exists():
        raise BadWeights(
            f'its external data "{location}" is not there', str(path), f"copy {location} into {data.parent}"
        )
    size = check_file(data)
    if size < needed:
        raise BadWeights(
            f'its external data "{location}" is cut off: {size:,} bytes of {needed:,}', str(data), "copy it again"
        )
    return data


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 20 else 0


def _bad(path: Path, error: Malformed) -> BadWeights:
    kind = content_kind(path)
    if kind in WAYS_OUT:
        return refusal(path, kind)
    if kind not in ("onnx", "unknown"):
        return BadWeights(f"{path.name} is not ONNX: its content is {kind}", str(path), "name the right file")
    size = path.stat().st_size
    if kind == "onnx" and error.needed > size:
        what = f"the file is cut off: it has {size:,} bytes, and its parts need at least {error.needed:,}"
        return BadWeights(what, str(path), "copy or download it again")
    return BadWeights(f"{path.name} is not a whole ONNX file: {error}", str(path), "copy, download or export it again")
