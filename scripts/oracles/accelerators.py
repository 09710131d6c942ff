"""Oracle for what Hailo and TensorRT give: their own projects' code, run without the hardware.

Three public repositories are needed beside this one, and TensorFlow and OpenCV in an environment of their own:

    git clone https://github.com/jkjung-avt/tensorrt_demos CHECKOUTS/tensorrt_demos
    git clone https://github.com/hailo-ai/hailo_model_zoo CHECKOUTS/hailo_model_zoo
    git clone https://github.com/hailo-ai/hailort CHECKOUTS/hailort
    python -m venv .venv-acc && .venv-acc/bin/pip install tensorflow-cpu "opencv-python-headless<5"
    .venv-acc/bin/python scripts/oracles/accelerators.py CHECKOUTS

Tensors are random, of the layouts' shapes. What is made of them is the projects' own code:

- YoloLayer_TRT: its CUDA kernel, compiled for the processor (g++), makes the rows; `_postprocess_yolo` reads them;
- TensorRT's NMS_TRT rows: `_postprocess_trt` reads them;
- EfficientNMS_TRT and BatchedNMS_TRT: `tf.image.combined_non_max_suppression`, whose operator EfficientNMS_TFTRT_TRT is
  NVIDIA's replacement of, makes the four tensors; OpenCV's suppression of the same boxes is the answer;
- Hailo's YOLOv3: `YoloPostProc.yolo_postprocess_numpy` of its model zoo, suppressed by TensorFlow;
- HailoRT's boxes by class and its masks: `HailoRTTransformUtils` of pyhailort.py.
"""

from __future__ import annotations

import ast
import ctypes
import re
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import cv2
import numpy as np
import tensorflow as tf
from _fixture import DATA, save

CLASSES = 3
SIZE = (96, 64)
ANCHORS = (((10, 13), (16, 30), (33, 23)), ((30, 61), (62, 45), (59, 119)), ((116, 90), (156, 198), (373, 326)))
STRIDES = (8, 16, 32)
FINE = 1_000_000
"""Sides of a picture on which the demos' whole pixels are a millionth of it."""
RANDOM = np.random.default_rng(42)


def main(checkouts: Path) -> None:
    np.int = int  # the demos are older than numpy 1.24
    heads = _heads()
    _yolo_plugin(checkouts / "tensorrt_demos", heads)
    _ssd_plugin(checkouts / "tensorrt_demos")
    _finished_boxes()
    _hailo_yolov3(checkouts / "hailo_model_zoo", heads)
    _hailo_boxes(checkouts / "hailort")


