"""`aai demo`: the main job on the embedded default, offline, by the commands that it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aai.vision.image import read_image

ROOT = Path(__file__).resolve().parent.parent.parent
NO_NETWORK = """
import socket

class Closed(socket.socket):
    def connect(self, address):
        raise AssertionError(f"a connection to {address} was opened")
    connect_ex = sendto = connect

socket.socket = Closed
"""


@pytest.fixture()
def offline(tmp_path: Path) -> dict:
    """An environment in which no Python process can open a connection: it would end with a trace."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "sitecustomize.py").write_text(NO_NETWORK)
    paths = [str(tmp_path / "closed"), str(ROOT), str(ROOT / "backends")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _aai(folder: Path, environment: dict, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "aai", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_trap_for_connections_catches_one(tmp_path: Path, offline: dict) -> None:
    code = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9', timeout=1)"
    answer = subprocess.run([sys.executable, "-c", code], env=offline, capture_output=True, text=True, check=False)
    assert "a connection to" in answer.stderr


def test_the_demo_finds_the_digits_of_its_picture_without_a_network(tmp_path: Path, offline: dict) -> None:
    start = time.monotonic()
    answer = _aai(tmp_path, offline, "demo")
    assert answer.returncode == 0, answer.stderr
    assert time.monotonic() - start < 60
    commands = [line for line in answer.stdout.splitlines() if line.startswith("$ aai ")]
    assert [" ".join(line.split()[2:4]) for line in commands] == [
        "model configure",
        "model publish",
        "app configure",
        "app models",
        "app install",
        "model predict",
    ]
    wanted = json.loads((ROOT / "tests/data/digits-expected.json").read_text(encoding="utf-8"))
    table = answer.stdout.partition("LABEL")[2]
    found = sorted(line.split()[0] for line in table.splitlines()[1:] if line and not line.startswith("annotated"))
    assert found == sorted(_labels(wanted)), table
    picture = tmp_path / "aai-demo/app/out/scene-predicted.png"
    assert f"annotated picture: {picture}" in answer.stdout
    before, after = read_image(tmp_path / "aai-demo/scene.png"), read_image(picture)
    assert before.shape == after.shape
    assert (before != after).any()


def _labels(expected: dict) -> list:
    return [entry["label"] for entry in expected["digits"]]


@pytest.mark.slow
def test_the_demo_may_run_again_in_the_same_folder(tmp_path: Path, offline: dict) -> None:
    assert _aai(tmp_path, offline, "demo").returncode == 0
    again = _aai(tmp_path, offline, "demo", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["annotated"].endswith("scene-predicted.png")


@pytest.mark.slow
def test_the_commands_that_the_demo_prints_can_be_typed(tmp_path: Path, offline: dict) -> None:
    first = _aai(tmp_path, offline, "demo")
    lines = [line[2:] for line in first.stdout.splitlines() if line.startswith("$ ")]
    typed = "set -e\naai() { " + sys.executable + ' -m aai "$@"; }\n' + "\n".join(lines)
    answer = subprocess.run(
        ["bash", "-c", typed], cwd=tmp_path, env=offline, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "LABEL" in answer.stdout
