"""HailoBackend on fakes of hailo_platform with the interfaces of 4.15, 4.18 and 5.2; it has not run on a device yet."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from backend_conformance import BackendConformance, Sample
from hypothesis import given
from hypothesis import strategies as st

from aai.errors import AaiError, BackendUnavailable, BadWeights, UsageError
from aai.ports import LoadOptions, ModelFiles, Quantisation
from aai_backends._hailo_device import SharedDevice
from aai_backends._hailo_file import check_hef, compiled_for
from aai_backends.hailo import HailoBackend
from tests.fakes import hailo_platform_4_15, hailo_platform_4_18, hailo_platform_5_2
from tests.fakes import hailo_platform_core as fake

RUNTIMES = {"4.15": hailo_platform_4_15, "4.18": hailo_platform_4_18, "5.2": hailo_platform_5_2}
PICTURE = {"name": "net/input_layer1", "shape": [4, 6, 3]}
HALF = {"name": "net/conv1", "shape": [4, 6, 3], "qp": [[0.5, 0.0]], "op": "half"}
NEGATIVE = {"name": "net/conv2", "shape": [4, 6, 3], "qp": [[1.0, 255.0]], "op": "negative"}
BOXES = {"name": "net/yolov8_nms_postprocess", "shape": [], "type": "FLOAT32", "classes": 3, "most": 2, "op": "boxes"}


@pytest.fixture(params=sorted(RUNTIMES))
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    fake.reset()
    module = RUNTIMES[request.param]
    monkeypatch.setitem(sys.modules, "hailo_platform", module)
    monkeypatch.setattr("aai_backends.hailo.DEVICE", SharedDevice())
    yield module
    assert fake.CHIP.holder is None, "the device was left open"


def _hef(folder: Path, *outputs: dict, architecture: int = 3, picture: dict = PICTURE, **more: Any) -> ModelFiles:
    network = {"name": "net", "inputs": [picture], "outputs": list(outputs), **more}
    path = folder / f"net{len(list(folder.iterdir()))}.hef"
    path.write_bytes(fake.hef_bytes(network, architecture))
    return ModelFiles(path)


def _load(files: ModelFiles, **parameters: Any) -> HailoBackend:
    return HailoBackend(files, LoadOptions(parameters=parameters))


def _picture(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, 4, 6, 3), dtype=np.uint8)


def _answer(network: HailoBackend, tensor: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in network.infer({network.inputs[0].name: tensor}).items()}


class _Closing:
    """The back end, with every network that it loaded at hand."""

    def __init__(self) -> None:
        self.loaded: list[HailoBackend] = []

    def __call__(self, files: ModelFiles, options: LoadOptions) -> HailoBackend:
        self.loaded.append(HailoBackend(files, options))
        return self.loaded[-1]


class TestHailoBackend(BackendConformance):
    @pytest.fixture()
    def sample(self, runtime: Any, tmp_path: Path) -> Any:
        tensor = _picture()
        outputs = {"net/conv1": tensor.astype(np.float32) * 0.5, "net/conv2": -tensor.astype(np.float32)}
        backend = _Closing()
        yield Sample(backend, _hef(tmp_path, HALF, NEGATIVE), tensor, outputs)
        for network in backend.loaded:
            network.close()

    def test_an_accelerator_that_is_not_here_is_told_with_those_that_are(self, sample: Sample) -> None:
        with pytest.raises(AaiError, match="NVIDIA") as caught:
            sample.load(accelerator="NVIDIA")
        assert "HAILO" in (caught.value.fix or "")


def test_the_older_interface_is_used_only_where_the_newer_is_not(runtime: Any, tmp_path: Path) -> None:
    network = _load(_hef(tmp_path, HALF))
    assert network.engine == f"HailoRT {runtime.__version__}"
    kind = "VStreamsRun" if runtime is hailo_platform_4_15 else "InferModelRun"
    assert type(network._run).__name__ == kind
    network.close()


@pytest.mark.parametrize(
    ("parameters", "dtype"),
    [
        ({}, "uint8"),
        ({"quantize_input": True, "quantize_output": True, "input_format": "", "output_format": ""}, "uint8"),
        ({"quantize_input": False, "quantize_output": False}, "float32"),
        ({"quantize_input": False, "quantize_output": False, "input_format": "auto", "output_format": "none"}, "uint8"),
        ({"input_format": "FLOAT32", "output_format": "float32"}, "float32"),
        ({"input_format": "UINT16", "output_format": "FormatType.UINT16"}, "uint16"),
        ({"input_format": "HAILO_FORMAT_TYPE_UINT8", "output_format": "UINT8"}, "uint8"),
    ],
)
def test_every_format_gives_the_same_real_values(runtime: Any, tmp_path: Path, parameters: dict, dtype: str) -> None:
    network = _load(_hef(tmp_path, HALF, NEGATIVE), **parameters)
    assert (network.inputs[0].shape, network.inputs[0].dtype) == ((1, 4, 6, 3), dtype)
    tensor = _picture()
    found = _answer(network, tensor.astype(dtype))
    assert [array.dtype for array in found.values()] == [np.float32] * 2
    assert np.array_equal(found["net/conv1"], tensor * np.float32(0.5))
    assert np.array_equal(found["net/conv2"], -tensor.astype(np.float32))
    network.close()


def test_a_format_that_there_is_not_is_told_with_those_that_are(runtime: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="FLOAT8") as caught:
        _load(_hef(tmp_path, HALF), output_format="FLOAT8")
    assert "UINT16" in (caught.value.fix or "")
    assert "output_format" in (caught.value.where or "")


def test_an_input_of_quantised_numbers_says_what_they_stand_for(runtime: Any, tmp_path: Path) -> None:
    picture = {**PICTURE, "qp": [[0.25, 100.0]]}
    negative = {**NEGATIVE, "qp": [[0.25, 200.0]]}
    network = _load(_hef(tmp_path, negative, picture=picture))
    assert network.inputs[0].quantisation == Quantisation(0.25, 100)
    tensor = np.clip(_picture(), 60, 140)
    assert np.array_equal(_answer(network, tensor)["net/conv2"], (100 - tensor.astype(np.float32)) * 0.25)
    network.close()


@pytest.mark.parametrize("version", ["4.18", "5.2"])
def test_channels_may_each_have_a_scale_of_their_own(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.reset()
    monkeypatch.setitem(sys.modules, "hailo_platform", RUNTIMES[version])
    each = {**NEGATIVE, "qp": [[1.0, 255.0], [2.0, 128.0], [4.0, 64.0]]}
    network = _load(_hef(tmp_path, each))
    tensor = _picture() // 8 * 8
    assert np.array_equal(_answer(network, tensor)["net/conv2"], -tensor.astype(np.float32))
    network.close()


def test_outputs_without_rows_and_columns_have_a_batch_axis_too(runtime: Any, tmp_path: Path) -> None:
    vector = {"name": "fc", "shape": [3], "order": "NC", "type": "UINT16", "op": "sums"}
    sheet = {"name": "argmax", "shape": [4, 6], "order": "NHW", "type": "UINT16", "op": "rows"}
    network = _load(_hef(tmp_path, vector, sheet))
    tensor = _picture()
    found = _answer(network, tensor)
    assert np.array_equal(found["fc"], tensor.astype(np.float32).sum(axis=(1, 2)))
    assert np.array_equal(found["argmax"], tensor.astype(np.float32).sum(axis=3))
    assert [spec.shape for spec in network.outputs] == [(1, 3), (1, 4, 6)]
    network.close()


def _scene() -> np.ndarray:
    """Class 0 twice, class 1 not at all, class 2 once."""
    scene = np.zeros((1, 4, 6, 3), np.uint8)
    scene[0, 1:3, 0:2, 0] = 51
    scene[0, 3:4, 4:6, 0] = 255
    scene[0, 0:2, 1:2, 2] = 102
    scene[0, 0, 2, 2] = 153
    return scene


ROWS = np.array(
    [
        [1 / 4, 0, 3 / 4, 2 / 6, 0.2, 0],
        [3 / 4, 4 / 6, 1, 1, 1.0, 0],
        [0, 1 / 6, 2 / 4, 3 / 6, 0.6, 2],
    ],
    np.float32,
)


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort((rows[:, 1], rows[:, 5]))]


@pytest.mark.parametrize("order", ["BY_CLASS", "BY_SCORE", "WITH_MASKS"])
def test_boxes_have_one_form_whichever_way_they_come(runtime: Any, tmp_path: Path, order: str) -> None:
    if order not in runtime.FormatOrder.NMS_NAMES.value:
        with pytest.raises(KeyError):
            runtime.FormatOrder[order]
        return
    network = _load(_hef(tmp_path, {**BOXES, "order": order}))
    name = network.outputs[0].name
    assert (network.outputs[0].shape, network.outputs[0].dtype) == ((None, 6), "float32")
    found = _answer(network, _scene())[name]
    assert found.dtype == np.float32
    np.testing.assert_allclose(_sorted(found), ROWS, atol=1e-6)
    assert _answer(network, np.zeros((1, 4, 6, 3), np.uint8))[name].shape == (0, 6)
    np.testing.assert_allclose(_sorted(_answer(network, _scene())[name]), ROWS, atol=1e-6)
    network.close()


def test_quantised_boxes_of_the_device_itself_are_asked_for_as_real_numbers(runtime: Any, tmp_path: Path) -> None:
    network = _load(_hef(tmp_path, {**BOXES, "type": "UINT16", "order": "BY_CLASS"}), output_format="auto")
    np.testing.assert_allclose(_sorted(_answer(network, _scene())[network.outputs[0].name]), ROWS, atol=1e-6)
    network.close()


def test_a_network_of_one_class_gives_its_boxes(runtime: Any, tmp_path: Path) -> None:
    network = _load(_hef(tmp_path, {**BOXES, "order": "BY_CLASS", "classes": 1}))
    np.testing.assert_allclose(_sorted(_answer(network, _scene())[network.outputs[0].name]), ROWS[:2], atol=1e-6)
    network.close()


def test_masks_lie_where_their_boxes_lie(runtime: Any, tmp_path: Path) -> None:
    network = _load(_hef(tmp_path, {**BOXES, "order": "WITH_MASKS"}))
    rows, masks = network.outputs
    assert masks.name == f"{rows.name}/masks"
    assert masks.shape == (None, 4, 6)
    scene = _scene()
    found = _answer(network, scene)
    halves = (scene[0] > 0).copy()
    for row, mask in zip(found[rows.name], found[masks.name]):
        expected = halves[:, :, int(row[5])].copy()
        expected[:, : round(row[1] * 6)] = False
        expected[:, round(row[3] * 6) :] = False
        assert np.array_equal(mask, expected)
    assert found[masks.name].dtype == np.uint8
    assert len(found[masks.name]) == 3
    network.close()


def test_boxes_and_masks_can_be_chosen_by_name(runtime: Any, tmp_path: Path) -> None:
    name = BOXES["name"]
    for chosen in ((f"{name}/masks",), (name,)):
        files = _hef(tmp_path, {**BOXES, "order": "WITH_MASKS"})
        network = HailoBackend(files, LoadOptions(outputs=chosen))
        assert tuple(_answer(network, _scene())) == chosen
        network.close()


def test_models_share_one_device_and_the_last_one_closes_it(runtime: Any, tmp_path: Path) -> None:
    one, two = _load(_hef(tmp_path, HALF)), _load(_hef(tmp_path, NEGATIVE))
    device = fake.CHIP.holder
    tensor = _picture()
    assert np.array_equal(_answer(one, tensor)["net/conv1"], tensor * np.float32(0.5))
    assert np.array_equal(_answer(two, tensor)["net/conv2"], -tensor.astype(np.float32))
    one.close()
    assert fake.CHIP.holder is device
    assert np.array_equal(_answer(two, tensor)["net/conv2"], -tensor.astype(np.float32))
    two.close()
    assert fake.CHIP.holder is None
    again = _load(_hef(tmp_path, HALF))
    assert fake.CHIP.holder is not device
    again.close()


def test_a_model_that_does_not_load_does_not_hold_the_device(runtime: Any, tmp_path: Path) -> None:
    files = _hef(tmp_path, HALF)
    with pytest.raises(AaiError, match="nowhere"):
        HailoBackend(files, LoadOptions(outputs=("nowhere",)))
    assert fake.CHIP.holder is None
    with pytest.raises(AaiError, match="NV12"):
        _load(_hef(tmp_path, HALF, picture={**PICTURE, "order": "NV12"}))
    assert fake.CHIP.holder is None
    assert fake.CHIP.models == []


def test_a_fork_is_refused_in_time_and_leaves_the_device_to_its_parent(runtime: Any, tmp_path: Path) -> None:
    files = _hef(tmp_path, HALF)
    network = _load(files)
    told = tmp_path / "told"
    child = os.fork()
    if child == 0:
        _try_in_the_child(network, files, told)
    assert os.waitpid(child, 0)[1] == 0
    lines = told.read_text().splitlines()
    assert lines[:2] == [f"opened by process {os.getpid()}"] * 2, lines
    assert lines[2] == "closed quietly"
    tensor = _picture()
    assert np.array_equal(_answer(network, tensor)["net/conv1"], tensor * np.float32(0.5))
    network.close()


def _try_in_the_child(network: HailoBackend, files: ModelFiles, told: Path) -> None:
    lines = []
    for attempt in (lambda: _answer(network, _picture()), lambda: _load(files)):
        try:
            attempt()
        except AaiError as error:
            lines.append(str(error.what)[len("the Hailo device was ") :].partition(",")[0])
        # The child must end here, whatever happens.
        except BaseException as error:
            lines.append(repr(error))
    try:
        network.close()
        network.close()
        lines.append("closed quietly")
    except BaseException as error:
        lines.append(repr(error))
    told.write_text("\n".join(lines))
    os._exit(0)


CHIPS = [
    (0, "HAILO8L", "hailo8", "hailo8l"),
    (3, "HAILO10H", "hailo8l", "hailo10h"),
    (103, "HAILO8", "hailo10h", "hailo8"),
]


@pytest.mark.parametrize(("architecture", "device", "compiled", "here"), CHIPS)
def test_a_model_for_another_chip_is_told_with_both(
    runtime: Any, tmp_path: Path, architecture: int, device: str, compiled: str, here: str
) -> None:
    fake.reset(architecture=device)
    with pytest.raises(AaiError) as caught:
        _load(_hef(tmp_path, HALF, architecture=architecture))
    assert caught.value.what == f"the model is compiled for {compiled}, and the device here is a {here}"
    assert f"take the HEF for {here}" in (caught.value.fix or "")
    assert fake.CHIP.holder is None


def test_a_model_for_the_smaller_chip_runs_on_the_larger_one(runtime: Any, tmp_path: Path) -> None:
    fake.reset(architecture="HAILO8")
    _load(_hef(tmp_path, HALF, architecture=3)).close()


def test_a_machine_without_a_free_device_is_told(runtime: Any, tmp_path: Path) -> None:
    fake.reset(plugged=False)
    with pytest.raises(AaiError, match="no Hailo device that is free") as caught:
        _load(_hef(tmp_path, HALF))
    assert "hailortcli scan" in (caught.value.fix or "")


def test_a_device_that_does_not_answer_is_told(runtime: Any, tmp_path: Path) -> None:
    network = _load(_hef(tmp_path, HALF))
    fake.CHIP.hangs = True
    with pytest.raises(AaiError, match="did not answer in time"):
        _answer(network, _picture())
    fake.CHIP.hangs = False
    network.close()


def test_what_else_the_runtime_raises_is_told_and_frees_the_device(
    runtime: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _hef(tmp_path, HALF)
    maker = "create_infer_model" if hasattr(runtime.VDevice, "create_infer_model") else "configure"

    def broken(*args: Any) -> None:
        raise RuntimeError("std::bad_alloc")

    with monkeypatch.context() as patch:
        patch.setattr(runtime.VDevice, maker, broken)
        with pytest.raises(AaiError, match="RuntimeError: std::bad_alloc"):
            _load(files)
    assert fake.CHIP.holder is None
    _load(files).close()


def test_a_hef_with_several_networks_is_refused_where_one_can_t_be_named(tmp_path: Path, runtime: Any) -> None:
    if runtime is not hailo_platform_4_15:
        return
    with pytest.raises(AaiError, match="2 network groups"):
        _load(_hef(tmp_path, HALF, groups=2))


def test_a_hef_cut_off_at_any_place_is_told(runtime: Any, tmp_path: Path) -> None:
    whole = _hef(tmp_path, HALF).model.read_bytes()
    for sixteenth in range(16):
        path = tmp_path / f"cut{sixteenth}.hef"
        path.write_bytes(whole[: len(whole) * sixteenth // 16])
        with pytest.raises(BadWeights, match=r"cut off|empty"):
            HailoBackend(ModelFiles(path), LoadOptions())
    other = tmp_path / "net.onnx.hef"
    other.write_bytes(b"\x08\x08" + b"\xff" * 100)
    with pytest.raises(BadWeights, match="no HEF"):
        HailoBackend(ModelFiles(other), LoadOptions())


@given(st.binary(max_size=80), st.integers(0, 9))
def test_headers_of_any_content_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, version: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.hef"
    path.write_bytes(b"\x01HEF" + version.to_bytes(4, "big") + noise)
    try:
        chips = compiled_for(check_hef(path))
    except BadWeights:
        return
    assert all(chip.startswith("hailo") for chip in chips)


def test_a_hef_that_the_runtime_can_t_read_is_bad_weights(runtime: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd.hef"
    path.write_bytes(b"\x01HEF" + bytes(100))
    with pytest.raises(BadWeights, match="InvalidHEF"):
        HailoBackend(ModelFiles(path), LoadOptions())


def test_the_chip_of_a_real_hef_is_read(zoo: Path) -> None:
    path = zoo / "hailo/hand-landmark-lite/hand_landmark_lite.hef"
    assert compiled_for(check_hef(path)) == ("hailo8",)


def test_without_hailort_the_install_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hailo_platform", None)
    with pytest.raises(BackendUnavailable, match="HailoRT is not installed") as caught:
        _load(_hef(tmp_path, HALF))
    assert "apt install hailo-all" in (caught.value.fix or "")


BROKEN = [
    (
        "raise ImportError('_pyhailort version (4.17.0) does not match pyhailort version (4.18.0)')",
        "4.17.0",
        "one version",
    ),
    ("raise ImportError('libhailort.so.4.18.0: cannot open shared object file')", "libhailort", "one version"),
    ("raise AttributeError('_ARRAY_API not found')", "_ARRAY_API", "numpy 1"),
    ("raise ImportError('numpy.core.multiarray failed to import')", "multiarray", "numpy 1"),
    ("raise RuntimeError('Failed to get libhailort version')", "libhailort", "one version"),
    ("import a_library_that_is_not_there", "a_library_that_is_not_there", "one version"),
]


@pytest.mark.parametrize(("source", "reason", "fix"), BROKEN)
def test_a_package_that_does_not_fit_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str, fix: str
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/hailo_platform.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "hailo_platform", raising=False)
    with pytest.raises(BackendUnavailable, match=f"can't be loaded: .*{reason}") as caught:
        _load(_hef(tmp_path, HALF))
    assert fix in (caught.value.fix or "")


REFUSALS = [
    ("HAILO_INVALID_DRIVER_VERSION", 76, BackendUnavailable, "driver"),
    ("HAILO_DRIVER_INVALID_IOCTL", 86, BackendUnavailable, "driver"),
    ("HAILO_DEVICE_IN_USE", 73, AaiError, "no Hailo device that is free"),
    ("HAILO_HEF_FILE_CORRUPTED", 91, BadWeights, "can't take the HEF"),
    ("HAILO_HEF_NOT_COMPATIBLE_WITH_DEVICE", 93, AaiError, "another chip"),
    ("HAILO_INTERNAL_FAILURE", 8, AaiError, "HailoRT refuses"),
]


@pytest.mark.parametrize(("status", "code", "kind", "what"), REFUSALS)
def test_each_refusal_of_the_runtime_is_told_for_what_it_is(status: str, code: int, kind: type, what: str) -> None:
    from aai_backends._hailo_device import refusal

    error = refusal(fake.failed(code, status), "here")
    assert type(error) is kind
    assert what in error.what
    assert status in error.what
    assert error.fix


DATA = Path(__file__).resolve().parents[1] / "data" / "hailo" / "boxes.npz"
"""What HailoRT's own code makes of a buffer and of masks; see scripts/oracles/accelerators.py."""


