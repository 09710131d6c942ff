"""What every back end must do: a test class inherits `BackendConformance` and gives `Sample` networks to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

import numpy as np
import pytest

from aai.errors import AaiError, BadWeights
from aai.ports import LoadOptions, ModelFiles


@dataclass(frozen=True)
class Sample:
    """A network with a known answer.

    Args:
        backend: the class that loads it.
        files: its files.
        tensor: an input.
        outputs: the answer to `tensor`, by name.
        atol: by how much an answer may differ; 1e-5 of it is allowed in any case.
    """

    backend: Any
    files: ModelFiles
    tensor: np.ndarray
    outputs: Mapping[str, np.ndarray]
    atol: float = 1e-6

    def load(self, **options: Any) -> Any:
        return self.backend(self.files, LoadOptions(**options))


class BackendConformance:
    """Inherited by the test class of each back end, beside a fixture `sample`."""

    def test_a_loaded_network_says_what_it_is(self, sample: Sample) -> None:
        network = sample.load()
        assert network.engine.split()[-1][0].isdigit()
        assert network.accelerator in network.capabilities.accelerators
        assert network.accelerator != "DEFAULT"
        assert len(network.inputs) == 1
        assert [spec.name for spec in network.outputs] == list(sample.outputs)

    def test_the_answer_is_the_known_one(self, sample: Sample) -> None:
        _assert_answer(_infer(sample.load(threads=1), sample.tensor), sample.outputs, sample.atol)

    def test_another_array_and_the_same_array_with_other_values_are_read_anew(self, sample: Sample) -> None:
        network = sample.load()
        tensor = np.zeros_like(sample.tensor)
        zero = {name: array.copy() for name, array in _infer(network, tensor).items()}
        assert any(not np.allclose(zero[name], array) for name, array in sample.outputs.items())
        tensor[...] = sample.tensor
        _assert_answer(_infer(network, tensor), sample.outputs, sample.atol)
        _assert_answer(_infer(network, np.zeros_like(sample.tensor)), zero)
        _assert_answer(_infer(network, sample.tensor.copy()), sample.outputs, sample.atol)

    def test_an_array_that_is_not_contiguous_is_read_right(self, sample: Sample) -> None:
        network = sample.load()
        wide = np.zeros((*sample.tensor.shape[:-1], 2 * sample.tensor.shape[-1]), sample.tensor.dtype)
        view = wide[..., ::2]
        _infer(network, view)
        view[...] = sample.tensor
        _assert_answer(_infer(network, view), sample.outputs, sample.atol)

    def test_outputs_can_be_chosen(self, sample: Sample) -> None:
        name = list(sample.outputs)[-1]
        network = sample.load(outputs=(name,))
        assert [spec.name for spec in network.outputs] == [name]
        _assert_answer(_infer(network, sample.tensor), {name: sample.outputs[name]}, sample.atol)

    def test_an_output_that_is_not_there_is_told_with_those_that_are(self, sample: Sample) -> None:
        with pytest.raises(AaiError, match="nowhere") as caught:
            sample.load(outputs=("nowhere",))
        assert next(iter(sample.outputs)) in (caught.value.fix or "")

    def test_two_networks_do_not_disturb_each_other(self, sample: Sample) -> None:
        one, two = sample.load(), sample.load()
        first = _infer(one, sample.tensor)
        _infer(two, np.zeros_like(sample.tensor))
        _assert_answer(first, sample.outputs, sample.atol)

    def test_an_accelerator_that_is_not_here_is_told_with_those_that_are(self, sample: Sample) -> None:
        for accelerator in ("NVIDIA", "HAILO"):
            with pytest.raises(AaiError, match=accelerator) as caught:
                sample.load(accelerator=accelerator)
            assert "CPU" in (caught.value.fix or "")

    def test_wrong_inputs_are_refused_and_the_network_still_runs(self, sample: Sample) -> None:
        network = sample.load()
        with pytest.raises(AaiError):
            network.infer({"nobody": sample.tensor})
        with pytest.raises(AaiError):
            network.infer({})
        with pytest.raises(AaiError):
            _infer(network, np.zeros((1, 7, 5, 5), np.float32))
        _assert_answer(_infer(network, sample.tensor), sample.outputs, sample.atol)

    def test_closing_twice_is_fine_and_a_closed_network_does_not_run(self, sample: Sample) -> None:
        network = sample.load()
        network.close()
        network.close()
        with pytest.raises(AaiError, match="closed"):
            _infer(network, sample.tensor)

    def test_files_that_are_not_the_network_are_told_by_name(self, sample: Sample, tmp_path: Path) -> None:
        broken = {
            "missing": None,
            "empty": b"",
            "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
            "page": b"\n<!DOCTYPE html><html><body>Not found</body></html>",
            "noise": bytes(range(256)) * 40,
            "half": sample.files.model.read_bytes()[: sample.files.model.stat().st_size // 2],
        }
        for name, content in broken.items():
            path = tmp_path / f"{name}{sample.files.model.suffix}"
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(BadWeights) as caught:
                sample.backend(ModelFiles(path, sample.files.config), LoadOptions())
            assert str(path) in (caught.value.where or ""), name
        with pytest.raises(BadWeights, match="folder"):
            sample.backend(ModelFiles(tmp_path, sample.files.config), LoadOptions())


def _infer(network: Any, tensor: np.ndarray) -> dict[str, np.ndarray]:
    return network.infer({network.inputs[0].name: tensor})


def _assert_answer(outputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], atol: float = 1e-6) -> None:
    assert list(outputs) == list(expected)
    for name, array in expected.items():
        assert outputs[name].shape == array.shape
        np.testing.assert_allclose(outputs[name], array, rtol=1e-5, atol=atol)
