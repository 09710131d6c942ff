from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from aai import backend_table
from aai.core import runtimes
from aai.core.fields import FRAMEWORKS
from aai.errors import AaiError, BackendUnavailable, BadWeights, UsageError
from aai.ports import LoadOptions, ModelFiles

FILES = ModelFiles(Path("m"))
WITH_TEXT_GRAPH = ModelFiles(Path("m.pb"), Path("m.pbtxt"))


def _only(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """A machine with these runtimes, name and version; a dash in a name is an underscore here."""
    here = {name.replace("_", "-"): version for name, version in versions.items()}
    modules = {runtime.module for runtime in runtimes.RUNTIMES if runtime.name in here}
    packages = {p: here[r.name] for r in runtimes.RUNTIMES if r.name in here for p in r.packages}
    monkeypatch.setattr(runtimes, "is_present", lambda module: module in modules)
    monkeypatch.setattr(runtimes, "_version", lambda names: next((packages.get(n, here.get(n, "")) for n in names), ""))


def _engines(framework: str, files: ModelFiles | None = None, engine: str | None = None) -> list[str]:
    return [candidate.engine for candidate in backend_table.candidates(framework, files, engine)]


def test_every_framework_has_an_engine_that_this_project_runs() -> None:
    for framework in FRAMEWORKS:
        assert backend_table.engines(framework), framework


def test_the_best_engine_comes_first_and_the_others_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, onnxruntime="1.31.1", opencv="4.14.0", openvino="2026.4.1", onnx="1.23")
    assert _engines("onnx") == ["ONNX_RT", "OPENVINO", "DNN"]
    assert _engines("darknet") == ["DNN", "ONNX_RT"]
    assert _engines("tensorflow") == ["OPENVINO", "DNN"]
    assert _engines("onnx", engine="DNN") == ["DNN", "ONNX_RT", "OPENVINO"]
    assert backend_table.candidates("onnx")[0].reason == "the first choice for onnx models"
    assert backend_table.candidates("onnx", engine="DNN")[0].reason == "asked for"
    assert backend_table.candidates("darknet")[1].runtime == "onnxruntime 1.31.1, onnx 1.23"


def test_a_text_graph_for_opencv_makes_opencv_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, opencv="4.14.0", openvino="2026.4.1")
    first = backend_table.candidates("tensorflow", WITH_TEXT_GRAPH)[0]
    assert first.engine == "DNN"
    assert ".pbtxt" in first.reason


def test_what_is_missing_is_passed_over_and_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, opencv="4.14.0")
    assert _engines("onnx") == ["DNN"]
    reason = backend_table.candidates("onnx")[0].reason
    assert reason == "onnxruntime is not installed; openvino is not installed; the next choice for onnx models"


def test_an_opencv_of_version_5_counts_as_missing_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, opencv="5.0.0", onnxruntime="1.31", onnx="1.23")
    assert _engines("darknet") == ["ONNX_RT"]
    assert "opencv 5.0.0 is installed, but version 4 is needed" in backend_table.candidates("darknet")[0].reason
    with pytest.raises(BackendUnavailable, match=r"opencv 5\.0\.0 is installed, but version 4") as caught:
        backend_table.backend_class("caffe")
    assert "aai[cpu]" in str(caught.value.fix)


def test_the_frameworks_that_can_run_here_are_those_with_a_usable_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for here, wanted in (
        ({"opencv": "4.14.0"}, {"onnx", "darknet", "caffe", "tensorflow", "enet"}),
        ({"opencv": "5.0.0", "onnxruntime": "1.31"}, {"onnx"}),
        ({"opencv": "5.0.0", "onnxruntime": "1.31", "onnx": "1.23"}, {"onnx", "darknet"}),
        ({"tflite_runtime": "2.14.0", "numpy": "2.2.0"}, set()),
    ):
        with monkeypatch.context() as patch:
            _only(patch, **here)
            assert backend_table.frameworks_here() == wanted


def test_tensorrt_in_another_python_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch)
    monkeypatch.setenv("AAI_TENSORRT_PYTHON", "/usr/bin/python3")
    assert backend_table.frameworks_here() == {"tensor-rt"}


def test_an_engine_of_two_packages_needs_both(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, onnxruntime="1.31.1")
    with pytest.raises(BackendUnavailable, match="onnx is not installed") as caught:
        backend_table.backend_class("darknet", "ONNX_RT")
    assert "aai[export]" in str(caught.value.fix)


