from __future__ import annotations

import threading
from pathlib import Path

import pytest

from aai.errors import RegistryError
from aai.registry.folder import FolderRegistry


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    return FolderRegistry(tmp_path / "registry")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"name": "p"}',
        b'{"name": 5, "models": {}}',
        b'{"name": "p", "models": {"a/b": true}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_damaged_project_is_named(registry: FolderRegistry, data: bytes) -> None:
    registry.create_project("p")
    path = registry.root / ".projects" / "p.json"
    path.write_bytes(data)
    for use in (lambda: registry.project("p"), lambda: registry.change_project("p", {"acme/a": 1}), registry.projects):
        with pytest.raises(RegistryError) as raised:
            use()
        assert raised.value.where == str(path)
    assert path.read_bytes() == data


def test_of_many_writers_none_loses_a_change(registry: FolderRegistry) -> None:
    registry.create_project("p")
    ids = [f"acme/m{number}" for number in range(12)]
    threads = [threading.Thread(target=registry.change_project, args=("p", {model_id: 1})) for model_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(registry.project("p")) == sorted(ids)


def test_what_a_killed_writer_left_is_swept(registry: FolderRegistry) -> None:
    registry.create_project("p")
    left = registry.root / ".projects" / ".p.json.abc.tmp"
    left.write_text("left")
    registry.change_project("p", {"acme/a": 1})
    assert not left.exists()
    assert registry.projects() == ["p"]
