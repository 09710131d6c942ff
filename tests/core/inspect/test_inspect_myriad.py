"""What Myriad blobs say: one real file of form 5, and files of both forms made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from aai.core.configure import configure
from aai.core.inspect import inspect_file, inspect_model
from aai.core.inspect.myriad import inspect_blob
from aai.errors import BadWeights, UsageError
from aai.ports import TensorSpec
from tests.compiled_maker import blob_bytes
from tests.reader_seeds import IR


def test_the_zoo_s_blob_shows_its_tensors_and_what_it_was_compiled_for(zoo: Path) -> None:
    (path,) = zoo.glob("myriad/*/*.blob")
    report = inspect_file(path)
    assert report.inputs == (TensorSpec("0", (1, 3, 48, 48), "uint8"),)
    assert report.outputs == (TensorSpec("95", (1, 10, 1, 1), "float16"),)
    assert (report.details["blob"], report.details["stages"], report.details["shaves"]) == ("5.0", 37, 7)
    assert "Myriad X" in report.details["chip"]
    assert "purpose" not in report.facts


@pytest.mark.parametrize("form", [5, 6])
def test_both_forms_of_a_blob_are_read(tmp_path: Path, form: int) -> None:
    (tmp_path / "net.blob").write_bytes(blob_bytes(form, [(1, 1000), (1, 1, 100, 7)]))
    report = inspect_blob(tmp_path / "net.blob")
    assert report.inputs == (TensorSpec("data", (1, 3, 48, 64), "uint8"),)
    assert report.outputs == (TensorSpec("out0", (1, 1000), "float16"), TensorSpec("out1", (1, 1, 100, 7), "float16"))
    assert report.facts["size"].value == [64, 48]
    assert report.facts["purpose"].value == "ObjectDetection"
    assert report.facts["swaprb"].value is False


def test_a_form_that_is_not_known_is_said_to_be_unread(tmp_path: Path) -> None:
    (tmp_path / "net.blob").write_bytes(blob_bytes(7))
    assert "7.0" in inspect_blob(tmp_path / "net.blob").not_read


@pytest.mark.parametrize("form", [5, 6])
def test_a_blob_that_is_cut_off_is_refused(tmp_path: Path, form: int) -> None:
    data = blob_bytes(form)
    for length in (*range(1, len(data), 11), len(data) - 1):
        (tmp_path / "net.blob").write_bytes(data[:length])
        with pytest.raises(BadWeights):
            inspect_blob(tmp_path / "net.blob")


def test_configure_asks_for_the_purpose(tmp_path: Path) -> None:
    (tmp_path / "net.blob").write_bytes(blob_bytes())
    with pytest.raises(UsageError, match="purpose must be given"):
        configure(tmp_path, {"id": "acme/net"})
    result = configure(tmp_path, {"id": "acme/net", "purpose": "PoseEstimation"})
    assert result.config.parameters["size"] == [64, 48]


def test_the_weights_of_an_ir_are_read_with_their_structure(tmp_path: Path) -> None:
    (tmp_path / "net.xml").write_bytes(IR)
    (tmp_path / "net.bin").write_bytes(bytes(16))
    report = inspect_model("myriad", tmp_path / "net.bin", tmp_path / "net.xml")
    assert report.framework == "myriad"
    assert [spec.name for spec in report.inputs] == ["image"]
