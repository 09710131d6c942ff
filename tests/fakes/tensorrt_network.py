"""What the fake TensorRT runs: a matrix. Its plan is a header as TensorRT's, then the network as JSON.

    {"inputs": [{"name", "shape", "dtype", "least", "most"}], "outputs": [{"name", "shape", "dtype"}],
     "matrix": [[...]], "tricks": {...}}

Shapes have the batch axis first; -1 is an open axis. All inputs of one image, flat and side by side, times the matrix,
are the outputs of one image, flat and side by side. With "implicit" the engine has no batch axis in its shapes.
Written for Python 3.6, as what it tests.
"""

import json
import os
import signal
import time
from typing import Any, Dict, List, Tuple

import numpy as np

HEADER_BYTES = 32
NUMPY_TYPES = {"FLOAT": "float32", "HALF": "float16", "INT32": "int32", "UINT8": "uint8", "INT8": "int8"}


class Refused(Exception):
    """A plan that this TensorRT does not load, with what it would log."""


def make_plan(network: Dict[str, Any], version: str) -> bytes:
    """The plan of `network` as TensorRT of `version` writes it."""
    numbers = bytes(int(part) for part in version.split(".")[:3])
    header = b"ftrt" + bytes(20) + numbers
    data = json.dumps(network).encode()
    return header.ljust(HEADER_BYTES - 4, b"\0") + len(data).to_bytes(4, "little") + data


def read_plan(plan: Any, version: str) -> Dict[str, Any]:
    """The network in `plan`.

    Raises:
        Refused: it is not one of this version, or is cut off.
    """
    data = bytes(plan)
    built = ".".join(str(number) for number in data[24:27])
    if data[:4] != b"ftrt" or len(data) < HEADER_BYTES:
        raise Refused("Serialization assertion magicTag == kMAGIC failed.")
    if built.split(".")[:2] != version.split(".")[:2]:
        raise Refused(
            "Error Code 1: Serialization (Serialization assertion stdVersionRead == serializationVersion failed."
            f"Version tag does not match. Note: Current Version: {version}, Serialized Engine Version: {built})"
        )
    length = int.from_bytes(data[HEADER_BYTES - 4 : HEADER_BYTES], "little")
    try:
        network = json.loads(data[HEADER_BYTES : HEADER_BYTES + length].decode("utf-8"))
    except ValueError:
        network = None
    if not isinstance(network, dict) or len(data) < HEADER_BYTES + length:
        raise Refused("Serialization assertion failed: the engine is truncated")
    trick(network, "load")
    return network


def trick(network: Dict[str, Any], moment: str) -> None:
    """What a test wants to go wrong at this moment: "load" or "run"."""
    wanted = network.get("tricks", {}).get(moment)
    if wanted == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif wanted == "hang":
        time.sleep(600)
    elif wanted == "print":
        os.write(1, b"a library prints to standard output\n" * 5000)
    elif wanted == "say":
        os.write(2, b"[TRT] [E] a library says why\n")
        os._exit(7)
    elif wanted == "raise":
        raise ValueError("a fault of the binding")
    elif wanted == "garbage":
        os.write(_answers(), b"HTTP/1.1 200 OK\r\n\r\n")
    elif wanted == "flood":
        os.write(_answers(), b"aai1\xff\xff\xff\xff" + bytes(100))
    elif wanted == "half":
        os.write(_answers(), b"aai1\x10\0\0\0{}")
        time.sleep(600)


def _answers() -> int:
    """The worker's own way to its client: the pipe that is neither of the standard ones."""
    for number in range(3, 64):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("pipe:"):
            return number
    raise AssertionError("there is no such pipe")


def outputs_of(network: Dict[str, Any], inputs: List[Any]) -> List[Any]:
    """The outputs for `inputs`, each with a batch axis."""
    count = len(inputs[0])
    rows = np.concatenate([array.reshape(count, -1).astype(np.float64) for array in inputs], axis=1)
    matrix = np.asarray(network["matrix"], np.float64)
    values = rows @ np.resize(matrix, (rows.shape[1], matrix.shape[1]))
    found, start = [], 0
    for output in network["outputs"]:
        shape = tuple(output["shape"][1:])
        size = int(np.prod(shape))
        part = values[:, start : start + size].reshape((count, *shape))
        found.append(part.astype(NUMPY_TYPES[output["dtype"]]))
        start += size
    return found


def shape_of(spec: Dict[str, Any], batch: int) -> Tuple[int, ...]:
    """The shape of an output under a batch."""
    return (batch, *tuple(spec["shape"][1:])) if spec["shape"][0] == -1 else tuple(spec["shape"])