def _heads() -> dict[int, np.ndarray]:
    """Raw YOLOv3 heads by stride, (A * (5 + C), h, w) float32."""
    heads = {}
    for stride in STRIDES:
        shape = (3, 5 + CLASSES, SIZE[1] // stride, SIZE[0] // stride)
        head = RANDOM.normal(0, 1.5, shape).astype(np.float32)
        head[:, 2:4] *= 0.3
        head[:, 4] -= 0.5
        heads[stride] = head.reshape(-1, *shape[2:])
    return heads


def _yolo_plugin(demos: Path, heads: dict[int, np.ndarray]) -> None:
    kernel = _compiled(demos / "plugins" / "yolo_layer.cu")
    outputs = {}
    for number, (stride, anchors) in enumerate(zip(STRIDES[::-1], ANCHORS[::-1])):
        head = heads[stride]
        rows = np.zeros((head[0].size * 3, 7), np.float32)
        sides = np.array(anchors, np.float32).reshape(-1)
        kernel(
            head.ctypes.data,
            rows.ctypes.data,
            head.shape[2],
            head.shape[1],
            3,
            sides.ctypes.data,
            CLASSES,
            *SIZE,
            ctypes.c_float(1.05),
        )
        outputs[f"{number:03}_yolo"] = rows.reshape(1, -1, 1, 1)
    module = _loaded(demos / "utils" / "yolo_with_plugins.py")
    # Nothing overlaps more than this: what is compared is the reading of the rows.
    boxes, scores, classes = module._postprocess_yolo([o.copy() for o in outputs.values()], FINE, FINE, 0.3, 1e9)
    found = {"boxes_xyxy": boxes / FINE * (SIZE * 2), "scores": scores, "class_ids": classes}
    save("tensorrt-yolo", outputs, found, {"name": "tensorrt-yolo"}, SIZE, 0.3, "jkjung-avt/tensorrt_demos")


def _compiled(source: Path) -> Any:
    """The plugin's kernel as a function of the processor; one call does all cells."""
    text = source.read_text(encoding="utf-8")
    start = text.index("inline __device__ float sigmoidGPU")
    end = re.search(
        r"void YoloLayerPlugin::forwardGpu|inline __device__ float square|__global__ void CalDetection_", text
    )
    assert end
    shim = """
        #include <cmath>
        #include <limits>
        #define __device__
        #define __global__
        #define __expf expf
        #define CUDART_INF_F std::numeric_limits<float>::infinity()
        struct { int x; } threadIdx, blockDim, blockIdx;
        struct alignas(float) Detection { float bbox[4], det_confidence, class_id, class_confidence; };
    """
    caller = """
        extern "C" void run(
            const float *in, float *out, int w, int h, int a, const float *s, int c, int iw, int ih, float k)
        {
            for (threadIdx.x = 0; threadIdx.x < w * h * a; ++threadIdx.x)
                CalDetection(in, out, w, h, a, s, c, iw, ih, k);
        }
    """
    folder = Path(tempfile.mkdtemp())
    (folder / "kernel.cpp").write_text(shim + text[start : end.start()] + caller, encoding="utf-8")
    library = folder / "kernel.so"
    subprocess.run(["g++", "-O1", "-shared", "-fPIC", "-o", library, folder / "kernel.cpp"], check=True)
    run = ctypes.CDLL(str(library)).run
    whole, pointer = ctypes.c_int, ctypes.c_void_p
    run.argtypes = [pointer, pointer, whole, whole, whole, pointer, whole, whole, whole, ctypes.c_float]
    return run


def _ssd_plugin(demos: Path) -> None:
    rows = np.zeros((100, 7), np.float32)
    used = 40
    corners = np.sort(RANDOM.random((used, 2, 2)).astype(np.float32), axis=1)
    rows[:used, 1] = RANDOM.integers(1, 91, used)
    rows[:used, 2] = np.sort(RANDOM.random(used))[::-1]
    rows[:used, 3:] = corners.reshape(used, 4)
    rows[used:, 1] = -1
    module = _loaded(demos / "utils" / "ssd.py")
    picture = types.SimpleNamespace(shape=(FINE, FINE, 3))
    boxes, scores, classes = module._postprocess_trt(picture, rows.reshape(-1), 0.3, 7)
    found = {"boxes_xyxy": np.array(boxes) / FINE * 300, "scores": scores, "class_ids": classes}
    outputs = {"NMS": rows.reshape(1, 1, 100, 7), "NMS_1": np.full((1, 1, 1, 1), used, np.int32)}
    save("tensorrt-ssd", outputs, found, {"name": "ssd"}, (300, 300), 0.3, "jkjung-avt/tensorrt_demos")


def _finished_boxes() -> None:
    boxes, scores = _random_boxes(200)
    for name, names, share in (
        ("tensorrt-efficient-nms", ("num_dets", "det_boxes", "det_scores", "det_classes"), False),
        ("tensorrt-batched-nms", ("num_detections", "nmsed_boxes", "nmsed_scores", "nmsed_classes"), True),
    ):
        sides = np.array(SIZE * 2 if share else (1,) * 4, np.float32)
        given = boxes / sides
        kept = tf.image.combined_non_max_suppression(
            given[None, :, None], scores[None], 300, 300, 0.5, 0.25, clip_boxes=False
        )
        outputs = dict(zip(names, (kept[3].numpy()[:, None], kept[0].numpy(), kept[1].numpy(), kept[2].numpy())))
        if not share:
            outputs["det_classes"] = outputs["det_classes"].astype(np.int32)
        index, class_ids = np.nonzero(scores >= 0.25)
        sized = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float64)[index]
        best = scores[index, class_ids]
        left = np.array(cv2.dnn.NMSBoxesBatched(sized, best, class_ids.astype(np.int32), 0.25, 0.5)).reshape(-1)
        found = {"boxes_xyxy": boxes[index][left], "scores": best[left], "class_ids": class_ids[left]}
        source = f"tensorflow {tf.__version__}, opencv {cv2.__version__}"
        save(name, outputs, found, {"name": "tensorrt-yolo"}, SIZE, 0.25, source)


