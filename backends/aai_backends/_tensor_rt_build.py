"""An engine built from an ONNX file, with the TensorRT and on the GPU that will run it. Runs in the worker.

Source: NVIDIA, TensorRT Python API, Builder, IBuilderConfig, OnnxParser; what exists in which version was read from the
bindings of 8.5.3, 8.6.0, 10.3 and 11.4.
No `from __future__ import annotations` here: the worker runs this file under Python 3.6, which does not know it.
"""

import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from aai_backends._tensor_rt_refusal import FAILED, WEIGHTS, Refusal
from aai_backends._tensor_rt_session import kept_log, load_plugins, said, started

Say = Callable[[Dict[str, Any]], None]
Ask = Callable[[Dict[str, Any]], Dict[str, Any]]

_LEAST_WORKSPACE = 256 << 20
_PROGRESS_S = 0.5
_ERRORS = 3
"""Of the parser, as many as are told."""


def build(trt: Any, cuda: Any, order: Dict[str, Any], images: Dict[str, Any], ask: Ask, say: Say) -> Dict[str, Any]:
    """Builds what `order` asks for and writes it to a file.

    Args:
        trt: the module tensorrt.
        cuda: a `_cudart.CudaRuntime`.
        order: "onnx" and "engine", paths; "precision", float32, float16 or int8; "workspace_bytes", 0 for as much as
            there is; "input_shape", for open axes of the only input; "max_batch"; "plugins".
        images: for int8, the input array that the client fills, by name.
        ask: puts {"event": "images"} to the client, which fills the array; the answer has "more".
        say: tells the client how far it is.

    Returns:
        {"bytes": size of the engine, "notes": [what somebody should know]}.

    Raises:
        Refusal: the network can't be read or built, or this version does not have the precision.
    """
    log = kept_log(trt)
    load_plugins(trt, log, order["plugins"])
    builder = started(trt.Builder, log)
    notes: List[str] = []
    say(_progress("reading the network"))
    network = builder.create_network(_network_flags(trt))
    _parse(trt, network, log, order["onnx"])
    config = builder.create_builder_config()
    _set_workspace(trt, config, cuda, order["workspace_bytes"])
    _set_profile(builder, config, network, order)
    calibrator = _set_precision(trt, cuda, builder, config, network, order, images, ask, notes)
    _watch(trt, config, say)
    say(_progress("building"))
    log.lines.clear()
    try:
        plan = builder.build_serialized_network(network, config)
    finally:
        if calibrator is not None:
            calibrator.release()
    if plan is None:
        raise Refusal(
            WEIGHTS,
            "TensorRT can't build the network: {}".format(said(log) or "it does not say why"),
            "free memory of the GPU, or limit it with --workspace MB; else export the ONNX anew with a newer exporter",
        )
    target = Path(order["engine"])
    with target.open("wb") as file:
        file.write(plan)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": target.stat().st_size, "notes": notes}


