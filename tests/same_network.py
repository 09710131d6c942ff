"""One small detector with the same weights in the files of every framework, and its answer in plain numpy.

Two convolutions of 3x3 with ReLU and max-pooling, and a head of 1x1 for two anchors and three classes. The files of
Darknet, Caffe and Torch7 are written here: nothing else that is kept writes them. ONNX and OpenVINO's IR are written by
their own packages; TensorFlow's and TFLite's by `scripts/same_network`, in an environment of their own, into
`tests/data/same-network`.

Formats: Darknet, parser.c (save_weights). Caffe, caffe.proto (NetParameter, LayerParameter, BlobProto). Torch7,
File.lua and Tensor.lua (writeObject, binary).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Sequence, Union

import numpy as np

from tests.model_maker import part, varint

WIDTH, HEIGHT = 64, 48
ANCHORS = [[9.0, 12.0], [24.0, 20.0]]
CLASSES = 3
HEAD = len(ANCHORS) * (5 + CLASSES)
DATA = Path(__file__).resolve().parent / "data" / "same-network"

DECODER: dict[str, Any] = {
    "name": "darknet-region",
    "heads": [{"anchors": ANCHORS, "classes": CLASSES, "kind": "yolo"}],
}
"""`aai.decoder` for the raw head."""

Value = Union[float, bool, str, "TorchObject", np.ndarray, Sequence[Any]]


def weights() -> dict[str, np.ndarray]:
    """Kernels (out, in, h, w) and biases, float32; the same at every call. Scores spread over 0..1, no two alike."""
    random = np.random.default_rng(20)
    found = {}
    for name, filters, channels, size in (("one", 8, 3, 3), ("two", 12, 8, 3), ("head", HEAD, 12, 1)):
        spread = np.sqrt(2.0 / (channels * size * size))
        found[f"{name}.kernel"] = random.normal(0, spread, (filters, channels, size, size)).astype(np.float32)
        found[f"{name}.bias"] = random.normal(0, 0.3, filters).astype(np.float32)
    found["head.kernel"] *= 6
    # Few cells have an object, as in a trained network.
    found["head.bias"].reshape(len(ANCHORS), -1)[:, 4] += 1
    return found


def image() -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 BGR: blots of colour, so that the cells differ."""
    random = np.random.default_rng(4)
    rough = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.ascontiguousarray(rough.repeat(HEIGHT // 6, axis=0).repeat(WIDTH // 8, axis=1))


def tensor() -> np.ndarray:
    """(1, 3, HEIGHT, WIDTH) float32: `image` as RGB in 0..1."""
    return np.ascontiguousarray(image()[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))


def raw_head() -> np.ndarray:
    """(1, HEAD, HEIGHT / 4, WIDTH / 4) float64: the answer to `tensor`, worked out in numpy."""
    found = weights()
    x = tensor()[0].astype(np.float64)
    for name in ("one", "two"):
        x = np.maximum(_convolved(x, found[f"{name}.kernel"], found[f"{name}.bias"]), 0)
        channels, height, width = x.shape
        x = x.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
    return _convolved(x, found["head.kernel"], found["head.bias"])[None]


def _convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    side = kernel.shape[2]
    padded = np.pad(x, ((0, 0), (side // 2,) * 2, (side // 2,) * 2))
    total = np.zeros((len(kernel), *x.shape[1:]))
    for row in range(side):
        for column in range(side):
            window = padded[:, row : row + x.shape[1], column : column + x.shape[2]]
            total += np.tensordot(kernel[:, :, row, column].astype(np.float64), window, axes=1)
    return total + bias[:, None, None]


def write_darknet(folder: Path) -> dict[str, str]:
    convolution = "[convolutional]\nfilters={}\nsize={}\nstride=1\npad=1\nactivation={}\n"
    pool = "[maxpool]\nsize=2\nstride=2\n"
    anchors = ", ".join(f"{width:g},{height:g}" for width, height in ANCHORS)
    cfg = [f"[net]\nwidth={WIDTH}\nheight={HEIGHT}\nchannels=3\n"]
    cfg += [convolution.format(8, 3, "relu"), pool, convolution.format(12, 3, "relu"), pool]
    cfg += [convolution.format(HEAD, 1, "linear")]
    # Without a threshold OpenCV makes zeros of all scores below 0.2.
    cfg += [f"[yolo]\nmask=0,1\nanchors={anchors}\nclasses={CLASSES}\nnum=2\nthresh=0.001\n"]
    (folder / "net.cfg").write_text("\n".join(cfg))
    found = weights()
    values = [found[f"{name}.{kind}"] for name in ("one", "two", "head") for kind in ("bias", "kernel")]
    (folder / "net.weights").write_bytes(
        struct.pack("<iiiQ", 0, 2, 5, 0) + b"".join(value.astype("<f4").tobytes() for value in values)
    )
    return {"framework_type": "darknet", "model_file": "net.weights", "config_file": "net.cfg"}


def write_caffe(folder: Path) -> dict[str, str]:
    lines = [
        'name: "net"',
        'layer { name: "data" type: "Input" top: "data"',
        f"  input_param {{ shape {{ dim: 1 dim: 3 dim: {HEIGHT} dim: {WIDTH} }} }} }}",
    ]
    found, layers, bottom = weights(), [], "data"
    for name in ("one", "two", "head"):
        kernel, bias = found[f"{name}.kernel"], found[f"{name}.bias"]
        side = kernel.shape[2]
        lines.append(
            f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}"\n  convolution_param '
            f"{{ num_output: {len(kernel)} kernel_size: {side} pad: {side // 2} stride: 1 }} }}"
        )
        blobs = b"".join(part(7, _blob(values)) for values in (kernel, bias))
        layers.append(part(1, name) + part(2, "Convolution") + part(3, bottom) + part(4, name) + blobs)
        bottom = name
        if name != "head":
            lines.append(f'layer {{ name: "{name}_relu" type: "ReLU" bottom: "{name}" top: "{name}" }}')
            lines.append(
                f'layer {{ name: "{name}_pool" type: "Pooling" bottom: "{name}" top: "{name}_pool"\n'
                "  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }"
            )
            bottom = f"{name}_pool"
    (folder / "net.prototxt").write_text("\n".join(lines) + "\n")
    (folder / "net.caffemodel").write_bytes(part(1, "net") + b"".join(part(100, layer) for layer in layers))
    return {"framework_type": "caffe", "model_file": "net.caffemodel", "config_file": "net.prototxt"}


def _blob(values: np.ndarray) -> bytes:
    shape = b"".join(varint(length) for length in values.shape)
    return part(5, values.astype("<f4").tobytes()) + part(7, part(1, shape))


class TorchObject:
    """An instance of a Torch class, with its fields."""

    def __init__(self, name: str, **fields: Any) -> None:
        self.name = name
        self.fields = fields


def write_torch7(folder: Path) -> dict[str, str]:
    found = weights()
    modules = []
    for name in ("one", "two", "head"):
        kernel, bias = found[f"{name}.kernel"], found[f"{name}.bias"]
        filters, channels, side, _ = kernel.shape
        modules.append(
            TorchObject(
                "nn.SpatialConvolution",
                nInputPlane=channels,
                nOutputPlane=filters,
                kW=side,
                kH=side,
                dW=1,
                dH=1,
                padW=side // 2,
                padH=side // 2,
                weight=kernel,
                bias=bias,
            )
        )
        if name != "head":
            modules.append(TorchObject("nn.ReLU", inplace=True, threshold=0, val=0))
            modules.append(TorchObject("nn.SpatialMaxPooling", kW=2, kH=2, dW=2, dH=2, padW=0, padH=0, ceil_mode=False))
    writer = _TorchWriter()
    writer.write(TorchObject("nn.Sequential", modules=modules))
    (folder / "net.t7").write_bytes(bytes(writer.data))
    return {"framework_type": "enet", "model_file": "net.t7"}


class _TorchWriter:
    NUMBER, STRING, TABLE, TORCH, BOOLEAN = 1, 2, 3, 4, 5

    def __init__(self) -> None:
        self.data = bytearray()
        self._count = 0

    def write(self, value: Value) -> None:
        if isinstance(value, TorchObject):
            self._class(value.name)
            self._table(value.fields)
        elif isinstance(value, np.ndarray):
            self._tensor(value)
        elif isinstance(value, bool):
            self._int(self.BOOLEAN)
            self._int(int(value))
        elif isinstance(value, str):
            self._int(self.STRING)
            self._text(value)
        elif isinstance(value, (int, float)):
            self._int(self.NUMBER)
            self.data += struct.pack("<d", value)
        else:
            self._table({index: item for index, item in enumerate(value, 1)})

    def _tensor(self, values: np.ndarray) -> None:
        self._class("torch.FloatTensor")
        self._int(values.ndim)
        strides = [int(np.prod(values.shape[axis + 1 :])) for axis in range(values.ndim)]
        self.data += struct.pack(f"<{2 * values.ndim}q", *values.shape, *strides) + struct.pack("<q", 1)
        self._class("torch.FloatStorage")
        self.data += struct.pack("<q", values.size) + values.astype("<f4").tobytes()

    def _table(self, items: dict[Any, Any]) -> None:
        self._int(self.TABLE)
        self._index()
        self._int(len(items))
        for key, item in items.items():
            self.write(key)
            self.write(item)

    def _class(self, name: str) -> None:
        self._int(self.TORCH)
        self._index()
        self._text("V 1")
        self._text(name)

    def _index(self) -> None:
        self._count += 1
        self._int(self._count)

    def _int(self, value: int) -> None:
        self.data += struct.pack("<i", value)

    def _text(self, value: str) -> None:
        self._int(len(value))
        self.data += value.encode("ascii")


def write_onnx(folder: Path) -> dict[str, str]:
    from onnx import TensorProto, helper, numpy_helper, save

    constants = [numpy_helper.from_array(values, name) for name, values in weights().items()]
    nodes, value = [], "data"
    for name in ("one", "two", "head"):
        pads = [1] * 4 if name != "head" else [0] * 4
        nodes.append(helper.make_node("Conv", [value, f"{name}.kernel", f"{name}.bias"], [name], pads=pads))
        value = name
        if name != "head":
            nodes.append(helper.make_node("Relu", [name], [f"{name}_relu"]))
            nodes.append(
                helper.make_node("MaxPool", [f"{name}_relu"], [f"{name}_pool"], kernel_shape=[2, 2], strides=[2, 2])
            )
            value = f"{name}_pool"
    image_info = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])
    head_info = helper.make_tensor_value_info("head", TensorProto.FLOAT, [1, HEAD, HEIGHT // 4, WIDTH // 4])
    graph = helper.make_graph(nodes, "net", [image_info], [head_info], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)])
    model.ir_version = 7
    save(model, str(folder / "net.onnx"))
    return {"framework_type": "onnx", "model_file": "net.onnx"}


def write_ir(folder: Path) -> dict[str, str]:
    import openvino

    write_onnx(folder)
    model = openvino.convert_model(str(folder / "net.onnx"))
    # Half precision, the default, would hide differences of the engines behind that of the weights.
    openvino.save_model(model, str(folder / "net.xml"), compress_to_fp16=False)
    (folder / "net.onnx").unlink()
    return {"framework_type": "dldt", "model_file": "net.bin", "config_file": "net.xml"}


def write_tensorflow(folder: Path) -> dict[str, str]:
    (folder / "net.pb").write_bytes((DATA / "net.pb").read_bytes())
    return {"framework_type": "tensorflow", "model_file": "net.pb"}


def write_tflite(folder: Path) -> dict[str, str]:
    (folder / "net.tflite").write_bytes((DATA / "net.tflite").read_bytes())
    return {"framework_type": "tflite", "model_file": "net.tflite"}


WRITERS = {
    "darknet": write_darknet,
    "caffe": write_caffe,
    "enet": write_torch7,
    "onnx": write_onnx,
    "dldt": write_ir,
    "tensorflow": write_tensorflow,
    "tflite": write_tflite,
}
"""Framework -> writes the network into a folder, and says what of it goes into `model_parameters`."""