def test_the_alternatives_of_tflite_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for here, wanted in (
        ({"ai_edge_litert": "2.3.0", "tflite_runtime": "2.14.0"}, "ai-edge-litert 2.3.0"),
        ({"tflite_runtime": "2.14.0", "numpy": "1.26.4"}, "tflite-runtime 2.14.0"),
        ({"tflite_runtime": "2.14.0", "numpy": "2.2.0", "tensorflow": "2.21.0"}, "tensorflow 2.21.0"),
    ):
        with monkeypatch.context() as patch:
            _only(patch, **here)
            assert backend_table.candidates("tflite")[0].runtime == wanted
    _only(monkeypatch, tflite_runtime="2.14.0", numpy="2.2.0")
    with pytest.raises(BackendUnavailable, match="does not work with numpy 2"):
        backend_table.backend_class("tflite")


def test_the_names_that_edgeiq_has_for_engines_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, openvino="2026.4.1", opencv="4.14.0")
    assert _engines("dldt", engine="DNN_OPENVINO") == ["OPENVINO"]
    cuda = backend_table.candidates("onnx", engine="DNN_CUDA")[0]
    assert (cuda.engine, cuda.accelerator) == ("DNN_CUDA", "NVIDIA")
    assert "DNN_CUDA" not in _engines("onnx")


def test_an_engine_that_does_not_run_the_framework_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError) as caught:
        backend_table.backend_class("caffe", "ONNX_RT")
    assert "DNN" in (caught.value.fix or "")


def test_a_runtime_that_is_missing_is_named_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch)
    lines = {"onnx": "aai[cpu]", "darknet": "aai[cpu]", "dldt": "aai[openvino]", "tflite": "aai[tflite]"}
    for framework, line in lines.items():
        with pytest.raises(BackendUnavailable, match="is not installed") as caught:
            backend_table.backend_class(framework)
        assert line in str(caught.value.fix)
        assert sys.executable in str(caught.value.where)
        assert caught.value.exit_code == 6
    for framework in FRAMEWORKS:
        with pytest.raises(BackendUnavailable):
            backend_table.load(framework, FILES, LoadOptions())


def test_a_runtime_that_is_there_and_broken_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "aai_backends.onnx", raising=False)
    _only(monkeypatch, onnxruntime="1.31.1")
    with pytest.raises(BackendUnavailable, match="can't be loaded"):
        backend_table.backend_class("onnx")


def test_every_back_end_of_the_table_is_a_module_of_ours() -> None:
    for entry in backend_table._TABLE:
        assert find_spec(entry.target.partition(":")[0]), entry


class _Net:
    """A back end that loads what its class lets it."""

    capabilities: Any
    fault: AaiError | None = None

    def __init__(self, files: ModelFiles, options: LoadOptions) -> None:
        if self.fault:
            raise self.fault
        self.options = options


def _table(monkeypatch: pytest.MonkeyPatch, **faults: AaiError | None) -> None:
    """onnx with the engines of these names, in this order, each with what it raises."""
    from aai.ports import Capabilities

    module: Any = type(sys)("fake_engines")
    entries = []
    for name, fault in faults.items():
        capabilities = Capabilities((name,), ("CPU",), ("float32",))
        setattr(module, name, type(name, (_Net,), {"capabilities": capabilities, "fault": fault}))
        entries.append(backend_table._Entry("onnx", name, f"fake_engines:{name}", (("onnxruntime",),)))
    monkeypatch.setitem(sys.modules, "fake_engines", module)
    monkeypatch.setattr(backend_table, "_TABLE", tuple(entries))
    _only(monkeypatch, onnxruntime="1.31.1")


def test_an_engine_that_fails_names_the_others_and_is_replaced_only_when_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _table(monkeypatch, FIRST=BadWeights("no such operator", "m", "export it again"), SECOND=None, THIRD=None)
    with pytest.raises(BadWeights) as caught:
        backend_table.load("onnx", FILES, LoadOptions())
    assert caught.value.fix == ("export it again; or take another engine (SECOND, THIRD), or allow the fallback to it")
    loaded = backend_table.load_best("onnx", FILES, LoadOptions(), fallback=True)
    assert type(loaded.backend).__name__ == "SECOND"
    assert loaded.reason == "FIRST can't run it: no such operator; SECOND is the next"
    assert type(backend_table.load("onnx", FILES, LoadOptions(), "THIRD")).__name__ == "THIRD"


