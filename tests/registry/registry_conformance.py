"""What every kind of registry must do: a kind's test class inherits `RegistryConformance` and gives a `registry`."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from aai.errors import IntegrityError, NotFound, RegistryError, UsageError
from aai.package.build import VariantSource, build_package
from aai.package.read import read_index, read_manifest
from aai.ports import Package, Registry

SUMMARY = {"framework_type": "onnx", "purpose": "Classification", "license": "MIT"}


def package_of(folder: Path, text: str, model_id: str = "acme/model") -> Package:
    """A small version: alwaysai.model.json and one weight file that holds `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.onnx"
    source.write_text(text)
    document = f'{{"id": "{model_id}"}}\n'.encode()
    variant = VariantSource("default", document, {"w.onnx": source}, {"framework": "onnx"})
    return build_package(model_id, [variant], SUMMARY)


def contents(registry: Registry, model_id: str, folder: Path, reference: str | None = None) -> dict[str, bytes]:
    """The files of a version's default variant, fetched: path -> bytes."""
    version = registry.resolve(model_id, reference)
    (entry,) = read_index(registry.document(model_id, version.digest))
    found = {}
    for number, file in enumerate(read_manifest(registry.document(model_id, entry.digest)).files):
        copy = folder / f"{version.number}-{number}"
        registry.fetch(model_id, file.digest, file.size_bytes, copy)
        found[file.path] = copy.read_bytes()
        copy.unlink()
    return found


class RegistryConformance:
    """Tests of the port, not of a kind."""

    def test_an_empty_registry_lists_nothing(self, registry: Registry) -> None:
        assert registry.list_models() == []
        assert registry.projects() == []
        with pytest.raises(NotFound):
            registry.resolve("acme/model")

    def test_what_was_published_comes_back(self, registry: Registry, tmp_path: Path) -> None:
        package = package_of(tmp_path, "one")
        published = registry.publish(package)
        assert published.created
        assert (published.version.number, published.version.digest) == (1, package.digest)
        assert registry.document("acme/model", package.digest) == package.index
        assert contents(registry, "acme/model", tmp_path) == {
            "alwaysai.model.json": b'{"id": "acme/model"}\n',
            "w.onnx": b"one",
        }

    def test_staged_files_come_back(self, registry: Registry, tmp_path: Path) -> None:
        (tmp_path / "w").write_bytes(b"staged")
        with registry.staging("acme/model") as take:
            variant = VariantSource("default", b"{}", {"w.onnx": tmp_path / "w"})
            registry.publish(build_package("acme/model", [variant], {}, take))
        assert contents(registry, "acme/model", tmp_path)["w.onnx"] == b"staged"

    def test_versions_count_up_from_one(self, registry: Registry, tmp_path: Path) -> None:
        for text in ("a", "b", "a"):
            registry.publish(package_of(tmp_path, text))
        assert [version.number for version in registry.versions("acme/model")] == [1, 2, 3]
        first, _, third = registry.versions("acme/model")
        assert first.digest == third.digest

    def test_the_same_bytes_make_no_new_version(self, registry: Registry, tmp_path: Path) -> None:
        registry.publish(package_of(tmp_path, "a"))
        again = registry.publish(package_of(tmp_path, "a"))
        assert (again.created, again.version.number) == (False, 1)
        assert len(registry.versions("acme/model")) == 1

    def test_force_makes_a_version_of_the_same_bytes(self, registry: Registry, tmp_path: Path) -> None:
        first = registry.publish(package_of(tmp_path, "a"))
        second = registry.publish(package_of(tmp_path, "a"), force=True)
        assert (second.created, second.version.number, second.version.digest) == (True, 2, first.version.digest)

    def test_a_tag_is_set_with_the_publish_and_moves(self, registry: Registry, tmp_path: Path) -> None:
        registry.publish(package_of(tmp_path, "a"), tag="production")
        assert registry.resolve("acme/model", "production").number == 1
        published = registry.publish(package_of(tmp_path, "b"), tag="production")
        assert published.version.tags == ("production",)
        assert registry.resolve("acme/model", "production").number == 2
        assert registry.versions("acme/model")[0].tags == ()

    def test_a_tag_is_set_when_nothing_else_changed(self, registry: Registry, tmp_path: Path) -> None:
        registry.publish(package_of(tmp_path, "a"))
        again = registry.publish(package_of(tmp_path, "a"), tag="stable")
        assert not again.created
        assert again.version.tags == ("stable",)

    def test_references_are_numbers_tags_digests_and_latest(self, registry: Registry, tmp_path: Path) -> None:
        first = registry.publish(package_of(tmp_path, "a"), tag="old").version
        registry.publish(package_of(tmp_path, "b"))
        assert registry.resolve("acme/model").number == 2
        assert registry.resolve("acme/model", "latest").number == 2
        assert registry.resolve("acme/model", "1").number == 1
        assert registry.resolve("acme/model", "old").number == 1
        assert registry.resolve("acme/model", first.digest).number == 1

    def test_a_tag_on_one_of_two_versions_of_the_same_bytes_stays_there(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        for _ in range(2):
            registry.publish(package_of(tmp_path, "a"), force=True)
        registry.set_tag("acme/model", "old", 1)
        assert registry.resolve("acme/model", "old").number == 1

    @pytest.mark.parametrize("reference", ["2", "0", "99999999999", "²", "prod", "sha256:" + "0" * 64])
    def test_an_unknown_reference_is_not_found(self, registry: Registry, tmp_path: Path, reference: str) -> None:
        registry.publish(package_of(tmp_path, "a"), tag="production")
        with pytest.raises(NotFound) as raised:
            registry.resolve("acme/model", reference)
        assert raised.value.fix

    def test_the_nearest_names_are_named(self, registry: Registry, tmp_path: Path) -> None:
        registry.publish(package_of(tmp_path, "a", "Acme/detector"), tag="production")
        with pytest.raises(NotFound) as raised:
            registry.resolve("acme/detektor")
        assert raised.value.fix == 'did you mean "Acme/detector"?'
        with pytest.raises(NotFound) as raised:
            registry.resolve("Acme/detector", "prodution")
        assert raised.value.fix == 'did you mean "production"?'

    @pytest.mark.parametrize("model_id", ["acme", "../x", "acme/..", "a/b/c", "acme/mo del", "/etc/passwd", ".x/y"])
    def test_what_is_no_model_id_is_refused(self, registry: Registry, model_id: str) -> None:
        with pytest.raises(UsageError):
            registry.resolve(model_id)
        with pytest.raises(UsageError):
            registry.document(model_id, "sha256:" + "0" * 64)

    def test_an_id_in_another_case_is_refused_and_named(self, registry: Registry, tmp_path: Path) -> None:
        registry.publish(package_of(tmp_path, "a", "Acme/Model"))
        for publish in (
            lambda: registry.publish(package_of(tmp_path, "b", "acme/model")),
            lambda: registry.staging("acme/model").__enter__(),
        ):
            with pytest.raises(UsageError, match="Acme/Model"):
                publish()
        with pytest.raises(NotFound) as raised:
            registry.resolve("acme/model")
        assert "Acme/Model" in str(raised.value.fix)
        assert [model_id for model_id, _ in registry.list_models()] == ["Acme/Model"]

    @pytest.mark.parametrize("tag", ["latest", "12", "a b", "", "../x", "x" * 129])
    def test_what_is_no_tag_is_refused_and_nothing_is_published(
        self, registry: Registry, tmp_path: Path, tag: str
    ) -> None:
        with pytest.raises(UsageError):
            registry.publish(package_of(tmp_path, "a"), tag=tag)
        assert registry.list_models() == []
        registry.publish(package_of(tmp_path, "a"))
        with pytest.raises(UsageError):
            registry.set_tag("acme/model", tag, 1)

    def test_tags_are_set_and_taken_away(self, registry: Registry, tmp_path: Path) -> None:
        registry.publish(package_of(tmp_path, "a"))
        registry.set_tag("acme/model", "x", 1)
        registry.set_tag("acme/model", "b", 1)
        assert registry.resolve("acme/model").tags == ("b", "x")
        registry.remove_tag("acme/model", "x")
        assert registry.resolve("acme/model").tags == ("b",)
        for change in (
            lambda: registry.remove_tag("acme/model", "x"),
            lambda: registry.set_tag("acme/model", "x", 2),
            lambda: registry.set_tag("acme/other", "x", 1),
        ):
            with pytest.raises(NotFound):
                change()

    def test_lists_are_sorted_filtered_and_tell_the_summary(self, registry: Registry, tmp_path: Path) -> None:
        for model_id in ("zeta/a", "acme/yolo", "acme/digits"):
            registry.publish(package_of(tmp_path, model_id, model_id))
        assert [model_id for model_id, _ in registry.list_models()] == ["acme/digits", "acme/yolo", "zeta/a"]
        assert [model_id for model_id, _ in registry.list_models("YOLO")] == ["acme/yolo"]
        ((_, version),) = registry.list_models("zeta/")
        assert version.summary == {**SUMMARY, "variants": "default"}
        assert version.size_bytes == len("zeta/a") + len('{"id": "zeta/a"}\n')

    def test_a_blob_that_is_not_there_is_a_fault_of_the_registry(self, registry: Registry, tmp_path: Path) -> None:
        registry.publish(package_of(tmp_path, "a"))
        with pytest.raises(RegistryError):
            registry.document("acme/model", "sha256:" + "0" * 64)
        with pytest.raises(RegistryError):
            registry.fetch("acme/model", "sha256:" + "0" * 64, 1, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
        with pytest.raises(RegistryError):
            registry.document("acme/model", "../../index.json")

    def test_fetch_keeps_what_is_at_the_destination(self, registry: Registry, tmp_path: Path) -> None:
        file = package_of(tmp_path, "a").files[0]
        registry.publish(package_of(tmp_path, "a"))
        (tmp_path / "copy").write_text("mine")
        with pytest.raises(Exception, match="exists"):
            registry.fetch("acme/model", file.digest, file.size_bytes, tmp_path / "copy")
        assert (tmp_path / "copy").read_text() == "mine"

    def test_fetch_refuses_another_size_than_was_said(self, registry: Registry, tmp_path: Path) -> None:
        file = package_of(tmp_path, "a").files[0]
        registry.publish(package_of(tmp_path, "a"))
        with pytest.raises(IntegrityError):
            registry.fetch("acme/model", file.digest, file.size_bytes + 1, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()

    def test_a_file_that_changed_after_the_build_is_not_published(self, registry: Registry, tmp_path: Path) -> None:
        package = package_of(tmp_path, "a")
        package.files[0].source.write_text("b")
        with pytest.raises(IntegrityError, match="changed"):
            registry.publish(package)
        assert registry.list_models() == []

    def test_a_file_that_went_away_after_the_build_is_not_published(self, registry: Registry, tmp_path: Path) -> None:
        package = package_of(tmp_path, "a")
        package.files[0].source.unlink()
        with pytest.raises(NotFound):
            registry.publish(package)
        assert registry.list_models() == []

    def test_one_registry_serves_several_threads(self, registry: Registry, tmp_path: Path) -> None:
        packages = [package_of(tmp_path, f"text {number}") for number in range(6)]
        numbers = []

        def publish(package: Package) -> None:
            numbers.append(registry.publish(package).version.number)

        threads = [threading.Thread(target=publish, args=(package,)) for package in packages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers) == [1, 2, 3, 4, 5, 6]

    def test_projects_are_made_changed_and_read(self, registry: Registry) -> None:
        registry.create_project("line-3")
        assert registry.project("line-3") == {}
        registry.change_project("line-3", {"acme/b": 2, "acme/a": "production", "acme/c": None})
        registry.change_project("line-3", {"acme/b": 3}, ["acme/c", "acme/none"])
        assert registry.project("line-3") == {"acme/a": "production", "acme/b": 3}
        registry.create_project("Hall.1")
        assert registry.projects() == ["Hall.1", "line-3"]
        assert registry.list_models() == []

    def test_a_project_is_made_once(self, registry: Registry) -> None:
        registry.create_project("Line")
        for name in ("Line", "line"):
            with pytest.raises(UsageError, match='"Line"'):
                registry.create_project(name)

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a b", "-x", "x" * 65, "a\n"])
    def test_what_is_no_project_name_is_refused(self, registry: Registry, name: str) -> None:
        with pytest.raises(UsageError):
            registry.create_project(name)

    def test_an_unknown_project_is_not_found(self, registry: Registry) -> None:
        registry.create_project("line-3")
        with pytest.raises(NotFound) as raised:
            registry.project("lime-3")
        assert raised.value.fix == 'did you mean "line-3"?'
        with pytest.raises(NotFound):
            registry.change_project("other", {"acme/a": 1})

    def test_a_project_takes_model_ids_only(self, registry: Registry) -> None:
        registry.create_project("p")
        with pytest.raises(UsageError):
            registry.change_project("p", {"acme": 1})
        assert registry.project("p") == {}
