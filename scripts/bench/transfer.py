"""Prints what publishing, fetching, listing and resolving cost, against hashing and copying the same bytes.

    python scripts/bench/transfer.py [--rounds 7] [--megabytes 100] [--folder DIR]

Each round runs all measures once, one after the other, so that what else the machine does falls on all of them alike;
the medians are printed, with the ratio of medians. The baseline is sha256 in buffers of 1 MiB, then shutil.copyfile; it
leaves the copy in the page cache. Ours is on the disk for good (fsync) when it returns, so the baseline with an fsync
is printed too.
"""

from __future__ import annotations

import argparse
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

from aai.core.model_config import FILE_NAME, load  # noqa: E402
from aai.core.publish import publish_model  # noqa: E402
from aai.registry.folder import FolderRegistry  # noqa: E402
from aai.registry.index import ModelIndex, index_bytes  # noqa: E402

BUFFER_BYTES = 1024 * 1024
MODELS, VERSIONS = 1000, 20


def main() -> None:
    parser = argparse.ArgumentParser(description="Costs of publish, fetch, list and resolve.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's folder for temporary files")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="aai-bench-") as work:
        _transfer(Path(work), given.rounds, given.megabytes)
        _names(Path(work), given.rounds)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process           {peak_mb:8.0f} MB   (target 150)")


def _transfer(work: Path, rounds: int, megabytes: int) -> None:
    model = _model_folder(work / "model", megabytes)
    weights = model / "weights.onnx"
    registry = FolderRegistry(work / "registry")
    copy = work / "copy"

    def hash_and_copy() -> None:
        _hash(weights)
        shutil.copyfile(weights, copy)

    def hash_copy_and_sync() -> None:
        hash_and_copy()
        with copy.open("rb") as file:
            os.fsync(file.fileno())

    def publish() -> None:
        assert publish_model(load(model), registry).created

    def fetch() -> None:
        registry.fetch("bench/model", digest, weights.stat().st_size, copy)

    digest = "sha256:" + _hash(weights)
    measures: dict[str, Callable[[], None]] = {
        "sha256 + copy": hash_and_copy,
        "sha256 + copy + fsync": hash_copy_and_sync,
        "publish": publish,
        "fetch": fetch,
    }
    seconds: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        shutil.rmtree(registry.root, ignore_errors=True)
        for name, measure in measures.items():
            copy.unlink(missing_ok=True)
            os.sync()
            start = time.perf_counter()
            measure()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    base, durable = medians["sha256 + copy"], medians["sha256 + copy + fsync"]
    print(f"{megabytes} MB, median of {rounds} rounds; ratio to sha256 + copy, and to the same with fsync")
    for name, median in medians.items():
        target = "   (target 1.3)" if name in ("publish", "fetch") else ""
        print(f"{name:28}{median * 1000:15.0f} ms   {median / base:5.2f}   {median / durable:5.2f}{target}")


def _names(work: Path, rounds: int) -> None:
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
    publish_model(load(small), full), publish_model(load(small), empty)
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
    print(f"{MODELS} models of {VERSIONS} versions, median of {rounds} rounds")
    for name, values in seconds.items():
        target = "   (target 1000)" if name in ("list", "resolve each") else ""
        print(f"{name:28}{statistics.median(values) * 1000:15.1f} ms{target}")


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


def _hash(path: Path) -> str:
    hasher, buffer = hashlib.sha256(), memoryview(bytearray(BUFFER_BYTES))
    with path.open("rb", buffering=0) as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                return hasher.hexdigest()
            hasher.update(buffer[:count])


if __name__ == "__main__":
    main()
