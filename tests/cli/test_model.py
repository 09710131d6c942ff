"""What the `aai model` commands print, as text, as JSON and as ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aai.cli.main import run
from aai.core.configure import configure
from tests.flat_maker import INT8, classifier_bytes
from tests.model_maker import onnx_bytes, value_info


@pytest.fixture()
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A working folder with a registry that has acme/net, and the model's folder `net`."""
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(onnx_bytes([value_info("in", [1, 3, 24, 32])], [value_info("out", [1, 3])]))
    (folder / "labels.txt").write_text("ant\nbee\ncat\n")
    configure(folder, {"id": "acme/net", "license": "MIT"}).write()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AAI_REGISTRY", f"dir:{tmp_path / 'registry'}")
    assert run(["model", "publish", "net", "--tag", "stable"]) == 0
    capsys.readouterr()
    return tmp_path


COMMANDS = {
    "configure": ["net"],
    "inspect": ["net/net.onnx"],
    "list": [],
    "publish": ["net"],
    "pull": ["acme/net", "copy"],
    "show": ["acme/net"],
    "tag": ["acme/net@1", "old"],
    "validate": ["net"],
    "versions": ["acme/net"],
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_json_is_one_document_and_nothing_else(published: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", verb, *COMMANDS[verb], "--json"]) == 0
    captured = capsys.readouterr()
    assert isinstance(json.loads(captured.out), dict)
    assert captured.err == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["configure", "net"], ["acme/net"]),
        (["list"], ["acme/net"]),
        (["publish", "net"], ["acme/net@1"]),
        (["pull", "acme/net@stable", "copy"], ["acme/net@1"]),
        (["show", "acme/net"], ["acme/net@1"]),
        (["tag", "acme/net@1", "old"], ["acme/net@1"]),
        (["tag", "acme/net", "stable", "--remove"], ["acme/net"]),
        (["validate", "net"], ["acme/net"]),
        (["versions", "acme/net"], ["acme/net@1"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_quiet_prints_ids_only(
    published: Path, words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", *words, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert (captured.out.splitlines(), captured.err) == (expected, "")


def test_show_names_each_fact_once(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "show", "acme/net"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "acme/net version 1"
    assert [line.split()[0] for line in lines[1:7]] == [
        "digest",
        "tags",
        "framework",
        "purpose",
        "license",
        "variant",
    ]
    assert lines[3:6] == ["framework onnx", "purpose   Classification", "license   MIT"]


def test_publish_warns_with_the_way_out_and_json_stays_whole(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (published / "net" / "labels.txt").write_text("background\nant\nbee\ncat\n")
    assert run(["model", "publish", "net", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["version"] == 2
    assert "warning: the label file has 4 labels" in captured.err
    assert "  fix:   take the first line out of the label file" in captured.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "acme/nets"], 3),
        (["show", "acme/net@9"], 3),
        (["show", "acme/net@stabel"], 3),
        (["show", "net"], 2),
        (["pull", "acme/net", "net"], 2),
        (["pull", "acme/net", "copy", "--variant", "int8"], 3),
        (["validate", "nothing"], 3),
        (["publish", "net", "--tag", "7"], 2),
        (["inspect", "nothing.onnx"], 3),
        (["list", "--registry", "ftp://host"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_an_error_in_json_is_on_stderr_with_its_exit_code(
    published: Path, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", *words, "--json"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert set(json.loads(captured.err)["error"]) == {"code", "what", "where", "fix"}


def test_inspect_shows_how_whole_numbers_stand_for_real_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier_bytes(3, INT8, [0.5], [-3]))
    assert run(["model", "inspect", str(path)]) == 0
    assert "image 1x24x32x3 int8, real = (value - -3) * 0.5" in capsys.readouterr().out
    assert run(["model", "inspect", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["inputs"][0]["quantisation"] == {"scale": 0.5, "zero_point": -3}
