from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from aai.core.app.lock import LockedModel
from aai.core.app.resolve import Change, Plan, apply_plan
from aai.core.settings import load_settings, set_app_setting, set_user_setting, user_file
from aai.errors import InvalidFiles, NotFound, UsageError
from aai.registry.folder import FolderRegistry


def registry(app: Path, flag: str | None = None) -> tuple[str, str]:
    setting = load_settings(app, {"registry": flag})["registry"]
    return setting.value, setting.origin


def app_with(folder: Path, settings: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "alwaysai.app.json").write_text(json.dumps({"models": {}, "aai": settings}))
    return folder


def test_the_nearest_one_who_says_something_wins(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_with(tmp_path / "app", {})
    assert registry(app)[1] == "default"
    set_user_setting("registry", "dir:/of/user")
    assert registry(app) == ("dir:/of/user", str(user_file()))
    set_app_setting(app, "registry", "dir:/of/app")
    assert registry(app) == ("dir:/of/app", str(app / "alwaysai.app.json"))
    monkeypatch.setenv("AAI_REGISTRY", "dir:/of/environment")
    assert registry(app) == ("dir:/of/environment", "AAI_REGISTRY")
    assert registry(app, "dir:/of/flag") == ("dir:/of/flag", "flag")
    monkeypatch.setenv("AAI_REGISTRY", "")
    assert registry(app)[0] == "dir:/of/app"


@pytest.mark.parametrize("written", ["dir:../reg", "../reg"])
def test_a_path_in_an_app_counts_from_the_app(tmp_path: Path, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_with(tmp_path / "app", {})
    set_app_setting(app, "registry", written)
    monkeypatch.chdir("/")
    assert registry(app)[0].replace("dir:", "") == str(tmp_path / "reg")
    assert json.loads((app / "alwaysai.app.json").read_text())["aai"] == {"registry": written}


def test_a_path_of_the_user_is_the_same_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_user_setting("registry", "dir:reg")
    set_user_setting("store", "sto re")
    monkeypatch.chdir("/")
    settings = load_settings(tmp_path)
    assert settings["registry"].value == f"dir:{tmp_path / 'reg'}"
    assert settings["store"].value == str(tmp_path / "sto re")


@pytest.mark.parametrize("address", ["http://host/x", "oci://host/x", "~/reg", "dir:~/reg", "/srv/x", "file:///srv/x"])
def test_what_is_not_a_relative_path_is_kept_as_it_is(tmp_path: Path, address: str) -> None:
    app = app_with(tmp_path / "app", {"registry": address})
    assert registry(app)[0] == address


def test_an_app_sets_nothing_but_what_an_app_may(tmp_path: Path) -> None:
    app = app_with(tmp_path / "app", {"store": "/elsewhere", "publisher": "them"})
    settings = load_settings(app)
    assert settings["store"].origin == "default"
    assert settings["publisher"].origin == "not set"
    with pytest.raises(UsageError, match="no setting"):
        set_app_setting(app, "store", "/elsewhere")


@pytest.mark.parametrize("settings", [{"registry": 5}, {"registry": None}, [], "text"])
def test_settings_of_the_wrong_type_are_told(tmp_path: Path, settings: object) -> None:
    app = app_with(tmp_path / "app", settings)
    with pytest.raises(InvalidFiles) as caught:
        load_settings(app)
    assert "alwaysai.app.json, aai" in str(caught.value.where)


@pytest.mark.parametrize("flag", ["", " "])
def test_an_empty_flag_is_not_taken_for_none(tmp_path: Path, flag: str) -> None:
    with pytest.raises(UsageError, match="--registry is empty"):
        load_settings(tmp_path, {"registry": flag})


def test_a_setting_that_is_taken_away_leaves_no_trace(tmp_path: Path) -> None:
    app = app_with(tmp_path / "app", {})
    set_app_setting(app, "registry", "dir:x")
    set_app_setting(app, "registry", "")
    assert json.loads((app / "alwaysai.app.json").read_text()) == {"models": {}}


@pytest.mark.parametrize("content", ["[]", '{"aai": []}'])
def test_a_file_that_can_hold_no_setting_is_told_and_stays(tmp_path: Path, content: str) -> None:
    (tmp_path / "alwaysai.app.json").write_text(content)
    with pytest.raises(InvalidFiles):
        set_app_setting(tmp_path, "registry", "dir:x")
    assert (tmp_path / "alwaysai.app.json").read_text() == content


@pytest.mark.parametrize("name", ["registry", "store", "publisher"])
def test_a_blank_is_no_value_of_a_setting(name: str) -> None:
    with pytest.raises(UsageError, match="is blank"):
        set_user_setting(name, "  ")
    assert not user_file().exists()


def test_an_app_setting_needs_an_app(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        set_app_setting(tmp_path, "registry", "dir:x")


def test_a_name_that_no_id_can_start_with_is_no_publisher() -> None:
    with pytest.raises(UsageError, match="can't be a publisher") as caught:
        set_user_setting("publisher", "my team")
    assert "publisher/name" not in str(caught.value.fix)
    assert not user_file().exists()


def test_a_setting_and_a_model_that_come_at_once_are_both_kept(tmp_path: Path) -> None:
    app = app_with(tmp_path / "app", {})

    def set_often() -> None:
        for number in range(30):
            set_app_setting(app, "registry", f"dir:/r{number}")
            set_user_setting("registry", f"dir:/r{number}")

    setter = threading.Thread(target=set_often)
    setter.start()
    for number in range(30):
        change = Change(f"acme/m{number}", "add", None, 1, "", LockedModel(1, "sha256:" + "0" * 64))
        apply_plan(Plan(app, (change,)), FolderRegistry(tmp_path / "registry"))
        set_user_setting("store", f"/s{number}")
    setter.join()
    document = json.loads((app / "alwaysai.app.json").read_text())
    assert len(document["models"]) == 30
    assert document["aai"] == {"registry": "dir:/r29"}
    assert json.loads(user_file().read_text()) == {"registry": "dir:/r29", "store": "/s29"}


def test_a_value_that_a_setting_can_t_have_is_refused_with_those_that_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match='trial is "nevr"') as caught:
        set_user_setting("trial", "nevr")
    assert "never" in str(caught.value.fix)
    monkeypatch.setenv("AAI_TRIAL", "sometimes")
    with pytest.raises(UsageError, match="sometimes") as caught:
        load_settings(tmp_path)
    assert caught.value.where == "AAI_TRIAL"
