from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Sequence

import numpy as np
import onnxruntime
import pytest
from backend_conformance import BackendConformance, Sample

from aai.errors import AaiError, BadWeights
from aai.ports import LoadOptions, ModelFiles
from aai_backends.onnx import OnnxBackend
from aai_backends.onnx_dnn import OnnxDnnBackend
from tests.model_maker import FLOAT16, INT64, UINT8, node, onnx_bytes, value_info
from tests.vision.models import ints, weights


def _network(folder: Path, axes: tuple = (1, 3, 4, 5)) -> Path:
    """Two outputs: the input without what is below 0, and its channels times -1, -2 and -3."""
    path = folder / "net.onnx"
    kernel = weights("kernel", (3, 3, 1, 1), [-1, 0, 0, 0, -2, 0, 0, 0, -3])
    path.write_bytes(
        onnx_bytes(
            [value_info("image", axes)],
            [value_info("kept", axes), value_info("turned", axes)],
            [
                node("Relu", ["image"], ["kept"]),
                node("Conv", ["image", "kernel"], ["turned"], ints("kernel_shape", (1, 1))),
            ],
            [kernel],
        )
    )
    return path


def _turned(tensor: np.ndarray) -> np.ndarray:
    return tensor * np.array([-1, -2, -3], np.float32)[None, :, None, None]


def _sample(backend: type, folder: Path) -> Sample:
    tensor = np.random.default_rng(1).normal(size=(1, 3, 4, 5)).astype(np.float32)
    outputs = {"kept": np.maximum(tensor, 0), "turned": _turned(tensor)}
    return Sample(backend, ModelFiles(_network(folder)), tensor, outputs)


class TestOnnxBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        return _sample(OnnxBackend, tmp_path)


class TestOnnxDnnBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        return _sample(OnnxDnnBackend, tmp_path)


def test_inputs_and_outputs_are_told_with_shape_and_type(tmp_path: Path) -> None:
    network = OnnxBackend(ModelFiles(_network(tmp_path, ("batch", 3, None, 5))), LoadOptions())
    assert network.inputs[0].shape == (None, 3, None, 5)
    assert network.inputs[0].dtype == "float32"


def test_outputs_of_a_fixed_shape_are_written_into_the_same_arrays(tmp_path: Path) -> None:
    network = OnnxBackend(ModelFiles(_network(tmp_path)), LoadOptions())
    tensor = np.ones((1, 3, 4, 5), np.float32)
    first = network.infer({"image": tensor})["kept"]
    assert network.infer({"image": tensor})["kept"] is first


def test_open_axes_take_any_size_and_each_answer_stays_as_it_is(tmp_path: Path) -> None:
    network = OnnxBackend(ModelFiles(_network(tmp_path, (1, 3, "h", "w"))), LoadOptions())
    answers = []
    for side in (2, 9, 4, 4, 1):
        tensor = np.full((1, 3, side, side + 1), side, np.float32)
        answers.append((tensor, network.infer({"image": tensor})["turned"]))
    for tensor, answer in answers:
        assert np.array_equal(answer, _turned(tensor))


def test_open_axes_are_closed_by_the_input_shape(tmp_path: Path) -> None:
    options = LoadOptions(input_shape=(1, 3, 6, 7))
    network = OnnxBackend(ModelFiles(_network(tmp_path, ("n", 3, "h", "w"))), options)
    assert network.infer({"image": np.ones((1, 3, 6, 7), np.float32)})["kept"].shape == (1, 3, 6, 7)
    with pytest.raises(AaiError, match=r"\?x3x6x7"):
        network.infer({"image": np.ones((1, 3, 6, 8), np.float32)})


def test_an_input_of_another_type_is_told_with_both(tmp_path: Path) -> None:
    network = OnnxBackend(ModelFiles(_network(tmp_path)), LoadOptions())
    with pytest.raises(AaiError, match=r"float32 1x3x4x5.*uint8 1x3x4x5"):
        network.infer({"image": np.ones((1, 3, 4, 5), np.uint8)})


