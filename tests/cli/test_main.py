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
    kinds = {kind for kind in errors.AaiError.__subclasses__() if kind.__module__ == errors.__name__}
    assert {errors.AaiError, *kinds} == set(EXIT_CODES)
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
        "sys.exit(m.run(['broken']))"
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
        "sys.exit(m.run(['waiting']))"
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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("--version", 0), ("config show", 0), ("app models remove a/b", 3)])
def test_a_stream_that_is_closed_is_no_fault(tmp_path: Path, closed: str, words: str, code: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}
    answer = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m aai {words} {closed}"],
        cwd=tmp_path, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr


def _broken_by(body: str, words: str = "['broken']", **kwargs: object) -> subprocess.CompletedProcess:
    """The answer of a command whose body is `body`."""
    code = (
        "import aai.cli.main as m, click, errno, os, sys\n"
        f"@click.command()\ndef broken():\n    {body}\n"
        "mod = type(sys)('broken_module'); mod.broken = broken; sys.modules['broken_module'] = mod\n"
        f"m.cli.table = {{'broken': ('broken_module:broken', '')}}\n"
        f"sys.exit(m.run({words}))"
    )
    return _run_code(code, **kwargs)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_long_answer_that_nobody_reads_to_its_end_exits_0(unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}
    code = (
        "import aai.cli.main as m, click, sys\n"
        "@click.command()\ndef long():\n    [print(n) for n in range(100000)]\n"
        "mod = type(sys)('long_module'); mod.long = long; sys.modules['long_module'] = mod\n"
        "m.cli.table = {'long': ('long_module:long', '')}\n"
        "sys.exit(m.run(['long']))"
    )
    line = f'{sys.executable} -c "$CODE" | head -n 1; exit ${{PIPESTATUS[0]}}'
    answer = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        env={**environment, "CODE": code, "PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "0\n", "")


def test_ctrl_c_while_a_class_is_made_exits_130() -> None:
    answer = _broken_by("raise RuntimeError('Error calling __set_name__') from KeyboardInterrupt()")
    assert (answer.returncode, answer.stderr) == (130, "\ninterrupted\n")


def test_a_path_that_the_system_refuses_is_no_fault_of_ours() -> None:
    answer = _broken_by("os.stat('x' * 300)")
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: file name too long\n  where: xxx")


def test_an_error_of_the_system_about_no_path_is_a_fault_of_ours() -> None:
    assert _broken_by("raise OSError(errno.EBADF, 'Bad file descriptor')").returncode == 70


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device of Linux")
@pytest.mark.parametrize("words", [["--help"], ["config", "show"], ["config", "show", "--json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full_is_an_error_with_one_message(words: list[str], unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}
    environment["PYTHONUNBUFFERED"] = unbuffered
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(
            [sys.executable, "-m", "aai", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False,
        )  # fmt: skip
    assert answer.returncode == 1
    assert "no space is left on the disk" in answer.stderr
    assert "standard output" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "Exception ignored" not in answer.stderr


def test_text_that_the_terminal_can_not_show_is_escaped(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "AAI_REGISTRY": f"dir:{tmp_path}/é"}
    for flags in ([], ["--json"]):
        answer = subprocess.run(
            [sys.executable, "-m", "aai", "config", "show", *flags],
            capture_output=True, cwd=ROOT, env=environment, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        if flags:
            assert json.loads(answer.stdout)["registry"]["value"] == f"dir:{tmp_path}/é"
        else:
            assert b"\\xe9" in answer.stdout


def test_python_dash_m_is_the_same_program() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "aai", "--version"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert answer.stdout == f"aai {__version__}\n"


def test_ctrl_c_while_the_program_is_still_being_imported_exits_130(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    paths = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "backends")])
    answer = subprocess.run(
        [sys.executable, "-m", "aai", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (130, "")
