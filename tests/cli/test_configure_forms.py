"""Every form in which users write the flags of `aai model configure`."""

from __future__ import annotations

import pytest

from aai.cli.model_configure import one_form


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--crop"], ["--crop=true"]),
        (["--crop", "true"], ["--crop=true"]),
        (["--crop", "false"], ["--crop=false"]),
        (["--crop=false"], ["--crop=false"]),
        (["--no-crop"], ["--crop=false"]),
        (["--crop", "folder"], ["--crop=true", "folder"]),
        (["--no-quantize_input"], ["--quantize_input=false"]),
        (["--quantize-input", "false"], ["--quantize-input=false"]),
        (["--size", "300", "300"], ["--size=300,300"]),
        (["--size", "300,300"], ["--size=300,300"]),
        (["--size", "300x300"], ["--size=300x300"]),
        (["--size", "300,", "300", "."], ["--size=300,300", "."]),
        (["--size=300x300"], ["--size=300x300"]),
        (["--mean", "104", "117.5", "123", "dir"], ["--mean=104,117.5,123", "dir"]),
        (["--mean", "-1,2,3", "--crop"], ["--mean=-1,2,3", "--crop=true"]),
        (["--mean", "127.5"], ["--mean=127.5"]),
        (["--size"], ["--size"]),
        (["--", "--crop"], ["--", "--crop"]),
        (["--model_file", "a.onnx"], ["--model_file", "a.onnx"]),
        (["--size", ".."], ["--size", ".."]),
    ],
    ids=" ".join,
)
def test_a_flag_in_any_form_means_the_same(words: list[str], expected: list[str]) -> None:
    assert list(one_form(words)) == expected
