"""Fuzzes readers of weight files, one process each, and prints a table; see scripts/fuzz."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

from edges import Edges  # noqa: E402
from loop import Loop, Tally  # noqa: E402
from words import words_below  # noqa: E402

from aai.core.inspect.folder import find_files  # noqa: E402
from tests.reader_seeds import Seed, seeds  # noqa: E402

CODE = ROOT / "aai" / "core" / "inspect"
MAX_START_BYTES = 4 << 20
_READERS_OF = {
    "onnx": ("onnx",),
    "darknet": ("darknet-weights", "darknet-cfg"),
    "caffe": ("caffemodel", "prototxt"),
    "tensorflow": ("tensorflow-pb", "pbtxt"),
    "dldt": ("ir-bin", "ir-xml"),
    "enet": ("torch7",),
    "tflite": ("tflite",),
    "tensor-rt": ("engine",),
    "hailo": ("hef",),
    "myriad": ("blob",),
}
"""Framework -> names of the readers of its model file and of its structure file."""


HEAD = "reader           starts     files   per s     read  edges     +   kept    slowest  findings"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Throws damaged files at the readers.")
    parser.add_argument(
        "readers", nargs="*", metavar="READER", help=f"one of {', '.join(sorted(seeds()))}; all without"
    )
    parser.add_argument("--seconds", type=float, default=60, help="for each reader (default 60)")
    parser.add_argument("--zoo", type=Path, default=os.environ.get("AAI_ZOO"), help="a model zoo, with MANIFEST.json")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"), help="where findings are written")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    given = parser.parse_args()
    unknown = sorted(set(given.readers) - set(seeds()))
    if unknown:
        parser.error(f"no reader is called {', '.join(unknown)}: there are {', '.join(sorted(seeds()))}")
    starts = with_zoo(given.zoo) if given.zoo else {name: list(group) for name, group in seeds().items()}
    print(HEAD)
    findings = 0
    for name in given.readers or sorted(starts):
        with multiprocessing.get_context("fork").Pool(1) as pool:
            tally = pool.apply(fuzz, (name, starts[name], given.seconds, given.out, given.seed))
        print(line(tally), flush=True)
        findings += len(tally.findings)
    return 1 if findings else 0


def fuzz(name: str, starts: list[Seed], seconds: float, out: Path, seed: int) -> Tally:
    """One reader, in a process of its own."""
    memory = Path("/dev/shm")
    others = [start.data for group in seeds().values() for start in group]
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        edges = Edges([CODE])
        return Loop(name, starts, others, words_below(CODE), edges, Path(scratch), out, seed).run(seconds)


def with_zoo(zoo: Path) -> dict[str, list[Seed]]:
    """The small files, and those of a zoo that are not too large to be read often."""
    starts = {name: list(group) for name, group in seeds().items()}
    for entry in json.loads((zoo / "MANIFEST.json").read_text(encoding="utf-8")):
        folder = zoo / entry["path"]
        facts = find_files(folder, {})
        framework, model = facts["framework_type"].value, (folder / facts["model_file"].value).read_bytes()
        config = (folder / facts["config_file"].value).read_bytes() if "config_file" in facts else b""
        if max(len(model), len(config)) > MAX_START_BYTES:
            continue
        names = _READERS_OF[framework]
        if names[0] in starts:
            starts[names[0]].append(Seed(framework, model, "model", config))
        if config and names[1] in starts:
            starts[names[1]].append(Seed(framework, config, "config", model))
    return starts


def line(tally: Tally) -> str:
    """One row of the table."""
    rate = tally.executions / max(tally.seconds, 1e-9)
    found = "; ".join(tally.findings) or "none"
    return (
        f"{tally.reader:16}{tally.starts:7}{tally.executions:10,}{rate:8.0f}{tally.answers:9,}{tally.edges:7,}"
        f"{tally.edges - tally.start_edges:6,}{tally.kept:7,}{tally.slowest_s * 1000:7.0f} ms  {found}"
    )


if __name__ == "__main__":
    sys.exit(main())
