"""Networks that OpenCV's dnn module reads, of version 4: version 5 dropped the Darknet, Caffe and Torch7 readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

import cv2
import numpy as np

from aai.errors import AaiError, BackendUnavailable, BadWeights
from aai.ports import Capabilities, TensorSpec
from aai_backends._misuse import closed_network

if TYPE_CHECKING:
    from pathlib import Path

    from aai.ports import LoadOptions

    Array = np.ndarray[Any, Any]

_INSTALL = "pip install 'opencv-python-headless>=4.5.4,<5'"
_CUDA_TARGETS = {"NVIDIA": "DNN_TARGET_CUDA", "NVIDIA_FP16": "DNN_TARGET_CUDA_FP16"}


class OpencvDnnBackend:
    """A network in `cv2.dnn`; each framework's class says how its files are read.

    Not for use by several threads at the same time.

    Args:
        reader: name of the function of `cv2.dnn` that reads the files.
        paths: what it is called with.
        options: accelerator CPU, NVIDIA or NVIDIA_FP16 (an OpenCV built with CUDA), threads, outputs. `threads` sets
            the number for all of OpenCV in this process, and only when it is not 0.

    Raises:
        BackendUnavailable: OpenCV is not of version 4, or has no dnn module.
        BadWeights: the files can't be read.
        AaiError: the accelerator or an output is not there.
    """

    capabilities = Capabilities(
        engines=("DNN", "DNN_CUDA"), accelerators=("CPU", *_CUDA_TARGETS), dynamic_batch=True, layout="NCHW"
    )

    def __init__(self, reader: str, paths: Sequence[Path], options: LoadOptions) -> None:
        self.engine = f"opencv dnn {cv2.__version__}"
        self.accelerator = "CPU" if options.accelerator == "DEFAULT" else options.accelerator
        self._where = " and ".join(str(path) for path in paths)
        _check_version()
        if options.threads:
            cv2.setNumThreads(options.threads)
        try:
            self._net = getattr(cv2.dnn, reader)(*(str(path) for path in paths))
            self._check()
            self._names = _output_names(self._net, options.outputs, self._where)
        # Layers are made when they are first asked for, so that a fault may show after the reading.
        except (cv2.error, MemoryError) as error:
            raise BadWeights(
                f"OpenCV can't read the network: {_reason(error)}", self._where, "check that the files belong together"
            ) from error
        _place(self._net, self.accelerator)
        # OpenCV takes inputs of any size and does not name them.
        self.inputs: tuple[TensorSpec, ...] = (TensorSpec("", (), "float32"),)
        self.outputs = tuple(TensorSpec(name, (), "float32") for name in self._names)

    def _check(self) -> None:
        """Looks at the network that was read; a framework's class may know more faults."""
        if self._net.empty():
            raise BadWeights("the network has no layers", self._where, "check that the files belong together")

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; the only input is called "". See `aai.ports.Backend`."""
        if self._net is None:
            raise closed_network(self._where)
        if set(tensors) != {""}:
            raise AaiError(f"the inputs are {sorted(tensors)}, where one called '' belongs", self._where)
        try:
            self._net.setInput(tensors[""])
            outputs = self._net.forward(self._names)
        except (cv2.error, MemoryError) as error:
            raise AaiError(
                f"OpenCV can't run the network: {_reason(error)}",
                self._where,
                "check model_parameters.size: aai model configure",
            ) from error
        return dict(zip(self._names, outputs))

    def close(self) -> None:
        """Frees the network."""
        self._net = None


def _check_version() -> None:
    if not cv2.__version__.startswith("4."):
        raise BackendUnavailable(
            f"OpenCV {cv2.__version__} is installed, and this back end needs version 4", cv2.__file__, _INSTALL
        )
    if not hasattr(cv2, "dnn"):
        raise BackendUnavailable("this OpenCV was built without its dnn module", cv2.__file__, _INSTALL)


def _reason(error: BaseException) -> str:
    # OpenCV's own sentence, without the place in its source.
    text = " ".join(str(getattr(error, "err", "") or error).split())
    return text[:300] or type(error).__name__


def _place(net: Any, accelerator: str) -> None:
    if accelerator == "CPU":
        return
    cuda = getattr(cv2, "cuda", None)
    found = cuda.getCudaEnabledDeviceCount() if cuda else 0
    if accelerator not in _CUDA_TARGETS or not found:
        raise AaiError(
            f"OpenCV has no accelerator {accelerator} here",
            f"OpenCV {cv2.__version__}, CUDA devices: {found}",
            "use accelerator CPU; NVIDIA needs an OpenCV that was built with CUDA",
        )
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
    net.setPreferableTarget(getattr(cv2.dnn, _CUDA_TARGETS[accelerator]))


def _output_names(net: Any, wanted: tuple[str, ...], where: str) -> tuple[str, ...]:
    own = tuple(net.getUnconnectedOutLayersNames())
    missing = [name for name in wanted if net.getLayerId(name) < 0]
    if missing:
        raise AaiError(
            f"the network has no layer {', '.join(missing)}",
            f"{where}, output_layer_names",
            f"its outputs are: {', '.join(own)}",
        )
    return wanted or own
