"""What weight files say of themselves: one reader per format, each loaded on first use."""

from __future__ import annotations

import importlib
from pathlib import Path

from aai.core.fields import NEEDS_STRUCTURE_FILE
from aai.core.inspect.report import Fact, Inspection
from aai.errors import BadWeights, UsageError

__all__ = ["Fact", "Inspection", "inspect_file", "inspect_model"]

_READERS = {
    "onnx": "onnx:inspect_onnx",
    "darknet": "darknet:inspect_darknet",
    "caffe": "caffe:inspect_caffe",
    "tensorflow": "tensorflow:inspect_tensorflow",
    "dldt": "ir:inspect_ir",
    "enet": "torch7:inspect_torch7",
    "tflite": "tflite:inspect_tflite",
    "tensor-rt": "tensorrt:inspect_engine",
    "hailo": "hailo:inspect_hef",
    "myriad": "myriad:inspect_blob",
}
"""Framework -> "module:function" of its reader, which takes the weights, and the structure file or None."""

_ONE_FILE = ("onnx", "tflite", "tensor-rt", "hailo", "enet")
"""Frameworks whose reader takes the weights alone."""

_STRUCTURE = {"darknet": "cfg", "caffe": "prototxt", "dldt": "xml"}


def inspect_model(framework: str, model_file: Path, config_file: Path | None = None) -> Inspection:
    """What the files of a model say.

    Args:
        framework: one of `aai.core.fields.FRAMEWORKS`.
        model_file: the weights.
        config_file: the structure file, for the frameworks that have one.

    Raises:
        NotFound: a file is not there.
        UsageError: the framework needs a structure file, and none is given.
        BadWeights: a file is not what it should be, empty, cut off or damaged, or the two do not belong together.
    """
    if config_file is None and framework in NEEDS_STRUCTURE_FILE:
        what = f"{framework} weights need their {_STRUCTURE[framework]}"
        raise UsageError(what, str(model_file), "name it: --config_file FILE")
    module, function = _READERS[framework].split(":")
    read = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    report: Inspection = read(model_file) if framework in _ONE_FILE else read(model_file, config_file)
    return report


def inspect_file(path: Path) -> Inspection:
    """What one file says: a weight file, whose structure file is looked for beside it, or a structure file.

    Raises:
        NotFound: the file, or the one that belongs with it, is not there.
        UsageError: several files could belong with it.
        BadWeights: it is not a model, or damaged.
    """
    from aai.core.inspect.folder import find_files
    from aai.core.inspect.kinds import FRAMEWORK_OF, STRUCTURE_OF, WAYS_OUT, file_kind, refusal
    from aai.core.inspect.source import check_file

    path = path.absolute()
    check_file(path)
    kind = file_kind(path)
    if kind in WAYS_OUT:
        raise refusal(path, kind)
    if kind not in FRAMEWORK_OF and kind not in STRUCTURE_OF:
        raise BadWeights(
            f"{path.name} is not a model of a kind that is known here: its content is {kind}",
            str(path),
            "name the weight file",
        )
    if kind in ("onnx", "tflite", "engine", "hef", "blob", "torch7"):
        return inspect_model(FRAMEWORK_OF[kind], path)
    # Through a link, the files that belong to it are those beside the file itself.
    path = path.resolve()
    facts = find_files(path.parent, {"model_file" if kind in FRAMEWORK_OF else "config_file": path.name})
    config = facts.get("config_file")
    return inspect_model(
        facts["framework_type"].value,
        path.parent / facts["model_file"].value,
        path.parent / config.value if config else None,
    )