@pytest.mark.parametrize(("code", "dtype"), [(UINT8, np.uint8), (FLOAT16, np.float16), (INT64, np.int64)])
def test_other_types_than_float_go_through(tmp_path: Path, code: int, dtype: type) -> None:
    path = tmp_path / "net.onnx"
    axes = (1, 3, 2, 2)
    path.write_bytes(
        onnx_bytes([value_info("x", axes, code)], [value_info("y", axes, code)], [node("Identity", ["x"], ["y"])])
    )
    tensor = np.arange(12).reshape(axes).astype(dtype)
    answer = OnnxBackend(ModelFiles(path), LoadOptions()).infer({"x": tensor})["y"]
    assert answer.dtype == dtype
    assert np.array_equal(answer, tensor)


def test_a_network_with_an_operator_that_nobody_knows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_bytes([value_info("x", [1])], [value_info("y", [1])], [node("Frobnicate", ["x"], ["y"])]))
    with pytest.raises(BadWeights, match="Frobnicate"):
        OnnxBackend(ModelFiles(path), LoadOptions())


def test_onnxruntime_prints_nothing_when_it_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x08" + b"\xff" * 100)
    with pytest.raises(BadWeights):
        OnnxBackend(ModelFiles(path), LoadOptions(threads=0))
    assert capfd.readouterr().err == ""


class _Session:
    """onnxruntime's session as far as starting it goes: it falls back to the CPU, as the real one does."""

    starts: tuple[str, ...] = ()
    made: list[list[Any]]

    def __init__(self, model: str, options: Any, providers: list[Any]) -> None:
        type(self).made.append(providers)
        names = [name for name, _ in providers]
        self.providers = [name for name in names if name in self.starts or name == CPU]
        self.real = onnxruntime.InferenceSession(model, providers=[CPU])

    def get_providers(self) -> list[str]:
        return self.providers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture()
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Loads a network on a machine of this kind, and tells what the session was made with."""

    def load(providers: list[str], starts: Sequence[str], gpu: str, **options: Any) -> Any:
        fake = type("Session", (_Session,), {"starts": tuple(starts), "made": []})
        stand_in = SimpleNamespace(**{name: getattr(onnxruntime, name) for name in ("SessionOptions", "__version__")})
        stand_in.InferenceSession, stand_in.set_default_logger_severity = fake, lambda level: None
        stand_in.get_available_providers = lambda: providers
        monkeypatch.setattr("aai_backends.onnx.ort", stand_in)
        monkeypatch.setattr("aai_backends._onnx_providers.ort", stand_in)
        monkeypatch.setattr("aai_backends._onnx_providers.nvidia_gpu", lambda: gpu)
        return OnnxBackend(ModelFiles(_network(tmp_path)), LoadOptions(**options)), fake.made[-1]

    return load


def test_the_gpu_is_the_default_where_it_and_its_provider_are_here(machine: Callable[..., Any]) -> None:
    network, made = machine([CUDA, CPU], [CUDA], "/dev/nvidia0")
    assert (network.accelerator, network.accelerator_reason) == ("NVIDIA", "a GPU is here (/dev/nvidia0)")
    assert [name for name, _ in made] == [CUDA, CPU]
    assert made[0][1] == {"use_tf32": "0"}
    assert machine([CUDA, CPU], [CUDA], "", accelerator="NVIDIA", precision="float16")[1][0][1] == {}


def test_the_cpu_is_the_default_otherwise_and_it_says_why(machine: Callable[..., Any]) -> None:
    for providers, starts, gpu, reason in (
        ([CPU], [], "", ""),
        ([CPU], [], "/dev/nvidia0", "onnxruntime has no CUDA: onnxruntime-gpu"),
        ([CUDA, CPU], [CUDA], "", "no NVIDIA GPU is here"),
        ([CUDA, CPU], [], "/dev/nvidia0", "CUDA could not be started"),
    ):
        network, _ = machine(providers, starts, gpu)
        assert network.accelerator == "CPU"
        assert reason in network.accelerator_reason
        assert bool(reason) == bool(network.accelerator_reason)


def test_an_accelerator_that_is_asked_for_and_does_not_start_is_an_error(machine: Callable[..., Any]) -> None:
    with pytest.raises(AaiError, match="NVIDIA could not be started"):
        machine([CUDA, CPU], [], "/dev/nvidia0", accelerator="NVIDIA")
    with pytest.raises(AaiError, match="no accelerator GPU here") as caught:
        machine([CUDA, CPU], [], "", accelerator="GPU")
    assert "CPU, NVIDIA" in str(caught.value.fix)
