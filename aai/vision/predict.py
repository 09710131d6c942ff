"""A model run on picture files: one document with what it finds, and the pictures with it drawn in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Sequence

from aai.errors import AaiError, BadImage, NotAllowed, NotFound, StorageFailed, UsageError
from aai.vision.image import EXTENSIONS, read_image, write_classes, write_image
from aai.vision.model_folder import ModelName, find_model
from aai.vision.results import SemanticSegmentationResults
from aai.vision.services import SERVICES, Service

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.engines import Accelerator, Engine
    from aai.vision.image import Array


def predict(
    model: ModelName | ModelConfig,
    images: Iterable[str | Path],
    confidence: float = 0.3,
    overlap: float = 0.3,
    engine: Engine | str | None = None,
    accelerator: Accelerator | str = "DEFAULT",
    threads: int = 0,
    precision: str = "float32",
    fallback: bool = False,
    save: str | Path | None = None,
) -> dict[str, Any]:
    """What the model finds in each picture.

    Args:
        model: id, folder or configuration.
        images: picture files.
        confidence: the least confidence, in 0..1.
        overlap: IoU over which the worse of two boxes of a class is dropped.
        engine: what runs the network; None for the best that is here.
        accelerator: what it runs on.
        threads: threads inside the engine; 0 leaves it to the engine.
        precision: the least precision that the engine may calculate with.
        fallback: whether the next engine may be taken when one is not here or can't load the model.
        save: folder for copies of the pictures with the predictions drawn in, DIR/NAME-predicted.EXT; made when it is
            not there. No picture that was given is overwritten.

    Returns:
        {"model", "version", "engine", "engine_reason", "accelerator", "results": [{"image", "width", "height",
        "duration_s", "predictions"}]}; with `save` each result has "saved", the path of the copy, and one of a
        segmentation "class_map", the path of a grey PNG with the class of each pixel. What a prediction is stands at
        `as_dict` of each purpose's results. A picture that can't be read does not keep the others from being run: it
        stands in "failed", {"image", "error"}, which is only there when there is one.

    Raises:
        AaiError: the model is not there or can't be loaded; a copy can't be written; no picture can be read.
    """
    paths = [Path(image) for image in images]
    if not paths:
        raise UsageError("no image was given", None, "name one or more picture files")
    service = service_for(model).load(engine, accelerator, threads, precision, fallback)
    try:
        copies = copy_paths(paths, Path(save)) if save is not None else []
        results, failures = _predict_all(service, paths, copies, confidence, overlap)
        head = {
            "model": service.model_id,
            "version": service.model_config.version,
            "engine": service.engine,
            "engine_reason": service.engine_reason,
            "accelerator": service.accelerator,
        }
    finally:
        service.close()
    if failures and not results:
        raise failures[0][1]
    document = {**head, "results": results}
    failed = [{"image": str(path), "error": error.as_dict()} for path, error in failures]
    return {**document, "failed": failed} if failed else document


def service_for(model: ModelName | ModelConfig) -> Service:
    """The service for the purpose of a model, not loaded yet.

    Raises:
        UsageError: this version has no service for the purpose.
    """
    config = find_model(model) if isinstance(model, (str, Path)) else model
    kind = SERVICES.get(config.purpose)
    if kind is None:
        raise UsageError(
            f"this version can't run models for {config.purpose}",
            str(config.folder),
            f"it runs: {', '.join(SERVICES)}",
        )
    return kind(config.id if config.has_id else config.folder, config)


def copy_paths(images: Sequence[Path], folder: Path) -> list[Path]:
    """A file name in `folder` for each image, all different, none of them one of the images."""
    taken = {path.resolve() for path in images}
    return [
        _free_path(
            folder, f"{image.stem}-predicted", image.suffix if image.suffix.lower() in EXTENSIONS else ".png", taken
        )
        for image in images
    ]


def _free_path(folder: Path, stem: str, extension: str, taken: set[Path]) -> Path:
    """STEM.EXT in `folder`, or STEM-2.EXT and so on, not one of `taken`; is taken from now on."""
    number = 1
    while True:
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{extension}"
        if path.resolve() not in taken:
            taken.add(path.resolve())
            return path
        number += 1


def _predict_all(
    service: Service, paths: Sequence[Path], copies: Sequence[Path], confidence: float, overlap: float
) -> tuple[list[dict[str, Any]], list[tuple[Path, AaiError]]]:
    """The result of each picture that can be read, its marked copy written where `copies` are given; and the others."""
    results = []
    failures: list[tuple[Path, AaiError]] = []
    taken = {path.resolve() for path in (*paths, *copies)}
    for number, path in enumerate(paths):
        try:
            image = read_image(path)
            found = service.run(image, confidence, overlap)
        except (BadImage, NotFound, NotAllowed, StorageFailed) as error:
            failures.append((path, error))
            continue
        size = {"width": image.shape[1], "height": image.shape[0]}
        saved = _save(service, image, found, copies[number], taken) if copies else {}
        results.append({"image": str(path), **size, **found.as_dict(), **saved})
    return results, failures


def _save(service: Service, image: Array, found: Any, copy: Path, taken: set[Path]) -> dict[str, str]:
    """Writes the copy with what was found drawn in, and a map of classes beside it; gives their paths."""
    saved = {"saved": str(write_image(copy, service.draw(image, found)))}
    if isinstance(found, SemanticSegmentationResults):
        path = _free_path(copy.parent, f"{copy.stem}-classes", ".png", taken)
        saved["class_map"] = str(write_classes(path, found.class_map))
    return saved
