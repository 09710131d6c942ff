"""A registry in a folder: one OCI image layout per model at ROOT/<publisher>/<name>, projects beside them.

The folder names are the id in lower case, so that two ids that differ only in case meet in one place, on every file
system. Reading takes no lock: index.json is only ever replaced whole, and blobs never change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, ContextManager, Iterator, Sequence

from aai.core.names import check_tag, did_you_mean, differs_in_case, nearest, parse_id, version_number
from aai.errors import NotFound, RegistryError
from aai.package.read import content_bytes
from aai.ports import Package, Published, TakeFile, VersionInfo, Wanted
from aai.registry.index import ModelIndex
from aai.registry.layout import Layout
from aai.registry.projects import Projects


class FolderRegistry:
    """The registry at `root`, which need not be there: it is made by the first publish. See `ports.Registry`."""

    remote = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = f"dir:{root}"
        self._projects = Projects(root / ".projects")

    def list_models(self, text: str = "") -> list[tuple[str, VersionInfo]]:
        """(model id, latest version) of every model whose id contains `text`, in any case, sorted by id.

        Raises:
            RegistryError: the folder, or the index of a model, can't be read.
        """
        found = []
        for layout in self._layouts(text.lower()):
            index = layout.read()
            latest = index.latest() if index else None
            if index and latest:
                found.append((index.model_id, latest))
        return sorted(found, key=lambda model: model[0])

    def versions(self, model_id: str) -> list[VersionInfo]:
        """All versions, oldest first.

        Raises:
            NotFound: no such model; `fix` holds the nearest ids.
            RegistryError: its index can't be read.
        """
        return self._index(model_id).versions()

    def resolve(self, model_id: str, reference: str | None = None) -> VersionInfo:
        """The version that a number, a tag or a digest names; without a reference, or with "latest", the newest.

        Raises:
            NotFound: no such model, or no such version or tag; `fix` holds the nearest names.
            RegistryError: its index can't be read.
        """
        index = self._index(model_id)
        found = _find(index, reference)
        if found is None:
            raise self._no_version(index, str(reference))
        return found

    def document(self, model_id: str, digest: str) -> bytes:
        """The bytes of an index, manifest or config, its digest checked.

        Raises:
            IntegrityError: the bytes are not the ones that the digest names.
            RegistryError: the blob is missing or can't be read.
        """
        return self._layout(model_id).document(digest)

    def fetch(self, model_id: str, digest: str, size_bytes: int, destination: Path) -> None:
        """Copies a blob to `destination`, a new file, on the disk for good, and checks its digest on the way.

        Raises:
            IntegrityError: the bytes are not the ones that the digest names. Nothing is left of them.
            RegistryError: the blob is missing or can't be read.
            StorageFailed: no space for the copy.
        """
        self._layout(model_id).fetch(digest, size_bytes, destination)

    def staging(self, model_id: str) -> ContextManager[TakeFile]:
        """What copies files into the model's folder while a package is built; see `ports.Registry.staging`."""
        layout = self._layout(model_id)
        _check_case(layout.read(), model_id)
        return layout.staging()

    def publish(self, package: Package, tag: str | None = None, force: bool = False) -> Published:
        """Makes `package` the model's next version, whole or not at all; sets `tag` on it.

        A package whose digest is the latest version's makes no new version unless `force`; `tag` is set all the same.

        Raises:
            UsageError: the registry has the id in another case, or `tag` can't be one.
            IntegrityError: a file changed since the package was built.
            NotAllowed: the registry can't be written.
            StorageFailed: no space.
        """
        if tag is not None:
            check_tag(tag)
        layout = self._layout(package.model_id)
        with layout.locked():
            before = layout.read() or ModelIndex(package.model_id)
            _check_case(before, package.model_id)
            layout.add(package)
            latest = before.latest()
            created = force or latest is None or latest.digest != package.digest
            index = before
            if created:
                index = index.with_version(package.digest, len(package.index), content_bytes(package), package.summary)
            number = index.entries[-1].number
            if tag is not None:
                index = index.with_tag(tag, number)
            if index != before:
                layout.write(index)
        version = index.version(number)
        assert version is not None
        return Published(version, created)

    def set_tag(self, model_id: str, tag: str, number: int) -> None:
        """Lets `tag` name version `number`, whatever it named before.

        Raises:
            UsageError: `tag` can't be one.
            NotFound: no such model or version.
        """
        check_tag(tag)

        def change(index: ModelIndex) -> ModelIndex:
            if index.version(number) is None:
                raise self._no_version(index, str(number))
            return index.with_tag(tag, number)

        self._change(model_id, change)

    def remove_tag(self, model_id: str, tag: str) -> None:
        """Takes `tag` away.

        Raises:
            NotFound: no such model or tag.
        """

        def change(index: ModelIndex) -> ModelIndex:
            if tag not in index.tags:
                raise NotFound(
                    f'{index.model_id} has no tag "{tag}"', self.url, did_you_mean(tag, index.tags) or _tags_line(index)
                )
            return index.without_tag(tag)

        self._change(model_id, change)

    def projects(self) -> list[str]:
        """Names of all projects, sorted."""
        return self._projects.names()

    def project(self, name: str) -> dict[str, int | str | None]:
        """The wanted models of a project.

        Raises:
            NotFound: no such project; `fix` holds the nearest names.
        """
        return self._projects.read(name)

    def create_project(self, name: str) -> None:
        """Makes an empty project.

        Raises:
            UsageError: the name is taken, or is not one.
        """
        self._projects.create(name)

    def change_project(self, name: str, set_models: Wanted, remove_models: Sequence[str] = ()) -> None:
        """Sets and removes wanted models of a project, in one step that no other writer can come between.

        Raises:
            NotFound: no such project.
            UsageError: a key is not a model id.
        """
        self._projects.change(name, set_models, remove_models)

    def _layout(self, model_id: str) -> Layout:
        publisher, name = parse_id(model_id)
        return Layout(self.root / publisher.lower() / name.lower(), model_id)

    def _layouts(self, text: str) -> Iterator[Layout]:
        """The models whose id in lower case contains `text`."""
        for publisher in _folders(self.root):
            for model in _folders(publisher):
                model_id = f"{publisher.name}/{model.name}"
                if text in model_id:
                    yield Layout(model, model_id)

    def _index(self, model_id: str) -> ModelIndex:
        index = self._layout(model_id).read()
        if index is None or not index.entries or index.model_id != model_id:
            raise self._no_model(model_id, index)
        return index

    def _change(self, model_id: str, change: Callable[[ModelIndex], ModelIndex]) -> None:
        self._index(model_id)  # an unknown model is found out before a folder is made for it
        layout = self._layout(model_id)
        with layout.locked():
            index = self._index(model_id)
            changed = change(index)
            if changed != index:
                layout.write(changed)

    def _no_model(self, model_id: str, index: ModelIndex | None) -> NotFound:
        if index is not None and index.entries:
            return NotFound(f"there is no model {model_id}", self.url, f'did you mean "{index.model_id}"?')
        if not self.root.is_dir():
            return NotFound(
                f"there is no model {model_id}: the registry is empty", self.url, "publish one: aai model publish DIR"
            )
        near = nearest(model_id, (layout.model_id for layout in self._layouts("")))
        indexes = [Layout(self.root / name, name).read() for name in near]
        ids = ", ".join(f'"{found.model_id}"' for found in indexes if found and found.entries)
        fix = f"did you mean {ids}?" if ids else "list what there is: aai model list"
        return NotFound(f"there is no model {model_id}", self.url, fix)

    def _no_version(self, index: ModelIndex, reference: str) -> NotFound:
        numbers = f"{index.model_id} has the versions 1 to {index.last_number}"
        if len(index.entries) == 1:
            numbers = f"{index.model_id} has the version {index.last_number} alone"
        elif len(index.entries) != index.last_number:
            numbers = f"{index.model_id} has the versions {', '.join(str(entry.number) for entry in index.entries)}"
        if reference.isdigit():
            return NotFound(f"{index.model_id} has no version {reference}", self.url, numbers)
        near = did_you_mean(reference, index.tags)
        return NotFound(
            f'{index.model_id} has no tag "{reference}"', self.url, near or f"{numbers}; {_tags_line(index)}"
        )


def _find(index: ModelIndex, reference: str | None) -> VersionInfo | None:
    if reference is None or reference == "latest":
        return index.latest()
    number = version_number(reference)
    if number is not None:
        return index.version(number)
    if reference.startswith("sha256:"):
        return index.by_digest(reference)
    return index.version(index.tags.get(reference, 0))


def _tags_line(index: ModelIndex) -> str:
    return f"its tags are {', '.join(sorted(index.tags))}" if index.tags else "it has no tags"


def _check_case(index: ModelIndex | None, model_id: str) -> None:
    if index is not None and index.model_id != model_id:
        raise differs_in_case(model_id, index.model_id)


def _folders(path: Path) -> list[Path]:
    """The folders in `path` that can stand for a publisher or a model, sorted; none when it is not there."""
    try:
        return sorted(entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RegistryError(
            f"the registry can't be read: {error.strerror}", str(path), f"check it: ls -ld {path}"
        ) from error
