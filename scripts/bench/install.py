"""What `aai app install` costs: with nothing to do, and for 100 MB against hashing and copying the same bytes.

    python scripts/bench/install.py [--rounds 9] [--megabytes 100] [--folder DIR]

Needs the package installed in the environment of the Python that runs this. Each round runs all measures once, one
after the other; printed is the median of the ratios. The baseline reads the files once for sha256, in buffers of 1 MiB,
and once more to copy them, and leaves the copy in the page cache. An install has its bytes on the disk for good (fsync)
when it returns, so the wall time is given against a baseline with fsync too. As a whole process it is compared with a
Python process that does the baseline and nothing else: most of the difference is the start of the program.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Callable

from hash_and_copy import hash_and_copy
from table import Row, show
from turns import Cost, here, in_turns, process, ratio

from aai.core.app.install import install_app
from aai.core.app.resolve import apply_plan, plan_add
from aai.core.app.scaffold import configure_app
from aai.core.app.target import Machine
from aai.core.model_config import load
from aai.core.publish import publish_model
from aai.device.store import Store
from aai.registry.folder import FolderRegistry

AAI = str(Path(sys.executable).parent / "aai")
MODELS = 10
BASELINE = [sys.executable, str(Path(__file__).with_name("hash_and_copy.py"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's folder for temporary files")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="aai-bench-") as work:
        rows = [*_large(Path(work), given.rounds, given.megabytes), *_idle(Path(work), given.rounds)]
    return show(rows)


def _large(work: Path, rounds: int, megabytes: int) -> list[Row]:
    model = _model_folder(work / "model", "bench/large", megabytes * 1_000_000)
    weights, copy = model / "weights.onnx", work / "copy"
    app, registry, store = _app(work / "large", [model])
    measures: dict[str, Callable[[], Cost]] = {
        "base": lambda: here(lambda: hash_and_copy(weights, copy)),
        "base, fsync": lambda: here(lambda: hash_and_copy(weights, copy, sync=True)),
        "install": lambda: here(lambda: _changed(install_app(app, registry, store, _machine))),
        "base process": lambda: process([*BASELINE, str(weights), str(copy)], work),
        "install process": lambda: process([AAI, "app", "install", "--quiet"], app),
    }
    costs = in_turns(measures, rounds, lambda name: _forget(copy, app / "models", store.folder))
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    size = f"{megabytes} MB"
    return [
        ratio(f"install {size}: wall, to sha256 + copy", costs, "install", "base", "wall", 1.3),
        ratio(f"install {size}: CPU, to sha256 + copy", costs, "install", "base", "cpu", 1.3),
        ratio(f"install {size}: wall, to sha256 + copy + fsync", costs, "install", "base, fsync", "wall"),
        ratio(f"aai app install, {size}: wall, to such a process", costs, "install process", "base process", "wall"),
        ratio(f"aai app install, {size}: CPU, to such a process", costs, "install process", "base process", "cpu"),
        Row(f"aai app install, {size}: memory", peak_mb, "MB", 150),
    ]


def _idle(work: Path, rounds: int) -> list[Row]:
    models = [_model_folder(work / f"small{n}", f"bench/small{n}", 100_000) for n in range(MODELS)]
    app, registry, store = _app(work / "idle", models)
    install_app(app, registry, store, _machine)
    measures = {
        "idle": lambda: process([AAI, "app", "install", "--quiet"], app),
        "version": lambda: process([AAI, "--version"], app),
    }
    costs = in_turns(measures, rounds)
    idle, version = (statistics.median(cost.cpu for cost in costs[name]) for name in ("idle", "version"))
    what = f"aai app install, nothing to do, {MODELS} models: CPU"
    return [Row(what, idle, "s", 0.3, f"of it aai --version {version:.2f} s")]


def _changed(result: object) -> None:
    assert getattr(result, "changed", False), "there was nothing to install"


def _forget(*paths: Path) -> None:
    """Takes away what the measure before has made, and lets the disk come to rest."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
    os.sync()


def _machine() -> Machine:
    return Machine("x86_64", "", frozenset({"onnx"}))


def _app(folder: Path, models: list[Path]) -> tuple[Path, FolderRegistry, Store]:
    """An app that wants `models`, published into a registry of its own; the command line finds registry and store."""
    registry, store = FolderRegistry(folder / "registry"), Store(folder / "store")
    os.environ.update(AAI_REGISTRY=registry.url, AAI_STORE=str(store.folder))
    app = folder / "app"
    configure_app(app)
    ids = []
    for model in models:
        config = load(model)
        publish_model(config, registry)
        ids.append(config.id)
    apply_plan(plan_add(app, ids, registry), registry)
    return app, registry, store


def _model_folder(folder: Path, model_id: str, size_bytes: int) -> Path:
    folder.mkdir()
    # In small parts: what this process has held counts as the memory of each that it starts.
    with (folder / "weights.onnx").open("wb") as file:
        for _ in range(size_bytes // 100_000):
            file.write(os.urandom(100_000))
    parameters = {
        "framework_type": "onnx",
        "purpose": "Classification",
        "model_file": "weights.onnx",
        "size": [224, 224],
    }
    (folder / "alwaysai.model.json").write_text(json.dumps({"id": model_id, "model_parameters": parameters}))
    return folder


if __name__ == "__main__":
    sys.exit(main())
