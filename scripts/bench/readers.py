"""CPU time of reading weight files without their runtime, for every model of the zoo.

The binary formats against 5 ms; an IR's xml against `xml.etree.ElementTree.parse` of the same file. What a reader
imports is checked too: no framework. Needs the model zoo: AAI_ZOO, or `../shared/zoo` beside the checkout.
"""

from __future__ import annotations

import json
import os
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

from table import Row, show  # noqa: E402

from aai.core.inspect import inspect_model  # noqa: E402
from aai.core.inspect.folder import find_files  # noqa: E402

ROUNDS = 20
BINARY_TARGET_MS, XML_TARGET = 5.0, 1.5
RUNTIMES = ("cv2", "onnx", "onnxruntime", "openvino", "ai_edge_litert", "tensorflow", "tensorrt", "hailo_platform")


def main() -> int:
    zoo = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo")
    if not (zoo / "MANIFEST.json").is_file():
        sys.exit(f"the model zoo is not at {zoo}: set AAI_ZOO")
    rows = []
    for entry in json.loads((zoo / "MANIFEST.json").read_text(encoding="utf-8")):
        folder = zoo / entry["path"]
        facts = find_files(folder, {})
        config = facts.get("config_file")
        structure = folder / config.value if config else None
        weights, framework = folder / facts["model_file"].value, facts["framework_type"].value
        ours = best_ms(lambda w=weights, f=framework, s=structure: inspect_model(f, w, s))
        name = f"reading {framework}/{entry['name']}"
        if framework == "dldt":
            plain = best_ms(lambda s=structure: ElementTree.parse(s))
            note = f"{ours:.1f} ms to {plain:.1f} ms"
            rows.append(Row(f"{name}: CPU, to ElementTree", ours / plain, "x", XML_TARGET, note))
        else:
            rows.append(Row(f"{name}: CPU", ours, "ms", BINARY_TARGET_MS))
    loaded = [name for name in RUNTIMES if name in sys.modules]
    rows.append(Row("frameworks imported by the readers", len(loaded), "", 0, ", ".join(loaded)))
    return show(rows)


def best_ms(call: Callable[[], Any]) -> float:
    """The least CPU milliseconds of some calls: reading is short, and whatever else runs only adds to it."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        call()
        times.append((time.process_time_ns() - started) / 1e6)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
