"""What all tests share: the folder of third-party models, and a home that is not the developer's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
settings.register_profile("quick", max_examples=25)
settings.register_profile("thorough", max_examples=200)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("quick" if config.option.markexpr == "not slow" else "thorough")


def _zoo() -> Path:
    return Path(os.environ.get("AAI_ZOO") or ROOT.parent / "shared" / "zoo").resolve()


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of third-party models, photos and expected results."""
    folder = _zoo()
    if not (folder / "MANIFEST.json").is_file():
        reason = f"the model zoo is not at {folder}: set AAI_ZOO to the folder that holds its MANIFEST.json"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_developer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting, registry or store of the developer is read or written, by fixtures of a whole module either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in list(os.environ):
            if name.startswith(("AAI_", "XDG_")) and name != "AAI_ZOO":
                patch.delenv(name)
        # The tests of it take this away; the others would start a process for each model that they load.
        patch.setenv("AAI_TRIAL", "never")
        # Processes that only import numpy: starting its threads takes them a third of their time.
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        yield


@pytest.fixture(autouse=True)
def own_home(no_developer: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    return home
