from __future__ import annotations

import struct
import sys
import time
from pathlib import Path
from typing import Any, Sequence

import cv2
import numpy as np
import pytest
from backend_conformance import BackendConformance, Sample

from aai.errors import AaiError, BackendUnavailable, BadWeights
from aai.ports import LoadOptions, ModelFiles, Quantisation
from aai_backends import tflite
from aai_backends._tflite_file import check_tflite
from aai_backends.tflite import TfliteBackend
from tests.flat_maker import (
    INT8,
    INT64,
    UINT8,
    FlatOperator,
    FlatTensor,
    edge_tpu_bytes,
    tflite_bytes,
)

MUL, RELU, DEPTH = 18, 19, [-1.0, -2.0, -3.0]
SHAPE = (1, 4, 5, 3)


def _network(folder: Path, axes: Sequence[int] = SHAPE) -> ModelFiles:
    """Two outputs: the input without what is below 0, and its channels times -1, -2 and -3."""
    tensors = [
        FlatTensor("image", axes),
        FlatTensor("factors", [3], values=np.array(DEPTH, "<f4").tobytes()),
        FlatTensor("kept", axes),
        FlatTensor("turned", axes),
    ]
    operators = [FlatOperator(RELU, [0], [2]), FlatOperator(MUL, [0, 1], [3])]
    path = folder / "net.tflite"
    path.write_bytes(tflite_bytes(tensors, operators, [0], [2, 3]))
    return ModelFiles(path)


def _quantised(folder: Path, dtype: int, scale: float, zero: int) -> ModelFiles:
    tensors = [FlatTensor(name, [1, 2, 2, 3], dtype, [scale], [zero]) for name in ("image", "kept")]
    path = folder / "net.tflite"
    path.write_bytes(tflite_bytes(tensors, [FlatOperator(RELU, [0], [1])]))
    return ModelFiles(path)


class TestTfliteBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, tmp_path: Path) -> Sample:
        tensor = np.random.default_rng(6).normal(size=SHAPE).astype(np.float32)
        outputs = {"kept": np.maximum(tensor, 0), "turned": tensor * np.array(DEPTH, np.float32)}
        return Sample(TfliteBackend, _network(tmp_path), tensor, outputs)


@pytest.mark.parametrize(("code", "dtype", "zero"), [(UINT8, np.uint8, 100), (INT8, np.int8, -20)])
def test_a_quantised_network_says_how_and_its_outputs_are_real_values(
    tmp_path: Path, code: int, dtype: Any, zero: int
) -> None:
    network = TfliteBackend(_quantised(tmp_path, code, 0.25, zero), LoadOptions())
    (spec,) = network.inputs
    assert (spec.dtype, spec.quantisation) == (np.dtype(dtype).name, Quantisation(0.25, zero))
    assert network.outputs[0].quantisation == Quantisation(0.25, zero)
    numbers = np.arange(zero - 6, zero + 6).astype(dtype).reshape(1, 2, 2, 3)
    found = network.infer({"image": numbers})["kept"]
    assert found.dtype == np.float32
    assert found.ravel().tolist() == [max(0.0, 0.25 * step) for step in range(-6, 6)]


def test_whole_numbers_that_are_numbers_stay_so(tmp_path: Path) -> None:
    add = 0
    tensors = [FlatTensor(name, [1, 2, 2, 3], INT64) for name in ("ids", "twice")]
    (tmp_path / "net.tflite").write_bytes(tflite_bytes(tensors, [FlatOperator(add, [0, 0], [1])]))
    network = TfliteBackend(ModelFiles(tmp_path / "net.tflite"), LoadOptions())
    ids = np.arange(12).reshape(1, 2, 2, 3)
    found = network.infer({"ids": ids})["twice"]
    assert found.dtype == np.int64
    assert np.array_equal(found, 2 * ids)


def test_open_axes_are_closed_by_the_input_shape_and_the_batch_stays_open(tmp_path: Path) -> None:
    files = _network(tmp_path, (-1, -1, -1, 3))
    for made in ((1, 6, 7, 3), (1, 3, 6, 7)):
        network = TfliteBackend(files, LoadOptions(input_shape=made))
        assert network.inputs[0].shape == (None, 6, 7, 3)
        for count in (1, 3, 2):
            tensor = np.random.default_rng(count).normal(size=(count, 6, 7, 3)).astype(np.float32)
            assert np.allclose(network.infer({"image": tensor})["kept"], np.maximum(tensor, 0))
        with pytest.raises(AaiError, match=r"\?x6x7x3.*1x6x8x3"):
            network.infer({"image": np.zeros((1, 6, 8, 3), np.float32)})


def test_an_answer_stays_as_it_is_when_the_next_one_comes(tmp_path: Path) -> None:
    network = TfliteBackend(_network(tmp_path), LoadOptions())
    first = network.infer({"image": np.ones(SHAPE, np.float32)})["kept"]
    network.infer({"image": np.zeros(SHAPE, np.float32)})
    assert (first == 1).all()


