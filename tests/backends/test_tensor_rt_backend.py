"""TensorRT on four fake versions, in this process and in a worker: the same answers, and nothing left on the GPU."""

from __future__ import annotations

import json
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aai.errors import AaiError, BackendUnavailable, BadWeights
from aai.ports import LoadOptions, ModelFiles
from aai_backends._tensor_rt_plan import find_plan
from aai_backends.tensor_rt import TensorRtBackend
from tests.backends.backend_conformance import BackendConformance, Sample
from tests.backends.tensor_rt_lab import (  # noqa: F401
    IMAGE,
    VERSIONS,
    Machine,
    answer,
    batched,
    fixture_machine_of,
    fixture_shims,
    implicit,
    network,
    plan,
)

MACHINES = [*((version, "in process") for version in VERSIONS), pytest.param(("8_2", "worker"), marks=pytest.mark.slow)]
"""All versions, and in a worker the oldest, a Jetson Nano's; the conformance takes a newer one. Workers take their
time, and what is particular to them is in `test_tensor_rt_worker`."""


@pytest.fixture(params=MACHINES, ids=" ".join)
def machine(request: Any, machine_of: Any) -> Machine:
    return machine_of(*request.param)


def load(path: Path, **options: Any) -> TensorRtBackend:
    return TensorRtBackend(ModelFiles(path), LoadOptions(**options))


def assert_answer(found: dict[str, np.ndarray], images: np.ndarray) -> None:
    expected = answer(images)
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_allclose(found[name], array, rtol=1e-6)


class TestTensorRt(BackendConformance):
    @pytest.fixture(params=[*MACHINES[:-1], pytest.param(("10", "worker"), marks=pytest.mark.slow)], ids=" ".join)
    def sample(self, request: Any, machine_of: Any) -> Sample:
        machine = machine_of(*request.param)
        return Sample(TensorRtBackend, ModelFiles(machine.engine()), IMAGE, answer(IMAGE))

    def test_an_accelerator_that_is_not_here_is_told_with_those_that_are(self, sample: Sample) -> None:
        for accelerator in ("CPU", "HAILO"):
            with pytest.raises(AaiError, match=accelerator) as caught:
                sample.load(accelerator=accelerator)
            assert "NVIDIA_FP16" in (caught.value.fix or "")
        for accelerator in ("NVIDIA", "NVIDIA_FP16"):
            assert sample.load(accelerator=accelerator).accelerator == accelerator


def test_what_runs_it_is_told_with_its_version(machine: Machine) -> None:
    loaded = load(machine.engine())
    assert (
        loaded.engine
        == f"TensorRT {machine.version.replace('_', '.')}"
        + {
            "8_2": ".1.8",
            "8_5": ".3.1",
            "10": ".3.0",
            "11": ".4.0.106",
        }[machine.version]
    )
    assert [(spec.name, spec.shape, spec.dtype) for spec in loaded.inputs] == [("images", (1, 3, 2, 2), "float32")]
    assert [(spec.shape, spec.dtype) for spec in loaded.outputs] == [((1, 2, 3), "float32"), ((1, 2), "int32")]


def test_all_is_given_back_and_nothing_is_misused(machine: Machine) -> None:
    loaded = load(machine.engine(batched()))
    for count in (1, 4, 2, 4, 9):
        images = np.random.default_rng(count).normal(size=(count, 3, 2, 2)).astype(np.float32)
        assert_answer(loaded.infer({"images": images}), images)
    loaded.close()
    loaded.close()
    machine.assert_clean()


def test_an_engine_with_the_metadata_of_ultralytics_in_front_is_loaded(machine: Machine) -> None:
    metadata = json.dumps({"task": "detect", "names": {"0": "person"}}).encode()
    path = machine.engine(front=struct.pack("<I", len(metadata)) + metadata)
    assert_answer(load(path).infer({"images": IMAGE}), IMAGE)


def test_more_images_than_the_engine_takes_are_run_in_parts_and_fewer_are_filled_up(machine: Machine) -> None:
    loaded = load(machine.engine(batched(most=4, least=2)))
    assert loaded.inputs[0].shape == (None, 3, 2, 2)
    for count in (1, 2, 3, 5, 9):
        images = np.random.default_rng(count).normal(size=(count, 3, 2, 2)).astype(np.float32)
        assert_answer(loaded.infer({"images": images}), images)


