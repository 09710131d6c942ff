"""`aai demo`: the whole way once, on the model that comes with the package."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click

from aai.cli.options import output_options
from aai.cli.output import Output, styled, wants_colour

FILES = Path(__file__).resolve().parent.parent / "demo"
MODEL_ID = "demo/digits"


@click.command(name="demo")
@click.argument("folder", default="aai-demo", metavar="[DIR]")
@output_options
def demo(folder: str, out: Output) -> int:
    r"""Do the whole way once, in DIR (default: aai-demo): configure, publish, add, install, run.

    The model is a small detector of handwritten digits that comes with the package. Nothing leaves this machine. Each
    command is printed before it runs, so that you can type it yourself.

    \b
    Examples:
      aai demo
      aai demo /tmp/demo
    """
    root = Path(folder).resolve()
    with_files(root)
    environment = {"AAI_REGISTRY": f"dir:{root / 'registry'}", "AAI_STORE": str(root / "store")}
    show = _Shell(root, environment, out)
    show.setting()
    show.run("digits", "model", "configure", "--id", MODEL_ID, "--yes")
    show.run("digits", "model", "publish", "--tag", "stable")
    show.run("app", "app", "configure", "--yes")
    show.run("app", "app", "models", "add", MODEL_ID)
    show.run("app", "app", "install")
    show.run("app", "model", "predict", MODEL_ID, "../scene.png", "--save", "out")
    annotated = root / "app" / "out" / "scene-predicted.png"
    out.document({"folder": str(root), "annotated": str(annotated), "steps": show.steps})
    out.ids([str(annotated)])
    out.line(f"\nannotated picture: {annotated}")
    return 0


def with_files(root: Path) -> None:
    """Lays the model and the picture into the demo's folder, as somebody who trained them would have them."""
    from aai.storage import translated

    with translated(root):
        (root / "app").mkdir(parents=True, exist_ok=True)
        shutil.copytree(FILES / "digits", root / "digits", dirs_exist_ok=True, copy_function=shutil.copyfile)
        shutil.copyfile(FILES / "scene.png", root / "scene.png")


class _Shell:
    """Prints commands as a person types them, and runs them."""

    def __init__(self, root: Path, environment: dict[str, str], out: Output) -> None:
        self.root = root
        self.environment = environment
        self.out = out
        self.steps: list[str] = []
        self._here = Path.cwd()

    def setting(self) -> None:
        """Prints the settings that keep the demo's registry and store inside its own folder."""
        for name, value in self.environment.items():
            self._print(f"export {name}={shlex.quote(value)}")

    def run(self, folder: str, *words: str) -> None:
        """Runs `aai WORDS` in a folder of the demo, as a process of its own.

        Raises:
            Exit: the command failed; its own error is on stderr already.
        """
        if self._here != self.root / folder:
            self._here = self.root / folder
            self._print(f"cd {shlex.quote(str(self._here))}")
        line = f"aai {' '.join(shlex.quote(word) for word in words)}"
        self._print(line)
        self.steps.append(line)
        code = subprocess.run(
            [sys.executable, "-m", "aai", *words],
            cwd=self._here,
            env={**os.environ, **self.environment},
            stdout=sys.stderr if self.out.as_json or self.out.quiet else None,
            check=False,
        ).returncode
        if code:
            raise click.exceptions.Exit(code)

    def _print(self, line: str) -> None:
        if not self.out.as_json and not self.out.quiet:
            print(styled(f"$ {line}", "bold", wants_colour(sys.stdout, self.out.no_color)), flush=True)