def test_a_file_for_the_edge_tpu_is_refused_on_a_processor_and_without_the_library(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(edge_tpu_bytes())
    files = ModelFiles(tmp_path / "net.tflite")
    with pytest.raises(AaiError, match="compiled for an Edge TPU, and no processor runs it"):
        TfliteBackend(files, LoadOptions(accelerator="CPU"))
    for accelerator in ("EDGE_TPU", "DEFAULT"):
        with pytest.raises(AaiError, match="EDGE_TPU needs a library") as caught:
            TfliteBackend(files, LoadOptions(accelerator=accelerator))
        assert "libedgetpu.so.1" in str(caught.value.where)


def test_a_plain_file_is_refused_for_the_edge_tpu(tmp_path: Path) -> None:
    with pytest.raises(AaiError, match="not compiled for the Edge TPU"):
        TfliteBackend(_network(tmp_path), LoadOptions(accelerator="EDGE_TPU"))


def test_a_library_that_finds_no_device_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Runtime:
        @staticmethod
        def load_delegate(name: str) -> None:
            raise ValueError("")

    monkeypatch.setattr(tflite.ctypes, "CDLL", lambda name: None)
    with pytest.raises(AaiError, match="the Edge TPU can't be opened") as caught:
        tflite._edge_tpu(Runtime)
    assert "no device" in str(caught.value.where)


def test_tflite_runtime_is_not_tried_with_numpy_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ai_edge_litert", "ai_edge_litert.interpreter", "tensorflow"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(tflite.np, "__version__", "2.1.0")
    with pytest.raises(BackendUnavailable, match="no TFLite runtime") as caught:
        tflite._runtime()
    assert "tflite-runtime does not work with numpy 2.1.0" in str(caught.value.where)


def test_a_file_that_is_cut_off_or_bent_is_an_error_in_time(zoo: Path, tmp_path: Path) -> None:
    content = (zoo / "tflite/mobilenet-v1-0.25-128-quant/mobilenet_v1_0.25_128_quant.tflite").read_bytes()
    path = tmp_path / "cut.tflite"
    for part in range(1, 16):
        path.write_bytes(content[: len(content) * part // 16])
        with pytest.raises(BadWeights):
            TfliteBackend(ModelFiles(path), LoadOptions())
    random = np.random.default_rng(8)
    for _ in range(200):
        bent = bytearray(content[:4000])
        for place in random.integers(0, len(bent), 4):
            bent[place] = random.integers(256)
        path.write_bytes(bytes(bent))
        with pytest.raises(BadWeights):
            check_tflite(path)


def test_tables_that_share_one_long_list_are_walked_in_time(tmp_path: Path) -> None:
    """A list of 30,000 graphs, each with the same list of 30,000 operators, which are all one: 900 million in all."""
    count = 30_000
    head = 8 + 12 + 12 + 4
    model, graphs = head, head + 8
    first_graph = graphs + 4 + 4 * count
    operators = first_graph + 8 * count
    operator = operators + 4 + 4 * count
    # Layouts with one field: number 2 of the model, number 3 of a graph; and one of an operator without any.
    content = struct.pack("<I4s", model, b"TFL3") + struct.pack("<5Hxx", 10, 8, 0, 0, 4)
    content += struct.pack("<6H", 12, 8, 0, 0, 0, 4) + struct.pack("<2H", 4, 4)
    content += struct.pack("<iI", model - 8, graphs - model - 4) + struct.pack("<I", count)
    content += b"".join(struct.pack("<I", first_graph + 4 * n - graphs - 4) for n in range(count))
    for start in range(first_graph, operators, 8):
        content += struct.pack("<iI", start - 20, operators - start - 4)
    content += struct.pack("<I", count)
    content += b"".join(struct.pack("<I", operator - operators - 4 - 4 * n) for n in range(count))
    path = tmp_path / "crowd.tflite"
    path.write_bytes(content + struct.pack("<i", operator - 32))
    started = time.perf_counter()
    assert check_tflite(path) is False
    assert time.perf_counter() - started < 20


MOBILENET = "tflite/mobilenet-v1-0.25-128-quant"
CLASSES = {283: 0.2109, 185: 0.1836, 282: 0.1836, 286: 0.1602, 192: 0.0664}
"""What the zoo's manifest has for its cat."""


def _picture(zoo: Path, name: str, size: tuple[int, int]) -> np.ndarray:
    image = cv2.imread(str(zoo / "images" / name))
    return cv2.resize(image, size)[None, :, :, ::-1].copy()


def test_the_classifier_of_the_zoo_gives_its_results(zoo: Path) -> None:
    network = TfliteBackend(ModelFiles(zoo / MOBILENET / "mobilenet_v1_0.25_128_quant.tflite"), LoadOptions())
    (scores,) = network.infer({"input": _picture(zoo, "cat_720p.jpg", (128, 128))}).values()
    assert scores.shape == (1, 1001) and scores.argmax() == 283
    for index, score in CLASSES.items():
        assert abs(scores[0, index] - score) <= 0.05


def test_the_segmentation_of_the_zoo_gives_its_results(zoo: Path) -> None:
    folder = zoo / "tflite/deeplabv3-mnv2-dm05-pascal-quant"
    network = TfliteBackend(ModelFiles(next(folder.glob("*.tflite"))), LoadOptions())
    (classes,) = network.infer({network.inputs[0].name: _picture(zoo, "bus.jpg", (513, 513))}).values()
    assert classes.dtype == np.int64
    for index, share in {0: 0.5788, 6: 0.3078, 15: 0.1134}.items():
        assert abs((classes == index).mean() - share) <= 0.03
