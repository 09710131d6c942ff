"""Who may import whom, read from the source: deferred imports count, and so do those for types alone.

Only a cycle is none where one of its imports is for types alone.
"""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Sequence

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
    "registry": {"ports", "storage", "package", "core.names"},
    "device": {"ports", "storage", "package"},
    "vision": {
        "ports",
        "storage",
        "backend_table",
        "core.model_config",
        "core.names",
        "core.fields",
        "core.settings",
        "core.inspect.labels",
    },
    "metrics": {"vision.boxes", "vision.image"},
    "convert": {"ports", "storage", "package", "core", "backend_table"},
    "check": {"storage", "core", "vision", "metrics", "package"},
    # A Darknet network runs on onnxruntime as what `convert` makes of it.
    "aai_backends": {"ports", "convert.darknet_onnx", "core.chips", "core.machine"},
}
"""Room -> rooms and modules that it may import beside its own."""

ALL_ALLOWED = ("cli", "aai", "__main__")
"""Rooms that may import everything."""

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
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _statements(node: ast.AST, types: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if types or not _for_types_only(child):
            yield child
            yield from _statements(child, types)


@functools.lru_cache(maxsize=None)
def imports(module: str, types: bool = True) -> set[str]:
    """Modules that `module` imports, by their full names; a name out of a package of ours is that module."""
    return imported(MODULES[module].read_text(encoding="utf-8"), types)


def imported(source: str, types: bool) -> set[str]:
    """Modules that the text of a module imports, with `types` also those for types alone; see `imports`."""
    found: set[str] = set()
    for node in _statements(ast.parse(source), types):
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


def test_deferred_imports_are_seen_and_those_for_types_are_told_apart() -> None:
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
    assert imported(source, types=False) == {"typing", "cv2", "aai.core.names"}
    assert imported(source, types=True) == {"typing", "cv2", "aai.core.names", "numpy"}
    with pytest.raises(AssertionError, match="relative"):
        imported("from . import names", types=True)


def ours(module: str) -> set[str]:
    """What a module imports of our own packages, without the "aai." in front."""
    names = {name for name in imports(module) if name.split(".")[0] in ("aai", "aai_backends")}
    return {name[len("aai.") :] if name.startswith("aai.") else name for name in names}


def test_a_module_imports_only_what_its_room_may() -> None:
    wrong = []
    for module in sorted(MODULES):
        here = room(module)
        if here not in ALL_ALLOWED:
            allowed = GROUND | ALLOWED[here] | {here}
            wrong += [f"{module}: {name}" for name in ours(module) if not {name, name.split(".")[0]} & allowed]
    assert not wrong


def test_no_room_is_allowed_what_it_does_not_import() -> None:
    for here, allowed in ALLOWED.items():
        used = {name for module in MODULES if room(module) == here for name in ours(module)}
        rooms = {name.split(".")[0] for name in used}
        assert {name for name in allowed if name not in used | rooms} == set(), here


def test_a_library_is_imported_only_where_it_has_its_place() -> None:
    wrong = []
    for module in sorted(MODULES):
        for name in imports(module):
            places = ONLY_HERE.get(name.split(".")[0])
            if places is not None and not _is_in(module, places):
                wrong.append(f"{module}: {name}")
    assert not wrong


def test_arrays_are_left_to_what_works_on_them() -> None:
    plain = ("aai.core.", "aai.package.", "aai.registry.", "aai.device.", "aai.storage", "aai.errors", "aai.cli.")
    assert [module for module in MODULES if _is_in(module, plain) and "numpy" in imports(module, types=False)] == []


def test_what_a_decoder_or_a_result_is_does_not_depend_on_who_uses_it() -> None:
    users = {
        "aai.vision.decode.": ("results", "services", "draw"),
        "aai.vision.results.": ("decode", "services", "draw"),
    }
    for place, forbidden in users.items():
        for module in MODULES:
            if _is_in(module, (place,)):
                assert not [name for name in ours(module) if name.startswith(tuple(f"vision.{f}" for f in forbidden))]


def test_a_module_is_named_for_what_is_in_it() -> None:
    nothing_said = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}
    assert [module for module in MODULES if nothing_said & set(module.replace("_", ".").split("."))] == []


def _is_in(module: str, places: Sequence[str]) -> bool:
    """Whether a module is one of `places`, or in one of them that ends in a dot."""
    return f"{module}.".startswith(tuple(f"{place.rstrip('.')}." for place in places))


def test_nothing_names_a_back_end_module_but_the_table() -> None:
    named = [module for module, path in MODULES.items() if "aai_backends" in path.read_text(encoding="utf-8")]
    assert [module for module in named if room(module) != "aai_backends"] == ["aai.backend_table"]
    assert not any(name.startswith("aai_backends") for name in imports("aai.backend_table"))


def test_there_are_no_import_cycles() -> None:
    graph = {module: {name for name in imports(module, types=False) if name in MODULES} for module in MODULES}
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
