from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from backend_conformance import BackendConformance, Sample
from tensorflow_maker import frozen_graph, frozen_sample
from test_onnx_backend import _network, _sample, _turned

from aai.errors import AaiError, BadWeights
from aai.ports import LoadOptions, ModelFiles
from aai_backends._openvino import reason
from aai_backends.dldt import DldtBackend
from aai_backends.onnx import OnnxBackend
from aai_backends.onnx_openvino import OnnxOpenvinoBackend
from aai_backends.tensorflow_openvino import TensorflowOpenvinoBackend


def _ir(folder: Path, onnx: Path | None = None) -> ModelFiles:
    """The network of the ONNX tests as OpenVINO itself writes it, the .xml first."""
    openvino.save_model(openvino.Core().read_model(str(onnx or _network(folder))), str(folder / "net.xml"), False)
    return ModelFiles(folder / "net.xml", folder / "net.bin")


class TestOnnxOpenvinoBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        return _sample(OnnxOpenvinoBackend, tmp_path)


class TestDldtBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        onnx = _sample(OnnxOpenvinoBackend, tmp_path)
        return Sample(DldtBackend, _ir(tmp_path), onnx.tensor, onnx.outputs)


class TestTensorflowOpenvinoBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        return frozen_sample(TensorflowOpenvinoBackend, tmp_path)


@pytest.mark.parametrize("turned", [False, True], ids=["the .bin is the model", "the .xml is the model"])
def test_which_file_of_an_ir_is_which_is_told_by_content(tmp_path: Path, turned: bool) -> None:
    files = _ir(tmp_path)
    assert files.config is not None
    named = files if turned else ModelFiles(files.config, files.model)
    tensor = np.ones((1, 3, 4, 5), np.float32)
    for given in (named, ModelFiles(named.model)):
        network = DldtBackend(given, LoadOptions())
        np.testing.assert_allclose(network.infer({"image": tensor})["turned"], _turned(tensor), rtol=1e-5)


@pytest.mark.parametrize("version", [10, 11])
def test_irs_of_version_10_and_11_are_read(tmp_path: Path, version: int) -> None:
    files = _ir(tmp_path)
    text = files.model.read_text()
    assert 'version="11"' in text.splitlines()[1]
    files.model.write_text(text.replace('version="11"', f'version="{version}"', 1))
    network = DldtBackend(files, LoadOptions())
    assert (network.inputs[0].name, [spec.name for spec in network.outputs]) == ("image", ["kept", "turned"])


@pytest.mark.parametrize("version", [2, 5, 7])
def test_an_older_ir_is_refused_with_the_way_out(tmp_path: Path, version: int) -> None:
    files = _ir(tmp_path)
    files.model.write_text(files.model.read_text().replace('version="11"', f'version="{version}"', 1))
    with pytest.raises(BadWeights, match=f"of version {version}") as caught:
        DldtBackend(files, LoadOptions())
    assert "ovc" in (caught.value.fix or "")


def test_weights_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    files = _ir(tmp_path)
    assert files.config is not None
    files.config.write_bytes(files.config.read_bytes()[:-4])
    with pytest.raises(BadWeights, match="OpenVINO can't"):
        DldtBackend(files, LoadOptions())


def test_two_files_that_are_no_pair_are_told(tmp_path: Path) -> None:
    files = _ir(tmp_path)
    with pytest.raises(BadWeights, match="both files are XML"):
        DldtBackend(ModelFiles(files.model, files.model), LoadOptions())
    assert files.config is not None
    with pytest.raises(BadWeights, match="neither of the two"):
        DldtBackend(ModelFiles(files.config, files.config), LoadOptions())
    other = tmp_path / "other.xml"
    other.write_text("<?xml version='1.0'?><annotation/>")
    with pytest.raises(BadWeights, match="not an IR"):
        DldtBackend(ModelFiles(files.config, other), LoadOptions())


def test_open_axes_are_closed_by_the_input_shape_and_the_batch_stays_open(tmp_path: Path) -> None:
    options = LoadOptions(input_shape=(1, 3, 6, 7))
    network = OnnxOpenvinoBackend(ModelFiles(_network(tmp_path, ("n", 3, "h", "w"))), options)
    assert network.inputs[0].shape == (None, 3, 6, 7)
    for count in (1, 4, 2):
        tensor = np.random.default_rng(count).normal(size=(count, 3, 6, 7)).astype(np.float32)
        np.testing.assert_allclose(network.infer({"image": tensor})["turned"], _turned(tensor), rtol=1e-5)
    with pytest.raises(AaiError, match=r"\?x3x6x7.*1x3x6x8"):
        network.infer({"image": np.ones((1, 3, 6, 8), np.float32)})


def test_answers_of_open_size_stay_as_they_are(tmp_path: Path) -> None:
    network = OnnxOpenvinoBackend(ModelFiles(_network(tmp_path, (1, 3, "h", "w"))), LoadOptions())
    answers = []
    for side in (2, 9, 4, 4, 1):
        tensor = np.full((1, 3, side, side + 1), side, np.float32)
        answers.append((tensor, network.infer({"image": tensor})["turned"]))
    for tensor, answer in answers:
        np.testing.assert_allclose(answer, _turned(tensor), rtol=1e-6)


