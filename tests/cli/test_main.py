"""The root command: help, exit codes, errors as text and as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aai import errors
from aai.cli.main import run
from aai.version import __version__

ROOT = Path(__file__).resolve().parent.parent.parent


def test_help_exits_0_and_names_every_noun(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for noun in ("app", "config", "demo", "doctor", "model", "project", "user"):
        assert f"\n  {noun} " in text


def test_version_comes_from_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"aai {__version__}\n"


@pytest.mark.parametrize("group", [[], ["model"], ["app"], ["app", "models"], ["project"], ["user"], ["config"]])
def test_a_group_without_a_verb_prints_its_help_and_exits_0(
    group: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(group) == 0
    assert "Commands:" in capsys.readouterr().out


def test_a_mistyped_command_gets_its_neighbour_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "publsh"]) == 2
    assert 'did you mean "publish"' in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "list", "--bogus"]) == 2
    assert "see: aai model list --help" in capsys.readouterr().err


def test_errors_in_json_are_one_document_on_stderr(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["model", "validate", "--json"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    error = json.loads(captured.err)["error"]
    assert error["code"] == "not_found"
    assert set(error) >= {"code", "what", "where", "fix"}


EXIT_CODES = {
    errors.AaiError: 1,
    errors.UsageError: 2,
    errors.NotFound: 3,
    errors.NotAllowed: 4,
    errors.RegistryError: 5,
    errors.BackendUnavailable: 6,
    errors.IntegrityError: 7,
    errors.InvalidFiles: 1,
    errors.BadWeights: 1,
    errors.BadImage: 1,
    errors.StorageFailed: 1,
}


def test_exit_codes_are_those_of_the_documented_table() -> None:
    assert {errors.AaiError, *errors.AaiError.__subclasses__()} == set(EXIT_CODES)
    assert {kind: kind.exit_code for kind in EXIT_CODES} == EXIT_CODES
    assert (errors.EXIT_BUG, errors.EXIT_INTERRUPTED) == (70, 130)
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    for kind in EXIT_CODES:
        assert f"| {kind.exit_code} | {(kind.__doc__ or '').splitlines()[0].rstrip('.')} | `{kind.code}` |" in page
    assert "| 70 |" in page
    assert "| 130 |" in page


def _run_code(code: str, **kwargs: object) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False, **kwargs
    )


def test_a_fault_of_ours_keeps_its_trace_and_exits_70() -> None:
    code = (
        "import aai.cli.main as m, click\n"
        "@click.command()\ndef broken():\n    raise RuntimeError('boom')\n"
        "import sys; mod = type(sys)('broken_module'); mod.broken = broken; sys.modules['broken_module'] = mod\n"
        "m.cli.table = {'broken': ('broken_module:broken', '')}\n"
        "m.main(['broken'])"
    )
    answer = _run_code(code)
    assert answer.returncode == 70
    assert "RuntimeError: boom" in answer.stderr
    assert "this is a fault of aai" in answer.stderr


def test_ctrl_c_exits_130() -> None:
    code = (
        "import aai.cli.main as m, click, os, signal\n"
        "@click.command()\ndef waiting():\n    os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(5)\n"
        "import sys; mod = type(sys)('waiting_module'); mod.waiting = waiting; sys.modules['waiting_module'] = mod\n"
        "m.cli.table = {'waiting': ('waiting_module:waiting', '')}\n"
        "m.main(['waiting'])"
    )
    answer = _run_code(code)
    assert answer.returncode == 130
    assert "Traceback" not in answer.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}
    line = f"{sys.executable} -m aai model configure --help | head -n 1; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "Broken" not in answer.stderr


def test_python_dash_m_is_the_same_program() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "aai", "--version"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert answer.stdout == f"aai {__version__}\n"
