"""Findings on `aai.input` against the input of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aai.core.configure import configure
from aai.core.fields import FILE_NAME
from aai.core.validate import validate
from tests.flat_maker import FLOAT32, INT8, UINT8, classifier_bytes


def found(folder: Path, data: bytes, section: Any, **parameters: Any) -> list[str]:
    (folder / "net.tflite").write_bytes(data)
    (folder / "labels.txt").write_text("ant\nbee\ncat\n")
    configure(folder, {"id": "acme/net"}).write()
    path = folder / FILE_NAME
    document = json.loads(path.read_text())
    document["aai"]["input"] = {"layout": "NHWC", **section}
    document["model_parameters"].update(parameters)
    path.write_text(json.dumps(document))
    return [f"{finding.level}: {finding.what}" for finding in validate(folder)[1]]


FLOAT = classifier_bytes(3, FLOAT32)
BYTES = classifier_bytes(3, UINT8)
SCALED = classifier_bytes(3, UINT8, [0.5], [3])
SIGNED = classifier_bytes(3, INT8, [1 / 255], [-128])
QUANTISED = {"dtype": "uint8", "quantisation": {"scale": 0.5, "zero_point": 3}}


@pytest.mark.parametrize(
    ("data", "section", "parameters", "words"),
    [
        (FLOAT, {"dtype": "uint8"}, {}, "error: aai.input.dtype is uint8, and the network's input image takes float32"),
        (SIGNED, {"dtype": "uint8"}, {}, "error: aai.input.dtype is uint8, and the network's input image takes int8"),
        (BYTES, {"dtype": "float32"}, {}, ""),
        (BYTES, {"dtype": "uint8"}, {}, ""),
        (SCALED, QUANTISED, {}, ""),
        (
            SCALED,
            {"dtype": "uint8", "quantisation": {"scale": 0.25, "zero_point": 3}},
            {},
            "warning: aai.input.quantisation has scale 0.25 and zero point 3, and the network's input image has 0.5",
        ),
        (FLOAT, {"quantisation": {"scale": 0.5}}, {}, "warning: aai.input.quantisation is given"),
        (BYTES, {"dtype": "uint8"}, {"scalefactor": 1 / 255}, "error: the network's input image takes uint8"),
        (SCALED, {"dtype": "uint8"}, {"scalefactor": 1 / 255}, ""),
    ],
)
def test_the_described_input_is_held_against_the_file(
    tmp_path: Path, data: bytes, section: Any, parameters: Any, words: str
) -> None:
    findings = found(tmp_path, data, section, **parameters)
    assert len(findings) == (1 if words else 0), findings
    assert all(words in finding for finding in findings)
