"""The folder is an OCI image layout: read by code that knows the specification (1.1) and nothing of ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from registry_conformance import package_of

from aai.package.build import VariantSource, build_package
from aai.registry.folder import FolderRegistry

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """A model with three versions, two variants in the last, and tags."""
    registry = FolderRegistry(tmp_path / "registry")
    registry.publish(package_of(tmp_path, "a"), tag="old")
    registry.publish(package_of(tmp_path, "a"), force=True)
    (tmp_path / "large").write_bytes(b"0123456789abcdef" * 600_000)
    files = {"large.bin": tmp_path / "large", "same.bin": tmp_path / "large", "empty": tmp_path / "empty"}
    (tmp_path / "empty").write_bytes(b"")
    with registry.staging("acme/model") as take:
        variants = [VariantSource(key, key.encode(), files, {"cpu": "aarch64"}) for key in ("default", "int8")]
        registry.publish(build_package("acme/model", variants, {"description": "näher"}, take), tag="production")
    return registry.root / "acme" / "model"


def _blob(layout: Path, descriptor: dict[str, Any]) -> bytes:
    algorithm, _, encoded = descriptor["digest"].partition(":")
    data = (layout / "blobs" / algorithm / encoded).read_bytes()
    assert len(data) == descriptor["size"]
    assert hashlib.new(algorithm, data).hexdigest() == encoded
    assert descriptor["mediaType"]
    return data


def _walk(layout: Path, descriptor: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield descriptor
    data = _blob(layout, descriptor)
    if descriptor["mediaType"] not in (INDEX, MANIFEST):
        return
    document = json.loads(data)
    assert document["schemaVersion"] == 2
    assert document["mediaType"] == descriptor["mediaType"]
    if descriptor["mediaType"] == INDEX:
        children = document["manifests"]
    else:
        children = [document["config"], *document["layers"]]
        assert document["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    for child in children:
        yield from _walk(layout, child)


def test_the_layout_says_its_version(layout: Path) -> None:
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_every_descriptor_is_right_and_every_blob_is_used(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    assert index["schemaVersion"] == 2
    assert index["mediaType"] == INDEX
    seen = {d["digest"] for top in index["manifests"] for d in _walk(layout, top)}
    assert seen == {f"sha256:{path.name}" for path in (layout / "blobs" / "sha256").iterdir()}


def test_versions_and_tags_are_reference_names(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    names = {d["annotations"]["org.opencontainers.image.ref.name"]: d["digest"] for d in index["manifests"]}
    assert sorted(names) == ["1", "2", "3", "old", "production"]
    assert names["1"] == names["2"] == names["old"]
    assert names["3"] == names["production"] != names["1"]


def test_every_annotation_is_text(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    for top in index["manifests"]:
        for descriptor in _walk(layout, top):
            for name, value in descriptor.get("annotations", {}).items():
                assert isinstance(name, str)
                assert isinstance(value, str)


def test_skopeo_copies_a_version_whole(layout: Path, tmp_path: Path) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        reason = "skopeo is not installed: apt-get install skopeo"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    copy = tmp_path / "copy"
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    subprocess.run(
        [skopeo, "--policy", str(policy), "copy", "--all", f"oci:{layout}:production", f"oci:{copy}:production"],
        check=True,
        capture_output=True,
    )
    (top,) = json.loads((copy / "index.json").read_bytes())["manifests"]
    index = json.loads((layout / "index.json").read_bytes())
    assert top["digest"] == index["manifests"][-1]["digest"]
    assert len(list(_walk(copy, top))) > 5
