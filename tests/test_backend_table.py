from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from aai import backend_table
from aai.core.fields import FRAMEWORKS
from aai.errors import BackendUnavailable, UsageError
from aai.ports import LoadOptions, ModelFiles

FILES = ModelFiles(Path("m"))


def test_each_framework_has_a_back_end_or_an_error_that_says_there_is_none_yet() -> None:
    for framework in FRAMEWORKS:
        if backend_table.engines(framework):
            assert backend_table.backend_class(framework).capabilities.accelerators
        else:
            with pytest.raises(BackendUnavailable, match=f"no back end for {framework}"):
                backend_table.load(framework, FILES, LoadOptions())


def test_the_first_engine_of_a_framework_is_its_default() -> None:
    for framework in ("onnx", "darknet"):
        default = backend_table.engines(framework)[0]
        assert backend_table.backend_class(framework) is backend_table.backend_class(framework, default)
    assert backend_table.backend_class("onnx", "DNN") is not backend_table.backend_class("onnx")
    with pytest.raises(UsageError) as caught:
        backend_table.backend_class("darknet", "ONNX_RT")
    assert "DNN" in (caught.value.fix or "")


def test_a_runtime_that_is_missing_is_named_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_table, "find_spec", lambda name: None)
    for framework, runtime in (("onnx", "onnxruntime"), ("darknet", "opencv")):
        with pytest.raises(BackendUnavailable, match=f"{runtime} is not installed") as caught:
            backend_table.backend_class(framework)
        assert caught.value.fix == "pip install 'aai[cpu]'"
        assert caught.value.exit_code == 6
    assert not any(state.found or state.version for state in backend_table.runtimes())


def test_a_runtime_that_is_there_and_broken_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "aai_backends.onnx", raising=False)
    monkeypatch.setattr(backend_table, "find_spec", lambda name: object())
    with pytest.raises(BackendUnavailable, match="can't be loaded"):
        backend_table.backend_class("onnx")


def test_the_runtimes_are_told_without_an_import_of_theirs() -> None:
    code = (
        "import sys; from aai.backend_table import runtimes\n"
        "for state in runtimes(): print(state.runtime.name, state.found, state.version, sep='|')\n"
        "assert not {'numpy', 'cv2', 'onnxruntime'} & set(sys.modules)"
    )
    root = str(Path(__file__).resolve().parent.parent)
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    lines = answer.stdout.split()
    assert f"onnxruntime|True|{metadata.version('onnxruntime')}" in lines
    assert any(line.startswith("opencv|True|4") for line in lines)
    assert len(lines) == len(backend_table.RUNTIMES)
    assert all(runtime.install for runtime in backend_table.RUNTIMES)


def _bring(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Installs a package that brings `code`'s class Backend for hailo."""
    (folder / "vendor_net.py").write_text(code)
    info = folder / "vendor_net-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-net\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[aai.backends]\nhailo = vendor_net:Backend\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "vendor_net", raising=False)


def test_another_package_can_bring_a_back_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from aai.ports import Capabilities\n"
        "class Backend:\n"
        "    capabilities = Capabilities(engines=('HAILO_RT',), accelerators=('HAILO',))\n"
        "    def __init__(self, files, options):\n"
        "        self.got = (files, options)\n"
    )
    _bring(tmp_path, monkeypatch, code)
    for engine in (None, "HAILO_RT"):
        network: Any = backend_table.load("hailo", FILES, LoadOptions(), engine)
        assert network.got == (FILES, LoadOptions())
    with pytest.raises(UsageError, match="the engine DNN does not run hailo") as caught:
        backend_table.load("hailo", FILES, LoadOptions(), "DNN")
    assert "HAILO_RT" in str(caught.value.fix)


@pytest.mark.parametrize("code", ["import no_such_runtime", "class Other: pass"])
def test_a_back_end_of_another_package_that_does_not_load_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    _bring(tmp_path, monkeypatch, code)
    with pytest.raises(BackendUnavailable, match="another package brings for hailo can't be loaded"):
        backend_table.load("hailo", FILES, LoadOptions())
