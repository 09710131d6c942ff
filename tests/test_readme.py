"""The README does what it shows: its commands print what stands there, its Python runs, its tables tell the truth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aai import backend_table
from aai.core.fields import FRAMEWORKS
from scripts import transcript
from tests import same_network

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
VIDEO = """
import cv2
photo = cv2.imread("dog.jpg")
writer = cv2.VideoWriter("dog.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10, (photo.shape[1], photo.shape[0]))
for _ in range(2):
    writer.write(photo)
writer.release()
"""


@pytest.fixture(scope="module")
def story(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """(folder, outputs) of the README's commands, run once."""
    folder = tmp_path_factory.mktemp("readme").resolve() / "vision"
    transcript.prepare(folder, zoo)
    return folder, transcript.run(transcript.steps_of(README), folder)


def test_the_commands_of_the_readme_print_what_it_shows(story: tuple) -> None:
    for step, output in zip(transcript.steps_of(README), story[1]):
        assert transcript.masked(output) == transcript.masked(step.output), f"{step.command}: run scripts/transcript.py"


def test_the_story_of_the_readme_goes_the_whole_way(story: tuple) -> None:
    commands = [step.command for step in transcript.steps_of(README)]
    for part in ("model configure yolo-fastest", "model configure yolox-nano", "publish", "models add", "app start"):
        assert any(part in command for command in commands), part
    assert (story[0] / "app" / "out" / "dog.png").is_file()
    assert (story[0] / "app" / "out" / "dog-predicted.jpg").is_file()


def test_the_python_of_the_readme_runs_on_a_video(story: tuple) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert "VideoCapture(0)" in code
    folder = story[0]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "backends")])
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", VIDEO], cwd=folder, check=True)
    answer = subprocess.run(
        [sys.executable, "-c", code.replace("VideoCapture(0)", 'VideoCapture("../dog.avi")')],
        cwd=folder / "app",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    labels = [line.split()[0] for line in answer.stdout.splitlines()]
    assert len(labels) == 6, answer.stdout
    assert sorted(labels[:3]) == sorted(labels[3:]) == ["bicycle", "car", "dog"]


def test_the_table_of_back_ends_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| [^|]* \| ([A-Z_, ]+) \| ([^|]+) \|$", README, re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == sorted(FRAMEWORKS)
    for name, engines, has_run in rows:
        assert tuple(engines.split(", ")) == backend_table.engines(name), name
        # What the tests run is on an x86 CPU; the others have not met their hardware.
        assert has_run.startswith("x86 CPU" if name in same_network.WRITERS else "no "), name


def test_the_readme_names_scripts_that_are_there() -> None:
    named = set(re.findall(r"(?:^|`)(scripts/[\w/]+)", README, re.MULTILINE))
    assert {"scripts/demo", "scripts/test"} <= named
    for name in named:
        assert (ROOT / name).is_file(), name
        assert os.access(ROOT / name, os.X_OK), name


def test_masking_hides_what_varies_and_nothing_else() -> None:
    assert transcript.masked("a.jpg: 768x576, 62.2 ms") == transcript.masked("a.jpg: 768x576, 7 ms")
    assert transcript.masked("a.jpg: 768x576, 62.2 ms") != transcript.masked("a.jpg: 768x577, 62.2 ms")
    assert transcript.masked("digest sha256:1a") != transcript.masked("digest sha256:1b")
    assert transcript.kept("in 5 ms\n", "in 6 ms\n") == "in 5 ms\n"
    assert transcript.kept("dog 0.86\n", "dog 0.85\n") == "dog 0.85\n"


PAGE = """# A page

```console
$ printf 'one\\ntwo\\n'
old
$ for n in 1 2; do
>   echo $n
> done
$ cd digits
```

```console
$ ls
$ ls nothing 2> /dev/null
$ echo $?
```
"""


def test_a_transcript_is_renewed_in_one_session(tmp_path: Path) -> None:
    folder = tmp_path / "vision"
    transcript.prepare(folder, None)
    page = transcript.renewed(PAGE, folder)
    assert "$ printf 'one\\ntwo\\n'\none\ntwo\n$ for n in 1 2; do\n>   echo $n\n> done\n1\n2\n$ cd digits\n```" in page
    assert "$ ls\ndigits.onnx\n$ ls nothing 2> /dev/null\n$ echo $?\n2\n```" in page
    assert [step.shown for step in transcript.steps_of(page)] == [step.shown for step in transcript.steps_of(PAGE)]


def test_a_transcript_refuses_a_failure_that_the_page_does_not_show(tmp_path: Path) -> None:
    folder = tmp_path / "vision"
    transcript.prepare(folder, None)
    with pytest.raises(RuntimeError, match="exit code 3"):
        transcript.run(transcript.steps_of("```console\n$ (exit 3)\n$ ls\n```\n"), folder)