def test_an_image_size_that_the_engine_leaves_open_is_the_configured_one(machine: Machine) -> None:
    made = network()
    made["inputs"][0].update(shape=[1, 3, -1, -1], least=[1, 3, 1, 1], most=[1, 3, 4, 4])
    path = machine.engine(made)
    loaded = load(path, input_shape=(1, 3, 2, 2))
    assert_answer(loaded.infer({"images": IMAGE}), IMAGE)
    with pytest.raises(AaiError, match="takes float32 1x3x2x2"):
        loaded.infer({"images": np.zeros((1, 3, 4, 4), np.float32)})
    with pytest.raises(AaiError, match="takes 1x3x1x1 to 1x3x4x4, and was given 1x3x9x9") as caught:
        load(path).infer({"images": np.zeros((1, 3, 9, 9), np.float32)})
    assert "Static dimension mismatch" in (caught.value.fix or "")


def test_two_engines_and_two_threads_on_each_do_not_mix(machine: Machine) -> None:
    doubled = [[2 * value for value in row] for row in network()["matrix"]]
    plain, double = load(machine.engine()), load(machine.engine(network(matrix=doubled), "double.engine"))
    wrong: list[str] = []

    def work(seed: int) -> None:
        images = np.random.default_rng(seed).normal(size=(1, 3, 2, 2)).astype(np.float32)
        for _ in range(20):
            with locks[seed % 2]:
                found = (plain, double)[seed % 2].infer({"images": images})["boxes"].copy()
            if not np.allclose(found, answer(images)["boxes"] * (1 + seed % 2), rtol=1e-5):
                wrong.append(f"thread {seed}")

    # The outputs may be overwritten by the next call on the same engine, so that reading them is part of the turn.
    locks = threading.Lock(), threading.Lock()
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    plain.close()
    double.close()
    machine.assert_clean(workers=2)


def test_calls_at_the_same_time_on_one_engine_follow_each_other(machine: Machine) -> None:
    loaded = load(machine.engine(batched()))
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for count in (1, 3, 6, 2):
                found = loaded.infer({"images": np.zeros((count, 3, 2, 2), np.float32)})
                assert found["boxes"].shape == (count, 2, 3)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    loaded.close()
    machine.assert_clean()


def test_an_engine_of_another_version_is_told_in_tensorrts_words_with_what_its_header_says(machine: Machine) -> None:
    other = "10" if machine.version == "8_2" else "8_2"
    path = machine.engine()
    path.write_bytes(plan(other, network()))
    with pytest.raises(BadWeights, match=r"Version tag does not match\. Note: Current Version") as caught:
        load(path)
    assert "its header looks like TensorRT " + {"10": "10.3.0", "8_2": "8.2.1"}[other] in (caught.value.fix or "")
    assert "aai model convert DIR --to tensor-rt" in (caught.value.fix or "")
    machine.assert_clean()


def test_engines_without_a_batch_axis_run_on_the_versions_that_still_have_them(machine_of: Any) -> None:
    for version in ("8_2", "8_5"):
        machine = machine_of(version, "in process")
        loaded = load(machine.engine(implicit()))
        assert loaded.inputs[0].shape == (None, 3, 2, 2)
        for count in (1, 4, 6):
            images = np.random.default_rng(count).normal(size=(count, 3, 2, 2)).astype(np.float32)
            assert_answer(loaded.infer({"images": images}), images)
        loaded.close()
        machine.assert_clean()


@pytest.mark.parametrize("version", ["8_2", "8_5"])
def test_of_several_profiles_the_first_is_taken(version: str, machine_of: Any) -> None:
    loaded = load(machine_of(version, "in process").engine(batched(profiles=3)))
    assert [spec.name for spec in loaded.inputs] == ["images"]
    images = np.concatenate([IMAGE, -IMAGE])
    assert_answer(loaded.infer({"images": images}), images)


def test_tensors_that_numpy_would_read_wrong_are_refused(machine: Machine) -> None:
    cases = {
        "the layout CHW4": {"format": "CHW4"},
        "a shape that lies on the host": {"location": "HOST"},
    }
    if machine.version in ("10", "11"):
        cases["of type BF16"] = {"dtype": "BF16"}
    for told, change in cases.items():
        made = network()
        made["inputs"][0].update(change)
        with pytest.raises(BadWeights, match=told) as caught:
            load(machine.engine(made))
        assert caught.value.fix
    machine.assert_clean(workers=len(cases))


def test_an_output_whose_size_only_the_run_tells_is_refused(machine: Machine) -> None:
    made = network()
    made["outputs"][0]["unknown"] = True
    loaded = load(machine.engine(made))
    with pytest.raises(BadWeights, match="the output boxes of the engine has a size that only the run tells"):
        loaded.infer({"images": IMAGE})
    loaded.close()
    machine.assert_clean()


def test_a_machine_without_a_gpu_is_told_before_tensorrt_can_die_of_it(machine: Machine) -> None:
    for mode, told in (("no-driver", "CUDA error 35"), ("no-device", "CUDA error 100")):
        machine.set_mode(mode)
        with pytest.raises(BackendUnavailable, match=told) as caught:
            load(machine.engine())
        assert "nvidia-smi" in (caught.value.fix or "")


