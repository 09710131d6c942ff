"""Services on small ONNX networks whose answers are known, from a folder to results in pixels of the frame."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from aai.errors import AaiError, BackendUnavailable, BadImage, BadWeights, NotFound, UsageError
from aai.vision.engines import Accelerator, Engine
from aai.vision.services import Classification, ObjectDetection
from tests.model_maker import FLOAT16
from tests.vision.models import classes_folder, constant_onnx, ssd_folder, write_model

ROOT = Path(__file__).resolve().parents[2]
FRAME = np.zeros((100, 200, 3), np.uint8)


def test_objects_come_in_pixels_of_the_frame_clipped_sorted_and_labelled(tmp_path: Path) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path)).load()
    results = detector.detect_objects(FRAME)
    assert results.boxes_xyxy.tolist() == [[50, 50, 200, 100], [0, 0, 100, 50]]
    assert [p.label for p in results.predictions] == ["dog", "cat"]
    np.testing.assert_allclose(results.scores, [0.9, 0.5])
    assert results.class_ids.tolist() == [2, 1]
    assert results.duration > 0
    assert results.image is FRAME
    assert len(detector.detect_objects(FRAME, confidence_level=0.85)) == 1


def test_a_service_tells_what_it_is(tmp_path: Path) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path))
    assert (detector.engine, detector.accelerator) == ("", "")
    assert detector.load(Engine.ONNX_RT, Accelerator.CPU, threads=1) is detector
    assert detector.model_id == "acme/net"
    assert detector.engine.startswith("onnxruntime ")
    assert detector.accelerator == "CPU"
    assert detector.labels == ["background", "cat", "dog"]
    assert len(detector.colors) == 3
    assert detector.model_config.purpose == "ObjectDetection"


def test_a_model_without_labels_or_id_shows_numbers_and_its_folder(tmp_path: Path) -> None:
    detector = ObjectDetection(str(ssd_folder(tmp_path, labels="", id="<username>/<modelname>"))).load()
    assert [p.label for p in detector.detect_objects(FRAME).predictions] == ["2", "1"]
    assert detector.model_id == str(tmp_path)
    assert len(detector.colors) > 2


def test_a_letterboxed_network_s_border_boxes_vanish(tmp_path: Path) -> None:
    # In a 32x32 input the frame lies in rows 8 to 24; the first object's box ends at row 16, the last lies below it.
    values = [0, 0, 0.9, 0.0, 0.0, 1.0, 0.5, 0, 0, 0.8, 0.0, 0.8, 1.0, 0.9]
    folder = write_model(
        tmp_path,
        constant_onnx(values, (1, 1, 2, 7)),
        aai={"decoder": {"name": "ssd"}, "input": {"resize": "letterbox"}},
    )
    assert ObjectDetection(folder).load().detect_objects(FRAME).boxes_xyxy.tolist() == [[0, 0, 200, 50]]


def test_boxes_that_are_no_numbers_are_dropped(tmp_path: Path) -> None:
    nan, inf = float("nan"), float("inf")
    rows = [(nan, 0, 1, 1), (0, 0, inf, 1), (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 0.1, 0.1)]
    columns = [[sum(r[i::2]) / 2 for r in rows] for i in (0, 1)] + [[r[i + 2] - r[i] for r in rows] for i in (0, 1)]
    values = [v * 32 for column in columns for v in column] + [0.9] * 4
    folder = write_model(
        tmp_path, constant_onnx(values, (1, 5, 4)), labels="thing\n", aai={"decoder": {"name": "yolov8"}}
    )
    found = ObjectDetection(folder).load().detect_objects(FRAME)  # and nothing is warned of: warnings are errors here
    assert found.boxes_xyxy.tolist() == [[0, 0, 100, 50]]
    classes = classes_folder(tmp_path / "classes", (inf, 1.0, nan), softmax=True)
    assert len(Classification(classes).load().classify_image(FRAME)) == 0


def test_overlapping_boxes_of_a_class_are_suppressed_by_the_threshold(tmp_path: Path) -> None:
    boxes = [(8, 8, 16, 16), (9, 8, 16, 16), (24, 24, 8, 8)]
    values = [v for column in zip(*boxes) for v in column] + [0.9, 0.8, 0.7]
    folder = write_model(tmp_path, constant_onnx(values, (1, 5, 3)), aai={"decoder": {"name": "yolov8"}})
    detector = ObjectDetection(folder).load()
    np.testing.assert_allclose(detector.detect_objects(FRAME).scores, [0.9, 0.7])
    assert len(detector.detect_objects(FRAME, overlap_threshold=0.95)) == 3
    assert len(detector.detect_objects(FRAME, confidence_level=0.0)) == 2


def test_classes_come_by_falling_confidence(tmp_path: Path) -> None:
    classifier = Classification(classes_folder(tmp_path, softmax=True)).load()
    results = classifier.classify_image(FRAME, confidence_level=0.05)
    assert [p.label for p in results.predictions] == ["bee", "cat", "ant"]
    assert abs(float(results.scores.sum()) - 1) < 1e-6
    assert [p.label for p in classifier.classify_image(FRAME).predictions] == ["bee"]


def test_a_background_line_in_the_labels_is_skipped(tmp_path: Path) -> None:
    classifier = Classification(classes_folder(tmp_path, labels="background\nant\nbee\ncat\n")).load()
    assert classifier.classify_image(FRAME).predictions[0].label == "bee"


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((5, 7), np.uint8),
        np.zeros((5, 7, 1), np.uint8),
        np.zeros((5, 7, 4), np.uint8),
        np.zeros((5, 7, 3), np.uint16),
        np.zeros((1, 4000, 3), np.uint8),
    ],
    ids=["1x1", "grey", "one channel", "alpha", "16 bit", "strip"],
)
def test_every_form_of_image_is_taken(tmp_path: Path, image: np.ndarray) -> None:
    results = ObjectDetection(ssd_folder(tmp_path)).load().detect_objects(image)
    height, width = image.shape[:2]
    assert results.boxes_xyxy.tolist() == [[width / 4, height / 2, width, height], [0, 0, width / 2, height / 2]]


def test_wrong_calls_say_what_belongs_there(tmp_path: Path) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path / "d"))
    with pytest.raises(UsageError, match="not loaded") as caught:
        detector.detect_objects(FRAME)
    assert "load()" in (caught.value.fix or "")
    for threads in (-1, 1025, 2**40):
        with pytest.raises(UsageError, match="threads"):
            detector.load(threads=threads)
    detector.load()
    for arguments in ({"confidence_level": 1.5}, {"overlap_threshold": -0.1}, {"confidence_level": float("nan")}):
        with pytest.raises(UsageError, match="0 to 1"):
            detector.detect_objects(FRAME, **arguments)
    with pytest.raises(BadImage):
        detector.detect_objects(None)
    with pytest.raises(UsageError, match="for ObjectDetection") as caught:
        Classification(tmp_path / "d")
    assert "aai.ObjectDetection" in (caught.value.fix or "")
    detector.close()
    detector.close()
    with pytest.raises(UsageError, match="not loaded"):
        detector.detect_objects(FRAME)
    assert len(detector.load().detect_objects(FRAME)) == 2


def test_engines_and_accelerators_that_do_not_fit_name_those_that_do(tmp_path: Path) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path))
    with pytest.raises(UsageError, match="TENSOR_RT") as caught:
        detector.load(Engine.TENSOR_RT)
    assert "ONNX_RT" in (caught.value.fix or "")
    with pytest.raises(AaiError, match="HAILO") as other:
        detector.load(accelerator="hailo")
    assert "CPU" in (other.value.fix or "")


def test_the_opencv_engine_runs_onnx_as_well(tmp_path: Path) -> None:
    classifier = Classification(classes_folder(tmp_path)).load(engine="dnn")
    assert classifier.engine.startswith("opencv dnn")
    assert classifier.classify_image(FRAME).predictions[0].label == "bee"


def test_a_size_that_is_not_the_network_s_is_told_and_a_missing_one_is_taken_from_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"32x32.*48x48") as caught:
        ObjectDetection(ssd_folder(tmp_path / "a", size=[48, 48])).load()
    assert "aai model configure" in (caught.value.fix or "")
    assert len(ObjectDetection(ssd_folder(tmp_path / "b", size=None)).load().detect_objects(FRAME)) == 2


def test_missing_and_broken_weights_are_told(tmp_path: Path) -> None:
    folder = ssd_folder(tmp_path)
    (folder / "net.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(BadWeights, match="git-lfs"):
        ObjectDetection(folder).load()
    (folder / "net.onnx").unlink()
    with pytest.raises(BadWeights, match="not there"):
        ObjectDetection(folder).load()
    (folder / "labels.txt").unlink()
    with pytest.raises(NotFound):
        ObjectDetection(folder)


def test_frameworks_whose_runtime_is_missing_say_so(tmp_path: Path) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path, framework_type="hailo", architecture="yolov3"))
    with pytest.raises(BackendUnavailable, match="hailo is not installed"):
        detector.load()


def test_threads_that_share_a_service_each_get_their_own_answer(tmp_path: Path) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path)).load(threads=1)
    wrong: list[object] = []

    def work(width: int) -> None:
        image = np.zeros((50, width, 3), np.uint8)
        for _ in range(50):
            found = detector.detect_objects(image).boxes_xyxy.tolist()
            if found != [[width / 4, 25, width, 50], [0, 0, width / 2, 25]]:
                wrong.append((width, found))

    threads = [threading.Thread(target=work, args=(width,)) for width in (40, 80, 160, 320)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_results_do_not_change_with_the_next_call(tmp_path: Path) -> None:
    classifier = Classification(classes_folder(tmp_path)).load()
    first = classifier.classify_image(FRAME)
    before = first.scores.copy()
    classifier.classify_image(np.full((9, 9, 3), 255, np.uint8))
    assert np.array_equal(first.scores, before)


def test_the_public_names_load_on_use_and_a_missing_opencv_names_the_install_line(tmp_path: Path) -> None:
    code = (
        "import sys, aai; assert not {'numpy', 'cv2'} & set(sys.modules); assert set(aai.__all__) <= set(dir(aai))\n"
        "for name in aai.__all__: getattr(aai, name)\n"
        "assert 'onnxruntime' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    blocked = "import sys; sys.modules['cv2'] = None; from aai import ObjectDetection"
    answer = subprocess.run(
        [sys.executable, "-c", blocked], env=environment, capture_output=True, text=True, check=False
    )
    assert "pip install 'aai[cpu]'" in answer.stderr
    assert "BackendUnavailable" in answer.stderr


def test_a_half_precision_network_s_results_are_float32(tmp_path: Path) -> None:
    onnx = constant_onnx([0, 1, 0.5, 0.0, 0.0, 0.5, 0.5], (1, 1, 1, 7), dtype=FLOAT16)
    folder = write_model(tmp_path, onnx, aai={"decoder": {"name": "ssd"}})
    found = ObjectDetection(folder).load().detect_objects(FRAME)
    assert (found.boxes_xyxy.dtype, found.scores.dtype) == (np.float32, np.float32)
    assert found.boxes_xyxy.tolist() == [[0, 0, 100, 50]]


def test_a_service_that_is_loaded_again_never_seems_not_to_be_loaded(tmp_path: Path) -> None:
    detector = ObjectDetection(ssd_folder(tmp_path)).load(threads=1)
    done = threading.Event()
    seen: set[object] = set()

    def work() -> None:
        try:
            while not done.is_set():
                seen.add(len(detector.detect_objects(FRAME)))
        except UsageError as error:
            seen.add(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that the threads take turns at every step
    try:
        for thread in threads:
            thread.start()
        for _ in range(30):
            detector.load(threads=1)
    finally:
        done.set()
        sys.setswitchinterval(usual)
        for thread in threads:
            thread.join()
    assert seen == {2}


def test_outputs_are_those_of_the_network_and_stay_as_they_are(tmp_path: Path) -> None:
    service = Classification(classes_folder(tmp_path / "net", softmax=True)).load()
    first = service.outputs(np.zeros((8, 8, 3), np.uint8))
    service.outputs(np.full((8, 8, 3), 255, np.uint8))
    (values,) = first.values()
    np.testing.assert_allclose(values, [[1.0, 3.0, 2.0]], atol=1e-6)
