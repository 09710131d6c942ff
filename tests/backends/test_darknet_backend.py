from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from backend_conformance import BackendConformance, Sample

from aai.errors import BadWeights
from aai.ports import LoadOptions, ModelFiles
from aai_backends.darknet import DarknetBackend
from tests.model_maker import CFG, CFG_WEIGHTS, darknet_folder, weights_bytes

ROOT = Path(__file__).resolve().parents[2]
PLAIN = """[net]
width=6
height=4
channels=3

[convolutional]
size=1
stride=1
filters=2
activation=linear

[route]
layers=-1

[convolutional]
size=1
stride=1
filters=1
activation=linear

[route]
layers=-2
"""
"""Two outputs of 1x1 convolutions, so that the answer is a sum of products."""


def plain_network(folder: Path, minor: int = 2) -> tuple[ModelFiles, np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    bias, kernel = random.normal(size=2).astype("<f4"), random.normal(size=(2, 3)).astype("<f4")
    last = np.array([0.25, 2.0, -1.0], "<f4")
    header = struct.pack("<iii", 0, minor, 0) + struct.pack("<Q" if minor >= 2 else "<I", 1)
    (folder / "net.cfg").write_text(PLAIN)
    (folder / "net.weights").write_bytes(header + bias.tobytes() + kernel.tobytes() + last.tobytes())
    tensor = random.normal(size=(1, 3, 4, 6)).astype(np.float32)
    hidden = np.einsum("oc,nchw->nohw", kernel, tensor) + bias[None, :, None, None]
    return ModelFiles(folder / "net.weights", folder / "net.cfg"), tensor, hidden.astype(np.float32)


class TestDarknetBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        files, tensor, hidden = plain_network(tmp_path)
        last = (0.25 + 2.0 * hidden[:, :1] - hidden[:, 1:]).astype(np.float32)
        return Sample(DarknetBackend, files, tensor, {"conv_2": last, "identity_3": hidden})


def test_headers_of_old_and_new_versions_are_read(tmp_path: Path) -> None:
    for minor in (1, 2):
        files, _, _ = plain_network(tmp_path, minor)
        DarknetBackend(files, LoadOptions())


@pytest.mark.parametrize("values", [CFG_WEIGHTS - 1, CFG_WEIGHTS + 1, 0])
def test_weights_of_another_length_are_refused_with_both_numbers(tmp_path: Path, values: int) -> None:
    folder = darknet_folder(tmp_path, values=values)
    with pytest.raises(BadWeights, match=f"{4 * values} bytes.*{4 * CFG_WEIGHTS}|can't read|no layers"):
        DarknetBackend(ModelFiles(folder / "yolo.weights", folder / "yolo.cfg"), LoadOptions())


def test_the_anchors_of_a_yolo_head_are_not_counted_as_weights(tmp_path: Path) -> None:
    folder = darknet_folder(tmp_path)
    network = DarknetBackend(ModelFiles(folder / "yolo.weights", folder / "yolo.cfg"), LoadOptions())
    output = network.infer({"": np.zeros((1, 3, 32, 64), np.float32)})
    assert [array.shape for array in output.values()] == [(16 * 32 * 3, 7)]


def test_weights_without_a_cfg_are_told(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(weights_bytes())
    with pytest.raises(BadWeights, match=r"\.cfg") as caught:
        DarknetBackend(ModelFiles(tmp_path / "w"), LoadOptions())
    assert "--config_file" in (caught.value.fix or "")


HOSTILE = {
    "no net": CFG.replace("[net]", "[nut]"),
    "width 0": CFG.replace("width=64", "width=0"),
    "stride 0": CFG.replace("stride=2", "stride=0"),
    "filters 0": CFG.replace("filters=4", "filters=0"),
    "filters below 0": CFG.replace("filters=4", "filters=-4"),
    "size 0": CFG.replace("size=3", "size=0"),
    "groups of superscript digits": CFG.replace("size=3\n", "size=3\ngroups=\u00b2\n"),
    "huge filters": CFG.replace("filters=4", "filters=2000000000"),
    "words for numbers": CFG.replace("filters=4", "filters=many"),
    "unknown layer": CFG.replace("[yolo]", "[sorcery]"),
    "no anchors": CFG.replace("anchors = 1,2, 3,4, 5,6", ""),
    "mask beyond anchors": CFG.replace("mask = 0,1,2", "mask = 0,1,99999"),
    "wrong classes": CFG.replace("classes=2", "classes=200"),
    "route to nowhere": CFG + "\n[route]\nlayers=-99\n",
    "shortcut to nowhere": CFG + "\n[shortcut]\nfrom=-99\nactivation=linear\n",
    "groups 0": CFG.replace("size=3\n", "size=3\ngroups=0\n"),
    "groups below 0": CFG.replace("size=3\n", "size=3\n groups = -2 \r\n"),
    "region without scores": CFG.replace("[yolo]", "[region]"),
    "groups that do not divide": CFG.replace("size=3\n", "size=3\ngroups=2\n"),
    "bytes": "\xff\xfe" * 100,
}


_LOADER = """
import sys; sys.path[:0] = {paths!r}
from pathlib import Path
import numpy as np
from aai.errors import AaiError
from aai.ports import LoadOptions, ModelFiles
from aai_backends.darknet import DarknetBackend
for name in {names!r}:
    print(name, flush=True)
    folder = Path(sys.argv[1]) / name
    try:
        network = DarknetBackend(ModelFiles(folder / "yolo.weights", folder / "yolo.cfg"), LoadOptions(threads=1))
        network.infer({{"": np.zeros((1, 3, 32, 64), np.float32)}})
    except AaiError:
        pass
"""


def test_a_hostile_cfg_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    """All in one process, which says the name of each first: of a crash the last one is the cause."""
    for name, cfg in HOSTILE.items():
        darknet_folder(tmp_path / name, cfg=cfg)
    code = _LOADER.format(paths=[str(ROOT), str(ROOT / "backends")], names=sorted(HOSTILE))
    command = [sys.executable, "-c", code, str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert answer.stdout.splitlines() == sorted(HOSTILE), answer.stderr[-2000:]


def test_a_sound_number_of_groups_is_no_fault(tmp_path: Path) -> None:
    cfg = CFG.replace("channels=3", "channels=4").replace("size=3\n", "size=3\n groups = 2 \r\n")
    folder = darknet_folder(tmp_path, cfg, CFG_WEIGHTS - 3 * 4 * 9 + 2 * 4 * 9)
    DarknetBackend(ModelFiles(folder / "yolo.weights", folder / "yolo.cfg"), LoadOptions())
