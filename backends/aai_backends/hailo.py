"""Compiled Hailo models (HEF) on HailoRT, several of them on one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.errors import AaiError
from aai.ports import Capabilities, TensorSpec
from aai_backends._hailo_device import DEVICE, chip_of, load_runtime, refusal, wrong_chip
from aai_backends._hailo_file import check_hef
from aai_backends._hailo_formats import (
    BY_CLASS,
    MASKS,
    WITH_MASKS,
    Stream,
    input_spec,
    output_specs,
    real_values,
    wanted_type,
)
from aai_backends._hailo_nms import (
    frame_of,
    masks_of_detections,
    rows_by_class,
    rows_of_buffer,
    rows_of_detections,
)
from aai_backends._hailo_runs import InferModelRun, Run, VStreamsRun
from aai_backends._misuse import closed_network, no_output, wrong_input, wrong_inputs

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles

    Array = np.ndarray[Any, Any]


class HailoBackend:
    """A HEF on the Hailo device of this machine.

    The precision is the one that the HEF was compiled to. Outputs come back as real values, float32, with a batch axis;
    boxes that were suppressed on the way as (N, 6) rows, and masks under the output's name and "/masks": see
    `_hailo_nms`. All models of a process share the device; a fork of the process can't use it.

    Args:
        files: the .hef file.
        options: outputs to return; `quantize_input`, `quantize_output`, `input_format` and `output_format` in the
            parameters.

    Raises:
        BackendUnavailable: HailoRT is not installed, does not fit its driver or this interpreter.
        BadWeights: the file is no HEF, or HailoRT does not take it.
        UsageError: a format that there is not.
        AaiError: there is no free device, the model is for another chip, or an output or accelerator is not there.
    """

    capabilities = Capabilities(engines=("HAILO_RT",), accelerators=("HAILO",), layout="NHWC")

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        self.accelerator = _accelerator(options.accelerator)
        self._path = str(files.model)
        types = {side: wanted_type(options.parameters, side) for side in ("input", "output")}
        check_hef(files.model)
        self._runtime = load_runtime()
        self.engine = f"HailoRT {self._runtime.__version__}"
        device = DEVICE.acquire(self._runtime)
        try:
            self._run: Run | None = self._open(device, files, types)
        except BaseException:
            DEVICE.release()
            raise
        try:
            self._describe(self._run, options.outputs)
        except BaseException:
            self.close()
            raise

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; see `aai.ports.Backend`."""
        if self._run is None:
            raise closed_network(self._path)
        DEVICE.check_process()
        names = {spec.name for spec in self.inputs}
        if tensors.keys() != names:
            raise wrong_inputs(tensors, names, self._path)
        frames = {spec.name: self._frame(spec, tensors[spec.name]) for spec in self.inputs}
        try:
            answers = self._run.infer(frames)
        # Beside its own exceptions HailoRT lets those of C++ and of its Python part through.
        except Exception as error:
            raise refusal(error, self._path) from error
        found: dict[str, Array] = {}
        for stream in self._run.outputs:
            found.update(self._values(stream, answers[stream.name]))
        return {spec.name: found[spec.name] for spec in self.outputs}

    def close(self) -> None:
        """Frees the model, and with the last one the device; in a fork of the process that loaded it nothing."""
        run, self._run = self._run, None
        if run is None:
            return
        try:
            DEVICE.check_process()
        except AaiError:
            # The device belongs to the process before the fork, and so does what lies on it: it must not be freed.
            self._run = run
            return
        try:
            run.close()
        # As in `infer`.
        except Exception as error:
            raise refusal(error, self._path) from error
        finally:
            DEVICE.release()

    def _open(self, device: Any, files: ModelFiles, types: Mapping[str, str]) -> Run:
        kind = InferModelRun if hasattr(self._runtime.VDevice, "create_infer_model") else VStreamsRun
        try:
            return kind(self._runtime, device, self._path, types)
        # As in `infer`.
        except Exception as error:
            told = wrong_chip(files.model, chip_of(device))
            raise (told or refusal(error, self._path)) from error

    def _describe(self, run: Run, names: tuple[str, ...]) -> None:
        self.inputs = tuple(input_spec(stream, self._path) for stream in run.inputs)
        self._picture = run.inputs[0].shape
        specs = {spec.name: spec for stream in run.outputs for spec in output_specs(stream, self._picture)}
        missing = [name for name in names if name not in specs]
        if missing:
            raise no_output(missing, list(specs), self._path)
        self.outputs = tuple(specs[name] for name in names) if names else tuple(specs.values())

    def _frame(self, spec: TensorSpec, tensor: Array) -> Array:
        if tensor.shape != spec.shape or tensor.dtype != spec.dtype:
            raise wrong_input(spec.name, spec.dtype, spec.shape, tensor, self._path)
        return np.ascontiguousarray(tensor[0])

    def _values(self, stream: Stream, answer: Any) -> dict[str, Array]:
        if stream.order in BY_CLASS:
            if isinstance(answer, np.ndarray):
                return {stream.name: rows_of_buffer(answer, stream.classes, f"{self._path}, output {stream.name}")}
            return {stream.name: rows_by_class(answer)}
        if not stream.boxes:
            return {stream.name: real_values(stream, answer)}
        detections = frame_of(answer)
        found = {stream.name: rows_of_detections(detections)}
        if stream.order == WITH_MASKS:
            found[stream.name + MASKS] = masks_of_detections(detections, *self._picture[:2])
        return found


def _accelerator(wanted: str) -> str:
    if wanted not in ("DEFAULT", "HAILO"):
        raise AaiError(f"HailoRT has no accelerator {wanted}", "accelerator", "use one of: HAILO")
    return "HAILO"
