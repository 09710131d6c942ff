"""Runtimes that report their use to their makers by default do not when `aai` loads them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What each runtime leaves in a home folder when it prepares a report, and the module of a back end that imports it.
REPORTING = {
    "onnxruntime": ("aai_backends.onnx", ".cache/Microsoft"),
    "openvino": ("aai_backends.dldt", "intel"),
}
SWITCHES = ("ORT_DISABLE_TELEMETRY", "DEPTHAI_TELEMETRY", "CI", "TF_BUILD", "JENKINS_URL", "PYTEST_CURRENT_TEST")


def _run(code: str, home: Path, **given: str) -> str:
    """What a fresh Python prints that has this home folder, and none of the switches but those given."""
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES and not name.startswith("XDG_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "backends")])
    environment = {**kept, "HOME": str(home), "PYTHONPATH": path, **given}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return answer.stdout.strip()


@pytest.mark.parametrize("runtime", sorted(REPORTING))
def test_a_runtime_prepares_no_report(runtime: str, tmp_path: Path) -> None:
    module, trace = REPORTING[runtime]
    _run(f"import {module}", tmp_path)
    assert not (tmp_path / trace).exists()
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_openvino_s_reporter_is_neither_imported_nor_kept_from_applications(tmp_path: Path) -> None:
    pytest.importorskip("openvino_telemetry", reason="openvino-telemetry is not installed")
    code = (
        "import sys, aai_backends.dldt; assert 'openvino_telemetry' not in sys.modules; "
        "import openvino_telemetry; print('there')"
    )
    assert _run(code, tmp_path) == "there"
    before = "import openvino_telemetry, sys, aai_backends.dldt; print('openvino_telemetry' in sys.modules)"
    assert _run(before, tmp_path) == "True"


def test_what_a_user_has_set_stays(tmp_path: Path) -> None:
    code = "import os, aai_backends; print(os.environ['ORT_DISABLE_TELEMETRY'], os.environ['DEPTHAI_TELEMETRY'])"
    assert _run(code, tmp_path) == "1 0"
    assert _run(code, tmp_path, ORT_DISABLE_TELEMETRY="0", DEPTHAI_TELEMETRY="1") == "0 1"