def test_a_null_pointer_from_tensorrt_means_a_driver_that_does_not_do(machine: Machine) -> None:
    machine.set_mode("broken-driver")
    with pytest.raises(BackendUnavailable, match="no usable CUDA driver: CUDA initialization failure") as caught:
        load(machine.engine())
    assert "the driver must be at least as new" in (caught.value.fix or "")


def test_a_full_gpu_is_told_and_nothing_stays_on_it(machine: Machine) -> None:
    machine.set_mode("memory=60")
    loaded = load(machine.engine())
    for _ in range(2):
        with pytest.raises(AaiError, match="the GPU could not take 24 bytes of its memory: it has no more"):
            loaded.infer({"images": IMAGE})
    loaded.close()
    machine.assert_clean()


def test_no_memory_for_a_context_is_told(machine: Machine) -> None:
    with pytest.raises(AaiError, match="could not make a context"):
        load(machine.engine(network(tricks={"context": "none"})))
    machine.assert_clean()


def test_a_run_that_tensorrt_refuses_is_told_and_the_next_one_is_tried(machine: Machine) -> None:
    loaded = load(machine.engine(network(tricks={"run": "refuse"})))
    for _ in range(2):
        with pytest.raises(AaiError, match="TensorRT could not run the engine") as caught:
            loaded.infer({"images": IMAGE})
        assert "Error Code 3" in (caught.value.fix or "")
    loaded.close()
    machine.assert_clean()


def test_after_a_fault_that_the_gpu_does_not_survive_the_network_is_closed(machine: Machine) -> None:
    loaded = load(machine.engine(network(tricks={"run": "illegal"})))
    with pytest.raises(AaiError, match="CUDA error 700"):
        loaded.infer({"images": IMAGE})
    with pytest.raises(AaiError, match="closed"):
        loaded.infer({"images": IMAGE})
    loaded.close()


def test_plugin_libraries_are_the_machines_own_and_a_model_only_names_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = machine.engine()
    with pytest.raises(BackendUnavailable, match=r"needs the plugin library libyolo\.so") as caught:
        load(path, parameters={"plugins": ["libyolo.so"]})
    assert "AAI_TENSORRT_PLUGINS" in (caught.value.fix or "")
    (machine.folder / "libyolo.so").write_bytes(b"\x7fELF, but no more than that")
    monkeypatch.setenv("AAI_TENSORRT_PLUGINS", str(machine.folder / "libyolo.so"))
    with pytest.raises(BackendUnavailable, match=r"the plugin library can't be loaded: .*libyolo\.so"):
        load(path, parameters={"plugins": ["libyolo.so"]})
    monkeypatch.setenv("AAI_TENSORRT_PLUGINS", "libc.so.6")
    assert_answer(load(path, parameters={"plugins": "libc.so.6"}).infer({"images": IMAGE}), IMAGE)


def test_an_engine_that_is_cut_off_anywhere_is_bad_weights(machine: Machine) -> None:
    path = machine.engine()
    data = path.read_bytes()
    for share in range(1, 16) if machine.place == "in process" else (1, 8, 15):
        path.write_bytes(data[: len(data) * share // 16])
        with pytest.raises(BadWeights) as caught:
            load(path)
        assert str(path) in (caught.value.where or "")


def test_an_engine_of_tensorrt_5_is_told_as_one(machine_of: Any, zoo: Path) -> None:
    machine_of("8_5", "in process")
    with pytest.raises(BadWeights, match="of TensorRT 5 or older") as caught:
        load(zoo / "tensor-rt/lenet5-engine/lenet5.engine")
    assert "aai model convert" in (caught.value.fix or "")


def test_a_tensorrt_whose_own_libraries_are_missing_is_told(machine_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = machine_of("10", "in process")
    monkeypatch.setenv("AAI_TENSORRT_PYTHON", "/not/there")
    machine.install("raise ImportError('libcublas.so.12: cannot open it')")
    with pytest.raises(
        BackendUnavailable, match=r"TensorRT of this Python can't be loaded: libcublas\.so\.12"
    ) as caught:
        load(machine.engine())
    assert "AAI_TENSORRT_PYTHON" in (caught.value.fix or "")


@given(
    head=st.sampled_from([b"", b"ftrt", b"\x10\0\0\0{", b"\xff\xff\xff\x7f{", b"\x04\0\0\0{}  ftrt", bytes(8)]),
    tail=st.binary(max_size=64),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_a_plan_starts_is_found_or_refused_whatever_the_bytes(head: bytes, tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.engine"
    path.write_bytes(head + tail)
    try:
        found = find_plan(path)
    except BadWeights as error:
        assert error.where == str(path) and error.fix
        return
    assert (head + tail)[found.offset :].startswith(b"ftrt") and len(head + tail) - found.offset >= 28
