"""A small image and its results, kept beside a model, so that any machine can tell whether the model still works.

`golden/golden.json` holds, for each image, what the model answered when it was right: `predictions` as the service
gives them. `aai.golden` in alwaysai.model.json names the files, and publish packs them.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from aai.check.comparison import CONFIDENCE, TOLERANCE, compare
from aai.core.paths import check_inside
from aai.errors import BadImage, Finding, InvalidFiles, NotFound
from aai.package.digest import bytes_digest
from aai.storage import read_json, translated, write_bytes, write_json
from aai.vision.image import cv2, read_image, resize_by
from aai.vision.model_folder import find_model
from aai.vision.predict import service_for

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig
    from aai.vision.engines import Accelerator, Engine
    from aai.vision.image import Array
    from aai.vision.services import Service

FOLDER, DOCUMENT = "golden", "golden.json"
LARGEST_BYTES = 100_000
SCHEMA = 1
OVERLAP = 0.45
_LARGEST_SIDE = 1280
_QUALITIES = (92, 85, 75)
_SHRINK = 0.8
_SMALLEST_SIDE = 32
_KEPT_CLASSES = 5


@dataclass(frozen=True)
class Case:
    """One image with its results.

    Args:
        image: path in the model's folder, with forward slashes.
        digest: "sha256:<hex>" of its bytes.
        predictions: as the service gives them; see the results' `as_dict`.
    """

    image: str
    digest: str
    predictions: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The case as it stands in the document."""
        return {"image": self.image, "digest": self.digest, "predictions": self.predictions}


@dataclass(frozen=True)
class Replay:
    """What a machine made of the images that a model brings.

    Args:
        model: publisher/name, or the folder.
        engine: what ran the network, with its version.
        accelerator: what it ran on.
        cases: how many images were run.
        differences: what is not as it was, a sentence each; empty when all is.
        tolerance: what was allowed to differ.
    """

    model: str
    engine: str
    accelerator: str
    cases: int
    differences: tuple[str, ...]
    tolerance: Mapping[str, float] = field(default_factory=lambda: dict(TOLERANCE))

    @property
    def ok(self) -> bool:
        """Whether all results are as they were."""
        return not self.differences

    def as_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {
            "ok": self.ok,
            "engine": self.engine,
            "accelerator": self.accelerator,
            "cases": self.cases,
            "differences": list(self.differences),
            "tolerance": dict(self.tolerance),
        }


def has_golden(config: ModelConfig) -> bool:
    """Whether a model brings images with results."""
    return bool(config.golden_files)


def keep(service: Service, images: Sequence[Path], config: ModelConfig) -> list[Path]:
    """Puts small copies of `images`, and what the loaded model makes of them, into the model's folder.

    The configuration names them afterwards; it is not written here. What was kept before is taken away.

    Raises:
        BadImage: an image can't be read, or nothing is found in it, so that it would prove nothing.
    """
    small = [(path, *_small(read_image(path), path)) for path in images]
    cases: list[tuple[Case, bytes]] = []
    for number, (path, data, ending) in enumerate(small, 1):
        name = f"{FOLDER}/{number}{ending}"
        predictions = _predictions(service, _decoded(data, path))
        if config.purpose == "Classification":
            predictions = predictions[:_KEPT_CLASSES]
        if not predictions:
            raise BadImage(
                "nothing is found in the image, so that it would prove nothing",
                str(path),
                "choose one in which the model finds something",
            )
        cases.append((Case(name, bytes_digest(data), predictions), data))
    before = [config.folder / name for name in config.golden_files]
    written = [config.folder / case.image for case, _ in cases]
    for (_, data), path in zip(cases, written):
        write_bytes(path, data)
    document = {
        "schema": SCHEMA,
        "purpose": config.purpose,
        "engine": service.engine,
        "confidence": CONFIDENCE,
        "overlap": OVERLAP,
        "tolerance": dict(TOLERANCE),
        "cases": [case.as_dict() for case, _ in cases],
    }
    path = config.folder / FOLDER / DOCUMENT
    write_json(path, document)
    names = [f"{FOLDER}/{DOCUMENT}", *(case.image for case, _ in cases)]
    config.document["aai"] = {**config.aai, "golden": names}
    for old in before:
        if old not in (*written, path):
            with contextlib.suppress(OSError):
                old.unlink()
    return [path, *written]


