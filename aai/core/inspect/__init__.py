"""What weight files say of themselves: one reader per format, each loaded on first use."""

from __future__ import annotations

from pathlib import Path

from aai.core.inspect.report import Fact, Inspection
from aai.errors import BadWeights, UsageError

__all__ = ["Fact", "Inspection", "inspect_file", "inspect_model"]


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
    if framework == "onnx":
        from aai.core.inspect.onnx import inspect_onnx

        return inspect_onnx(model_file)
    if framework == "darknet":
        from aai.core.inspect.darknet import inspect_darknet

        if config_file is None:
            raise UsageError("Darknet weights need their cfg", str(model_file), "name it: --config_file FILE")
        return inspect_darknet(model_file, config_file)
    from aai.core.inspect.other import inspect_other

    return inspect_other(framework, model_file, config_file)


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
