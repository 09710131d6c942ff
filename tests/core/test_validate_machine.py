"""Findings on compiled files: the chip and the runtime of this machine against those that the file was made for."""

from __future__ import annotations

from pathlib import Path

import pytest

from aai.core import machine, validate_machine
from aai.core.app.target import Machine, choose_variant
from aai.core.configure import configure
from aai.core.inspect import inspect_file
from aai.core.validate import validate
from aai.core.validate_machine import machine_findings
from aai.errors import InvalidFiles
from aai.package.read import VariantEntry
from tests.compiled_maker import (
    HAILO8,
    HAILO8L,
    HAILO15H,
    NOTES,
    engine_bytes,
    hef_bytes,
    old_engine_bytes,
    plan_bytes,
    yolo_network,
)
from tests.flat_maker import classifier_bytes, detection_bytes, edge_tpu_bytes


def has(root: Path, number: str) -> Path:
    """A file system with a Hailo device of this PCI number; "" for one whose driver says nothing."""
    (root / "dev").mkdir()
    (root / "dev/hailo0").touch()
    if number:
        place = root / "sys/class/hailo_chardev/hailo0"
        place.mkdir(parents=True)
        (place / "device_id").write_text(number + "\n")
    return root


def findings(monkeypatch: pytest.MonkeyPatch, folder: Path, data: bytes, chips: frozenset[str]) -> list[str]:
    """What is found on a HEF where the machine's files show these chips."""
    monkeypatch.setattr(machine, "hailo_chips", lambda: chips)
    (folder / "net.hef").write_bytes(data)
    configure(folder, {"id": "acme/net"}).write()
    _, found = validate(folder)
    assert {finding.level for finding in found} <= {"warning"}
    return [f"{finding.what} | {finding.fix}" for finding in found if finding.where.endswith("model_file")]


@pytest.mark.parametrize(
    ("arch", "number", "words"),
    [
        (HAILO8L, "1e60:2864", []),
        (HAILO8, "1e60:2864", []),
        (HAILO15H, "1e60:45c4", []),
        (HAILO8, "1e60:45c4", ["does not run", "for chip hailo8", "hailo10h or hailo15h", "--hw-arch hailo10h"]),
        (HAILO15H, "1e60:2864", ["does not run", "--hw-arch hailo8"]),
        (HAILO8, None, []),
    ],
)
def test_a_hef_is_held_against_the_device_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: int, number: str | None, words: list[str]
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    chips = machine.hailo_chips(has(root, number)) if number is not None else machine.hailo_chips(root)
    folder = tmp_path / "net"
    folder.mkdir()
    found = findings(monkeypatch, folder, hef_bytes(arch=arch), chips)
    assert len(found) == (1 if words else 0), found
    for word in words:
        assert word in found[0]


def test_a_hef_for_the_smaller_chip_runs_slower_on_the_larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (only,) = findings(monkeypatch, tmp_path, hef_bytes(arch=HAILO8L), frozenset({"hailo8"}))
    assert "compiled for hailo8l, and this machine has hailo8: it runs, and slower" in only
    assert "--hw-arch hailo8" in only


def test_a_device_whose_driver_says_nothing_may_be_any(tmp_path: Path) -> None:
    assert machine.hailo_chips(has(tmp_path, "")) == {"hailo8", "hailo8l", "hailo10h", "hailo15h"}


def test_a_coral_stick_is_found_by_its_usb_numbers(tmp_path: Path) -> None:
    assert machine.edge_tpu(tmp_path) == ""
    stick = tmp_path / "sys/bus/usb/devices/2-1"
    stick.mkdir(parents=True)
    (stick / "idVendor").write_text("1a6e\n")
    (stick / "idProduct").write_text("089a\n")
    assert machine.edge_tpu(tmp_path) == "/sys/bus/usb/devices/2-1"
    (stick / "idProduct").write_text("0001\n")
    assert machine.edge_tpu(tmp_path) == ""


