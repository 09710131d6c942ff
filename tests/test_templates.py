"""The files that a new app starts with."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import aai
from aai.core.app.scaffold import configure_app, templates_folder

ROOT = Path(__file__).resolve().parent.parent


def run_app(app: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "backends")])
    return subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=app,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_templates_are_found_in_the_checkout() -> None:
    assert templates_folder() == ROOT / "templates"


def test_an_app_without_a_model_says_how_to_add_one(tmp_path: Path) -> None:
    configure_app(tmp_path)
    answer = run_app(tmp_path, "photo.jpg")
    assert answer.returncode == 1
    assert "aai app models add" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_app_without_a_picture_says_how_to_give_one(tmp_path: Path) -> None:
    configure_app(tmp_path)
    (tmp_path / "alwaysai.app.json").write_text('{"models": {"acme/yolo": 1}}')
    answer = run_app(tmp_path)
    assert answer.returncode == 1
    assert "aai app start -- PHOTO.jpg" in answer.stderr


def test_the_app_uses_what_the_package_offers_on_every_python() -> None:
    tree = ast.parse((templates_folder() / "app" / "app.py").read_text(), feature_version=(3, 8))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "aai"]
    assert {alias.name for node in imported for alias in node.names} <= set(aai.__all__)
    assert imported


def test_the_model_id_stands_in_the_app_file_alone() -> None:
    assert json.loads((templates_folder() / "app" / "alwaysai.app.json").read_text())["models"] == {}
    assert "ObjectDetection(name)" in (templates_folder() / "app" / "app.py").read_text()


def test_the_container_runs_neither_as_root_nor_privileged() -> None:
    lines = (templates_folder() / "app" / "Dockerfile").read_text().splitlines()
    instructions = [line for line in lines if line and not line.startswith("#")]
    assert "USER app" in instructions
    assert not any("privileged" in line for line in instructions)
    assert instructions.index("USER app") > max(i for i, line in enumerate(instructions) if line.startswith("RUN"))


def test_what_is_installed_is_not_committed_and_the_lock_is(tmp_path: Path) -> None:
    configure_app(tmp_path)
    ignored = (tmp_path / ".gitignore").read_text().splitlines()
    assert "models/" in ignored
    assert "alwaysai.lock.json" not in ignored
