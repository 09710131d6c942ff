"""The frameworks that OpenCV alone reads, beside Darknet, which has its own tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backend_conformance import BackendConformance, Sample
from tensorflow_maker import frozen_sample

from aai.errors import BadWeights
from aai.ports import LoadOptions, ModelFiles
from aai_backends.caffe import CaffeBackend
from aai_backends.enet import EnetBackend
from aai_backends.tensorflow import TensorflowBackend
from tests import same_network

ROUNDING = 1e-4
"""OpenCV takes convolutions of 3x3 by Winograd's way, which rounds more."""


class TestTensorflowBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        last = frozen_sample(TensorflowBackend, tmp_path)
        # OpenCV leaves out what only copies: `turned` is one of `kernel_product`.
        outputs = {
            "kernel_product": _channels_first(last.outputs["turned"]),
            "kept": _channels_first(last.outputs["kept"]),
        }
        return Sample(TensorflowBackend, last.files, _channels_first(last.tensor), outputs)


class TestCaffeBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        parameters = same_network.write_caffe(tmp_path)
        files = ModelFiles(tmp_path / parameters["model_file"], tmp_path / parameters["config_file"])
        name = CaffeBackend(files, LoadOptions()).outputs[0].name
        return Sample(CaffeBackend, files, same_network.tensor(), {name: same_network.raw_head()}, ROUNDING)


class TestEnetBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        files = ModelFiles(tmp_path / same_network.write_torch7(tmp_path)["model_file"])
        name = EnetBackend(files, LoadOptions()).outputs[0].name
        return Sample(EnetBackend, files, same_network.tensor(), {name: same_network.raw_head()}, ROUNDING)


def test_a_caffe_model_without_its_prototxt_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.caffemodel").write_bytes(b"\x0a\x01a")
    with pytest.raises(BadWeights, match=r"\.prototxt") as caught:
        CaffeBackend(ModelFiles(tmp_path / "net.caffemodel"), LoadOptions())
    assert "--config_file" in (caught.value.fix or "")


def _channels_first(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
