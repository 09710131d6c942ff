"""Services: one class for each purpose, from a frame to results in pixels of that frame."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from aai import backend_table
from aai.core.fields import FILE_NAME
from aai.errors import AaiError, UsageError
from aai.ports import LoadOptions, ModelFiles
from aai.vision.boxes import nms
from aai.vision.decode import Request, classification_softmax, decode_classes, detection_decoder
from aai.vision.image import as_bgr
from aai.vision.labels import LabelMap, load_colours, load_labels, palette
from aai.vision.model_folder import ModelName, find_model, model_file
from aai.vision.network_input import fitted_recipe, input_shape
from aai.vision.preprocess import Placement, Preprocessor
from aai.vision.results import ClassificationResults, ObjectDetectionResults

if TYPE_CHECKING:
    from typing import Mapping, TypeVar

    from aai.core.model_config import ModelConfig
    from aai.ports import Backend
    from aai.vision.decode import Candidates
    from aai.vision.engines import Accelerator, Engine
    from aai.vision.image import Array

    Self = TypeVar("Self", bound="Service")

_PLAIN_COLOURS = 100
_MOST_THREADS = 1024
"""More than any device has cores; an engine that is told to start a million takes the machine down."""
_FAR = 1e6
"""Pixels: where the corners of overflowing boxes are put, so that sums and areas of boxes stay finite."""


class Service:
    """A model that can be loaded and run; the part that all purposes share.

    An instance may be used from several threads: the calls follow each other. Threads that are to run at the same time
    take an instance each.

    Args:
        model_id: "publisher/name" of a model in the app's `models/`, or the path of a model folder.
        model_config: the configuration, for a model that is not looked up.

    Raises:
        NotFound: no such model.
        InvalidFiles: its configuration has errors.
        UsageError: the model is for another purpose.
    """

    purpose = ""

    def __init__(self, model_id: ModelName, model_config: ModelConfig | None = None) -> None:
        config = model_config or find_model(model_id)
        if config.purpose != self.purpose:
            raise _wrong_purpose(config, self.purpose)
        self._config = config
        self._model_id = config.id if config.has_id else str(model_id)
        labels = model_file(config, "label_file")
        self._labels = load_labels(labels) if labels else []
        colours = model_file(config, "colors_file")
        self._colours = load_colours(colours) if colours else palette(len(self._labels) or _PLAIN_COLOURS)
        self._lock = threading.Lock()
        self._backend: Backend | None = None

    def load(
        self: Self, engine: Engine | str | None = None, accelerator: Accelerator | str = "DEFAULT", threads: int = 0
    ) -> Self:
        """Loads the network. Returns the service itself.

        Args:
            engine: what runs the network; None for the default of the model's framework.
            accelerator: what it runs on; "DEFAULT" for the engine's own choice.
            threads: threads inside the engine; 0 leaves it to the engine.

        Raises:
            BackendUnavailable: the runtime is not installed; `fix` holds the command that installs it.
            BadWeights: the files can't be loaded.
            UsageError: the engine does not run this framework, or the configuration does not fit the network.
        """
        if not 0 <= threads <= _MOST_THREADS:
            raise UsageError(
                f"threads is {threads}, where 0 to {_MOST_THREADS} belongs", "threads", "0 leaves it to the engine"
            )
        recipe = self._config.input_recipe()
        weights = model_file(self._config, "model_file")
        if weights is None:
            raise UsageError("the configuration names no model file", str(self._config.folder / FILE_NAME))
        options = LoadOptions(
            accelerator=_name(accelerator),
            threads=threads,
            outputs=self._config.output_names,
            input_shape=input_shape(recipe),
        )
        files = ModelFiles(weights, model_file(self._config, "config_file"))
        backend = backend_table.load(self._config.framework, files, options, _name(engine) if engine else None)
        where = str(self._config.folder / FILE_NAME)
        try:
            recipe = fitted_recipe(recipe, backend.inputs, where)
            preprocess = Preprocessor(recipe)
            self._prepare()
        except BaseException:
            backend.close()
            raise
        with self._lock:
            # In one step: a thread that is waiting to run finds the old network or the new one.
            before, self._backend = self._backend, backend
            self._preprocess, self._size, self._input = preprocess, recipe.size, backend.inputs[0].name
            if before is not None:
                before.close()
        return self

    def close(self) -> None:
        """Frees the network. The service can be loaded again."""
        with self._lock:
            if self._backend is not None:
                self._backend.close()
                self._backend = None

    @property
    def model_id(self) -> str:
        """publisher/name; the folder for a model without an id."""
        return self._model_id

    @property
    def model_config(self) -> ModelConfig:
        """The model's configuration."""
        return self._config

    @property
    def labels(self) -> list[str]:
        """The lines of the label file; empty when there is none."""
        return self._labels

    @property
    def colors(self) -> list[tuple[int, int, int]]:
        """A colour for each class (blue, green, red): those of the colour file, else well-spread ones."""
        return self._colours

    @property
    def engine(self) -> str:
        """What runs the network, with its version; "" before `load`."""
        return self._backend.engine if self._backend else ""

    @property
    def accelerator(self) -> str:
        """What the network runs on; "" before `load`."""
        return self._backend.accelerator if self._backend else ""

    def _prepare(self) -> None:
        """Checks what the decoding needs; called while loading."""
        raise AssertionError("each purpose has its own")

    def _outputs(self, image: Array) -> tuple[Mapping[str, Array], Placement]:
        if self._backend is None:
            raise UsageError(
                f"the model {self._model_id} is not loaded",
                None,
                f"call load() first: {type(self).__name__}(...).load()",
            )
        tensor, placement = self._preprocess(image)
        return self._backend.infer({self._input: tensor}), placement