def _random_boxes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 4) x1, y1, x2, y2 in pixels of SIZE, (N, C) scores."""
    corner = RANDOM.random((count, 2)) * np.array(SIZE) * 0.7
    boxes = np.concatenate([corner, corner + 4 + RANDOM.random((count, 2)) * 24], axis=1).astype(np.float32)
    return boxes, (RANDOM.random((count, CLASSES)) ** 3).astype(np.float32)


def _hailo_yolov3(zoo: Path, heads: dict[int, np.ndarray]) -> None:
    module = _loaded(zoo / "hailo_model_zoo" / "core" / "postprocessing" / "detection" / "yolo.py")
    anchors = {"sizes": [np.array(pairs).reshape(-1).tolist() for pairs in ANCHORS], "strides": list(STRIDES)}
    post = module.YoloPostProc(img_dims=SIZE[::-1], anchors=anchors, classes=CLASSES, meta_arch="yolo_v3")
    parts = []
    for stride, pairs in zip(STRIDES, ANCHORS):
        output = heads[stride][None].transpose(0, 2, 3, 1)
        parts.append(post.yolo_postprocess_numpy(output, np.array(pairs, np.float32).reshape(1, 1, -1, 2), stride))
    boxes, scores = (np.concatenate(each, axis=1) for each in zip(*parts))
    # Of one box only its best class is taken, as by everybody else.
    scores = np.where(scores == scores.max(axis=2, keepdims=True), scores, 0)
    kept = tf.image.combined_non_max_suppression(boxes, scores, 200, 200, 0.45, 0.3, clip_boxes=False)
    count = int(kept[3][0])
    found = {
        "boxes_xyxy": kept[0].numpy()[0, :count][:, [1, 0, 3, 2]],
        "scores": kept[1].numpy()[0, :count],
        "class_ids": kept[2].numpy()[0, :count],
    }
    outputs = {
        f"yolov3/conv{number}": heads[stride][None].transpose(0, 2, 3, 1) for number, stride in enumerate(STRIDES)
    }
    save("hailo-yolov3", outputs, found, {"name": "hailo-yolov3"}, SIZE, 0.3, "hailo-ai/hailo_model_zoo", 0.45)


def _hailo_boxes(hailort: Path) -> None:
    source = hailort / "hailort/libhailort/bindings/python/platform/hailo_platform/pyhailort/pyhailort.py"
    names = {
        "output_raw_buffer_to_nms_format_single_frame",
        "_output_raw_buffer_to_nms_with_byte_mask_tf_format_single_frame",
    }
    functions = _functions(source, names)
    buffer, listed = _by_class(functions["output_raw_buffer_to_nms_format_single_frame"])
    rows = np.array([[*box, number] for number, boxes in enumerate(listed) for box in boxes], np.float32)
    found = {
        "boxes_xyxy": np.array(
            [[x1 * SIZE[0], y1 * SIZE[1], x2 * SIZE[0], y2 * SIZE[1]] for y1, x1, y2, x2 in rows[:, :4]]
        ),
        "scores": rows[:, 4],
        "class_ids": rows[:, 5],
    }
    keep = rows[:, 4] >= 0.3
    save(
        "hailo-nms",
        {"yolov8s/yolov8_nms_postprocess": rows},
        {key: value[keep] for key, value in found.items()},
        {"name": "hailo-nms", "classes": 5},
        SIZE,
        0.3,
        "hailo-ai/hailort",
    )
    boxes, masks, whole = _with_masks(functions["_output_raw_buffer_to_nms_with_byte_mask_tf_format_single_frame"])
    path = DATA.parent / "hailo" / "boxes.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, buffer=buffer, rows=rows, boxes=boxes, masks=np.concatenate(masks), whole=whole)
    print(path, path.stat().st_size, "bytes")


def _by_class(read: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """A buffer of five classes, and what HailoRT's own code makes of it."""
    counts, most = (3, 0, 5, 1, 4), 6
    buffer = np.full(len(counts) * (1 + 5 * most), 9, np.float32)
    place = 0
    for count in counts:
        corners = np.sort(RANDOM.random((count, 2, 2)), axis=1).reshape(count, 4)
        buffer[place] = count
        boxes = np.concatenate([corners, RANDOM.random((count, 1))], axis=1)
        buffer[place + 1 : place + 1 + 5 * count] = boxes.reshape(-1)
        place += 1 + 5 * count
    return buffer, read(buffer, len(counts))


