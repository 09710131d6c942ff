"""`aai app configure`: the files of a new app, from the templates that come with the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aai.core.app.config import APP_FILE, PROJECT_FILE, load_app, read_project, write_project
from aai.errors import InvalidFiles, UsageError
from aai.ports import Registry
from aai.storage import translated, write_bytes

_PACKAGE = Path(__file__).resolve().parent.parent.parent
_FILES = {
    APP_FILE: APP_FILE,
    "app.py": "app.py",
    "requirements.txt": "requirements.txt",
    # Under its real name it would act on the folder of templates.
    ".gitignore": "gitignore",
    "Dockerfile": "Dockerfile",
}
"""File in the app -> file in the template."""


@dataclass(frozen=True)
class AppConfigured:
    """What was made of a folder.

    Args:
        folder: the app's folder.
        created: files that are new, relative to it.
        kept: files that were there, and were not touched.
        project: the project that the app follows; None for none.
    """

    folder: Path
    created: tuple[str, ...]
    kept: tuple[str, ...]
    project: str | None

    def as_dict(self) -> dict[str, Any]:
        """The answer as `--json` prints it."""
        return {
            "app": str(self.folder),
            "created": list(self.created),
            "kept": list(self.kept),
            "project": self.project,
        }


def templates_folder() -> Path:
    """The folder of templates: inside the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "templates"
    return installed if installed.is_dir() else _PACKAGE.parent / "templates"


def configure_app(
    folder: Path, project: str | None = None, registry: Registry | None = None, dry_run: bool = False
) -> AppConfigured:
    """Makes a folder an app: writes the files that it lacks, and touches none that is there.

    Args:
        folder: made if it is not there.
        project: the project to follow from now on, whatever the app followed before.
        registry: where the project is looked up; without it, its name is taken as it is.
        dry_run: only say what would be written.

    Raises:
        NotFound: no such project.
        InvalidFiles: the folder has an alwaysai.app.json that can't be read; nothing was written.
        UsageError: `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError("the app's folder is a file", str(folder), "name a folder, new or not")
    if (folder / APP_FILE).exists():
        load_app(folder)
    if project is not None and registry is not None:
        registry.project(project)
    followed = _followed(folder, project is None)
    missing = [name for name in _FILES if not (folder / name).exists()]
    kept = [name for name in _FILES if name not in missing]
    new_project = project is not None and project != followed
    if not dry_run:
        for name in missing:
            _write(folder / name, templates_folder() / "app" / _FILES[name])
        if project is not None and new_project:
            write_project(folder, project)
    created = [*missing, *([PROJECT_FILE] if new_project else [])]
    return AppConfigured(folder, tuple(created), tuple(kept), project or followed)


def _followed(folder: Path, strict: bool) -> str | None:
    """The project that the app follows; a damaged file counts for none unless `strict`: it is about to be mended."""
    try:
        return read_project(folder)
    except InvalidFiles:
        if strict:
            raise
        return None


def _write(path: Path, template: Path) -> None:
    with translated(template):
        content = template.read_bytes()
    write_bytes(path, content)