def test_when_all_engines_fail_the_last_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _table(monkeypatch, FIRST=BadWeights("one"), SECOND=BadWeights("two"))
    with pytest.raises(BadWeights, match="two"):
        backend_table.load_best("onnx", FILES, LoadOptions(), fallback=True)


def test_what_is_to_be_done_before_an_engine_is_tried_can_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _table(monkeypatch, FIRST=None, SECOND=None)

    def refuse_first(candidate: backend_table.Candidate) -> None:
        if candidate.engine == "FIRST":
            raise BadWeights("the runtime died")

    with pytest.raises(BadWeights, match="died"):
        backend_table.load_best("onnx", FILES, LoadOptions(), before=refuse_first)
    loaded = backend_table.load_best("onnx", FILES, LoadOptions(), fallback=True, before=refuse_first)
    assert loaded.reason == "FIRST can't run it: the runtime died; SECOND is the next"


def test_a_precision_that_the_engine_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _table(monkeypatch, FIRST=None)
    with pytest.raises(UsageError, match="FIRST does not calculate with bfloat16") as caught:
        backend_table.load("onnx", FILES, LoadOptions(precision="bfloat16"))
    assert "float32" in str(caught.value.fix)


def test_the_runtimes_are_told_without_an_import_of_theirs() -> None:
    code = (
        "import sys; from aai.backend_table import runtimes\n"
        "for state in runtimes(): print(state.runtime.name, state.found, state.version, sep='|')\n"
        "assert not {'numpy', 'cv2', 'onnxruntime', 'openvino', 'ai_edge_litert'} & set(sys.modules)"
    )
    root = str(Path(__file__).resolve().parent.parent)
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    lines = answer.stdout.split()
    assert f"onnxruntime|True|{metadata.version('onnxruntime')}" in lines
    assert any(line.startswith("opencv|True|4") for line in lines)
    assert len(lines) == len(backend_table.RUNTIMES)


def _bring(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, framework: str = "hailo") -> None:
    """Installs a package that brings `code`'s class Backend for a framework."""
    (folder / "vendor_net.py").write_text(code)
    info = folder / "vendor_net-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-net\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[aai.backends]\n{framework} = vendor_net:Backend\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "vendor_net", raising=False)


def _vendor(engine: str) -> str:
    return (
        "from aai.ports import Capabilities\n"
        "class Backend:\n"
        f"    capabilities = Capabilities(engines=({engine!r},), accelerators=('CPU',))\n"
        "    def __init__(self, files, options):\n"
        "        self.got = (files, options)\n"
    )


def test_another_package_brings_a_back_end_where_nothing_of_ours_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bring(tmp_path, monkeypatch, _vendor("HAILO_RT"))
    _only(monkeypatch)
    for engine in (None, "HAILO_RT"):
        network: Any = backend_table.load("hailo", FILES, LoadOptions(), engine)
        assert network.got == (FILES, LoadOptions())
    assert "hailo is not installed; another package brings it" in backend_table.candidates("hailo")[0].reason
    with pytest.raises(UsageError, match="the engine DNN does not run hailo") as caught:
        backend_table.load("hailo", FILES, LoadOptions(), "DNN")
    assert "HAILO_RT" in str(caught.value.fix)


def test_the_engine_of_another_package_runs_a_framework_of_ours_when_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bring(tmp_path, monkeypatch, _vendor("ACME_RT"), "onnx")
    _only(monkeypatch, onnxruntime="1.31.1")
    assert _engines("onnx") == ["ONNX_RT"]
    network: Any = backend_table.load("onnx", FILES, LoadOptions(), "ACME_RT")
    assert network.got[0] == FILES
    assert _engines("onnx", engine="ACME_RT") == ["ACME_RT", "ONNX_RT"]


@pytest.mark.parametrize("code", ["import no_such_runtime", "class Other: pass"])
def test_a_back_end_of_another_package_that_does_not_load_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    _bring(tmp_path, monkeypatch, code)
    _only(monkeypatch)
    with pytest.raises(BackendUnavailable, match="another package brings for hailo can't be loaded"):
        backend_table.load("hailo", FILES, LoadOptions())