def _with_masks(read: Any) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Boxes (N, 6), their masks as the device gives them, and the whole pictures that HailoRT makes of these."""
    width, height, count = 20, 12, 8
    corners = np.sort(RANDOM.random((count, 2, 2)), axis=1).reshape(count, 4).astype(np.float32)
    boxes = np.concatenate([corners, RANDOM.random((count, 1)), np.arange(count)[:, None]], axis=1).astype(np.float32)
    # A box whose last row and column lie outside by the rounding is left out: HailoRT's code folds them onto the edge.
    first = np.ceil(boxes[:, :2].astype(np.float64) * (height, width))
    sides = np.ceil((boxes[:, 2:4] - boxes[:, :2]).astype(np.float64) * (height, width))
    boxes, sides = (each[((first + sides) <= (height, width)).all(axis=1)] for each in (boxes, sides))
    masks = [RANDOM.integers(0, 2, int(rows * columns), dtype=np.uint8) for rows, columns in sides]
    detections = [
        types.SimpleNamespace(
            box=types.SimpleNamespace(**dict(zip(("y_min", "x_min", "y_max", "x_max"), box))),
            score=box[4],
            class_id=box[5],
            mask=lambda mask=mask: mask,
        )
        for box, mask in zip(boxes, masks)
    ]
    read.__globals__["_pyhailort"] = types.SimpleNamespace(
        convert_nms_with_byte_mask_buffer_to_detections=lambda buffer: buffer
    )
    frame = np.zeros((len(boxes), height * width + 6), np.float32)
    read(detections, frame, 1, len(boxes), height, width)
    return boxes, masks, frame[:, 6:].reshape(-1, height, width).astype(np.uint8)


def _functions(source: Path, names: set[str]) -> dict[str, Any]:
    """Functions of a module that can't be imported here, by name."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in names]
    for node in found:
        node.decorator_list = []
    scope: dict[str, Any] = {"numpy": np, "BBOX_PARAMS": 5}
    exec(compile(ast.Module(found, []), str(source), "exec"), scope)
    return {name: scope[name] for name in names}


def _loaded(source: Path) -> Any:
    """A module of another project, without the libraries of its hardware."""
    for name in ("tensorrt", "pycuda", "pycuda.driver", "checkout.centernet"):
        sys.modules[name] = MagicMock()
    ctypes.cdll.LoadLibrary = MagicMock()
    module = types.ModuleType(f"checkout.{source.stem}")
    module.__package__ = "checkout"
    sys.modules["checkout"] = types.ModuleType("checkout")
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), module.__dict__)
    return module


if __name__ == "__main__":
    main(Path(sys.argv[1]))