def _settings(network: Any) -> dict[str, str]:
    names = ("INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS")
    return {name: str(network._compiled.get_property(name)) for name in names}


def test_it_calculates_with_float32_unless_less_is_allowed(tmp_path: Path) -> None:
    files = ModelFiles(_network(tmp_path))
    assert "float32" in _settings(OnnxOpenvinoBackend(files, LoadOptions()))["INFERENCE_PRECISION_HINT"]
    lower = OnnxOpenvinoBackend(files, LoadOptions(precision="bfloat16", threads=1))
    assert "bfloat16" in _settings(lower)["INFERENCE_PRECISION_HINT"]
    assert _settings(lower)["INFERENCE_NUM_THREADS"] == "1"


def test_an_inner_tensor_can_be_an_output(tmp_path: Path) -> None:
    files = frozen_graph(tmp_path)
    network = TensorflowOpenvinoBackend(files, LoadOptions(outputs=("kernel_product",)))
    tensor = np.ones((1, 4, 5, 3), np.float32)
    found = network.infer({"image": tensor})
    np.testing.assert_allclose(found["kernel_product"], tensor * [-1, -2, -3], rtol=1e-5)


def test_a_graph_takes_images_as_tensorflow_has_them(tmp_path: Path) -> None:
    files = frozen_graph(tmp_path, (None, None, None, 3))
    for made in ((1, 3, 8, 6), (1, 8, 6, 3)):
        network = TensorflowOpenvinoBackend(files, LoadOptions(input_shape=made))
        assert network.inputs[0].shape == (None, 8, 6, 3)


def test_a_text_graph_for_opencv_is_refused(tmp_path: Path) -> None:
    files = frozen_graph(tmp_path)
    with pytest.raises(BadWeights, match=r"\.pbtxt") as caught:
        TensorflowOpenvinoBackend(ModelFiles(files.model, tmp_path / "net.pbtxt"), LoadOptions())
    assert "DNN" in (caught.value.fix or "")


BROKEN = {
    "noise": bytes(range(256)) * 40,
    "tags": b"\x08\x08" + b"\xff" * 100,
    "text": b"node { name: 'x' }\n" * 9,
    "other": b"\x0a\x03abc\x12\x04half",
}


@pytest.mark.parametrize("name", sorted(BROKEN))
@pytest.mark.parametrize("backend", [OnnxOpenvinoBackend, TensorflowOpenvinoBackend, DldtBackend])
def test_openvino_prints_nothing_when_it_fails(
    backend: Any, name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net").write_bytes(BROKEN[name])
    (tmp_path / "net.bin").write_bytes(BROKEN[name])
    with pytest.raises(BadWeights):
        backend(ModelFiles(tmp_path / "net", tmp_path / "net.bin" if backend is DldtBackend else None), LoadOptions())
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_cut_off_anywhere_is_an_error_and_nothing_is_printed(
    zoo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {
        OnnxOpenvinoBackend: zoo / "onnx/yunet-n-320/yunet_n_320_320.onnx",
        TensorflowOpenvinoBackend: zoo / "tensorflow/lenet5-mnist/lenet5.pb",
        DldtBackend: zoo / "dldt/person-detection-retail-0013/person-detection-retail-0013.xml",
    }
    for backend, path in files.items():
        content = path.read_bytes()
        cut = tmp_path / "cut"
        weights = path.with_suffix(".bin") if backend is DldtBackend else None
        for part in range(16):
            cut.write_bytes(content[: len(content) * part // 16])
            with pytest.raises(BadWeights):
                backend(ModelFiles(cut, weights), LoadOptions())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["yolox-nano/yolox_nano", "yunet-n-320/yunet_n_320_320"])
def test_a_network_of_the_zoo_gives_what_onnxruntime_gives(zoo: Path, name: str) -> None:
    files = ModelFiles(zoo / f"onnx/{name}.onnx")
    ours, theirs = OnnxOpenvinoBackend(files, LoadOptions()), OnnxBackend(files, LoadOptions())
    assert ours.inputs == theirs.inputs and ours.outputs == theirs.outputs
    tensor = np.random.default_rng(4).uniform(0, 255, ours.inputs[0].shape).astype(np.float32)
    found, expected = (network.infer({ours.inputs[0].name: tensor}) for network in (ours, theirs))
    for output, array in expected.items():
        assert np.abs(found[output] - array).max() <= 1e-4 * max(1, float(np.ptp(array))), output


def test_the_reason_is_openvino_s_sentence_without_places_in_its_source() -> None:
    error = RuntimeError(
        "Exception from src/inference/src/cpp/core.cpp:84:\nCheck 'false' failed at src/frontends/x.cpp:151:\n"
        "FrontEnd API failed with OpConversionFailure:\nModel wasn't fully converted.\nSummary:\n"
        "-- No conversion rule found for operations: Dequantize\n"
    )
    assert reason(error) == "-- No conversion rule found for operations: Dequantize"
    assert reason(RuntimeError("")) == "RuntimeError"
