"""Who may import whom, read from the source: deferred imports count, imports for types alone do not."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

ROOT = Path(__file__).resolve().parent.parent
GROUND = {"errors", "version"}
"""What everything may import."""

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "version": set(),
    "ports": set(),
    "storage": set(),
    "backend_table": {"ports", "core.runtimes"},
    "core": {"ports", "storage", "package"},
    "package": {"ports", "storage"},
    "registry": {"ports", "storage", "package", "core.model_config", "core.names"},
    "device": {"ports", "storage", "package"},
    "vision": {"ports", "storage", "backend_table", "core.model_config", "core.names", "core.fields", "core.settings"},
    "metrics": {"vision.results", "vision.boxes"},
    "convert": {"ports", "storage", "core", "backend_table"},
    "check": {"ports", "storage", "core", "vision", "metrics", "backend_table", "package"},
    # A Darknet network runs on onnxruntime as what `convert` makes of it.
    "aai_backends": {"ports", "convert", "core.chips", "core.machine"},
}
"""Room -> rooms and modules that it may import beside its own. `cli`, `aai` and `__main__` may import all."""

ONLY_HERE: dict[str, tuple[str, ...]] = {
    "click": ("aai.cli.",),
    "questionary": ("aai.cli.prompt",),
    "prompt_toolkit": ("aai.cli.prompt",),
    "requests": ("aai.registry.",),
    "cv2": ("aai.vision.image", "aai_backends._opencv_dnn"),
    "onnxruntime": ("aai_backends.",),
    "openvino": ("aai_backends.",),
    "tensorflow": ("aai_backends.",),
    "tflite_runtime": ("aai_backends.",),
    "ai_edge_litert": ("aai_backends.",),
    "onnx": ("aai.convert.",),
    "tensorrt": ("aai_backends.",),
    "hailo_platform": ("aai_backends.",),
    "depthai": ("aai_backends.",),
}
"""Library -> modules that may import it."""


def _sources() -> Iterator[tuple[str, Path]]:
    for base, top in ((ROOT, "aai"), (ROOT / "backends", "aai_backends")):
        for path in sorted((base / top).rglob("*.py")):
            parts = list(path.relative_to(base).with_suffix("").parts)
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(_sources())


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if _for_types_only(child):
            continue
        yield child
        yield from _statements(child)


def imports(module: str) -> set[str]:
    """Modules that `module` imports, by their full names; a name out of a package of ours is that module."""
    return imported(MODULES[module].read_text(encoding="utf-8"))


def imported(source: str) -> set[str]:
    """Modules that the text of a module imports; see `imports`."""
    found: set[str] = set()
    for node in _statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"a relative import: {ast.dump(node)}"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return found


def room(module: str) -> str:
    """The part of the tree that a module belongs to: "core", "cli", "aai_backends" ..."""
    parts = module.split(".")
    if parts[0] == "aai_backends":
        return "aai_backends"
    return parts[1] if len(parts) > 1 else "aai"


def test_deferred_imports_are_seen_and_those_for_types_are_not() -> None:
    source = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import numpy
def f():
    try:
        import cv2 as picture_library
    except ImportError:
        from aai.core import names
"""
    assert imported(source) == {"typing", "cv2", "aai.core.names"}
    with pytest.raises(AssertionError, match="relative"):
        imported("from . import names")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_its_room_may(module: str) -> None:
    here = room(module)
    if here in ("cli", "aai", "__main__"):
        return
    allowed = GROUND | ALLOWED[here] | {here}
    for name in imports(module):
        if name.split(".")[0] not in ("aai", "aai_backends"):
            continue
        inside = name[len("aai.") :] if name.startswith("aai.") else name
        assert room(name) in allowed or inside in allowed, f"{module} may not import {name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_library_is_imported_only_where_it_has_its_place(module: str) -> None:
    for name in imports(module):
        places = ONLY_HERE.get(name.split(".")[0])
        assert places is None or f"{module}.".startswith(tuple(f"{p.rstrip('.')}." for p in places)), (
            f"{module} may not import {name}"
        )


def test_nothing_names_a_back_end_module_but_the_table() -> None:
    named = [module for module, path in MODULES.items() if "aai_backends" in path.read_text(encoding="utf-8")]
    assert [module for module in named if room(module) != "aai_backends"] == ["aai.backend_table"]
    assert not any(name.startswith("aai_backends") for name in imports("aai.backend_table"))


def test_there_are_no_import_cycles() -> None:
    graph = {module: {name for name in imports(module) if name in MODULES} for module in MODULES}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, "import cycle: " + " -> ".join((*path[path.index(module) :], module))
        if module in done:
            return
        for name in sorted(graph[module]):
            visit(name, (*path, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_every_module_starts_with_what_it_is_and_reads_on_python_3_8() -> None:
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
        assert ast.get_docstring(tree), f"{module} does not say what it is"
        if any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body):
            assert "from __future__ import annotations" in path.read_text(encoding="utf-8"), module


HEAVY = ("numpy", "cv2", "onnxruntime", "requests", "questionary", "prompt_toolkit", "pydantic", "platformdirs")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["model", "--help"], ["app"]], ids=" ".join)
def test_help_and_version_import_nothing_heavy(words: list) -> None:
    code = (
        "import sys; from aai.cli.main import run; code = run(sys.argv[1:]); "
        f"loaded = [m for m in {HEAVY!r} if m in sys.modules]; "
        "print(loaded, file=sys.stderr); sys.exit(code or bool(loaded))"
    )
    paths = f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'backends')]!r}; "
    answer = subprocess.run([sys.executable, "-c", paths + code, *words], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_importing_the_package_brings_in_neither_numpy_nor_opencv() -> None:
    code = "import sys, aai; sys.exit(bool({'numpy', 'cv2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_required_top_level_is_there() -> None:
    for name in ("pyproject.toml", "aai", "backends", "templates", "tests", "scripts", "docs"):
        assert (ROOT / name).exists(), name
