from __future__ import annotations

from pathlib import Path

import pytest

from aai.errors import RegistryError, UsageError
from aai.registry import default_registry_address, open_registry


@pytest.mark.parametrize("form", ["dir:{}", "{}", "file://{}", "file://localhost{}"])
def test_a_folder_is_a_registry_in_every_form(tmp_path: Path, form: str) -> None:
    registry = open_registry(form.format(tmp_path / "models"))
    assert registry.url == f"dir:{tmp_path / 'models'}"
    assert not registry.remote
    assert not (tmp_path / "models").exists()


def test_a_relative_path_and_a_tilde_are_made_absolute(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_registry("models").url == f"dir:{tmp_path / 'models'}"
    assert open_registry("dir:~/models").url == f"dir:{own_home / 'models'}"


def test_blanks_in_a_file_address_are_read() -> None:
    assert open_registry("file:///srv/my%20models").url == "dir:/srv/my models"


@pytest.mark.parametrize(
    "address", ["http://host", "https://host/x", "oci://ghcr.io/acme", "s3://bucket", "HTTP://host"]
)
def test_other_kinds_are_refused_with_what_is_read(address: str) -> None:
    with pytest.raises(UsageError, match="folders only") as raised:
        open_registry(address)
    assert raised.value.where == address
    assert "dir:PATH" in str(raised.value.fix)


@pytest.mark.parametrize(
    "address", ["", " ", "dir:", "file://", "file://host/x", "dir:a\0b", "~nobody-here/models", "dir:~nobody-here"]
)
def test_an_address_that_names_no_folder_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        open_registry(address)


@pytest.mark.parametrize("below", ["", "/models"])
def test_a_file_is_no_registry_and_not_an_empty_one(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError) as raised:
        open_registry(f"{tmp_path / 'file'}{below}")
    assert raised.value.where == str(tmp_path / "file")


def test_the_default_is_in_the_users_data_folder(own_home: Path) -> None:
    address = default_registry_address()
    assert address.startswith("dir:")
    assert own_home in Path(address[len("dir:") :]).parents
