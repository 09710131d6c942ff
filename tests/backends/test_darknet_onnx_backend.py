from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backend_conformance import BackendConformance, Sample
from test_darknet_backend import plain_network

from aai.errors import BadWeights
from aai.ports import LoadOptions, ModelFiles
from aai_backends.darknet_onnx import DarknetOnnxBackend


class TestDarknetOnnxBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        files, tensor, hidden = plain_network(tmp_path)
        # Of a network without heads the last layer is the output: a route back to the first convolution.
        return Sample(DarknetOnnxBackend, files, tensor, {"route_3": hidden})


def test_weights_without_their_cfg_are_told(tmp_path: Path) -> None:
    files, _, _ = plain_network(tmp_path)
    with pytest.raises(BadWeights, match="cfg"):
        DarknetOnnxBackend(ModelFiles(files.model), LoadOptions())


def test_the_engine_says_that_the_network_was_converted(tmp_path: Path) -> None:
    files, tensor, _ = plain_network(tmp_path)
    network = DarknetOnnxBackend(files, LoadOptions())
    assert network.engine.startswith("Darknet as ONNX on onnxruntime ")
    assert network.infer({"data": np.repeat(tensor, 2, axis=0)})["route_3"].shape[0] == 2