class ObjectDetection(Service):
    """Finds objects in images with a model whose purpose is ObjectDetection; see `Service`."""

    purpose = "ObjectDetection"

    def detect_objects(
        self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3
    ) -> ObjectDetectionResults:
        """The objects in an image, by falling confidence, in pixels of the image.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            confidence_level: the least confidence, in 0..1.
            overlap_threshold: of two boxes of a class that overlap more than this (IoU, in 0..1) the better one stays.
                A network that does its own suppression (SSD) ignores it.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded, or a threshold is out of range.
            AaiError: the engine refused the input, or the outputs do not have the layout that the configuration says.
        """
        _check_share("confidence_level", confidence_level)
        _check_share("overlap_threshold", overlap_threshold)
        started = time.perf_counter()
        frame = as_bgr(image)
        # What a broken network gives overflows or is no number; `_best` sorts it out, and nobody need be warned.
        with np.errstate(over="ignore", invalid="ignore"):
            with self._lock:
                outputs, placement = self._outputs(frame)
                found = self._decode(outputs, Request(self._size, confidence_level, self._settings))
            kept = _best(found, overlap_threshold)
        boxes = placement.to_image(found.boxes_xyxy[kept]).astype(np.float32, copy=False)
        scores = found.scores[kept].astype(np.float32, copy=False)
        inside = boxes[:, 2:] > boxes[:, :2]
        if not inside.all():
            # Of a box in the border of a letterbox nothing is left.
            rows = inside.all(axis=1)
            boxes, scores, kept = boxes[rows], scores[rows], kept[rows]
        label = LabelMap(self._labels, found.classes, found.first_class)
        duration = time.perf_counter() - started
        return ObjectDetectionResults(boxes, scores, found.class_ids[kept], label, duration, frame)

    def _prepare(self) -> None:
        self._decode, self._settings = detection_decoder(self._config)


class Classification(Service):
    """Tells what an image shows with a model whose purpose is Classification; see `Service`."""

    purpose = "Classification"

    def classify_image(self, image: Any, confidence_level: float = 0.3) -> ClassificationResults:
        """The classes of an image whose confidence is high enough, by falling confidence.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            confidence_level: the least confidence, in 0..1.

        Raises:
            BadImage: not an image.
            UsageError: the model is not loaded, or the confidence is out of range.
            AaiError: the engine refused the input, or the output is no vector of classes.
        """
        _check_share("confidence_level", confidence_level)
        started = time.perf_counter()
        frame = as_bgr(image)
        with np.errstate(over="ignore", invalid="ignore"), self._lock:
            outputs, _ = self._outputs(frame)
            scores = decode_classes(outputs, self._softmax)
        enough = np.flatnonzero(scores >= np.float32(confidence_level))
        class_ids = enough[np.argsort(-scores[enough], kind="stable")]
        label = LabelMap(self._labels, len(scores))
        duration = time.perf_counter() - started
        return ClassificationResults(scores[class_ids], class_ids, label, duration, frame)

    def _prepare(self) -> None:
        self._softmax = classification_softmax(self._config)


SERVICES: Mapping[str, type[Service]] = {kind.purpose: kind for kind in (ObjectDetection, Classification)}


def _best(found: Candidates, overlap: float) -> Array:
    """Indices of the candidates that stay after suppression, by falling score."""
    # The boxes of a broken network may be no numbers.
    if not math.isfinite(found.boxes_xyxy.sum()):
        real = np.flatnonzero(np.isfinite(found.boxes_xyxy.astype(np.float64)).all(axis=1))
        boxes = np.clip(found.boxes_xyxy[real], -_FAR, _FAR)
        sound = found._replace(boxes_xyxy=boxes, scores=found.scores[real], class_ids=found.class_ids[real])
        kept: Array = real[_best(sound, overlap)]
        return kept
    if found.suppressed:
        return np.argsort(-found.scores, kind="stable")
    return nms(found.boxes_xyxy, found.scores, found.class_ids, overlap)


def _wrong_purpose(config: ModelConfig, wanted: str) -> AaiError:
    fix = f"use aai.{config.purpose}" if config.purpose in SERVICES else None
    return UsageError(
        f"the model is for {config.purpose}, and {wanted} was asked for", str(config.folder / FILE_NAME), fix
    )


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is {value}, where a number from 0 to 1 belongs", name, f"{name}=0.3 is the default")


def _name(choice: Engine | Accelerator | str) -> str:
    return str(choice).upper()