def _network_flags(trt: Any) -> int:
    """From 10 on every network has an explicit batch axis, and from 11 on the flag is gone."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(trt: Any, network: Any, log: Any, path: str) -> None:
    parser = trt.OnnxParser(network, log)
    if parser.parse_from_file(path):
        return
    errors = [parser.get_error(number) for number in range(min(parser.num_errors, _ERRORS))]
    told = "; ".join("node {}: {}".format(error.node(), " ".join(error.desc().split())) for error in errors)
    raise Refusal(
        WEIGHTS,
        "TensorRT can't read the ONNX file: {}".format((told or said(log) or "it does not say why")[:500]),
        "export it again with another opset, or simplify it: pip install onnxslim; onnxslim in.onnx out.onnx",
    )


def _set_workspace(trt: Any, config: Any, cuda: Any, size_bytes: int) -> None:
    if hasattr(config, "set_memory_pool_limit"):
        # Without a limit it takes what the GPU has.
        if size_bytes:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size_bytes)
        return
    # TensorRT 8.2 has no workspace at all unless it is told.
    config.max_workspace_size = size_bytes or max(_LEAST_WORKSPACE, cuda.free_bytes() // 2)


def _set_profile(builder: Any, config: Any, network: Any, order: Dict[str, Any]) -> None:
    """The range of shapes for inputs with open axes: 1 to `max_batch` images, the rest as `input_shape` has it."""
    tensors = [network.get_input(number) for number in range(network.num_inputs)]
    opened = [tensor for tensor in tensors if any(axis < 0 for axis in tensor.shape)]
    if not opened:
        return
    profile = builder.create_optimization_profile()
    for tensor in opened:
        least, most = _range(tensor, order, len(tensors))
        profile.set_shape(tensor.name, least, most, most)
    config.add_optimization_profile(profile)


def _range(tensor: Any, order: Dict[str, Any], count: int) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    shape, given = tuple(tensor.shape), tuple(order["input_shape"])
    fits = count == 1 and len(given) == len(shape)
    inner = tuple(given[axis] if length < 0 and fits else length for axis, length in enumerate(shape))[1:]
    if any(axis < 0 for axis in inner):
        raise Refusal(
            WEIGHTS,
            "the input {} of the network is {}, and nothing says how large it is to be".format(
                tensor.name, "x".join("?" if axis < 0 else str(axis) for axis in shape)
            ),
            "set it: aai model configure --size WIDTH HEIGHT",
        )
    if shape[0] >= 0:
        return shape[:1] + inner, shape[:1] + inner
    return (1, *inner), (order["max_batch"], *inner)


def _set_precision(
    trt: Any,
    cuda: Any,
    builder: Any,
    config: Any,
    network: Any,
    order: Dict[str, Any],
    images: Dict[str, Any],
    ask: Ask,
    notes: List[str],
) -> Any:
    """Sets what the engine may calculate with; the calibrator, where one is in use."""
    precision = order["precision"]
    if precision == "float32":
        # TensorRT would take TF32, with 10 bits of mantissa, where the GPU has it.
        config.clear_flag(trt.BuilderFlag.TF32)
        return None
    wanted = "FP16" if precision == "float16" else "INT8"
    if not hasattr(trt.BuilderFlag, wanted) or (wanted == "INT8" and not hasattr(trt, "IInt8EntropyCalibrator2")):
        raise Refusal(
            WEIGHTS,
            f"TensorRT {trt.__version__} takes the precision from the ONNX file, and can't be told {precision}",
            "export the network itself as float16, or quantised with Q/DQ nodes, then build it with --precision "
            "float32, which keeps its types",
        )
    if not getattr(builder, "platform_has_fast_fp16", True):
        notes.append("this GPU is not faster with float16")
    config.set_flag(trt.BuilderFlag.FP16)
    if precision == "float16":
        return None
    if not getattr(builder, "platform_has_fast_int8", True):
        notes.append("this GPU is not faster with int8")
    config.set_flag(trt.BuilderFlag.INT8)
    calibrator = _calibrator(trt, cuda, images, ask)
    config.int8_calibrator = calibrator
    tensors = [network.get_input(number) for number in range(network.num_inputs)]
    if any(axis < 0 for tensor in tensors for axis in tensor.shape):
        profile = builder.create_optimization_profile()
        for tensor in tensors:
            shape = images[tensor.name].shape
            profile.set_shape(tensor.name, shape, shape, shape)
        config.set_calibration_profile(profile)
    return calibrator


def _calibrator(trt: Any, cuda: Any, images: Dict[str, Any], ask: Ask) -> Any:
    """What hands the client's images to TensorRT, which finds the range of every layer with them."""
    if not images:
        raise Refusal(FAILED, "int8 needs images to calibrate with", "name a folder of them: --calibration FOLDER")

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        """One array, on the GPU, filled anew for each batch."""

        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self._stream = cuda.stream_create()
            self._addresses: Dict[str, int] = {}
            try:
                for name, array in images.items():
                    self._addresses[name] = cuda.malloc(array.nbytes)
            except BaseException:
                self.release()
                raise

        def get_batch_size(self) -> int:
            """Images in one batch."""
            return int(next(iter(images.values())).shape[0])

        def get_batch(self, names: List[str]) -> Optional[List[int]]:
            """Addresses of the next batch; None at the end."""
            if not ask({"event": "images"}).get("more"):
                return None
            for name in names:
                cuda.to_device(self._addresses[name], images[name], self._stream)
            cuda.stream_synchronize(self._stream)
            return [self._addresses[name] for name in names]

        def read_calibration_cache(self) -> None:
            """None: it is made anew."""

        def write_calibration_cache(self, cache: Any) -> None:
            """The engine itself is kept, and with it what came of this."""

        def release(self) -> None:
            """Gives the memory back."""
            for address in self._addresses.values():
                cuda.free(address)
            self._addresses = {}
            if self._stream:
                cuda.stream_destroy(self._stream)
                self._stream = 0

    return Calibrator()


def _watch(trt: Any, config: Any, say: Say) -> None:
    """Lets TensorRT tell how far it is, where it can: from 10 on."""
    if not hasattr(trt, "IProgressMonitor") or not hasattr(config, "progress_monitor"):
        return

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Passes on the innermost phase, now and then."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: Dict[str, int] = {}
            self._last = 0.0

        def phase_start(self, phase_name: str, parent_phase: Optional[str], num_steps: int) -> None:
            """A phase begins."""
            self._steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            """A step is done; True lets it go on."""
            now = time.time()
            if now - self._last >= _PROGRESS_S:
                self._last = now
                say(_progress(f"{phase_name}: {step + 1} of {self._steps.get(phase_name, 0)}"))
            return True

        def phase_finish(self, phase_name: str) -> None:
            """A phase is over."""
            self._steps.pop(phase_name, None)

    config.progress_monitor = Monitor()


def _progress(text: str) -> Dict[str, Any]:
    return {"event": "progress", "text": text}