def replay(
    folder: str | Path,
    engine: Engine | str | None = None,
    accelerator: Accelerator | str = "DEFAULT",
    threads: int = 0,
    golden: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    precision: str = "float32",
    fallback: bool = False,
) -> Replay:
    """Loads a model and compares what it answers for the images that it brings with what was kept.

    Args:
        folder: id or folder of the model.
        engine: what runs the network; None for the default.
        accelerator: what it runs on.
        threads: threads inside the engine; 0 leaves it to the engine.
        golden: folder of another model whose images and results are taken: of the one that this was converted from.
        tolerance: some of `TOLERANCE`, where other limits are wanted, as for a network of lower precision.
        precision: the least precision that the engine may calculate with.
        fallback: whether the next engine may be taken when one can't load the model.

    Raises:
        NotFound: the model brings no images with results.
        InvalidFiles: what it brings can't be read.
        BackendUnavailable, BadWeights, UsageError: see `Service.load`.
    """
    config = find_model(folder)
    source = config if golden is None else find_model(golden)
    cases, kept = read_cases(source)
    service = service_for(config).load(engine, accelerator, threads, precision, fallback)
    try:
        return replay_loaded(service, source.folder, cases, {**kept, **(tolerance or {})})
    finally:
        service.close()


def replay_loaded(
    service: Service, folder: Path, cases: Sequence[Case], tolerance: Mapping[str, float] = TOLERANCE
) -> Replay:
    """`replay` with a service that is loaded already."""
    differences: list[str] = []
    for case in cases:
        path = folder / case.image
        with translated(path):
            data = path.read_bytes()
        if bytes_digest(data) != case.digest:
            differences.append(f"{case.image}: the image is not the one that was kept")
            continue
        image = read_image(path)
        found = _predictions(service, image)
        side = max(image.shape[:2])
        differences += [f"{case.image}: {text}" for text in compare(case.predictions, found, tolerance, side)]
    return Replay(
        service.model_id, service.engine, service.accelerator, len(cases), tuple(differences), dict(tolerance)
    )


def read_cases(config: ModelConfig) -> tuple[list[Case], dict[str, float]]:
    """The images with results that a model brings, and what may differ.

    Raises:
        NotFound: it brings none.
        InvalidFiles: they can't be read.
    """
    names = config.golden_files
    if not names:
        raise NotFound(
            "the model brings no image with results",
            str(config.folder),
            f"keep one: aai model check {config.folder} --golden IMAGE",
        )
    path = check_inside(config.folder, names[0], "aai.golden")
    document = read_json(path, f"keep it anew: aai model check {config.folder} --golden IMAGE")
    try:
        if document["schema"] > SCHEMA:
            raise ValueError(f"schema {document['schema']} is newer than this program")
        cases = [
            Case(str(entry["image"]), str(entry["digest"]), [dict(found) for found in entry["predictions"]])
            for entry in document["cases"]
        ]
        given = document.get("tolerance") or {}
        tolerance = {name: float(given.get(name, value)) for name, value in TOLERANCE.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        finding = Finding("error", f"the kept results can't be read: {error}", str(path), "keep them anew: --golden")
        raise InvalidFiles("the kept results can't be read", [finding]) from error
    for case in cases:
        check_inside(config.folder, case.image, "aai.golden")
    return cases, tolerance


def _predictions(service: Service, image: Array) -> list[dict[str, Any]]:
    """What the service answers, of a classifier for all classes; the best first."""
    if service.purpose == "ReIdentification":
        return [{"embedding": [round(float(value), 5) for value in service.run(image).embedding]}]
    least = 0.0 if service.purpose == "Classification" else CONFIDENCE
    return list(service.run(image, least, OVERLAP).as_dict()["predictions"])


def _small(image: Array, path: Path) -> tuple[bytes, str]:
    """The image in at most `LARGEST_BYTES`, as PNG where that is enough and as JPEG else; and the file's ending."""
    data = _encoded(image, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if len(data) <= LARGEST_BYTES:
        return data, ".png"
    factor = min(1.0, _LARGEST_SIDE / max(image.shape[:2]))
    while factor * max(image.shape[:2]) >= _SMALLEST_SIDE:
        smaller = resize_by(image, factor) if factor < 1 else image
        for quality in _QUALITIES:
            data = _encoded(smaller, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])
            if len(data) <= LARGEST_BYTES:
                return data, ".jpg"
        factor *= _SHRINK
    raise BadImage("the picture can't be made small enough to be kept", str(path), "choose another one")


def _encoded(image: Array, ending: str, options: list[int]) -> bytes:
    done, data = cv2.imencode(ending, image, options)
    return bytes(data.tobytes()) if done else b""


def _decoded(data: bytes, path: Path) -> Array:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise BadImage("the picture can't be encoded", str(path), "choose another one")
    decoded: Array = pixels
    return decoded
