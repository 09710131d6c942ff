"""Prints what publishing, fetching, listing and resolving cost, against hashing and copying the same bytes.

    python scripts/bench/transfer.py [--rounds 7] [--megabytes 100] [--folder DIR]

Each round runs all measures once, one after the other, so that what else the machine does falls on all of them alike;
the median of the ratios is printed. The baseline is sha256 in buffers of 1 MiB, then shutil.copyfile; it leaves the
copy in the page cache. Ours is on the disk for good (fsync) when it returns, so the baseline with an fsync is printed
too. A publish takes sha256 twice, of the whole and of each piece, in two threads: its wall time needs a second core
that is free.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from hash_and_copy import hash_and_copy  # noqa: E402
from table import Row, show  # noqa: E402
from turns import here, in_turns, ratio  # noqa: E402

from aai.core.fields import FILE_NAME  # noqa: E402
from aai.core.model_config import load  # noqa: E402
from aai.core.publish import publish_model  # noqa: E402
from aai.registry.folder import FolderRegistry  # noqa: E402
from aai.registry.index import ModelIndex, index_bytes  # noqa: E402

MODELS, VERSIONS = 1000, 20


def main() -> int:
    parser = argparse.ArgumentParser(description="Costs of publish, fetch, list and resolve.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's folder for temporary files")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="aai-bench-") as work:
        rows = [*_transfer(Path(work), given.rounds, given.megabytes), *_names(Path(work), given.rounds)]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return show([*rows, Row("publish, fetch, list: memory", peak_mb, "MB", 150)])


def _transfer(work: Path, rounds: int, megabytes: int) -> list[Row]:
    model = _model_folder(work / "model", megabytes)
    weights = model / "weights.onnx"
    registry = FolderRegistry(work / "registry")
    copy = work / "copy"

    def publish() -> None:
        assert publish_model(load(model), registry).created

    def fetch() -> None:
        registry.fetch("bench/model", digest, weights.stat().st_size, copy)

    digest = "sha256:" + hash_and_copy(weights, copy)
    measures: dict[str, Callable[[], object]] = {
        "sha256 + copy": lambda: hash_and_copy(weights, copy),
        "sha256 + copy + fsync": lambda: hash_and_copy(weights, copy, sync=True),
        "publish": publish,
        "fetch": fetch,
    }

    def clear(name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            copy.unlink()
        if name == "publish":
            shutil.rmtree(registry.root, ignore_errors=True)
        os.sync()

    costs = in_turns({name: lambda call=call: here(call) for name, call in measures.items()}, rounds, clear)
    rows = []
    for name in ("publish", "fetch"):
        what = f"{name} {megabytes} MB"
        rows.append(ratio(f"{what}: wall, to sha256 + copy", costs, name, "sha256 + copy", "wall", 1.3))
        rows.append(ratio(f"{what}: CPU, to sha256 + copy", costs, name, "sha256 + copy", "cpu"))
        rows.append(ratio(f"{what}: wall, to sha256 + copy + fsync", costs, name, "sha256 + copy + fsync", "wall"))
    return rows


def _names(work: Path, rounds: int) -> list[Row]:
    full, empty = FolderRegistry(work / "full"), FolderRegistry(work / "empty")
    for number in range(MODELS):
        folder = full.root / f"publisher{number % 10}" / f"model{number}"
        folder.mkdir(parents=True)
        index = ModelIndex(f"publisher{number % 10}/model{number}")
        for version in range(VERSIONS):
            summary = {"framework_type": "onnx", "purpose": "ObjectDetection", "description": "a model of many"}
            digest = "sha256:" + hashlib.sha256(f"{number} {version}".encode()).hexdigest()
            index = index.with_version(digest, 1000, 10_000_000, summary)
        (folder / "index.json").write_bytes(index_bytes(index.with_tag("production", VERSIONS - 1)))
    small = _model_folder(work / "small", 0)
    for registry in (full, empty):
        publish_model(load(small), registry)
    measures: dict[str, Callable[[], object]] = {
        "list": full.list_models,
        "resolve each": lambda: [full.resolve(f"publisher{n % 10}/model{n}", "production") for n in range(MODELS)],
        "publish beside none": lambda: publish_model(load(small), empty, force=True),
        "publish beside all": lambda: publish_model(load(small), full, force=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            start = time.perf_counter()
            measure()
            seconds[name].append(time.perf_counter() - start)
    targets = {"list": 1.0, "resolve each": 1.0}
    return [
        Row(f"{name}, {MODELS} models of {VERSIONS} versions", statistics.median(values), "s", targets.get(name))
        for name, values in seconds.items()
    ]


def _model_folder(folder: Path, megabytes: int) -> Path:
    folder.mkdir()
    with (folder / "weights.onnx").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))
    parameters = {
        "framework_type": "onnx",
        "purpose": "Classification",
        "model_file": "weights.onnx",
        "size": [224, 224],
    }
    (folder / FILE_NAME).write_text(json.dumps({"id": "bench/model", "model_parameters": parameters}))
    return folder


if __name__ == "__main__":
    sys.exit(main())
