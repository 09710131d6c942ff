"""Makes tests/data/same-network/net.pb and net.tflite: the network of tests/same_network.py by TensorFlow itself.

TensorFlow is large, and nothing else here needs it, so it gets an environment of its own:

    python -m venv .venv-tensorflow && .venv-tensorflow/bin/pip install tensorflow-cpu
    .venv-tensorflow/bin/python scripts/same_network.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: E402

from tests.same_network import DATA, HEIGHT, WIDTH, raw_head, tensor, weights  # noqa: E402


def network(data: Any) -> Any:
    """The network in TensorFlow's own axis order, (N, H, W, C)."""
    found, value = weights(), data
    for name in ("one", "two", "head"):
        kernel = found[f"{name}.kernel"].transpose(2, 3, 1, 0)
        value = tf.nn.bias_add(tf.nn.conv2d(value, kernel, 1, "SAME"), found[f"{name}.bias"], name=name)
        if name != "head":
            value = tf.nn.max_pool2d(tf.nn.relu(value), 2, 2, "VALID")
    return value


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    shape = tf.TensorSpec([1, HEIGHT, WIDTH, 3], tf.float32, name="data")
    function = tf.function(network).get_concrete_function(shape)
    frozen = convert_variables_to_constants_v2(function)
    graph = frozen.graph.as_graph_def()
    for node in graph.node:
        # Where the operations stood in this file is of no use to anybody.
        node.ClearField("experimental_debug_info")
    graph.ClearField("versions")
    (DATA / "net.pb").write_bytes(graph.SerializeToString(deterministic=True))
    lite = tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert()
    (DATA / "net.tflite").write_bytes(lite)
    answer = frozen(tf.constant(tensor().transpose(0, 2, 3, 1)))[0].numpy().transpose(0, 3, 1, 2)
    print(f"TensorFlow {tf.__version__}: largest difference to numpy {np.abs(answer - raw_head()).max():.2g}")


if __name__ == "__main__":
    main()
