"""Runs the console blocks of the README and of the docs, and writes what the commands print into them.

    python scripts/transcript.py [PAGE.md ...]           renew these pages; without one, all that have console blocks
    python scripts/transcript.py --check [PAGE.md ...]   only say which pages are out of date

A console block is fenced with ```console. `$ ` starts a command, `> ` goes on with it, and the rest is its output.
All blocks of a page run in one bash session, in a folder with what `prepare` puts there, without a terminal: nothing is
asked. A command that fails must be followed by `$ echo $?`, so that the page shows the exit code. Output that differs
only in what varies from run to run (see `masked`) is left as it is. The model zoo is read from AAI_ZOO, or from
`../shared/zoo` beside the checkout; pages that name its files need it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN_HOME = "/home/me"
SHOWN_FOLDER = "/home/me/vision"
"""What pages show in place of the temporary folders that the commands ran in."""
ZOO_FILES = {
    "yolo-fastest/coco.names": "darknet/yolo-fastest-1.1-coco/coco.names",
    "yolo-fastest/yolo-fastest-1.1.cfg": "darknet/yolo-fastest-1.1-coco/yolo-fastest-1.1.cfg",
    "yolo-fastest/yolo-fastest-1.1.weights": "darknet/yolo-fastest-1.1-coco/yolo-fastest-1.1.weights",
    "yolox-nano/yolox_nano.onnx": "onnx/yolox-nano/yolox_nano.onnx",
    "dog.jpg": "images/dog.jpg",
    **{f"photos/{name}.jpg": f"images/{name}.jpg" for name in ("dog", "eagle", "horses", "person")},
}
"""Where a page's commands find a file -> where the zoo has it."""
_MARK = "--end-of-command--"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command as the page shows it (with `$ ` and `> `), and its output."""

    shown: str
    output: str

    @property
    def command(self) -> str:
        """What bash is given."""
        return "\n".join(line[2:] for line in self.shown.splitlines())


def pages() -> list[Path]:
    """The README and the pages of docs that have console blocks."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if _BLOCK.search(path.read_text(encoding="utf-8"))]


def steps_of(page: str) -> list[Step]:
    """The commands of all console blocks of a page, in order."""
    return [step for block in _BLOCK.findall(page) for step in _steps(block)]


def needs_zoo(page: str) -> bool:
    """Whether the commands of a page name files of the zoo."""
    text = "\n".join(step.command for step in steps_of(page))
    return any(name.partition("/")[0] in text for name in ZOO_FILES)


def zoo_folder() -> Path | None:
    """The folder of third-party models, None when it is not there."""
    folder = Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo").resolve()
    return folder if (folder / "MANIFEST.json").is_file() else None


def prepare(folder: Path, zoo: Path | None) -> None:
    """Lays the files that the pages speak of into `folder`: models as their projects publish them, and photos."""
    (folder / "digits").mkdir(parents=True)
    shutil.copyfile(ROOT / "aai" / "demo" / "digits" / "digits.onnx", folder / "digits" / "digits.onnx")
    shutil.copyfile(ROOT / "aai" / "demo" / "scene.png", folder / "scene.png")
    for name, path in ZOO_FILES.items() if zoo else ():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(zoo / path, folder / name)


def run(steps: list[Step], folder: Path) -> list[str]:
    """What the commands print, stdout and stderr together, one text for each, run in `folder` by one bash.

    Raises:
        RuntimeError: a command failed, and the next one is not `echo $?`.
    """
    home = folder.with_name(f"{folder.name}-home")
    environment = _environment(home)
    text = "\n".join(f'{step.command}\n_code=$?; echo "{_MARK} $_code"; (exit $_code)' for step in steps)
    answer = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    parts = re.split(rf"^{_MARK} (\d+)\n", answer.stdout.decode("utf-8"), flags=re.MULTILINE)
    outputs, codes = parts[0:-1:2], parts[1::2]
    following = [step.command for step in steps[1:]] + [""]
    for step, output, code, then in zip(steps, outputs, codes, following):
        if code != "0" and "echo $?" not in (then, step.command):
            raise RuntimeError(f"exit code {code}: {step.command}\n{output}")
    if len(outputs) != len(steps):
        raise RuntimeError(f"bash ended early: {parts[-1]}")
    return [output.replace(str(home), SHOWN_HOME).replace(str(folder), SHOWN_FOLDER) for output in outputs]


def renewed(page: str, folder: Path) -> str:
    """`page` with what its commands print now, run in `folder`; output that only varies stays as it is."""
    steps = steps_of(page)
    new = iter([Step(step.shown, kept(step.output, output)) for step, output in zip(steps, run(steps, folder))])

    def block(match: re.Match[str]) -> str:
        count = len(_steps(match.group(1)))
        inside = "".join(f"{step.shown}\n{step.output}" for step in (next(new) for _ in range(count)))
        return f"```console\n{inside}```"

    return _BLOCK.sub(block, page)


def kept(old: str, new: str) -> str:
    """`old` when it says the same as `new`, else `new`."""
    return old if masked(old) == masked(new) else new


def masked(output: str) -> str:
    """`output` without what varies from run to run: durations, and the versions of runtimes."""
    output = re.sub(r"\b\d+(\.\d+)? ms\b", "# ms", output)
    output = re.sub(r'"duration_s": [\d.e-]+', '"duration_s": #', output)
    return re.sub(r"\b(onnxruntime|opencv dnn) [\d.]+", r"\1 #", output)


def _steps(block: str) -> list[Step]:
    steps: list[Step] = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            steps.append(Step(line.rstrip("\n"), ""))
        elif line.startswith("> ") and not steps[-1].output:
            steps[-1] = Step(f"{steps[-1].shown}\n{line[:-1]}", "")
        else:
            steps[-1] = Step(steps[-1].shown, steps[-1].output + line)
    return steps


def _environment(home: Path) -> dict[str, str]:
    """A person with an empty home who has `aai` and `python` of this interpreter and this checkout."""
    binaries = home / "bin"
    binaries.mkdir(parents=True)
    for name, words in (("python", ""), ("aai", "-m aai ")):
        path = binaries / name
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n', encoding="utf-8")
        path.chmod(0o755)
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("AAI_", "XDG_", "COV_", "PYTEST"))
    }
    return {
        **plain,
        "HOME": str(home),
        "PATH": os.pathsep.join([str(binaries), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")]),
        "PYTHONUNBUFFERED": "1",  # stdout and stderr come in the order in which a person sees them
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }


def main(words: list[str]) -> int:
    check = "--check" in words
    wanted = [Path(word).resolve() for word in words if word != "--check"] or pages()
    stale = 0
    for path in wanted:
        page = path.read_text(encoding="utf-8")
        zoo = zoo_folder()
        if zoo is None and needs_zoo(page):
            print(f"not run: {path.name}; the model zoo is not there: set AAI_ZOO", file=sys.stderr)
            stale += 1
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch).resolve() / "vision"
            prepare(folder, zoo)
            new = renewed(page, folder)
        if new == page:
            continue
        stale += 1
        print(f"{'out of date' if check else 'renewed'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(new, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
