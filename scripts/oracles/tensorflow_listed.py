"""Oracle for TFLite_Detection_PostProcess and for the outputs of the TensorFlow Object Detection API.

    python -m venv .venv-tf && .venv-tf/bin/pip install tensorflow-cpu tf-slim
    .venv-tf/bin/pip install --no-deps tf-models-research-object-detection
    .venv-tf/bin/python scripts/oracles/tensorflow_listed.py

Boxes of known places are encoded against anchors by the API's own coder, and decoded and listed by TensorFlow Lite's
operator, in a network made by TensorFlow's converter as the API makes it; or they go through the API's own suppression
and get the class numbers of its exporter. What is expected are the known places.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import tensorflow as tf
from _fixture import save
from object_detection.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from object_detection.core import box_list, box_list_ops, post_processing

SIZE = (96, 64)
CLASSES = 3
CONFIDENCE = 0.3
COLUMNS, ROWS = 6, 5
OPTIONS = {
    "max_detections": "i: 40",
    "max_classes_per_detection": "i: 1",
    "use_regular_nms": "b: false",
    "nms_score_threshold": "f: 0.0",
    "nms_iou_threshold": "f: 0.6",
    "y_scale": "f: 10.0",
    "x_scale": "f: 10.0",
    "h_scale": "f: 5.0",
    "w_scale": "f: 5.0",
    "num_classes": f"i: {CLASSES}",
}
SIGNATURE = 'name: "TFLite_Detection_PostProcess" ' + " ".join(
    f'attr {{ key: "{key}" value {{ {value} }} }}' for key, value in OPTIONS.items()
)


@tf.function(experimental_implements=SIGNATURE)
def post_process(boxes: Any, scores: Any, anchors: Any) -> Any:
    """Stands for the operator, which the converter puts in its place."""
    return tuple(tf.constant(0.0, name=part) for part in ("boxes", "classes", "scores", "count"))


def main() -> None:
    random = np.random.default_rng(4)
    y, x = (part.ravel() / count for part, count in zip(np.mgrid[0:ROWS, 0:COLUMNS], (ROWS, COLUMNS)))
    corner = np.stack([y, x], axis=1) + random.uniform(0, 0.03, (len(y), 2))
    boxes = np.concatenate([corner, corner + random.uniform(0.05, 0.12, (len(y), 2))], axis=1).astype(np.float32)
    scores = random.random((len(y), CLASSES)).astype(np.float32) ** 2
    _tflite(boxes, scores)
    _api(boxes, scores)


def _tflite(boxes: Any, scores: Any) -> None:
    centres = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2], axis=1) + 0.01
    anchors = np.concatenate([centres, np.full((len(boxes), 2), 0.2)], axis=1).astype(np.float32)
    corners = np.concatenate([anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], axis=1)
    coder = FasterRcnnBoxCoder(scale_factors=[10.0, 10.0, 5.0, 5.0])
    codes = coder.encode(box_list.BoxList(tf.constant(boxes)), box_list.BoxList(tf.constant(corners))).numpy()
    # Column 0 of the scores is the background, which the operator skips.
    table = np.concatenate([np.zeros((len(scores), 1), np.float32), scores], axis=1)
    interpreter = tf.lite.Interpreter(model_content=_converted(codes.shape, table.shape, anchors))
    interpreter.allocate_tensors()
    for part in interpreter.get_input_details():
        interpreter.set_tensor(part["index"], (codes if "codes" in part["name"] else table)[None])
    interpreter.invoke()
    outputs = {part["name"]: interpreter.get_tensor(part["index"]) for part in interpreter.get_output_details()}
    # The converter numbers the results of the operator: boxes, classes, scores, count.
    parts = {name: f"PartitionedCall:{place}" for place, name in enumerate(("boxes", "classes", "scores", "count"))}
    decoder = {"name": "listed", **parts, "corners": "yxyx", "unit": "shares"}
    found = _expected(boxes, scores)
    save("tflite-detection", outputs, found, decoder, SIZE, CONFIDENCE, f"tensorflow {tf.__version__}")


def _converted(codes: Any, scores: Any, anchors: Any) -> bytes:
    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, *codes]), tf.TensorSpec([1, *scores])])
        def run(self, codes: Any, scores: Any) -> Any:
            return post_process(codes, scores, tf.constant(anchors))

    network = Network()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(network, folder, signatures=network.run.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.allow_custom_ops = True
        return converter.convert()


def _api(boxes: Any, scores: Any) -> None:
    found = post_processing.batch_multiclass_non_max_suppression(
        tf.constant(boxes[None, :, None]), tf.constant(scores[None]), 0.0, 0.6, 40, 40, use_class_agnostic_nms=True,
        max_classes_per_detection=1,
    )  # fmt: skip
    outputs = {
        "detection_boxes": found[0].numpy(),
        "detection_scores": found[1].numpy(),
        "detection_classes": found[2].numpy() + 1,  # label_id_offset of exporter.py
        "num_detections": found[5].numpy().astype(np.float32),
    }
    absolute = box_list_ops.to_absolute_coordinates(box_list.BoxList(tf.constant(boxes)), SIZE[1], SIZE[0])
    expected = _expected(boxes, scores, 1)
    order = scores.max(axis=1) >= CONFIDENCE
    np.testing.assert_allclose(absolute.get().numpy()[order][:, [1, 0, 3, 2]], expected["boxes_xyxy"], rtol=1e-5)
    parts = {"boxes": "detection_boxes", "scores": "detection_scores", "classes": "detection_classes"}
    decoder = {"name": "listed", **parts, "count": "num_detections", "corners": "yxyx", "unit": "shares"}
    source = "tf-models-research-object-detection"
    save("tf-detection", outputs, expected, {**decoder, "first_class": 1}, SIZE, CONFIDENCE, source)


def _expected(boxes: Any, scores: Any, first: int = 0) -> dict[str, Any]:
    best = scores.max(axis=1)
    keep = best >= CONFIDENCE
    pixels = boxes[keep][:, [1, 0, 3, 2]] * np.array(SIZE * 2, np.float32)
    return {"boxes_xyxy": pixels, "scores": best[keep], "class_ids": scores[keep].argmax(axis=1) + first}


if __name__ == "__main__":
    main()
