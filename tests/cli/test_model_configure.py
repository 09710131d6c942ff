"""What `aai model configure` prints when it is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aai.cli.main import run
from tests.model_maker import closed_caffe_folder, onnx_bytes, value_info


@pytest.fixture()
def caffe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model that no reader tells the size of."""
    monkeypatch.chdir(tmp_path)
    return closed_caffe_folder(tmp_path)


FLAGS = ["--framework", "caffe", "--model_file", "model.caffemodel", "--config_file", "deploy.prototxt"]


def test_what_keeps_a_model_from_being_published_is_suggested_first(
    caffe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "configure", *FLAGS, "--purpose", "ObjectDetection"]) == 0
    assert "next: aai model configure . --id publisher/name --size WIDTH HEIGHT\n" in capsys.readouterr().err
    assert run(["model", "configure", "--id", "acme/net", "--size", "300", "300"]) == 0
    assert "next: aai model predict . IMAGE; then aai model publish .\n" in capsys.readouterr().err


def test_a_second_run_says_that_nothing_changed(caffe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for expected in ("written:  alwaysai.model.json in .\n", "unchanged: alwaysai.model.json in .\n"):
        assert run(["model", "configure", *FLAGS, "--purpose", "Classification"]) == 0
        assert expected in capsys.readouterr().out


def test_all_that_must_be_given_is_named_at_once(caffe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (caffe / "net.engine").write_text("x")
    assert run(["model", "configure", "--framework", "tensor-rt", "--model_file", "net.engine"]) == 2
    error = capsys.readouterr().err
    assert "purpose and device must be given for tensor-rt" in error
    assert "for ObjectDetection also --architecture yolo|mobilenet_ssd" in error
    assert not (caffe / "alwaysai.model.json").exists()


def test_json_stays_one_document_beside_a_warning(caffe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (caffe / "net.onnx").write_bytes(onnx_bytes([value_info("in", [1, 3, 32, 32])], [value_info("out", [1, 7])]))
    assert run(["model", "configure", "--framework", "onnx", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["written"] == ["alwaysai.model.json"]
    assert "label_file" in document["open"]
