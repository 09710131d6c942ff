"""A model built for TensorRT on a machine with a fake one: a variant that runs, is published, and is built once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai import Classification
from aai.cli.main import run
from aai.convert.tensor_rt import EngineOptions, build_engine
from aai.core import machine as this_machine
from aai.core.model_config import ModelConfig, load
from aai.core.publish import build as build_package
from aai.core.validate import validate
from aai.errors import AaiError, BackendUnavailable, BadWeights, UsageError
from aai.ports import LoadOptions, ModelFiles
from aai.vision.image import write_image
from aai_backends.tensor_rt import TensorRtBackend
from tests import model_maker as made
from tests.backends.tensor_rt_lab import VERSIONS, Machine, fixture_machine_of, fixture_shims  # noqa: F401

MATRIX = np.random.default_rng(5).normal(size=(12, 4)).astype(np.float32)
LABELS = ["red", "green", "blue", "grey"]
GPU = "fake-gpu-9"


def onnx(batch: Any = 1, side: Any = 2, tricks: dict[str, str] | None = None, marked: bool = True) -> bytes:
    """Flatten and MatMul, for ONNX Runtime; in its metadata what the fake TensorRT makes of it."""
    open_batch, open_side = (axis if isinstance(axis, int) else -1 for axis in (batch, side))
    fake = {
        "inputs": [{"name": "images", "shape": [open_batch, 3, open_side, open_side], "dtype": "FLOAT"}],
        "outputs": [{"name": "scores", "shape": [open_batch, 4], "dtype": "FLOAT"}],
        "matrix": MATRIX.astype(float).tolist(),
        "tricks": tricks or {},
    }
    weights = made.number(1, 12) + made.number(1, 4) + made.number(2, made.FLOAT) + made.part(8, "w")
    weights += made.part(9, MATRIX.tobytes())
    return made.onnx_bytes(
        [made.value_info("images", [batch, 3, side, side])],
        [made.value_info("scores", [batch, 4])],
        [made.node("Flatten", ["images"], ["flat"]), made.node("MatMul", ["flat", "w"], ["scores"])],
        [weights],
        {"note": f"fake-network:{json.dumps(fake)}"} if marked else {},
    )


def model(folder: Path, network: bytes | None = None) -> ModelConfig:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "colours.onnx").write_bytes(onnx() if network is None else network)
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    document = {
        "id": "acme/colours",
        "model_parameters": {
            "framework_type": "onnx",
            "purpose": "Classification",
            "model_file": "colours.onnx",
            "label_file": "labels.txt",
            "size": [2, 2],
            "scalefactor": 1 / 255,
            "swaprb": True,
        },
        "aai": {"schema": 1, "told": {"size": [2, 2]}},
    }
    (folder / "alwaysai.model.json").write_text(json.dumps(document))
    return load(folder)


def built_with(variant: ModelConfig) -> dict[str, Any]:
    """What the fake builder was told, out of the engine."""
    data = (variant.folder / "colours.engine").read_bytes()
    return json.loads(data[32:].decode())


def photos(folder: Path, count: int = 3) -> Path:
    folder.mkdir()
    for number in range(count):
        image = np.full((4, 4, 3), 40 * number + 10, np.uint8)
        write_image(folder / f"{number}.png", image)
    return folder


@pytest.fixture(params=[VERSIONS[0], *(pytest.param(version, marks=pytest.mark.slow) for version in VERSIONS[1:])])
def machine(request: Any, machine_of: Any) -> Machine:
    return machine_of(request.param, "worker")


@pytest.fixture()
def machine10(machine_of: Any) -> Machine:
    """Builds in a worker, as all do, and runs what was built in this process."""
    return machine_of("10", "in process")


def test_the_engine_is_a_variant_that_gives_what_the_onnx_file_gives(machine: Machine, tmp_path: Path) -> None:
    config = model(tmp_path / "model")
    answer = build_engine(config, EngineOptions())
    version = {"8_2": "8.2.1.8", "8_5": "8.5.3.1", "10": "10.3.0", "11": "11.4.0.106"}[machine.version]
    assert answer.key == f"{GPU}-trt{version}-float32" == answer.config.folder.name
    assert not answer.cached and answer.notes == ()
    assert answer.difference is not None and answer.difference.share < 1e-6
    assert built_with(answer.config)["built_with"]["flags"] == []
    image = np.random.default_rng(1).integers(0, 255, (2, 2, 3), np.uint8)
    results = []
    for folder in (config.folder, answer.config.folder):
        service = Classification(folder).load()
        results.append([(p.label, p.confidence) for p in service.classify_image(image, confidence_level=0).predictions])
        service.close()
    assert [label for label, _ in results[0]] == [label for label, _ in results[1]]
    np.testing.assert_allclose([score for _, score in results[0]], [score for _, score in results[1]], rtol=1e-5)
    machine.assert_clean(workers=3)


def test_the_variant_is_whole_is_valid_and_is_published_for_its_gpu(machine10: Machine, tmp_path: Path) -> None:
    config = model(tmp_path / "model")
    variant = build_engine(config, EngineOptions()).config
    assert [finding for finding in validate(config.folder)[1] if finding.level == "error"] == []
    files = sorted(path.name for path in variant.folder.iterdir())
    assert files == ["alwaysai.model.json", "colours.engine", "labels.txt"]
    document = load(variant.folder).document
    assert document["model_parameters"]["framework_type"] == "tensor-rt"
    assert "device" not in document["model_parameters"] and "told" not in document["aai"]
    package = build_package(config)
    assert package.summary["variants"] == f"default, {variant.folder.name}"
    described = json.loads(package.index)["manifests"][1]["annotations"]
    targets = {name.rpartition(".")[2]: value for name, value in described.items()}
    assert (targets["framework"], targets["gpu"], targets["tensorrt"]) == ("tensor-rt", "Fake GPU 9", "10.3.0")
    assert targets["cpu"] == this_machine.processor()


def test_on_a_jetson_the_board_is_the_device(
    machine10: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(this_machine, "jetson", lambda: "orin-nano")
    answer = build_engine(model(tmp_path / "model"), EngineOptions())
    assert answer.key == "orin-nano-trt10.3.0-float32"
    assert answer.config.parameters["device"] == "orin-nano"
    assert answer.config.aai["target"] == {"device": "orin-nano", "tensorrt": "10.3.0"}
    assert [finding for finding in validate(tmp_path / "model")[1] if finding.level == "error"] == []


def cached_engines() -> list[Path]:
    return [path for path in Path(os.environ["HOME"]).rglob("*") if path.is_file() and "engines" in str(path)]


def test_what_was_built_once_is_taken_from_the_cache(machine10: Machine, tmp_path: Path) -> None:
    first = build_engine(model(tmp_path / "model"), EngineOptions())
    assert [path.name for path in cached_engines()] == ["colours.engine"]
    again = build_engine(model(tmp_path / "other"), EngineOptions())
    assert again.cached and not first.cached
    engines = [(variant.config.folder / "colours.engine").read_bytes() for variant in (first, again)]
    assert engines[0] == engines[1] == cached_engines()[0].read_bytes()


@pytest.mark.slow
def test_another_engine_is_built_where_anything_that_it_depends_on_differs(machine10: Machine, tmp_path: Path) -> None:
    config = model(tmp_path / "model")
    build_engine(config, EngineOptions())
    assert not build_engine(config, EngineOptions(rebuild=True)).cached
    assert not build_engine(config, EngineOptions(precision="float16")).cached
    assert not build_engine(config, EngineOptions(max_batch=2)).cached
    assert not build_engine(config, EngineOptions(workspace_mb=64)).cached
    changed = model(tmp_path / "changed", onnx(tricks={"note": "another file"}))
    assert not build_engine(changed, EngineOptions()).cached
    assert len(cached_engines()) == 5


def test_float16_is_asked_for_by_a_flag_and_where_there_is_none_the_way_out_is_told(
    machine: Machine, tmp_path: Path
) -> None:
    config = model(tmp_path / "model")
    if machine.version == "11":
        with pytest.raises(
            BadWeights, match=r"TensorRT 11\.4\.0\.106 takes the precision from the ONNX file"
        ) as caught:
            build_engine(config, EngineOptions(precision="float16"))
        assert "export the network itself as float16" in (caught.value.fix or "")
        assert not (config.folder / "variants").exists()
    else:
        variant = build_engine(config, EngineOptions(precision="float16")).config
        assert built_with(variant)["built_with"]["flags"] == ["FP16", "TF32"]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["8_2", "11"])
def test_the_memory_for_the_build_is_limited_in_the_words_of_the_version(
    version: str, machine_of: Any, tmp_path: Path
) -> None:
    machine_of(version, "worker")
    config = model(tmp_path / "model")
    limited = build_engine(config, EngineOptions(workspace_mb=64)).config
    assert built_with(limited)["built_with"]["workspace"] == 64 << 20
    free = built_with(build_engine(config, EngineOptions()).config)["built_with"]["workspace"]
    # 8.2 builds nothing without a workspace, and gets half of the 1 GiB that is free.
    assert free == (512 << 20 if version == "8_2" else 0)


@pytest.mark.parametrize(
    ("version", "batch"), [pytest.param("8_2", "N", marks=pytest.mark.slow), ("8_2", 2), ("10", 1)]
)
def test_int8_is_calibrated_with_the_pictures_through_the_models_pre_processing(
    version: str,
    batch: Any,
    machine_of: Any,
    tmp_path: Path,
) -> None:
    machine = machine_of(version, "worker")
    config = model(tmp_path / "model", onnx(batch))
    folder = photos(tmp_path / "photos")
    arguments = ["--to", "tensor-rt", "--precision", "int8", "--calibration", str(folder), "--max-batch", "4"]
    assert run(["model", "convert", str(config.folder), *arguments]) == 0
    variant = load(config.folder / "variants" / f"{GPU}-trt{'8.2.1.8' if version == '8_2' else '10.3.0'}-int8")
    told = built_with(variant)
    assert told["built_with"]["flags"] == ["FP16", "INT8", "TF32"]
    # Each picture is of one grey value: 12 numbers of value / 255; two at a time, the last one twice.
    sums = [12 * (40 * number + 10) / 255 for number in range(3)]
    expected = [sums[0] + sums[1], 2 * sums[2]] if batch == 2 else sums
    np.testing.assert_allclose(told["calibration"], expected, rtol=1e-4)
    assert variant.aai["engine"]["calibration_pictures"] == 3
    machine.assert_clean(workers=2)


def test_int8_of_tensorrt_11_is_refused(machine_of: Any, tmp_path: Path, capsys: Any) -> None:
    machine_of("11", "worker")
    config = model(tmp_path / "model")
    folder = photos(tmp_path / "photos")
    arguments = ["--to", "tensor-rt", "--precision", "int8", "--calibration", str(folder)]
    assert run(["model", "convert", str(config.folder), *arguments]) == 1
    assert "takes the precision from the ONNX file, and can't be told int8" in capsys.readouterr().err


def test_an_open_batch_becomes_a_range_and_an_open_size_the_configured_one(machine10: Machine, tmp_path: Path) -> None:
    config = model(tmp_path / "model", onnx("N", "size"))
    variant = build_engine(config, EngineOptions(max_batch=4)).config
    spec = built_with(variant)["inputs"][0]
    assert (spec["least"], spec["most"]) == ([1, 3, 2, 2], [4, 3, 2, 2])
    loaded = TensorRtBackend(ModelFiles(variant.folder / "colours.engine"), LoadOptions(input_shape=(1, 3, 2, 2)))
    images = np.random.default_rng(2).random((6, 3, 2, 2)).astype(np.float32)
    scores = loaded.infer({"images": images})["scores"]
    np.testing.assert_allclose(scores, images.reshape(6, 12) @ MATRIX, rtol=1e-4, atol=1e-6)
    loaded.close()


def test_an_open_size_that_nobody_tells_is_refused(machine10: Machine, tmp_path: Path) -> None:
    config = model(tmp_path / "model", onnx("N", "size"))
    config.parameters["size"] = None
    with pytest.raises(BadWeights, match=r"the input images of the network is \?x3x\?x\?, and nothing says") as caught:
        build_engine(config, EngineOptions())
    assert "--size" in (caught.value.fix or "")


def test_a_network_that_tensorrt_cant_read_or_build_is_told_in_its_words(machine_of: Any, tmp_path: Path) -> None:
    machine = machine_of("10", "worker")
    unknown = model(tmp_path / "unknown", onnx(marked=False))
    with pytest.raises(BadWeights, match="can't read the ONNX file: node 12: No importer registered for op: NonZero"):
        build_engine(unknown, EngineOptions())
    refused = model(tmp_path / "refused", onnx(tricks={"build": "refuse"}))
    with pytest.raises(BadWeights, match="can't build the network: 10: Could not find any implementation"):
        build_engine(refused, EngineOptions())
    assert not (unknown.folder / "variants").exists() and not (refused.folder / "variants").exists()
    machine.assert_clean(workers=2)


def test_an_engine_that_does_not_run_is_no_variant(machine10: Machine, tmp_path: Path) -> None:
    config = model(tmp_path / "model", onnx(tricks={"run": "refuse"}))
    with pytest.raises(AaiError, match="TensorRT could not run the engine"):
        build_engine(config, EngineOptions())
    assert not (config.folder / "variants").exists()


def test_an_engine_whose_answers_are_others_is_told(machine10: Machine, tmp_path: Path) -> None:
    other = onnx().replace(json.dumps(float(MATRIX[0, 0])).encode(), b"9" * len(json.dumps(float(MATRIX[0, 0]))), 1)
    answer = build_engine(model(tmp_path / "model", other), EngineOptions())
    assert answer.difference is not None and answer.difference.share > 0.1
    assert "differ from those of the ONNX file" in answer.notes[0]


def test_a_build_that_is_ended_leaves_no_file_and_no_process(machine10: Machine, tmp_path: Path) -> None:
    config = model(tmp_path / "model", onnx(tricks={"build": "hang"}))

    def interrupt(text: str) -> None:
        if text.startswith("building"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engine(config, EngineOptions(), interrupt)
    left = [path for path in Path(os.environ["HOME"]).rglob("*") if path.is_file()]
    assert left == [] and not (config.folder / "variants").exists()


def test_progress_is_what_tensorrt_tells(machine10: Machine, tmp_path: Path) -> None:
    told: list[str] = []
    build_engine(model(tmp_path / "model"), EngineOptions(), told.append)
    assert any(text.startswith("reading the network") for text in told)
    assert any(text.startswith("Building Engine: 1 of 2") for text in told)


def test_options_that_do_not_fit_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    config = model(tmp_path / "model")
    for options, told in (
        (EngineOptions(precision="float8"), "no precision float8"),
        (EngineOptions(precision="int8"), "needs pictures"),
    ):
        with pytest.raises(UsageError, match=told):
            build_engine(config, options)


def test_models_without_an_onnx_file_are_told_the_way(tmp_path: Path) -> None:
    config = model(tmp_path / "model")
    config.parameters["framework_type"] = "darknet"
    with pytest.raises(UsageError) as caught:
        build_engine(config, EngineOptions())
    assert "--to onnx" in (caught.value.fix or "")
    config.parameters["framework_type"] = "caffe"
    with pytest.raises(UsageError, match="an engine is built from ONNX, and this model is for caffe"):
        build_engine(config, EngineOptions())


def test_a_machine_without_a_gpu_builds_nothing(machine10: Machine, tmp_path: Path) -> None:
    machine10.set_mode("no-driver")
    with pytest.raises(BackendUnavailable, match="no usable NVIDIA GPU"):
        build_engine(model(tmp_path / "model"), EngineOptions())


def test_the_command_prints_the_variant_or_one_document(machine10: Machine, tmp_path: Path, capsys: Any) -> None:
    config = model(tmp_path / "model")
    arguments = ["model", "convert", str(config.folder), "--to", "tensor-rt"]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert f"variant   {GPU}-trt10.3.0-float32, in" in shown.out and "float32, built" in shown.out
    assert "runs on   Fake GPU 9 with TensorRT 10.3.0, nothing else" in shown.out
    assert "next: aai model predict" in shown.err
    assert run([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["cached"] is True and document["gpu"] == "Fake GPU 9" and document["difference"]["share"] < 1e-6
    assert run([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out == f"{GPU}-trt10.3.0-float32\n"


def test_the_command_refuses_another_target_with_the_nearest(tmp_path: Path, capsys: Any) -> None:
    config = model(tmp_path / "model")
    assert run(["model", "convert", str(config.folder), "--to", "tensorrt"]) == 2
    assert "tensor-rt" in capsys.readouterr().err


def test_the_command_converts_darknet_to_onnx(tmp_path: Path, capsys: Any) -> None:
    import shutil

    from aai.core.configure import configure

    folder = tmp_path / "digits"
    shutil.copytree(Path(__file__).parents[1] / "data/digits-darknet", folder)
    configure(folder, {"id": "acme/digits"}).write()
    assert run(["model", "convert", str(folder), "--to", "onnx", "--quiet"]) == 0
    assert capsys.readouterr().out == "onnx\n"
    assert (folder / "variants/onnx/digits.onnx").is_file()
