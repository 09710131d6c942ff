from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from aai.core.model_config import ModelConfig
from aai.errors import InvalidFiles, NotFound, StorageFailed
from aai.vision.model_folder import find_model, installed_models, model_file
from tests.vision.models import ssd_folder


@pytest.fixture()
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    app = tmp_path / "app"
    for name in ("net", "other"):
        ssd_folder(app / "models" / "acme" / name, id=f"acme/{name}")
    monkeypatch.chdir(app)
    return app


def test_a_model_is_found_by_its_id_and_by_its_folder(app: Path) -> None:
    assert find_model("acme/net").folder == app / "models" / "acme" / "net"
    for path in ("models/acme/net", "./models/acme/net", app / "models" / "acme" / "net"):
        assert find_model(path).id == "acme/net"
    assert installed_models() == ["acme/net", "acme/other"]


def test_an_id_is_found_beside_the_program_when_started_elsewhere(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = types.ModuleType("__main__")
    main.__file__ = str(app / "app.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.chdir(tmp_path)
    assert find_model("acme/net").folder == app / "models" / "acme" / "net"


def test_a_folder_of_two_levels_that_looks_like_an_id_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssd_folder(tmp_path / "zoo" / "net")
    monkeypatch.chdir(tmp_path)
    assert find_model("zoo/net").id == "acme/net"


def test_a_model_that_is_not_installed_names_the_nearest_and_how_to_install(app: Path) -> None:
    with pytest.raises(NotFound) as caught:
        find_model("acme/nett")
    assert '"acme/net"' in (caught.value.fix or "")
    assert "aai app install" in (caught.value.fix or "")
    assert str(app / "models") in (caught.value.where or "")
    with pytest.raises(NotFound, match="no model folder"):
        find_model("./nowhere")
    (app / "empty").mkdir()
    with pytest.raises(NotFound, match=r"alwaysai\.model\.json"):
        find_model("empty")


@pytest.mark.parametrize("value", ["/etc/passwd", "../x", "a/../../x"])
def test_files_outside_of_the_folder_are_refused(value: str) -> None:
    config = ModelConfig({"model_parameters": {"label_file": value, "config_file": ""}}, Path("/m"))
    with pytest.raises(InvalidFiles, match="outside"):
        model_file(config, "label_file")
    assert model_file(config, "config_file") is None


def test_a_name_that_no_file_can_have_is_told(app: Path) -> None:
    for name in ("n" * 300, f"acme/{'n' * 300}"):
        with pytest.raises(StorageFailed):
            find_model(name)
