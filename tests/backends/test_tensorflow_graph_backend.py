from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backend_conformance import BackendConformance, Sample
from tensorflow_maker import frozen_graph, frozen_sample

from aai.errors import BadWeights
from aai.ports import LoadOptions, ModelFiles

tensorflow_graph = pytest.importorskip(
    "aai_backends.tensorflow_graph", reason="TensorFlow is not installed: pip install tensorflow, over a gigabyte"
)


class TestTensorflowGraphBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        return frozen_sample(tensorflow_graph.TensorflowGraphBackend, tmp_path)


def test_an_inner_tensor_can_be_an_output(tmp_path: Path) -> None:
    files = frozen_graph(tmp_path)
    network = tensorflow_graph.TensorflowGraphBackend(files, LoadOptions(outputs=("kernel_product",)))
    tensor = np.ones((1, 4, 5, 3), np.float32)
    np.testing.assert_allclose(network.infer({"image": tensor})["kernel_product"], tensor * [-1, -2, -3])


def test_a_graph_with_an_operator_that_nobody_knows_is_told(tmp_path: Path) -> None:
    files = frozen_graph(tmp_path)
    files.model.write_bytes(files.model.read_bytes().replace(b"Relu", b"Rolu"))
    with pytest.raises(BadWeights, match="Rolu"):
        tensorflow_graph.TensorflowGraphBackend(files, LoadOptions())


def test_open_axes_are_closed_by_the_input_shape(tmp_path: Path) -> None:
    files = frozen_graph(tmp_path, (None, None, None, 3))
    network = tensorflow_graph.TensorflowGraphBackend(files, LoadOptions(input_shape=(1, 3, 8, 6)))
    assert network.inputs[0].shape == (None, 8, 6, 3)


def test_the_classifier_of_the_zoo_gives_its_results(zoo: Path) -> None:
    import cv2

    files = ModelFiles(zoo / "tensorflow/lenet5-mnist/lenet5.pb")
    network = tensorflow_graph.TensorflowGraphBackend(files, LoadOptions())
    image = cv2.imread(str(zoo / "images/mnist/img_2_1.png"), cv2.IMREAD_GRAYSCALE)
    tensor = (cv2.resize(image, (28, 28)) / 255).astype(np.float32).reshape(1, 28, 28, 1)
    (scores,) = network.infer({network.inputs[0].name: tensor}).values()
    assert scores.argmax() == 2
    assert abs(scores.max() - 0.9999) < 0.05
