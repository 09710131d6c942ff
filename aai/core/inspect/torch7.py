"""What a Torch7 file tells of its network: its modules, the channels that go in, the classes that come out."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from aai.core.inspect.damage import bad_weights
from aai.core.inspect.graph import GraphHints
from aai.core.inspect.layout import read_layout
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.recipes import ENET
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import mapped
from aai.core.inspect.torch7_file import TorchObject, read_torch7
from aai.errors import BadWeights
from aai.ports import TensorSpec

MAX_MODULES = 20_000
_CONVOLUTIONS = ("SpatialConvolution", "SpatialDilatedConvolution", "SpatialFullConvolution", "SpatialConvolutionMM")
_PASSES_ON = ("Identity", "Dropout", "SpatialDropout", "View", "Reshape")
_END = {
    "SoftMax": "Softmax",
    "SpatialSoftMax": "Softmax",
    "LogSoftMax": "LogSoftmax",
    "SpatialLogSoftMax": "LogSoftmax",
}
_FLATTENS = ("View", "Reshape", "Linear")
_ENET = {"SpatialMaxUnpooling", "SpatialDilatedConvolution", "PReLU", "SpatialFullConvolution"}
"""Modules that make an ENet: pooling that is undone place by place, wider convolutions, and its last layer."""
_TEXT_FORM = b"4\n1\n"


def inspect_torch7(model: Path) -> Inspection:
    """Modules, channels and classes of a Torch7 network.

    Args:
        model: .net or .t7, in Torch's binary form.

    Raises:
        NotFound: the file is not there.
        BadWeights: it is damaged, in Torch's text form, or holds no network.
    """
    model = model.absolute()
    try:
        with mapped(model) as data:
            if data[: len(_TEXT_FORM)] == _TEXT_FORM:
                raise BadWeights(
                    f"{model.name} is in Torch7's text form, which OpenCV does not read",
                    str(model),
                    f"save it in the binary form, where Torch is: torch.save('{model.stem}.net', "
                    f"torch.load('{model.name}', 'ascii'))",
                )
            network = read_torch7(data)
    except Malformed as error:
        raise bad_weights(model, "torch7", "a Torch7 network", error) from error
    modules = _flattened(network)
    if len(modules) < 2:
        what = f"{model.name} holds a {network.kind[:60]}, and a network of several modules belongs here"
        raise BadWeights(what, str(model), "name the right file: --model_file FILE")
    report = Inspection("enet", model)
    _fill(report, network, modules)
    return report


def _fill(report: Inspection, network: TorchObject, modules: Sequence[TorchObject]) -> None:
    end = _end(modules)
    counts: dict[str, int] = {}
    for module in modules:
        counts[module.kind] = counts.get(module.kind, 0) + 1
    kinds = {_name(kind) for kind in counts}
    hints = GraphHints(end=end, recipe=ENET if kinds >= _ENET else None)
    report.inputs = (TensorSpec("input", (1, _channels(modules), None, None), "float32"),)
    flat = not kinds.isdisjoint(_FLATTENS)
    report.outputs = (TensorSpec("output", _output_shape(modules, flat), "float32"),)
    report.facts.update(read_layout(report.inputs, report.outputs, {}, hints))
    size = _last_size(network)
    if size is not None:
        source = f"{report.model_file.name}: the size that its first pooling was last run with"
        report.facts["size"] = Fact(list(size), source, certain=False)
    report.details.update({"modules": len(modules), "kinds": dict(sorted(counts.items()))})
    if end:
        report.details["graph_end"] = end


def _name(kind: str) -> str:
    """A class without its package: cudnn's modules are nn's on a GPU."""
    return kind.rpartition(".")[2]


def _flattened(network: TorchObject) -> list[TorchObject]:
    """A module and all inside it, in order, each once: a damaged file may hold a container inside itself."""
    found: list[TorchObject] = []
    seen: set[int] = set()
    waiting = [network]
    while waiting and len(found) < MAX_MODULES:
        module = waiting.pop()
        if id(module) not in seen:
            seen.add(id(module))
            found.append(module)
            waiting.extend(reversed(module.modules))
    return found


def _channels(modules: Sequence[TorchObject]) -> int | None:
    """Channels of the image, as the first convolution has them."""
    return next((module.whole(b"nInputPlane") for module in modules if _name(module.kind) in _CONVOLUTIONS), None)


def _output_shape(modules: Sequence[TorchObject], flat: bool) -> tuple[int | None, ...]:
    """(1, classes) after a Linear, (1, classes, height, width) after a convolution; () when the last is neither."""
    for module in reversed(modules):
        name = _name(module.kind)
        if name == "Linear":
            weight = module.fields.get(b"weight")
            shape = weight.shape if isinstance(weight, TorchObject) else ()
            return (1, shape[0]) if len(shape) == 2 and shape[0] > 0 else ()
        if name in _CONVOLUTIONS:
            count = module.whole(b"nOutputPlane")
            return (1, count) if flat else (1, count, None, None)
    return ()


def _end(modules: Sequence[TorchObject]) -> str:
    """Class of the last module that does something to the values, in the words of other formats."""
    last = next((_name(module.kind) for module in reversed(modules) if _name(module.kind) not in _PASSES_ON), "")
    return _END.get(last, last)


def _last_size(network: TorchObject) -> tuple[int, int] | None:
    """(width, height) of the image that the network was run with before it was saved, if a pooling has kept it."""
    found, _ = _pooled(network, 1, set())
    return found


def _pooled(module: TorchObject, stride: int, seen: set[int]) -> tuple[tuple[int, int] | None, int]:
    """The image's size by the first pooling in a module, and the stride behind it.

    Args:
        module: looked into.
        stride: image pixels per pixel of what the module gets.
        seen: modules that were looked into, which bounds the depth.
    """
    if id(module) in seen or len(seen) > 100:
        return None, stride
    seen.add(id(module))
    width, height = module.whole(b"iwidth"), module.whole(b"iheight")
    if width and height and max(width, height) * stride < 20_000:
        return (width * stride, height * stride), stride
    after = stride * min(module.whole(b"dW") or 1, 64)
    for inner in module.modules:
        found, behind = _pooled(inner, stride, seen)
        if found is not None:
            return found, behind
        if _name(module.kind) == "Sequential":
            stride = behind
        after = behind
    return None, after
