"""Every reader on random bytes, on damaged files and on other formats' files: an AaiError, soon, or an answer."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aai.core.fields import FRAMEWORKS
from aai.core.inspect import inspect_file, inspect_model
from aai.core.inspect.report import Inspection
from aai.errors import AaiError
from tests.reader_seeds import Seed, damaged, read, seeds

SOON_S = 2.0
READERS = sorted(seeds())
EVERY = [data for group in seeds().values() for data in (seed.data for seed in group)]

quickly = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def survives(seed: Seed, data: bytes, folder: Path) -> Inspection | None:
    """What the reader says, None for a refusal; fails on anything else and on what takes long."""
    started = time.process_time()
    report = None
    try:
        report = read(seed, data, folder)
    except AaiError as error:
        assert error.what
        assert error.what[-1] != "."
    assert time.process_time() - started < SOON_S
    if report is not None:
        # What `aai model inspect` and `configure` make of it is text and JSON.
        json.dumps([fact.value for fact in report.facts.values()])
        json.dumps([report.details, report.metadata], default=str)
    return report


def test_there_are_seeds_for_every_framework_and_each_is_read(tmp_path: Path) -> None:
    assert {seed.framework for group in seeds().values() for seed in group} == set(FRAMEWORKS)
    for name, group in seeds().items():
        for seed in group:
            if name == "onnx" and b"w.bin" in seed.data:
                (tmp_path / "w.bin").write_bytes(bytes(12))
            report = survives(seed, seed.data, tmp_path)
            assert report is not None, name
            assert not report.not_read, name


@pytest.mark.parametrize("name", READERS)
@quickly
@given(seed=st.integers(0, 1 << 32))
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str, seed: int) -> None:
    chance = random.Random(seed)
    start = chance.choice(seeds()[name])
    survives(start, damaged(start.data, chance, EVERY), tmp_path)


@pytest.mark.parametrize("name", READERS)
@quickly
@given(data=st.binary(min_size=1, max_size=400))
def test_random_bytes_are_refused_or_read(tmp_path: Path, name: str, data: bytes) -> None:
    start = seeds()[name][0]
    survives(start, data, tmp_path)
    # The start of a real file, so that the bytes come to where something is made of them.
    survives(start, start.data[: len(data)] + data, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_off_at_every_sixteenth_is_read_or_refused(tmp_path: Path, name: str) -> None:
    for start in seeds()[name]:
        for part in range(1, 16):
            survives(start, start.data[: len(start.data) * part // 16], tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_the_files_of_other_formats_are_refused_with_what_they_are(tmp_path: Path, name: str) -> None:
    start = seeds()[name][0]
    for other in READERS:
        if seeds()[other][0].framework != start.framework:
            assert survives(start, seeds()[other][0].data, tmp_path) is None, other


@pytest.mark.parametrize("name", [name for name in READERS if seeds()[name][0].other])
def test_a_companion_of_another_model_is_read_or_refused(tmp_path: Path, name: str) -> None:
    start = seeds()[name][0]
    for other in EVERY:
        survives(Seed(start.framework, start.data, start.role, other), start.data, tmp_path)


def test_files_of_the_zoo_cut_off_at_every_sixteenth_are_read_or_refused(zoo: Path, tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = json.loads((zoo / "MANIFEST.json").read_text())
    for entry in entries:
        for file in entry["files"]:
            source = zoo / entry["path"] / file
            if source.suffix in (".txt", ".names"):
                continue
            data = source.read_bytes()
            path = tmp_path / source.name
            for part in range(1, 16):
                path.write_bytes(data[: len(data) * part // 16])
                started = time.process_time()
                try:
                    inspect_file(path)
                except AaiError as error:
                    assert error.what
                assert time.process_time() - started < SOON_S
            path.unlink()


def test_an_empty_file_and_a_folder_are_refused_by_every_reader(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for framework in FRAMEWORKS:
        for path in (tmp_path / "empty", tmp_path):
            with pytest.raises(AaiError):
                inspect_model(framework, path, path)
