"""Frozen TensorFlow graphs (.pb) on TensorFlow itself, for those that neither OpenVINO nor OpenCV reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from aai.errors import AaiError, BadWeights
from aai.ports import Capabilities, TensorSpec
from aai_backends._misuse import closed_network, no_output, wrong_input, wrong_inputs
from aai_backends._shapes import channels_last, closed, fits
from aai_backends._tensorflow_file import check_graph

# TensorFlow greets with pages of notes on its build.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf

if TYPE_CHECKING:
    from aai.ports import LoadOptions, ModelFiles

    Array = np.ndarray[Any, Any]

_NO_RESULTS = ("Const", "Placeholder", "NoOp", "Assert")


class TensorflowGraphBackend:
    """A frozen graph in a TensorFlow session.

    Args:
        files: the .pb; a .pbtxt beside it is OpenCV's, and refused.
        options: accelerator CPU or NVIDIA, threads, outputs. Images go in as TensorFlow has them, (1, H, W, C).

    Raises:
        BadWeights: the file is no frozen graph that TensorFlow reads.
        AaiError: the accelerator or an output is not there.
    """

    capabilities = Capabilities(engines=("TENSORFLOW",), accelerators=("CPU", "NVIDIA"), dynamic_batch=True)

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        path = check_graph(files)
        self._where = str(path)
        self.engine = f"tensorflow {tf.__version__}"
        self.accelerator = _accelerator(options.accelerator)
        graph = _read(path.read_bytes(), self._where)
        found = [op.outputs[0] for op in graph.get_operations() if op.type == "Placeholder"]
        made = channels_last(options.input_shape) if len(found) == 1 else ()
        self._inputs = [(tensor, _spec(tensor, made)) for tensor in found]
        self._outputs = _outputs(graph, options.outputs, self._where)
        self.inputs = tuple(spec for _, spec in self._inputs)
        self.outputs = tuple(spec for _, spec in self._outputs)
        settings = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=options.threads,
            device_count={"GPU": 1 if self.accelerator == "NVIDIA" else 0},
        )
        self._session: Any = tf.compat.v1.Session(graph=graph, config=settings)

    def infer(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for one set of inputs, by name; see `aai.ports.Backend`."""
        if self._session is None:
            raise closed_network(self._where)
        names = [spec.name for spec in self.inputs]
        if sorted(tensors) != sorted(names):
            raise wrong_inputs(tensors, names, self._where)
        for spec in self.inputs:
            given = tensors[spec.name]
            if (spec.shape and not fits(spec.shape, given.shape)) or given.dtype != spec.dtype:
                raise wrong_input(spec.name, spec.dtype, spec.shape, given, self._where)
        try:
            found = self._session.run(
                [tensor for tensor, _ in self._outputs], {tensor: tensors[spec.name] for tensor, spec in self._inputs}
            )
        except (tf.errors.OpError, ValueError, TypeError, RuntimeError) as error:
            raise AaiError(f"TensorFlow can't run the network: {_reason(error)}", self._where) from error
        return {spec.name: np.asarray(array) for (_, spec), array in zip(self._outputs, found)}

    def close(self) -> None:
        """Frees the session."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _read(data: bytes, where: str) -> Any:
    graph = tf.Graph()
    definition = tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(data)
        with graph.as_default():
            tf.import_graph_def(definition, name="")
    # protobuf's exceptions and those of unknown operators have no base class in common.
    except Exception as error:
        raise BadWeights(f"TensorFlow can't read the graph: {_reason(error)}", where, "freeze it again") from error
    return graph


def _accelerator(asked: str) -> str:
    here = ["CPU", *(["NVIDIA"] if tf.config.list_physical_devices("GPU") else [])]
    if asked == "DEFAULT":
        return here[-1]
    if asked not in here:
        raise AaiError(
            f"TensorFlow has no accelerator {asked} here",
            f"TensorFlow {tf.__version__}",
            f"use one of: {', '.join(here)}",
        )
    return asked


def _spec(tensor: Any, made: tuple[int, ...] = ()) -> TensorSpec:
    name = tensor.name[:-2] if tensor.name.endswith(":0") else tensor.name
    lengths = tensor.shape.as_list() if tensor.shape.rank is not None else []
    return TensorSpec(name, closed(tuple(lengths), made), tensor.dtype.as_numpy_dtype.__name__)


def _outputs(graph: Any, names: tuple[str, ...], where: str) -> list[tuple[Any, TensorSpec]]:
    """The tensors that are asked for, or else those that nothing in the graph takes."""
    operations = graph.get_operations()
    if not names:
        taken = {tensor.name for op in operations for tensor in op.inputs}
        ends = [t for op in operations if op.type not in _NO_RESULTS for t in op.outputs if t.name not in taken]
        return [(tensor, _spec(tensor)) for tensor in ends]
    by_name = {t.name: t for op in operations for t in op.outputs}
    found = [(name, by_name.get(name) if ":" in name else by_name.get(f"{name}:0")) for name in names]
    missing = [name for name, tensor in found if tensor is None]
    if missing:
        raise no_output(missing, [spec.name for _, spec in _outputs(graph, (), where)], where)
    return [(tensor, TensorSpec(name, _spec(tensor).shape, _spec(tensor).dtype)) for name, tensor in found]


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
