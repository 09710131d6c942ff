"""What the core asks of its neighbours, in the core's own words: inference back ends, registries, a person to ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Iterable,
    Mapping,
    NamedTuple,
    Protocol,
    Sequence,
    Union,
)

if TYPE_CHECKING:
    import numpy as np


class Quantisation(NamedTuple):
    """How whole numbers stand for real ones: real = (number - zero_point) * scale (TFLite, quantization specification).

    Args:
        scale: over 0.
        zero_point: the number that stands for 0.
    """

    scale: float
    zero_point: int = 0


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network.

    Args:
        name: as the file has it.
        shape: in the file's own axis order; None for an axis that the file leaves open.
        dtype: numpy's name, such as "float32"; "" when the file does not say.
        quantisation: for whole numbers that stand for real ones, with one scale for the whole tensor.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = ""
    quantisation: Quantisation | None = None


@dataclass(frozen=True)
class Capabilities:
    """What a back end can do, as data.

    Args:
        engines: names of `aai.vision.engines.Engine`.
        accelerators: names of `aai.vision.engines.Accelerator`, without "DEFAULT".
        precisions: what it can calculate with.
        dynamic_batch: whether inputs whose shape is not told take any number of images.
        layout: axis order of images, "NCHW" or "NHWC", that the engine wants whatever the file has; "" for the file's.
    """

    engines: tuple[str, ...]
    accelerators: tuple[str, ...]
    precisions: tuple[str, ...] = ("float32",)
    dynamic_batch: bool = False
    layout: str = ""


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model on disk, absolute."""

    model: Path
    config: Path | None = None


