"""The readers of Caffe, TensorFlow, OpenVINO and Torch7 files: what the zoo documents of its models, and bad files."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aai.core.configure import configure
from aai.core.inspect import inspect_file, inspect_model
from aai.errors import BadWeights
from tests.core.inspect.test_inspect_caffe import CONV, HEAD, SSD, caffemodel, convolution
from tests.core.inspect.test_inspect_hostile import damaged, survives
from tests.core.inspect.test_inspect_ir import arithmetic, floats
from tests.core.inspect.test_inspect_kinds import CONTENTS
from tests.core.inspect.test_inspect_tensorflow import CONV as GRAPH
from tests.core.inspect.test_inspect_tensorflow import DENSE, IMAGE, SHAPE, TEXT, placeholder
from tests.core.inspect.test_inspect_torch7 import convolution as torch_convolution
from tests.core.inspect.test_inspect_torch7 import network, serialised

FRAMEWORKS = ("caffe", "tensorflow", "dldt", "enet")
STRUCTURES = (".prototxt", ".pbtxt", ".xml")
quickly = settings(deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])

SMALL: dict[str, dict[str, bytes]] = {
    "caffe": {
        "net.caffemodel": caffemodel(CONV),
        "net.prototxt": (HEAD + convolution("c", "data") + SSD % (21, 0)).encode(),
    },
    "tensorflow": {
        "net.pb": placeholder("image", None) + GRAPH,
        "net.pbtxt": (TEXT % (SHAPE, 300.0)).encode(),
    },
    "frozen": {"net.pb": IMAGE + GRAPH + DENSE},
    "dldt": {
        "net.bin": floats(104, 117, 123, 1, 1, 1),
        "net.xml": arithmetic("Subtract", "Multiply").encode(),
    },
    "enet": {"net.t7": serialised(network(torch_convolution(3, 4), torch_convolution(4, 5)))},
}
"""A small model of each kind: the weights, then the structure file where there is one."""


def framework_of(kind: str) -> str:
    return "tensorflow" if kind == "frozen" else kind


def put(folder: Path, kind: str) -> list[Path]:
    paths = []
    for name, data in SMALL[kind].items():
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def entries(zoo: Path) -> list[dict[str, Any]]:
    found = [e for e in json.loads((zoo / "MANIFEST.json").read_text()) if e["framework"] in FRAMEWORKS]
    assert len(found) >= 6
    return found


def files(zoo: Path, entry: dict[str, Any]) -> list[Path]:
    """The weights, and the structure file where there is one."""
    paths = [zoo / entry["path"] / name for name in entry["files"] if not name.endswith(".txt")]
    return sorted(paths, key=lambda path: path.suffix in STRUCTURES)


@pytest.mark.parametrize("kind", SMALL)
def test_the_small_models_of_this_file_are_whole(tmp_path: Path, kind: str) -> None:
    report = inspect_model(framework_of(kind), *put(tmp_path, kind))
    assert report.facts["purpose"].value
    assert report.facts["classes"].value


def test_the_zoo_s_models_are_configured_as_they_are_documented(zoo: Path, tmp_path: Path) -> None:
    for entry in entries(zoo):
        folder = tmp_path / entry["name"]
        folder.mkdir()
        for name in entry["files"]:
            (folder / name).symlink_to(zoo / entry["path"] / name)
        # Links out of the folder are refused there.
        for path in folder.iterdir():
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data)
        config = configure(folder, {"id": "zoo/model"}).config
        recipe, wanted = config.input_recipe(), entry["input"]
        assert config.purpose == entry["purpose"]
        assert list(recipe.size) == wanted["size_wh"], entry["name"]
        # 1/256 and 1/255 are one as far as a network can tell.
        assert recipe.scalefactor == pytest.approx(wanted["scale"], rel=0.005)
        assert list(recipe.mean) == wanted["mean"]
        assert (recipe.channels == 1) == wanted.get("gray", False)
        assert recipe.swaprb == wanted.get("swapRB", False)
        assert recipe.resize == wanted.get("resize", "stretch")
        assert not recipe.std


def test_no_framework_is_imported_for_it(zoo: Path) -> None:
    lines = ["import sys", "from pathlib import Path", "from aai.core.inspect import inspect_model"]
    lines += [
        f"inspect_model({entry['framework']!r}, *map(Path, {[str(p) for p in files(zoo, entry)]!r}))"
        for entry in entries(zoo)
    ]
    heavy = ("numpy", "cv2", "onnx", "openvino", "tensorflow", "google", "torch", "onnxruntime")
    lines.append(f"sys.exit(str([name for name in {heavy!r} if name in sys.modules]))")
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"


def test_zoo_files_that_are_cut_off_are_refused_in_time(zoo: Path, tmp_path: Path) -> None:
    for entry in entries(zoo):
        weights, *structure = files(zoo, entry)
        data = weights.read_bytes()
        cut = tmp_path / weights.name
        for sixteenth in range(16):
            cut.write_bytes(data[: len(data) * sixteenth // 16])
            start = time.process_time()
            with pytest.raises(BadWeights) as caught:
                inspect_model(entry["framework"], cut, *structure)
            assert caught.value.fix
            assert time.process_time() - start < 1
        for path in structure:
            text = path.read_bytes()
            part = tmp_path / path.name
            for sixteenth in range(16):
                part.write_bytes(text[: len(text) * sixteenth // 16])
                survives(lambda file, w=weights, e=entry: inspect_model(e["framework"], w, file), part)  # type: ignore[misc]


@pytest.mark.parametrize("kind", SMALL)
def test_every_cut_of_a_small_file_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    paths = put(tmp_path, kind)
    for path in paths:
        data = path.read_bytes()
        for length in range(0, len(data), 1 + len(data) // 200):
            path.write_bytes(data[:length])
            survives(lambda _: inspect_model(framework_of(kind), *paths), path)
        path.write_bytes(data)


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("other", sorted(CONTENTS))
def test_another_format_under_its_name_is_refused(tmp_path: Path, kind: str, other: str) -> None:
    paths = put(tmp_path, kind)
    own = {
        "caffe": ("caffemodel", "prototxt"),
        "tensorflow": ("tensorflow-pb", "pbtxt"),
        "frozen": ("tensorflow-pb",),
        "dldt": ("", "ir-xml"),
        "enet": ("torch7",),
    }[kind]
    for path, form in zip(paths, own):
        whole = path.read_bytes()
        path.write_bytes(CONTENTS[other])
        if other == form:
            survives(lambda _: inspect_model(framework_of(kind), *paths), path)
        else:
            with pytest.raises(BadWeights) as caught:
                inspect_model(framework_of(kind), *paths)
            assert path.name in str(caught.value)
            assert caught.value.fix
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["net.caffemodel", "net.pb", "net.bin", "net.t7"])
def test_random_bytes_of_any_length_are_refused(tmp_path: Path, name: str) -> None:
    kind = next(kind for kind in SMALL if name in SMALL[kind])
    paths = put(tmp_path, kind)
    chance = random.Random(7)
    # An IR's bin is nothing but numbers: 24 random bytes would do for this one.
    for length in (1, 7, 200, 4096, 1 << 20):
        paths[0].write_bytes(bytes(chance.randrange(256) for _ in range(length)))
        with pytest.raises(BadWeights):
            inspect_model(framework_of(kind), *paths)
        survives(inspect_file, paths[0])


@quickly
@given(st.sampled_from(sorted(SMALL)), st.integers(0, 1), st.integers(0, 10**9))
def test_damaged_files_are_read_or_refused(tmp_path: Path, kind: str, which: int, seed: int) -> None:
    paths = put(tmp_path, kind)
    path = paths[which % len(paths)]
    path.write_bytes(damaged(path.read_bytes(), seed))
    survives(lambda _: inspect_model(framework_of(kind), *paths), path)


@quickly
@given(st.sampled_from(sorted(SMALL)), st.integers(0, 1), st.binary(max_size=200), st.booleans())
def test_bytes_behind_a_true_start_are_read_or_refused(
    tmp_path: Path, kind: str, which: int, data: bytes, after: bool
) -> None:
    paths = put(tmp_path, kind)
    path = paths[which % len(paths)]
    whole = path.read_bytes()
    path.write_bytes(whole + data if after else whole[: len(whole) // 2] + data)
    survives(lambda _: inspect_model(framework_of(kind), *paths), path)
    path.write_bytes(data)
    survives(lambda _: inspect_model(framework_of(kind), *paths), path)


def test_a_companion_of_another_model_is_refused(zoo: Path) -> None:
    found = entries(zoo)
    for framework in ("caffe", "tensorflow", "dldt"):
        models = [files(zoo, entry) for entry in found if entry["framework"] == framework]
        for weights in models:
            for other in models:
                if weights is not other and len(other) == 2:
                    with pytest.raises(BadWeights, match="do not belong together"):
                        inspect_model(framework, weights[0], other[1])
