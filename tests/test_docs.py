"""The documentation holds: links lead somewhere, commands exist and print what stands there, names are the code's."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import click
import pytest

import aai
from aai import backend_table
from aai.cli.main import cli
from aai.core import fields, settings
from aai.package import oci
from aai.registry import index
from aai.vision import engines
from aai.vision.decode.detection import DETECTION
from aai.vision.decode.instances import INSTANCES
from aai.vision.decode.pose import POSES
from aai.vision.services import SERVICES
from scripts import transcript
from tests.test_architecture import ALLOWED

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
RUN = [path for path in transcript.pages() if path.name != "README.md"]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _anchors(page: str) -> set:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", _CODE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_links_lead_to_files_and_headings_that_are_there(path: Path) -> None:
    for target in _LINK.findall(_CODE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        aim = (path.parent / name).resolve() if name else path
        assert aim.is_file(), target
        assert aim.is_relative_to(ROOT) if hasattr(aim, "is_relative_to") else str(ROOT) in str(aim), target
        assert not anchor or anchor in _anchors(aim.read_text(encoding="utf-8")), target


def test_every_page_of_the_docs_is_in_the_index() -> None:
    linked = {(ROOT / "docs" / target.partition("#")[0]).resolve() for target in _LINK.findall(_page("README.md"))}
    assert {path for path in PAGES if "docs" in path.parts and path.name != "README.md"} <= linked


def _commands(text: str) -> Iterator[list]:
    """The words after `aai` of each call in shell text."""
    for line in re.split(r"\n|&&|\||;|\$\(", text.replace("\\\n", " ")):
        if line.strip().startswith("aai "):
            yield shlex.split(line.rstrip(")"), comments=True)[1:]


def _check_call(words: list) -> None:
    """Follows the words through the command tree; flags must exist."""
    command: click.Command = cli
    context = click.Context(cli, info_name="aai")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"no such command: aai {' '.join(words)}"
        command, words = found, words[1:]
    known = {form for option in command.params for form in option.opts + option.secondary_opts} | {"--help"}
    for word in words[: words.index("--")] if "--" in words else words:
        assert not word.startswith("-") or word.partition("=")[0] in known or word == "-", f"no such flag: {word}"


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_the_commands_of_console_and_shell_blocks_exist(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    text = "\n".join(step.command for step in transcript.steps_of(page))
    text += "\n" + "\n".join(re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    text += "\n" + "\n".join(re.findall(r"`(aai [^`]+)`", _CODE.sub("", page.replace("\n", " "))))
    for words in _commands(text):
        if "..." not in words and "|" not in words:
            _check_call([word for word in words if word])


def test_a_command_or_flag_that_is_not_there_is_found() -> None:
    for line in ("aai model pubish", "aai model publish --tags x"):
        with pytest.raises(AssertionError, match="no such"):
            _check_call(next(_commands(line)))


@pytest.mark.slow
@pytest.mark.parametrize("path", RUN, ids=_name)
def test_the_commands_of_a_page_print_what_it_shows(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    page = path.read_text(encoding="utf-8")
    folder = tmp_path.resolve() / "vision"
    transcript.prepare(folder, request.getfixturevalue("zoo") if transcript.needs_zoo(page) else None)
    steps = transcript.steps_of(page)
    for step, output in zip(steps, transcript.run(steps, folder)):
        assert transcript.masked(output) == transcript.masked(step.output), f"{step.command}: run scripts/transcript.py"


def _environment(*more: Path) -> dict:
    paths = os.pathsep.join(str(path) for path in (*more, ROOT, ROOT / "backends"))
    return {**os.environ, "PYTHONPATH": paths}


def _blocks(page: str, language: str) -> list:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def _digits(folder: Path) -> Path:
    """A folder with the demonstration model, configured, and an `aai` on the PATH that is returned."""
    transcript.prepare(folder, None)
    binaries = folder / "bin"
    binaries.mkdir()
    for name, words in (("python3", ""), ("aai", "-m aai ")):
        (binaries / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n')
        (binaries / name).chmod(0o755)
    words = ["model", "configure", "digits", "--id", "acme/digits"]
    subprocess.run([str(binaries / "aai"), *words], cwd=folder, env=_environment(), check=True, capture_output=True)
    return binaries


@pytest.mark.slow
def test_the_script_for_ci_publishes_and_says_what(tmp_path: Path) -> None:
    folder = tmp_path / "ci"
    binaries = _digits(folder)
    (script,) = [block for block in _blocks(_page("how-to/publish-from-ci.md"), "sh") if block.startswith("#!")]
    (folder / "publish.sh").write_text(script)
    environment = {**_environment(), "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}

    def publish(**more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["sh", "publish.sh", "digits", "candidate"],
            cwd=folder,
            env={**environment, **more},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    assert publish().returncode != 0
    registry = f"dir:{folder / 'registry'}"
    first, second = publish(AAI_REGISTRY=registry), publish(AAI_REGISTRY=registry)
    assert (first.returncode, first.stdout) == (0, "acme/digits@1\n"), first.stderr
    assert (second.returncode, second.stdout) == (0, "acme/digits@1\n"), second.stderr
    assert "new sha256:" in first.stderr
    assert "unchanged sha256:" in second.stderr
    (folder / "digits" / "labels.txt").write_text("one\ntwo\n")
    broken = publish(AAI_REGISTRY=registry)
    assert (broken.returncode, broken.stdout) == (1, "")


def test_the_back_end_of_the_how_to_runs_a_model(tmp_path: Path) -> None:
    page = _page("how-to/add-a-back-end.md")
    module, use = _blocks(page, "python")
    (project,) = _blocks(page, "toml")
    (shown,) = _blocks(page, "text")
    site = tmp_path / "site"
    info = site / "mean_colour-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "mean_colour.py").write_text(module)
    ((group, points),) = re.findall(r'^\[project\.entry-points\."([^"]+)"\]\n(.+)$', project, re.MULTILINE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mean-colour\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{points.replace(chr(34), '')}")
    answer = subprocess.run(
        [sys.executable, "-c", use], cwd=tmp_path, env=_environment(site), capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout) == (0, shown), answer.stderr


@pytest.mark.slow
def test_the_back_end_of_the_how_to_can_be_installed_with_other_files_beside_it(tmp_path: Path) -> None:
    page = _page("how-to/add-a-back-end.md")
    module, use = _blocks(page, "python")
    (project,) = _blocks(page, "toml")
    (shown,) = _blocks(page, "text")
    for name, text in {"mean_colour.py": module, "use.py": use, "pyproject.toml": project}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "another").mkdir()
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), "."]
    subprocess.run(pip, cwd=tmp_path, check=True)
    (tmp_path / "mean_colour.py").unlink()
    answer = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path, env=_environment(site), capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout) == (0, shown), answer.stderr


def test_the_python_of_the_api_page_runs(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    _digits(folder)
    (folder / "models" / "acme").mkdir(parents=True)
    (folder / "digits").rename(folder / "models" / "acme" / "digits")
    (code,) = _blocks(_page("reference/python-api.md"), "python")
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 8
    assert (folder / "marked.png").is_file()


def test_the_api_page_names_everything_public() -> None:
    page = _page("reference/python-api.md")
    for name in aai.__all__:
        assert re.search(rf"\b{name}\b", page), name
    for method in (name for name in dir(aai.BoundingBox) if not name.startswith("_")):
        assert f"`{method}`" in page, method
    for service in SERVICES.values():
        for method in (name for name in dir(service) if not name.startswith("_") and name != "purpose"):
            assert re.search(rf"`{method}\b", page), method


def test_the_settings_page_has_every_setting_and_where_it_may_be() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `AAI_\w+` \| (yes|no) \|", _page("reference/settings.md"), re.MULTILINE))
    assert rows == {name: "yes" if name in settings.APP_KEYS else "no" for name in settings.KEYS}


def test_the_formats_page_has_every_annotation_and_media_type() -> None:
    page = _page("reference/file-formats.md")
    names = [oci.FILE_PATH, oci.PIECES, oci.VARIANT, oci.VARIANT_SIZE, oci.TARGET_PREFIX, oci.REF_NAME]
    names += [oci.WEIGHT_TYPE, oci.WEIGHT_CONFIG_TYPE, oci.DOC_TYPE, oci.MODEL_TYPE, oci.MODEL_CONFIG_TYPE]
    names += [index.MODEL_ID, index.LAST_NUMBER, index.SIZE, index.TAG_OF, index.SUMMARY_PREFIX]
    names += [f"`{field.name}`" for field in fields.FIELDS]
    for name in names:
        assert name in page, name


def test_the_decoders_page_has_every_layout() -> None:
    named = re.findall(
        r"`([a-z0-9-]+)`", "".join(re.findall(r"^\| (`[^|]+`) \|", _page("reference/decoders.md"), re.M))
    )
    assert set(named) >= {*DETECTION, *POSES, *INSTANCES, "segmentation", "embedding"}


def test_the_architecture_page_says_what_each_room_may_import() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", _page("explanation/architecture.md"), re.MULTILINE)
    for room, allowed in ALLOWED.items():
        (told,) = [may for names, may in rows if re.search(rf"[/`]{room}(\.py|/)`", names)] or [None]
        if room == "version":
            continue
        assert told is not None, room
        found = set(re.findall(r"[a-z_]+(?:\.[a-z_]+)*", told.replace("nothing of ours", "").split(", and")[0]))
        assert found == allowed, room


def test_help_shows_examples_on_lines_of_their_own() -> None:
    page = _page("reference/cli.md")
    assert "\\b" not in page
    assert page.count("  Examples:\n    aai ") > 25


def test_json_examples_of_the_pages_are_json() -> None:
    steps = [step for path in PAGES for step in transcript.steps_of(path.read_text(encoding="utf-8"))]
    examples = [step.output for step in steps if "--json" in step.command and "|" not in step.command]
    assert len(examples) >= 3
    for example in examples:
        assert isinstance(json.loads(example), dict)


def test_the_engines_of_the_api_page_run_what_it_says() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([a-z, -]+) \|", _page("reference/python-api.md"), re.MULTILINE)
    run = {
        name: {framework for framework in fields.FRAMEWORKS if name in backend_table.engines(framework)}
        for name in engines.Engine.__members__
    }
    run["DNN_CUDA"] -= run["DNN"]  # another name of the same back end, as the page says
    assert {name: set(frameworks.split(", ")) for name, frameworks in rows} == {
        name: of for name, of in run.items() if of
    }


def test_what_the_accelerators_of_the_api_page_are_called() -> None:
    rows = re.findall(r"^\| `[A-Z_]+` \| [a-z, -]+ \| (.+) \|$", _page("reference/python-api.md"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([A-Z_0-9]+)`", row)}
    assert named
    assert named <= set(engines.Accelerator.__members__)