def test_a_buffer_of_boxes_is_read_as_hailort_reads_it() -> None:
    from aai_backends._hailo_nms import rows_of_buffer

    with np.load(DATA) as known:
        assert np.array_equal(rows_of_buffer(known["buffer"], 5, "net.hef"), known["rows"])
        assert len(known["rows"]) == 13


def test_masks_are_placed_as_hailort_places_them() -> None:
    from aai_backends._hailo_nms import masks_of_detections

    with np.load(DATA) as known:
        boxes, masks, whole = known["boxes"], known["masks"], known["whole"]
    height, width = whole.shape[1:]
    detections, place = [], 0
    for y1, x1, y2, x2 in boxes[:, :4].tolist():
        size = math.ceil((y2 - y1) * height) * math.ceil((x2 - x1) * width)
        mask = masks[place : place + size]
        detections.append(SimpleNamespace(y_min=y1, x_min=x1, y_max=y2, x_max=x2, mask=mask))
        place += size
    assert place == len(masks) > 100
    assert np.array_equal(masks_of_detections(detections, height, width), whole)


@pytest.mark.parametrize("counts", [np.nan, -1, 1e9, np.inf, 3.0])
def test_counts_of_boxes_that_can_t_be_are_an_error(counts: float) -> None:
    from aai_backends._hailo_nms import rows_of_buffer

    buffer = np.zeros(2 * (1 + 5 * 2), np.float32)
    buffer[0] = counts
    # Room for three boxes there is, and then the next count is none.
    buffer[1:] = np.nan if counts == 3.0 else 0
    with pytest.raises(AaiError, match="sound count"):
        rows_of_buffer(buffer, 2, "net.hef")


def test_masks_of_no_sound_box_are_empty() -> None:
    from aai_backends._hailo_nms import masks_of_detections

    odd = [
        SimpleNamespace(y_min=y, x_min=0.0, y_max=1.0, x_max=1.0, mask=np.ones(size, np.uint8))
        for y, size in ((float("nan"), 16), (float("inf"), 16), (-1e30, 16), (0.0, 15), (0.9, 0), (-0.5, 24))
    ]
    masks = masks_of_detections(odd, 4, 4)
    assert [int(mask.sum()) for mask in masks] == [0, 0, 0, 0, 0, 16]
