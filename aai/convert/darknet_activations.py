"""Darknet's activation functions as ONNX nodes.

Source: Darknet, `activations.h` and `activations.c`, in the forks of J. Redmon and A. Bochkovskiy. Those that are made
of straight pieces are written with Clip, so that no branch is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from aai.convert.onnx_graph import Graph

    Activation = Callable[[Graph, str], str]


def _single(operator: str, **attributes: float) -> Activation:
    return lambda graph, x: graph.node(operator, [x], **attributes)


def _linear(graph: Graph, x: str) -> str:
    return x


def _loggy(graph: Graph, x: str) -> str:
    doubled = graph.node("Mul", [graph.node("Sigmoid", [x]), graph.number(2)])
    return graph.node("Sub", [doubled, graph.number(1)])


def _ramp(graph: Graph, x: str) -> str:
    return graph.node("Add", [graph.node("Relu", [x]), graph.node("Mul", [x, graph.number(0.1)])])


def _plse(graph: Graph, x: str) -> str:
    """0.125 x + 0.5 in -4..4, and a slope of 0.01 outside."""
    inside = graph.clip(x, -4, 4)
    line = graph.node("Add", [graph.node("Mul", [inside, graph.number(0.125)]), graph.number(0.5)])
    outside = graph.node("Mul", [graph.node("Sub", [x, inside]), graph.number(0.01)])
    return graph.node("Add", [line, outside])


def _stair(graph: Graph, x: str) -> str:
    """Steps of width 1: flat where floor(x) is even, rising where it is odd."""
    whole = graph.node("Floor", [x])
    half = graph.node("Floor", [graph.node("Mul", [x, graph.number(0.5)])])
    odd = graph.node("Sub", [whole, graph.node("Mul", [half, graph.number(2)])])
    return graph.node("Add", [half, graph.node("Mul", [odd, graph.node("Sub", [x, whole])])])


def _lhtan(graph: Graph, x: str) -> str:
    inside = graph.clip(x, 0, 1)
    outside = graph.node("Mul", [graph.node("Sub", [x, inside]), graph.number(0.001)])
    return graph.node("Add", [inside, outside])


def _gelu(graph: Graph, x: str) -> str:
    """0.5 x (1 + tanh(0.797885 x + 0.035677 x^3))."""
    cube = graph.node("Mul", [graph.node("Mul", [graph.node("Mul", [x, x]), x]), graph.number(0.035677)])
    inner = graph.node("Add", [graph.node("Mul", [x, graph.number(0.797885)]), cube])
    factor = graph.node("Add", [graph.node("Tanh", [inner]), graph.number(1)])
    return graph.node("Mul", [graph.node("Mul", [x, graph.number(0.5)]), factor])


def _swish(graph: Graph, x: str) -> str:
    return graph.node("Mul", [x, graph.node("Sigmoid", [x])])


def _mish(graph: Graph, x: str) -> str:
    return graph.node("Mul", [x, graph.node("Tanh", [graph.node("Softplus", [x])])])


def _hard_mish(graph: Graph, x: str) -> str:
    """0 up to -2, x^2 / 2 + x up to 0, then x."""
    low = graph.clip(x, -2, 0)
    bend = graph.node("Mul", [graph.node("Mul", [low, low]), graph.number(0.5)])
    return graph.node("Add", [graph.node("Relu", [x]), graph.node("Add", [bend, low])])


ACTIVATIONS: dict[str, Activation] = {
    "linear": _linear,
    "logistic": _single("Sigmoid"),
    "loggy": _loggy,
    "relu": _single("Relu"),
    "relu6": lambda graph, x: graph.clip(x, 0, 6),
    "elu": _single("Elu", alpha=1.0),
    "selu": _single("Selu", alpha=1.6732, gamma=1.0507),
    "relie": _single("LeakyRelu", alpha=0.01),
    "ramp": _ramp,
    "leaky": _single("LeakyRelu", alpha=0.1),
    "tanh": _single("Tanh"),
    "plse": _plse,
    "stair": _stair,
    "hardtan": lambda graph, x: graph.clip(x, -1, 1),
    "lhtan": _lhtan,
    "gelu": _gelu,
    "swish": _swish,
    "mish": _mish,
    "hard_mish": _hard_mish,
}
"""By the name in the cfg."""
