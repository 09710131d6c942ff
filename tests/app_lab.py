"""A registry, a store and an app in one folder, and models to publish: what the tests of the app side share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping

from aai.core.app.install import InstallOptions, InstallResult, install_app
from aai.core.app.resolve import Plan, apply_plan, plan_add
from aai.core.app.scaffold import configure_app
from aai.core.app.target import Machine
from aai.core.model_config import load
from aai.core.publish import publish_model
from aai.device.store import Store
from aai.registry.folder import FolderRegistry

PC = Machine("x86_64", "", frozenset({"onnx", "darknet"}))
LABELS = b"cat\ndog\n"


class Lab:
    """Everything that an app needs, real, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry: Any = FolderRegistry(folder / "registry")
        self.store = Store(folder / "store")
        self.app = folder / "app"
        self.machine = PC
        configure_app(self.app)

    def model_folder(
        self,
        model_id: str = "acme/yolo",
        weights: bytes = b"weights",
        name: str = "",
        files: Mapping[str, bytes] | None = None,
        variants: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Path:
        """A model folder on disk; `variants`: key -> framework, weights, device."""
        folder = self.folder / "models" / (name or model_id.replace("/", "-"))
        write_model(folder, model_id, "onnx", weights, files)
        for key, variant in (variants or {}).items():
            write_model(
                folder / "variants" / key,
                model_id,
                variant.get("framework", "onnx"),
                variant.get("weights", key.encode()),
                None,
                variant.get("device"),
            )
        return folder

    def publish(
        self, model_id: str = "acme/yolo", weights: bytes = b"weights", tag: str | None = None, **more: Any
    ) -> int:
        """Publishes a model made of `weights`; the version."""
        folder = self.model_folder(model_id, weights, **more)
        return publish_model(load(folder), self.registry, tag=tag).number

    def add(self, *references: str, local: bool = False) -> Plan:
        """`aai app models add`."""
        plan = plan_add(self.app, references, self.registry, local)
        apply_plan(plan, self.registry)
        return plan

    def install(self, **options: Any) -> InstallResult:
        """`aai app install`."""
        return install_app(self.app, self.registry, self.store, lambda: self.machine, InstallOptions(**options))

    def place(self, model_id: str = "acme/yolo") -> Path:
        """Where the app reads a model."""
        return self.app / "models" / model_id

    def weights(self, model_id: str = "acme/yolo") -> bytes:
        """What the app reads."""
        return (self.place(model_id) / "weights.onnx").read_bytes()

    def version(self, model_id: str = "acme/yolo") -> int:
        """The version in the installed alwaysai.model.json."""
        return int(json.loads((self.place(model_id) / "alwaysai.model.json").read_text())["version"])

    def json(self, name: str) -> Any:
        """A JSON file of the app."""
        return json.loads((self.app / name).read_text())


def write_model(
    folder: Path,
    model_id: str,
    framework: str,
    weights: bytes,
    files: Mapping[str, bytes] | None = None,
    device: str | None = None,
) -> None:
    """Writes a model folder: configuration, weights, labels, and more `files` that `aai.files` lists."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.onnx").write_bytes(weights)
    (folder / "labels.txt").write_bytes(LABELS)
    for path, data in (files or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    parameters = {
        "framework_type": framework,
        "purpose": "ObjectDetection",
        "model_file": "weights.onnx",
        "label_file": "labels.txt",
        "size": [32, 32],
        **({"device": device} if device else {}),
    }
    document = {"id": model_id, "model_parameters": parameters, "aai": {"files": list(files or {})}}
    (folder / "alwaysai.model.json").write_text(json.dumps(document))
