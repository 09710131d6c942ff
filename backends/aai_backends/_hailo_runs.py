"""The two interfaces of HailoRT that run a HEF: InferModel (4.18 and newer), and InferVStreams before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Mapping, Protocol

import numpy as np

from aai_backends._hailo_formats import BY_CLASS, BY_SCORE, DTYPES, WITH_MASKS, Stream, name_of

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

TIMEOUT_MS = 10_000
"""HailoRT's own default for its streams; models that take turns may wait for each other."""


class Run(Protocol):
    """A HEF on the device."""

    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]

    def infer(self, frames: Mapping[str, Array]) -> dict[str, Any]:
        """The outputs of one frame by name, as HailoRT gives them.

        Args:
            frames: inputs of the type and shape of their streams, contiguous.

        Returns:
            Arrays; for boxes by class a flat array or one (n, 5) array for each class, for other boxes HailoRT's
            detection objects. Overwritten by the next call.
        """
        ...

    def close(self) -> None:
        """Frees what lies on the device."""
        ...


class InferModelRun:
    """A HEF as an InferModel, its output buffers kept between calls.

    Args:
        runtime: the module `hailo_platform`.
        device: the VDevice.
        path: of the HEF.
        types: format types to ask for by side, "input" and "output"; see `wanted_type`.
    """

    def __init__(self, runtime: Any, device: Any, path: str, types: Mapping[str, str]) -> None:
        self._model = device.create_infer_model(path)
        infos = {info.name: info for info in self._model.hef.get_output_vstream_infos()}
        for name in self._model.input_names:
            _set_type(runtime, self._model.input(name), types["input"])
        for name in self._model.output_names:
            stream = self._model.output(name)
            order = name_of(stream.format.order)
            # What the device's own suppression gives is quantised; boxes that HailoRT made are real numbers already.
            _set_type(runtime, stream, "FLOAT32" if order in BY_CLASS else _left_alone(order) or types["output"])
        self.inputs = tuple(self._stream(self._model.input(name)) for name in self._model.input_names)
        self.outputs = tuple(
            self._stream(self._model.output(name), _classes(infos.get(name))) for name in self._model.output_names
        )
        # HailoRT 4.20, which brought boxes by score, tells the size of boxes with masks in bytes.
        in_bytes = hasattr(runtime.FormatOrder, BY_SCORE)
        self._buffers = {stream.name: _buffer(stream, in_bytes) for stream in self.outputs}
        self._configured = self._model.configure()
        self._bindings = self._configured.create_bindings()

    def infer(self, frames: Mapping[str, Array]) -> dict[str, Any]:
        """See `Run.infer`."""
        for name, frame in frames.items():
            self._bindings.input(name).set_buffer(frame)
        for name, buffer in self._buffers.items():
            self._bindings.output(name).set_buffer(buffer)
        self._configured.run([self._bindings], TIMEOUT_MS)
        return {
            stream.name: self._bindings.output(stream.name).get_buffer()
            if stream.order in (BY_SCORE, WITH_MASKS)
            else self._buffers[stream.name]
            for stream in self.outputs
        }

    def close(self) -> None:
        """See `Run.close`."""
        self._configured.shutdown()
        self._configured.__exit__(None, None, None)
        # As long as an InferModel is there, so is its VDevice.
        self._model = self._configured = self._bindings = None

    def _stream(self, stream: Any, classes: int = 0) -> Stream:
        return Stream(
            stream.name,
            tuple(int(length) for length in stream.shape),
            name_of(stream.format.type),
            name_of(stream.format.order),
            _pairs(stream.quant_infos),
            classes,
        )


class VStreamsRun:
    """A HEF as a network group with blocking streams; arguments as `InferModelRun`."""

    def __init__(self, runtime: Any, device: Any, path: str, types: Mapping[str, str]) -> None:
        hef = runtime.HEF(path)
        params = runtime.ConfigureParams.create_from_hef(hef, interface=runtime.HailoStreamInterface.PCIe)
        groups = device.configure(hef, params)
        if len(groups) != 1:
            raise runtime.HailoRTException(f"the HEF has {len(groups)} network groups, where one belongs")
        (group,) = groups
        self.inputs = tuple(_info_stream(info, types["input"]) for info in group.get_input_vstream_infos())
        self.outputs = tuple(_info_stream(info, types["output"]) for info in group.get_output_vstream_infos())
        inputs = _vstream_params(runtime, runtime.InputVStreamParams, group, types["input"])
        outputs = _vstream_params(runtime, runtime.OutputVStreamParams, group, types["output"])
        if any(stream.boxes for stream in self.outputs):
            real = _vstream_params(runtime, runtime.OutputVStreamParams, group, "FLOAT32")
            outputs.update({stream.name: real[stream.name] for stream in self.outputs if stream.boxes})
        self._pipeline = runtime.InferVStreams(group, inputs, outputs)
        self._pipeline.__enter__()

    def infer(self, frames: Mapping[str, Array]) -> dict[str, Any]:
        """See `Run.infer`."""
        answers = self._pipeline.infer({name: frame[None] for name, frame in frames.items()})
        return {name: answer[0] for name, answer in answers.items()}

    def close(self) -> None:
        """See `Run.close`."""
        self._pipeline.__exit__(None, None, None)
        self._pipeline = None


def _set_type(runtime: Any, stream: Any, wanted: str) -> None:
    if wanted != "AUTO":
        stream.set_format_type(getattr(runtime.FormatType, wanted))


def _left_alone(order: str) -> str:
    return "AUTO" if order in (BY_SCORE, WITH_MASKS) else ""


def _vstream_params(runtime: Any, kind: Any, group: Any, wanted: str) -> dict[str, Any]:
    # `quantized` is without effect from 4.17 on; before, it says that HailoRT need not convert.
    made: dict[str, Any] = kind.make(
        group, quantized=wanted != "FLOAT32", format_type=getattr(runtime.FormatType, wanted)
    )
    return made


def _info_stream(info: Any, wanted: str) -> Stream:
    order = name_of(info.format.order)
    own = name_of(info.format.type)
    boxes = Stream(info.name, (), "", order).boxes
    return Stream(
        info.name,
        () if boxes else tuple(int(length) for length in info.shape),
        "FLOAT32" if boxes else own if wanted == "AUTO" else wanted,
        order,
        _pairs([info.quant_info]),
        _classes(info) if boxes else 0,
    )


def _classes(info: Any) -> int:
    shape = getattr(info, "nms_shape", None)
    return int(getattr(shape, "number_of_classes", 0))


def _pairs(infos: Iterable[Any]) -> tuple[tuple[float, float], ...]:
    return tuple((float(info.qp_scale), float(info.qp_zp)) for info in infos)


def _buffer(stream: Stream, in_bytes: bool) -> Array:
    if in_bytes and stream.order in (BY_SCORE, WITH_MASKS):
        return np.zeros(stream.shape, np.uint8)
    return np.zeros(stream.shape, DTYPES[stream.type])