@pytest.mark.parametrize("here", ["", "/dev/apex_0"])
def test_an_edge_tpu_build_without_an_edge_tpu_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    monkeypatch.setattr(machine, "edge_tpu", lambda: here)
    (tmp_path / "net.tflite").write_bytes(edge_tpu_bytes())
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    configure(tmp_path, {"id": "acme/net"}).write()
    _, found = validate(tmp_path)
    assert [("none is here" in finding.what) for finding in found] == ([] if here else [True])


@pytest.mark.parametrize(
    ("data", "installed", "words"),
    [
        (engine_bytes(plan=plan_bytes((8, 6, 1), 236)), "10.3.0", "TensorRT 8.6.1 had made it, and TensorRT 10.3.0"),
        (engine_bytes(plan=plan_bytes((10, 3, 0), 239)), "10.14.1", ""),
        (engine_bytes(plan=plan_bytes((10, 3, 0), 239)), "", ""),
        (engine_bytes(plan=plan_bytes(None, 232)), "8.6.0", ""),
        (engine_bytes(plan=plan_bytes(None, 0)), "10.3.0", ""),
        (old_engine_bytes(), "", "the oldest that runs here is 8.2"),
    ],
)
def test_an_engine_of_another_major_version_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, installed: str, words: str
) -> None:
    monkeypatch.setattr(validate_machine, "_installed_tensorrt", lambda: installed)
    (tmp_path / "net.engine").write_bytes(data)
    given = {"id": "acme/net", "purpose": "ObjectDetection", "device": "nano", "architecture": "yolo", "size": "28 28"}
    result = configure(tmp_path, given)
    found = list(machine_findings(result.config, inspect_file(tmp_path / "net.engine")))
    assert len(found) == (1 if words else 0)
    assert all(words in remark.what and remark.level == "warning" for remark in found)


def entry(key: str, **target: str) -> VariantEntry:
    return VariantEntry(key, "sha256:" + "0" * 64, 1, target)


@pytest.mark.parametrize(
    ("chips", "key"),
    [
        ({"hailo8", "hailo8l"}, "small"),
        ({"hailo8"}, "large"),
        ({"hailo10h", "hailo15h"}, "ten"),
        ({"edgetpu"}, "coral"),
        (set(), "default"),
    ],
)
def test_the_installer_takes_the_variant_that_surely_runs_on_the_chip(chips: set[str], key: str) -> None:
    variants = [
        entry("default", framework="onnx"),
        entry("coral", framework="tflite", chip="edgetpu"),
        entry("large", framework="hailo", chip="hailo8"),
        entry("small", framework="hailo", chip="hailo8l"),
        entry("ten", framework="hailo", chip="hailo10h"),
    ]
    here = Machine("aarch64", "", frozenset({"onnx", "hailo", "tflite"}), frozenset(chips))
    assert choose_variant(variants, here).entry.key == key


def test_configure_writes_the_chip_for_the_installer(tmp_path: Path) -> None:
    (tmp_path / "net.hef").write_bytes(hef_bytes(arch=HAILO8L))
    assert configure(tmp_path, {"id": "acme/net"}).config.aai["target"] == {"chip": "hailo8l"}
    (tmp_path / "net.hef").unlink()
    (tmp_path / "net.tflite").write_bytes(classifier_bytes())
    assert "target" not in configure(tmp_path, {"id": "acme/net"}).config.aai


@pytest.mark.parametrize("name", ["net.hef", "net.engine", "net.tflite"])
def test_labels_are_counted_against_compiled_files_too(tmp_path: Path, name: str) -> None:
    notes = {**NOTES, "names": {str(index): f"n{index}" for index in range(80)}}
    data = {
        "net.hef": hef_bytes([yolo_network(classes=80)]),
        "net.engine": engine_bytes(notes),
        "net.tflite": detection_bytes(80),
    }[name]
    (tmp_path / name).write_bytes(data)
    (tmp_path / "labels.txt").write_text("".join(f"label {index}\n" for index in range(83)))
    given = {"id": "acme/net", "device": "nano"} if name == "net.engine" else {"id": "acme/net"}
    with pytest.raises(InvalidFiles, match=r"83.*80"):
        configure(tmp_path, given)
