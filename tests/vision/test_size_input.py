"""Networks that are to be told the size of the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np
import pytest

from aai.core.configure import configure
from aai.ports import Capabilities, TensorSpec
from aai.vision.services import ObjectDetection
from aai.vision.size_input import with_size_given
from tests.model_maker import FLOAT, INT64, node, number, onnx_bytes, part, value_info
from tests.vision.models import weights


class Recorder:
    """A back end that answers with what it was given."""

    capabilities = Capabilities(("TEST",), ("CPU",))
    engine, accelerator = "test", "CPU"
    outputs: tuple[TensorSpec, ...] = ()

    def __init__(self, inputs: Sequence[TensorSpec]) -> None:
        self.inputs = tuple(inputs)
        self.closed = False

    def infer(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        return dict(tensors)

    def close(self) -> None:
        self.closed = True


IMAGE = TensorSpec("images", (None, 3, 48, 64), "float32")
SIZES = TensorSpec("orig_target_sizes", (None, 2), "int64")


def _cast(name: str, source: str, to: int) -> bytes:
    return node("Cast", [source], [name], part(5, part(1, "to") + number(3, to) + number(20, 2)))


def test_a_detector_with_its_post_processing_finds_boxes_in_pixels_of_the_image(tmp_path: Path) -> None:
    # boxes = shares * (w, h, w, h), as RT-DETR's post-processing has it.
    nodes = [
        _cast("floats", "orig_target_sizes", FLOAT),
        node("Concat", ["floats", "floats"], ["four"], part(5, part(1, "axis") + number(3, 1) + number(20, 2))),
        node("ReduceMean", ["images"], ["mean"], part(5, part(1, "keepdims") + number(3, 0) + number(20, 2))),
        node("Mul", ["mean", "zero"], ["nothing"]),
        node("Mul", ["shares", "four"], ["flat_boxes"]),
        node("Add", ["flat_boxes", "nothing"], ["boxes"]),
        node("Add", ["certainty", "nothing"], ["scores"]),
        node("Add", ["class", "nothing"], ["float_labels"]),
        _cast("labels", "float_labels", INT64),
    ]
    tensors = [
        weights("shares", (1, 1, 4), (0.25, 0.5, 0.5, 1.0)),
        weights("zero", (1,), (0.0,)),
        weights("certainty", (1, 1), (0.9,)),
        weights("class", (1, 1), (1.0,)),
    ]
    inputs = [value_info("images", [1, 3, 48, 64]), value_info("orig_target_sizes", [1, 2], INT64)]
    outputs = [
        value_info("labels", [1, 1], INT64),
        value_info("boxes", [1, 1, 4]),
        value_info("scores", [1, 1]),
    ]
    (tmp_path / "model.onnx").write_bytes(onnx_bytes(inputs, outputs, nodes, tensors))
    configure(tmp_path, {"id": "acme/rtdetr"}).write()
    found = ObjectDetection(tmp_path).load("ONNX_RT").detect_objects(np.zeros((96, 256, 3), np.uint8))
    (prediction,) = found.predictions
    box = prediction.box
    assert (prediction.index, box.start_x, box.start_y, box.end_x, box.end_y) == (1, 64, 48, 128, 96)
    assert prediction.confidence == pytest.approx(0.9)


@pytest.mark.parametrize("shape", [(1, 3, 48, 64), (1, 48, 64, 3), (2, 3, 48, 64)])
def test_the_network_is_told_the_size_of_its_own_input(shape: tuple[int, ...]) -> None:
    inner = Recorder([IMAGE, SIZES])
    backend = with_size_given(inner)
    assert backend.inputs == (IMAGE,)
    given = backend.infer({"images": np.zeros(shape, np.float32)})
    assert given["orig_target_sizes"].tolist() == [[64, 48]] * shape[0]
    assert given["orig_target_sizes"].dtype == np.int64
    backend.close()
    assert inner.closed


@pytest.mark.parametrize(
    "inputs",
    [[IMAGE], [IMAGE, TensorSpec("im_shape", (1, 2), "float32")], [IMAGE, SIZES, TensorSpec("scale", (1,), "")], []],
)
def test_every_other_network_stays_as_it_is(inputs: Sequence[TensorSpec]) -> None:
    backend = Recorder(inputs)
    assert with_size_given(backend) is backend
