from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from aai.cli.main import run
from aai.core import runtimes
from aai.core.fields import FRAMEWORKS

ROOT = Path(__file__).resolve().parents[2]


def test_every_runtime_and_accelerator_is_listed_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    names = {check["name"]: check for check in checks}
    assert set(names) >= {runtime.name for runtime in runtimes.RUNTIMES}
    assert names["onnxruntime"]["detail"] == metadata.version("onnxruntime")
    for check in checks:
        assert check["fix"] is None if check["found"] and not check["fault"] else check["fix"]
    served = {word for check in checks if check["kind"] == "runtime" for word in check["serves"].split(", ")}
    assert served >= set(FRAMEWORKS)


def test_what_is_installed_and_of_no_use_is_marked_and_not_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtimes, "_fault", lambda name, version: "it is broken" if name == "opencv" else "")
    assert run(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " opencv " in line]
    assert line.startswith("!!") and "it is broken" in line
    assert run(["doctor", "--quiet"]) == 0
    assert "opencv" not in capsys.readouterr().out.split()


def test_it_imports_no_runtime() -> None:
    modules = [runtime.module for runtime in runtimes.RUNTIMES]
    code = (
        "import sys; from aai.cli.main import run; code = run(['doctor', '--quiet'])\n"
        f"sys.exit(code or bool(set({modules!r}) & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