@dataclass(frozen=True)
class LoadOptions:
    """How a back end should load a network.

    Args:
        accelerator: one of the back end's `Capabilities.accelerators`, or "DEFAULT".
        threads: number of threads inside the engine; 0 leaves it to the engine.
        shared_cores: True when other work runs on the same cores: worker threads then sleep instead of spinning.
        outputs: names of the outputs to return, in this order; empty for all.
        input_shape: shape for an input whose file leaves axes open, (1, C, H, W) or (1, H, W, C). An open batch axis
            stays open.
        precision: the least precision that the engine may calculate with, one of the back end's
            `Capabilities.precisions`. A lower one than "float32" changes results.
        parameters: `model_parameters` of the model's configuration, for what only one framework has: `quantize_input`,
            `output_format`, `device` and the like.
    """

    accelerator: str = "DEFAULT"
    threads: int = 0
    shared_cores: bool = True
    outputs: tuple[str, ...] = ()
    input_shape: tuple[int, ...] = ()
    precision: str = "float32"
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """A loaded network: named arrays in, named arrays out. It knows nothing of boxes, labels or images."""

    capabilities: Capabilities
    engine: str
    """What runs the network, with its version: "onnxruntime 1.31.1"."""
    accelerator: str
    """The accelerator in use, never "DEFAULT"."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def infer(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """The outputs for one set of inputs, by name.

        Inputs have the dtype of `inputs`. Quantised outputs (a `TensorSpec.quantisation`) come back as the real values
        that they stand for, float32. The arrays that come back may be overwritten by the next call.

        Raises:
            AaiError: the engine refused the input.
        """
        ...

    def close(self) -> None:
        """Frees what the engine holds. Calling it twice is fine."""
        ...


@dataclass(frozen=True)
class BuildOrder:
    """An engine to build from an ONNX file, for the machine at hand.

    Args:
        onnx: the network; its external data lies beside it.
        engine: file to write.
        precision: "float32", "float16" or "int8": the least that the engine may calculate with.
        workspace_bytes: memory of the GPU for the build; 0 leaves it to the builder.
        input_shape: for axes that the only input leaves open, but the batch: (1, C, H, W) or (1, H, W, C).
        max_batch: images at once, where the network leaves it open.
        input_name: of the input that pictures for int8 are for.
    """

    onnx: Path
    engine: Path
    precision: str = "float32"
    workspace_bytes: int = 0
    input_shape: tuple[int, ...] = ()
    max_batch: int = 1
    input_name: str = ""


class EngineBuilder(Protocol):
    """Builds engines for one framework on this machine; a back end that has one names its class `builder`."""

    about: Mapping[str, str]
    """What engines are built for: versions, and the name of the GPU."""

    def build(
        self,
        order: BuildOrder,
        images: Iterable[np.ndarray[Any, Any]] = (),
        progress: Callable[[str], None] | None = None,
    ) -> list[str]:
        """Builds one engine. Returns notes for people.

        Args:
            order: what to build.
            images: for int8, input tensors of typical pictures, all of one shape.
            progress: told now and then what is being done.

        Raises:
            BadWeights: the network can't be read or built.
            AaiError: it failed. What was written of the engine may lie there then.
        """
        ...

    def close(self) -> None:
        """Frees what it holds. Calling it twice is fine."""
        ...


@dataclass(frozen=True)
class VersionInfo:
    """One published version as a registry lists it.

    Args:
        number: 1, 2, 3, ...
        digest: "sha256:..." of the version's OCI index: its identity.
        tags: movable names that point at it, sorted.
        size_bytes: total size of the files of all variants, each file counted once.
        summary: framework_type, purpose, license, description and the like, for lists.
    """

    number: int
    digest: str
    tags: tuple[str, ...] = ()
    size_bytes: int = 0
    summary: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PackageFile:
    """One file of a package, on the publisher's disk.

    Args:
        path: in the package, relative, with forward slashes.
        source: absolute path on disk.
        size_bytes: its size.
        digest: "sha256:<hex>" of its bytes.
        pieces: "sha256:<hex>" of each piece of 8 MiB, in order; empty for a file of one piece.
    """

    path: str
    source: Path
    size_bytes: int
    digest: str
    pieces: tuple[str, ...] = ()


TakeFile = Callable[[str, Path], PackageFile]
"""(path in the package, file on disk) -> that file, read and with its digest."""


@dataclass(frozen=True)
class Package:
    """A version, built and ready to be published.

    Args:
        model_id: publisher/name.
        index: the bytes of the version's OCI image index.
        digest: "sha256:<hex>" of `index`: the version's identity.
        documents: manifests and configs made in memory, digest -> bytes.
        files: the layers of all variants; a file that stands in several is listed once.
        summary: what lists show: framework_type, purpose, license, description, variants.
    """

    model_id: str
    index: bytes
    digest: str
    documents: Mapping[str, bytes]
    files: tuple[PackageFile, ...]
    summary: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """The answer to a publish: the version, and whether it is new or was the latest already."""

    version: VersionInfo
    created: bool


Wanted = Mapping[str, Union[int, str, None]]
"""The models of a project: model id -> version number, tag, or None for the latest."""


class Registry(Protocol):
    """Where models are published. One instance may be used from several threads."""

    url: str
    """As the user would write it: "dir:/srv/models"."""
    remote: bool
    """Whether using it opens a network connection."""

    def list_models(self, text: str = "") -> list[tuple[str, VersionInfo]]:
        """(model id, latest version) of every model whose id contains `text`, sorted by id."""
        ...

    def versions(self, model_id: str) -> list[VersionInfo]:
        """All versions, oldest first.

        Raises:
            NotFound: no such model; `fix` holds the nearest ids.
        """
        ...

    def resolve(self, model_id: str, reference: str | None = None) -> VersionInfo:
        """The version that a number ("3"), a tag or a digest names; without a reference, or with "latest", the newest.

        Raises:
            NotFound: no such model, or no such version or tag; `fix` holds the nearest names.
        """
        ...

    def document(self, model_id: str, digest: str) -> bytes:
        """The bytes of an index, manifest or config, its digest checked.

        Raises:
            IntegrityError: the bytes are not the ones that the digest names.
            RegistryError: the blob is missing or can't be read.
        """
        ...

    def fetch(self, model_id: str, digest: str, size_bytes: int, destination: Path) -> None:
        """Copies a blob to `destination`, a new file, and checks its digest on the way; nothing is left on failure.

        Raises:
            IntegrityError: the bytes are not the ones that the digest names; names blob and registry.
            RegistryError: the blob is missing or can't be read.
            StorageFailed: no space for the copy.
        """
        ...

    def staging(self, model_id: str) -> ContextManager[TakeFile]:
        """What takes in the files of a version of this model while its package is built.

        A registry on this machine copies each file in the pass that takes its digest, and `publish` moves the copy;
        a remote one only takes the digest. Publish inside the context: what was not published is gone at its end.
        """
        ...

    def publish(self, package: Package, tag: str | None = None, force: bool = False) -> Published:
        """Makes `package` the model's next version, whole or not at all; sets `tag` on it.

        A package whose digest is the latest version's makes no new version unless `force`.
        """
        ...

    def set_tag(self, model_id: str, tag: str, number: int) -> None:
        """Lets `tag` name version `number`, whatever it named before."""
        ...

    def remove_tag(self, model_id: str, tag: str) -> None:
        """Takes `tag` away.

        Raises:
            NotFound: no such tag.
        """
        ...

    def projects(self) -> list[str]:
        """Names of all projects, sorted."""
        ...

    def project(self, name: str) -> dict[str, int | str | None]:
        """The wanted models of a project.

        Raises:
            NotFound: no such project; `fix` holds the nearest names.
        """
        ...

    def create_project(self, name: str) -> None:
        """Makes an empty project.

        Raises:
            UsageError: the name is taken, or is not one.
        """
        ...

    def change_project(self, name: str, set_models: Wanted, remove_models: Sequence[str] = ()) -> None:
        """Sets and removes wanted models of a project, in one step that no other writer can come between."""
        ...


class ContentStore(Protocol):
    """Checked files on this machine, by digest. One instance may be used from several threads."""

    def document(self, registry: Registry, model_id: str, digest: str, keep: bool = True) -> bytes:
        """The bytes of an index or manifest: from the store, else from the registry, and then kept if `keep`.

        Raises:
            IntegrityError, RegistryError: as `Registry.document`.
        """
        ...

    def fetch(self, registry: Registry, model_id: str, digest: str, size_bytes: int, check: bool = False) -> bool:
        """Sees to it that a blob is in the store; whether it had to be fetched.

        With `check` the bytes of a blob that is there are hashed; without, its size and its seal are looked at.

        Raises:
            IntegrityError, RegistryError, StorageFailed: as `Registry.fetch`; a bad blob never replaces a good one.
        """
        ...

    def place(self, digest: str, destination: Path) -> None:
        """Puts a blob of the store at `destination`, a new file: a hard link, or a checked copy where none can be."""
        ...

    def keep(self, manifest_digest: str, receipt: Mapping[str, Any], files: Mapping[str, str]) -> Path:
        """The store's own read-only folder with the files of one manifest (path -> digest), and a receipt beside it."""
        ...


class Prompter(Protocol):
    """Somebody to ask."""

    def select(self, question: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of `choices`."""
        ...

    def text(self, question: str, default: str = "") -> str:
        """A line of text."""
        ...

    def confirm(self, question: str, default: bool = False) -> bool:
        """Yes or no."""
        ...
