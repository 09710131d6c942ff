"""Networks that OpenCV's dnn module reads, of version 4: version 5 dropped the Darknet, Caffe and Torch7 readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

import cv2
import numpy as np

from aai.errors import AaiError, BackendUnavailable, BadWeights
from aai.ports import Capabilities, TensorSpec

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
        path: the model file, for errors.
        read: reads the files and gives the `cv2.dnn.Net`.
        options: accelerator CPU, NVIDIA or NVIDIA_FP16 (an OpenCV built with CUDA), threads, outputs. `threads` sets
            the number for all of OpenCV in this process, and only when it is not 0.

    Raises:
        BackendUnavailable: OpenCV is not of version 4, or has no dnn module.
        BadWeights: the files can't be read.
        AaiError: the accelerator or an output is not there.
    """

    capabilities = Capabilities(engines=("DNN", "DNN_CUDA"), accelerators=("CPU", *_CUDA_TARGETS))

    def __init__(self, path: Path, read: Callable[[], Any], options: LoadOptions) -> None:
        self.engine = f"opencv dnn {cv2.__version__}"
        self.accelerator = "CPU" if options.accelerator == "DEFAULT" else options.accelerator
        self._path = path
        check_version()
        if options.threads:
            cv2.setNumThreads(options.threads)
        self._net = _read(path, read)
        _place(self._net, self.accelerator)
        self._names = _output_names(self._net, options.outputs, path)
        # OpenCV takes inputs of any size and does not name them.
        self.inputs: tuple[TensorSpec, ...] = (TensorSpec("", (), "float32"),)
        self.outputs = tuple(TensorSpec(name, (), "float32") for name in self._names)

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; the only input is called "". See `aai.ports.Backend`."""
        if self._net is None:
            raise AaiError("the network is closed", str(self._path), "load it again")
        if set(tensors) != {""}:
            raise AaiError(f"the inputs are {sorted(tensors)}, where one called '' belongs", str(self._path))
        try:
            self._net.setInput(tensors[""])
            outputs = self._net.forward(self._names)
        except (cv2.error, MemoryError) as error:
            raise AaiError(
                f"OpenCV can't run the network: {reason(error)}",
                str(self._path),
                "check model_parameters.size: aai model configure",
            ) from error
        return dict(zip(self._names, outputs))

    def close(self) -> None:
        """Frees the network."""
        self._net = None


def check_version() -> None:
    """Passes when cv2 is OpenCV 4 with its dnn module.

    Raises:
        BackendUnavailable: it is not.
    """
    if not cv2.__version__.startswith("4."):
        raise BackendUnavailable(
            f"OpenCV {cv2.__version__} is installed, and this back end needs version 4", cv2.__file__, _INSTALL
        )
    if not hasattr(cv2, "dnn"):
        raise BackendUnavailable("this OpenCV was built without its dnn module", cv2.__file__, _INSTALL)


def reason(error: BaseException) -> str:
    """OpenCV's own sentence, without the place in its source."""
    text = " ".join(str(getattr(error, "err", "") or error).split())
    return text[:300] or type(error).__name__


def _read(path: Path, read: Callable[[], Any]) -> Any:
    try:
        net = read()
    except (cv2.error, MemoryError) as error:
        raise BadWeights(
            f"OpenCV can't read the network: {reason(error)}", str(path), "check that the files belong together"
        ) from error
    if net.empty():
        raise BadWeights("the network has no layers", str(path), "check that the files belong together")
    return net


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


def _output_names(net: Any, wanted: tuple[str, ...], path: Path) -> tuple[str, ...]:
    own = tuple(net.getUnconnectedOutLayersNames())
    missing = [name for name in wanted if net.getLayerId(name) < 0]
    if missing:
        raise AaiError(
            f"the network has no layer {', '.join(missing)}",
            f"{path}, output_layer_names",
            f"its outputs are: {', '.join(own)}",
        )
    return wanted or own
