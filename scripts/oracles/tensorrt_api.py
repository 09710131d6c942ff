"""The names that NVIDIA's own TensorRT module has, class by class: the oracle for the fakes in tests/fakes.

    python scripts/oracles/tensorrt_api.py tests/data/tensorrt-api.json

Run it in an environment of each version; the file keeps the others. No GPU and no driver is needed, since nothing is
made but asked for its names. What has been read: the wheels tensorrt 8.5.3.1 and 8.6.0 with cuBLAS and cuDNN of their
CUDA, and tensorrt-cu12-bindings 10.3.0 and tensorrt-cu13-bindings 11.4.0.106 (module tensorrt_bindings) over empty
stand-ins for libnvinfer, libnvinfer_plugin and libnvonnxparser.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

CLASSES = (
    "Builder",
    "BuilderFlag",
    "DataType",
    "IBuilderConfig",
    "ICudaEngine",
    "IExecutionContext",
    "IHostMemory",
    "IInt8EntropyCalibrator2",
    "ILogger",
    "INetworkDefinition",
    "IOptimizationProfile",
    "IProgressMonitor",
    "ITensor",
    "Logger",
    "MemoryPoolType",
    "NetworkDefinitionCreationFlag",
    "OnnxParser",
    "ParserError",
    "Runtime",
    "TensorFormat",
    "TensorIOMode",
    "TensorLocation",
)


def names() -> dict[str, list[str]]:
    """Class -> its public names; "" -> those of the classes that are there, and of the functions."""
    trt = import_module("tensorrt" if find_spec("tensorrt") else "tensorrt_bindings")
    found = {name: [own for own in dir(getattr(trt, name)) if own[0] != "_"] for name in CLASSES if hasattr(trt, name)}
    return {"": [*found, "init_libnvinfer_plugins"], **found, "version": [trt.__version__]}


def main() -> None:
    """Adds the version of this environment to the file."""
    path = Path(sys.argv[1])
    known = json.loads(path.read_text()) if path.exists() else {}
    here = names()
    known[here.pop("version")[0]] = here
    path.write_text(json.dumps(dict(sorted(known.items())), indent=0) + "\n")


if __name__ == "__main__":
    main()
