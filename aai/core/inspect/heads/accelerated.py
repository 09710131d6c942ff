"""Detectors that end in a plugin of TensorRT, which only an engine made of them can run."""

from __future__ import annotations

from aai.core.inspect.heads.question import Head, Question

_PLUGINS = {
    frozenset(("num_dets", "det_boxes", "det_scores", "det_classes")): "EfficientNMS_TRT",
    frozenset(("num_detections", "nmsed_boxes", "nmsed_scores", "nmsed_classes")): "BatchedNMS_TRT",
}
"""Names of the outputs, as exporters of YOLO write them -> the plugin that gives them."""


def tensorrt_boxes(question: Question) -> Head | None:
    """Finished boxes: their number, corners, scores and classes, in four outputs."""
    plugin = _PLUGINS.get(frozenset(spec.name for spec in question.outputs))
    shapes = {spec.name.rpartition("_")[2]: spec.shape for spec in question.outputs}
    if plugin is None or len(shapes.get("boxes", ())) != 3 or shapes["boxes"][2] != 4:
        return None
    reason = f"4 outputs named {', '.join(spec.name for spec in question.outputs)}: {plugin}, a plugin of TensorRT"
    return Head("ObjectDetection", reason, "yolov8", {"name": "tensorrt-yolo"}, certain=False)
