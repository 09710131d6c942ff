"""Darknet networks as ONNX against OpenCV's own reading of the same files, and each activation against its formula."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from aai.convert.darknet_activations import ACTIVATIONS
from aai.convert.darknet_onnx import convert_darknet
from aai.convert.onnx_graph import Graph
from aai.core.inspect.darknet_cfg import read_cfg
from aai.core.inspect.darknet_layers import read_layers
from aai.errors import BadWeights

DIGITS = Path(__file__).resolve().parents[1] / "data" / "digits-darknet"
NET = "[net]\nwidth=24\nheight=16\nchannels=3\n"
CONV = "[convolutional]\nfilters={}\nsize={}\nstride=1\npad=1\nactivation={}\n"
START = CONV.format(8, 3, "leaky")


def _folder(folder: Path, layers: str, seed: int = 5) -> tuple[Path, Path]:
    """A cfg of `layers` and random weights for it, near 1 where they are variances."""
    cfg, weights = folder / "net.cfg", folder / "net.weights"
    cfg.write_text(NET + layers)
    count = sum(layer.weights or 0 for layer in read_layers(read_cfg(cfg), 24, 16, 3))
    values = np.random.default_rng(seed).uniform(0.1, 0.6, count).astype("<f4")
    values[::3] *= -1
    values[:] = np.where(_variances(cfg, count), np.abs(values), values)
    weights.write_bytes(struct.pack("<iiiQ", 0, 2, 5, 0) + values.tobytes())
    return cfg, weights


def _variances(cfg: Path, count: int) -> np.ndarray:
    mask, at = np.zeros(count, bool), 0
    sections = read_cfg(cfg)
    for layer in read_layers(sections, 24, 16, 3):
        if layer.section.integer("batch_normalize", 0):
            mask[at + 3 * layer.channels : at + 4 * layer.channels] = True
        at += layer.weights or 0
    return mask


def _ours(cfg: Path, weights: Path, tensor: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(convert_darknet(cfg, weights), providers=["CPUExecutionProvider"])
    names = [spec.name for spec in session.get_outputs()]
    return dict(zip(names, session.run(names, {"data": tensor})))


def _opencv(cfg: Path, weights: Path, tensor: np.ndarray, layer: str) -> np.ndarray:
    net = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    net.setInput(tensor)
    return np.asarray(net.forward(layer))


def _image(width: int = 24, height: int = 16) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (1, 3, height, width)).astype(np.float32)


def _assert_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.size == theirs.size
    scale = np.abs(theirs).max()
    assert scale > 1e-3, "an answer of zeros proves nothing"
    assert np.abs(ours.reshape(theirs.shape) - theirs).max() < 1e-3 * scale


@pytest.mark.parametrize(
    "layers",
    [
        START + "[convolutional]\nbatch_normalize=1\nfilters=8\ngroups=4\nsize=3\nstride=2\npad=1\nactivation=mish\n",
        START + "[convolutional]\nfilters=6\nsize=1\nstride=1\npad=0\nactivation=swish\n",
        START + "[convolutional]\nfilters=6\nsize=3\nstride=1\npadding=0\nactivation=relu\n",
        START + "[maxpool]\nsize=2\nstride=2\n" + CONV.format(4, 1, "linear"),
        START + "[maxpool]\nsize=2\nstride=1\n" + CONV.format(4, 1, "linear"),
        START + "[maxpool]\nsize=3\nstride=2\n" + CONV.format(4, 1, "linear"),
        START
        + "[maxpool]\nstride=1\nsize=5\n\n[route]\nlayers=-2\n\n[maxpool]\nstride=1\nsize=9\n\n"
        + "[route]\nlayers=-1,-3,-4\n"
        + CONV.format(4, 1, "linear"),
        START + "[avgpool]\n",
        START + "[upsample]\nstride=2\n" + CONV.format(4, 3, "linear"),
        START + "[reorg]\nstride=2\n" + CONV.format(4, 1, "linear"),
        START + CONV.format(8, 3, "linear") + "[shortcut]\nfrom=-2\nactivation=leaky\n",
        START + "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n" + CONV.format(4, 1, "logistic"),
        START
        + "[avgpool]\n"
        + CONV.format(8, 1, "logistic")
        + "[scale_channels]\nfrom=-3\n"
        + CONV.format(4, 1, "linear"),
        START + CONV.format(8, 1, "logistic") + "[sam]\nfrom=-2\n" + CONV.format(4, 1, "linear"),
        START + "[dropout]\nprobability=.5\n" + CONV.format(4, 3, "tanh"),
        START + "[avgpool]\n[softmax]\ngroups=1\n",
    ],
    ids=[
        "batch norm, groups, stride",
        "1x1, swish",
        "no padding",
        "maxpool 2/2",
        "maxpool 2/1",
        "maxpool 3/2",
        "SPP",
        "avgpool",
        "upsample",
        "reorg",
        "shortcut",
        "route of a group",
        "scale_channels",
        "sam",
        "dropout",
        "softmax",
    ],
)
def test_a_layer_gives_what_opencv_gives(tmp_path: Path, layers: str) -> None:
    cfg, weights = _folder(tmp_path, layers)
    (ours,) = _ours(cfg, weights, _image()).values()
    net = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    _assert_close(ours, _opencv(cfg, weights, _image(), net.getLayerNames()[-1]))


def _per_value(formula: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.array([formula(float(value)) for value in x.ravel()], np.float64).reshape(x.shape)


# Written down from Darknet's activations.h, value by value, as a check on the graphs that have no branches.
FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "logistic": _per_value(lambda x: 1 / (1 + math.exp(-x))),
    "loggy": _per_value(lambda x: 2 / (1 + math.exp(-x)) - 1),
    "relu": _per_value(lambda x: max(x, 0)),
    "relu6": _per_value(lambda x: min(max(x, 0), 6)),
    "elu": _per_value(lambda x: x if x >= 0 else math.exp(x) - 1),
    "selu": _per_value(lambda x: 1.0507 * x if x >= 0 else 1.0507 * 1.6732 * (math.exp(x) - 1)),
    "relie": _per_value(lambda x: x if x > 0 else 0.01 * x),
    "ramp": _per_value(lambda x: x * (x > 0) + 0.1 * x),
    "leaky": _per_value(lambda x: x if x > 0 else 0.1 * x),
    "tanh": _per_value(math.tanh),
    "plse": _per_value(lambda x: 0.01 * (x + 4) if x < -4 else 0.01 * (x - 4) + 1 if x > 4 else 0.125 * x + 0.5),
    "stair": _per_value(
        lambda x: math.floor(x / 2) if math.floor(x) % 2 == 0 else x - math.floor(x) + math.floor(x / 2)
    ),
    "hardtan": _per_value(lambda x: min(max(x, -1), 1)),
    "lhtan": _per_value(lambda x: 0.001 * x if x < 0 else 0.001 * (x - 1) + 1 if x > 1 else x),
    "gelu": _per_value(lambda x: 0.5 * x * (1 + math.tanh(0.797885 * x + 0.035677 * x**3))),
    "swish": _per_value(lambda x: x / (1 + math.exp(-x))),
    "mish": _per_value(lambda x: x * math.tanh(math.log1p(math.exp(x)))),
    "hard_mish": _per_value(lambda x: x if x > 0 else x * x / 2 + x if x > -2 else 0.0),
}


def test_every_activation_is_checked() -> None:
    assert FORMULAS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_activation_gives_its_formula(name: str) -> None:
    x = np.concatenate([np.linspace(-7, 7, 297), [-4, -2, -1, 0, 1, 4, 6]]).astype(np.float32).reshape(1, 1, 1, -1)
    graph = Graph()
    value = ACTIVATIONS[name](graph, "data")
    model = graph.model((1, 1, 1, x.shape[3]), {"y": (value, (1, 1, 1, x.shape[3]))}, {})
    (y,) = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"data": x})
    np.testing.assert_allclose(y, FORMULAS[name](x), rtol=1e-5, atol=2e-6)


def _heads(cfg: Path, weights: Path, size: tuple[int, int]) -> None:
    tensor = _image(*size)
    net = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    net.setInput(tensor)
    ours = _ours(cfg, weights, tensor)
    assert ours
    for name, raw in ours.items():
        before = int(name.split("_")[1]) - 1
        _assert_close(raw, np.asarray(net.forward(f"conv_{before}")))


def test_the_digits_network_gives_the_raw_heads_of_opencv() -> None:
    section = read_cfg(DIGITS / "digits.cfg")[0]
    _heads(
        DIGITS / "digits.cfg", DIGITS / "digits.weights", (section.positive("width", 0), section.positive("height", 0))
    )


@pytest.mark.parametrize("name", ["yolo-fastest-1.1-coco", "yoloface-500k-v2"])
def test_real_weights_give_the_raw_heads_of_opencv(zoo: Path, name: str) -> None:
    folder = zoo / "darknet" / name
    (cfg,), (weights,) = folder.glob("*.cfg"), folder.glob("*.weights")
    section = read_cfg(cfg)[0]
    _heads(cfg, weights, (section.positive("width", 0), section.positive("height", 0)))


def test_several_images_run_at_once() -> None:
    session = ort.InferenceSession(
        convert_darknet(DIGITS / "digits.cfg", DIGITS / "digits.weights"), providers=["CPUExecutionProvider"]
    )
    shape = session.get_inputs()[0].shape
    pair = np.random.default_rng(3).uniform(0, 1, (2, *shape[1:])).astype(np.float32)
    both = session.run(None, {"data": pair})
    for index in range(2):
        for one, two in zip(session.run(None, {"data": pair[index : index + 1]}), both):
            np.testing.assert_allclose(one[0], two[index], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (START + "[rnn]\noutput=4\n", "rnn"),
        (START + "[shortcut]\nfrom=-1\nweights_type=per_feature\n" + START, "weights its sources"),
        (CONV.format(4, 3, "norm_chan"), "norm_chan"),
        (START + "[convolutional]\nfilters=4\nsize=3\nxnor=1\nactivation=linear\n", "xnor"),
        (START + "[maxpool]\nmaxpool_depth=1\nout_channels=2\n", "channels"),
        (START + "[upsample]\nstride=-2\n", "scales down"),
        (START + "[route]\nlayers=-1\ngroups=2\ngroup_id=2\n", "group 2"),
    ],
)
def test_what_is_not_converted_is_told_with_its_line(tmp_path: Path, layers: str, said: str) -> None:
    cfg, weights = _folder(tmp_path, layers)
    with pytest.raises(BadWeights, match=said) as caught:
        convert_darknet(cfg, weights)
    assert "line" in (caught.value.where or "")


def test_weights_of_another_length_are_refused(tmp_path: Path) -> None:
    cfg, weights = _folder(tmp_path, START)
    data = weights.read_bytes()
    for count in (0, 3, 12, len(data) // 2, len(data) - 1):
        weights.write_bytes(data[:count])
        with pytest.raises(BadWeights):
            convert_darknet(cfg, weights)
    weights.write_bytes(data + bytes(4))
    with pytest.raises(BadWeights, match=r"belong together|describes"):
        convert_darknet(cfg, weights)
