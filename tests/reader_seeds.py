"""Small whole files for every reader, as they are about, and the ways in which files come to harm.

The property tests and `scripts/fuzz` start from them.
"""

from __future__ import annotations

import random
import struct
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Mapping, Sequence

from aai.core.inspect import inspect_model
from aai.core.inspect.report import Inspection
from tests import compiled_maker as compiled
from tests import flat_maker as flat
from tests.model_maker import CFG, detector_bytes, onnx_bytes, tensor, value_info, weights_bytes
from tests.same_network import DATA, write_caffe, write_torch7

IR = b"""<?xml version="1.0"?>
<net name="net" version="11">
  <layers>
    <layer id="0" name="image" type="Parameter" version="opset1">
      <data shape="1,3,24,32" element_type="f32"/>
      <output>
        <port id="0" precision="FP32" names="image"><dim>1</dim><dim>3</dim><dim>24</dim><dim>32</dim></port>
      </output>
    </layer>
    <layer id="1" name="w" type="Const" version="opset1">
      <data element_type="f32" shape="4" offset="0" size="16"/>
      <output><port id="0" precision="FP32"><dim>4</dim></port></output>
    </layer>
    <layer id="2" name="soft" type="SoftMax" version="opset8">
      <data axis="1"/>
      <input><port id="0"><dim>1</dim><dim>3</dim></port></input>
      <output><port id="1" precision="FP32" names="scores"><dim>1</dim><dim>3</dim></port></output>
    </layer>
    <layer id="3" name="scores/out" type="Result" version="opset1">
      <input><port id="0"><dim>1</dim><dim>3</dim></port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="2" from-port="1" to-layer="3" to-port="0"/>
  </edges>
  <rt_info><model_info><mean_values value="1 2 3"/><labels value="a b c"/></model_info></rt_info>
</net>
"""
PBTXT = b"""node {
  name: "data"
  op: "Placeholder"
  attr { key: "shape" value { shape { dim { size: 1 } dim { size: 48 } dim { size: 64 } dim { size: 3 } } } }
}
node { name: "scores" op: "Softmax" input: "data" }
"""


@dataclass(frozen=True)
class Seed:
    """A model of which one file is to be damaged.

    Args:
        framework: that reads it.
        data: the whole content of the file that is damaged.
        role: "model" or "config": which of the two it is.
        other: the whole content of the model's other file; b"" when it has one file.
    """

    framework: str
    data: bytes
    role: str = "model"
    other: bytes = b""


@lru_cache(maxsize=1)
def seeds() -> Mapping[str, Sequence[Seed]]:
    """Name of a reader -> whole files for it."""
    prototxt, caffemodel = _written(write_caffe, "net.prototxt", "net.caffemodel")
    (torch7,) = _written(write_torch7, "net.t7")
    graph = (DATA / "net.pb").read_bytes()
    return {
        "onnx": [Seed("onnx", detector_bytes()), Seed("onnx", _noted_onnx())],
        "darknet-cfg": [Seed("darknet", CFG.encode(), "config", weights_bytes())],
        "darknet-weights": [Seed("darknet", weights_bytes(), "model", CFG.encode())],
        "prototxt": [Seed("caffe", prototxt, "config", caffemodel)],
        "caffemodel": [Seed("caffe", caffemodel, "model", prototxt)],
        "tensorflow-pb": [Seed("tensorflow", graph)],
        "pbtxt": [Seed("tensorflow", PBTXT, "config", graph)],
        "ir-xml": [Seed("dldt", IR, "config", bytes(16))],
        "torch7": [Seed("enet", torch7)],
        "tflite": _tflite(),
        "engine": [
            Seed("tensor-rt", compiled.engine_bytes(compiled.NOTES)),
            Seed("tensor-rt", compiled.plan_bytes((10, 3, 0), 239)),
            Seed("tensor-rt", compiled.old_engine_bytes()),
        ],
        "hef": [
            Seed("hailo", compiled.hef_bytes()),
            *(Seed("hailo", compiled.hef_bytes([compiled.yolo_network()], 3, version)) for version in (1, 3)),
        ],
        "blob": [Seed("myriad", compiled.blob_bytes(form, [(1, 10), (1, 1, 20, 7)])) for form in (5, 6)],
    }


def read(seed: Seed, data: bytes, folder: Path) -> Inspection:
    """What the reader says when the seed's file holds `data`; the files are written into `folder`.

    Raises:
        AaiError: it is refused.
    """
    damaged, whole = folder / "damaged.bin", folder / "whole.bin"
    damaged.write_bytes(data)
    if not seed.other:
        return inspect_model(seed.framework, damaged)
    whole.write_bytes(seed.other)
    model, config = (damaged, whole) if seed.role == "model" else (whole, damaged)
    return inspect_model(seed.framework, model, config)


_INTERESTING = (0, 1, 2, 3, 4, 8, 16, 32, 64, 100, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 1 << 20, 1 << 24)
_LARGE = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 1 << 40)
_NO_NUMBERS = tuple(struct.pack(form, float(word)) for form in ("<f", "<d") for word in ("nan", "inf", "-inf", "1e38"))
_WORDS = (
    *_NO_NUMBERS,
    b"\xff" * 10,
    b"\0" * 8,
    b"nan",
    b"1e999",
    b"-1",
    b"99999999999999999999",
    b"\x80" * 9 + b"\x01",
    b"{",
    b"[",
)


def damaged(
    data: bytes, chance: random.Random, others: Sequence[bytes] = (), words: Sequence[int | bytes] = ()
) -> bytes:
    """`data` with bits flipped, numbers put in, pieces cut out, doubled, moved or taken from other files.

    Args:
        data: the whole file.
        chance: what decides.
        others: files to take pieces from.
        words: numbers and texts that the readers compare with.
    """
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        if words and chance.random() < 0.3:
            _put_word(out, chance, chance.choice(words))
        else:
            _damage(out, chance, others)
    return bytes(out)


def _put_word(out: bytearray, chance: random.Random, word: int | bytes) -> None:
    """Puts a word over what is there, or between; a number in one of the widths that it fits."""
    place = chance.randrange(len(out)) if out else 0
    if isinstance(word, int):
        form = chance.choice(
            [form for form in ("<B", "<H", ">H", "<I", ">I", "<Q") if word < 256 ** struct.calcsize(form)]
        )
        word = struct.pack(form, word)
        out[place : place + len(word)] = word
    elif chance.random() < 0.5:
        out[place : place + len(word)] = word
    else:
        out[place:place] = word


def _damage(out: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    place = chance.randrange(len(out)) if out else 0
    kind = chance.randrange(9)
    if kind == 0 and out:
        out[place] ^= 1 << chance.randrange(8)
    elif kind == 1 and out:
        out[place] = chance.randrange(256)
    elif kind == 2:
        form = chance.choice(("<H", ">H", "<I", ">I", "<Q", ">Q", "B"))
        value = chance.choice((*_INTERESTING, *_LARGE)) & ((1 << 8 * struct.calcsize(form)) - 1)
        packed = struct.pack(form, value)
        out[place : place + len(packed)] = packed
    elif kind == 3 and out:
        out[place] = (out[place] + chance.randint(-16, 16)) & 0xFF
    elif kind == 4:
        del out[place : place + chance.choice((1, 2, 4, 8, 30, 200))]
    elif kind == 5:
        out[place:place] = out[place : place + chance.choice((1, 4, 16, 64, 300))]
    elif kind == 6:
        word = chance.choice(_WORDS)
        out[place : place + (len(word) if chance.random() < 0.5 else 0)] = word
    elif kind == 7 and others:
        other = chance.choice(others)
        start = chance.randrange(len(other)) if other else 0
        length = chance.choice((4, 16, 64, 400))
        out[place : place + length] = other[start : start + length]
    else:
        del out[place:]


def _written(write: object, *names: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))  # type: ignore[operator]
        return [(Path(folder) / name).read_bytes() for name in names]


def _noted_onnx() -> bytes:
    notes = {"names": "{0: 'a', 1: 'b'}", "imgsz": "[64, 64]", "task": "detect", "stride": "32"}
    external = [tensor("w", external={"location": "w.bin", "length": "12"})]
    return onnx_bytes([value_info("x", ["n", 3, None, 64])], [value_info("y", [1, "b", 7])], [], external, notes)


def _tflite() -> list[Seed]:
    block = {"TFLITE_METADATA": flat.metadata_bytes([127.5], [127.5], "labels.txt", 1, name="net", license="MIT")}
    files = [
        (DATA / "net.tflite").read_bytes(),
        flat.with_files(flat.classifier_bytes(3, flat.INT8, [1 / 255], [-128], blocks=block), labels_txt="a\nb\nc"),
        flat.with_files(flat.edge_tpu_bytes(), notes_json="{'task': 'classify', 'names': {0: 'a', 1: 'b'}}"),
        flat.detection_bytes(),
    ]
    return [Seed("tflite", data) for data in files]
