"""What the services of all purposes share: finding a model, loading it, and running it on frames."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

import numpy as np

from aai import backend_table
from aai.core.fields import FILE_NAME
from aai.errors import AaiError, UsageError
from aai.ports import LoadOptions, ModelFiles
from aai.vision import trial
from aai.vision.batches import infer_batch, one_by_one
from aai.vision.image import as_bgr
from aai.vision.labels import load_colours, load_labels, palette
from aai.vision.model_folder import ModelName, find_model, model_file
from aai.vision.network_input import fitted_recipe
from aai.vision.preprocess import Placement, Preprocessor, stretched
from aai.vision.size_input import with_size_given

if TYPE_CHECKING:
    from typing import Mapping, TypeVar

    from aai.backend_table import Candidate
    from aai.core.model_config import InputRecipe, ModelConfig
    from aai.ports import Backend
    from aai.vision.engines import Accelerator, Engine
    from aai.vision.image import Array

    Self = TypeVar("Self", bound="Service")
    PreProcess = Callable[..., Array]
    PostProcess = Callable[..., Any]
    Outputs = Mapping[str, Array]

_NOT_TRIED = ("OAK",)
"""Engines whose device starts anew with each process, and is gone for seconds."""

_PLAIN_COLOURS = 100
_MOST_THREADS = 1024
"""More than any device has cores; an engine that is told to start a million takes the machine down."""


class Service:
    """A model that can be loaded and run; the part that all purposes share.

    An instance may be used from several threads: the calls follow each other. Threads that are to run at the same time
    take an instance each.

    Args:
        model_id: "publisher/name" of a model in the app's `models/`, or the path of a model folder.
        model_config: the configuration, for a model that is not looked up.
        pre_process: called as pre_process(image=, size=) in place of the configured pre-processing: `image` is
            (H, W, 3) uint8 BGR, `size` the network's (width, height); returns the input tensor, with or without the
            batch axis, or flat.
        pre_process_batch: likewise, with images=, a list, for the batch calls; returns a tensor for all of them.
        post_process: called in place of the decoder; what it is given and returns stands at each service.
        post_process_batch: likewise, with results= and images= of a whole batch; returns a list.

    Raises:
        NotFound: no such model.
        InvalidFiles: its configuration has errors.
        UsageError: the model is for another purpose.
    """

    purpose = ""

    def __init__(
        self,
        model_id: ModelName,
        model_config: ModelConfig | None = None,
        pre_process: PreProcess | None = None,
        pre_process_batch: PreProcess | None = None,
        post_process: PostProcess | None = None,
        post_process_batch: PostProcess | None = None,
    ) -> None:
        config = model_config or find_model(model_id)
        if config.purpose != self.purpose:
            raise _wrong_purpose(config, self.purpose)
        self._config = config
        self._model_id = config.id if config.has_id else str(model_id)
        self._pre_process, self._pre_process_batch = pre_process, pre_process_batch
        self._post_process, self._post_process_batch = post_process, post_process_batch
        labels = model_file(config, "label_file")
        self._labels = load_labels(labels) if labels else []
        colours = model_file(config, "colors_file")
        self._colours = load_colours(colours) if colours else palette(len(self._labels) or _PLAIN_COLOURS)
        self._lock = threading.Lock()
        self._backend: Backend | None = None
        self._reason = ""

    def load(
        self: Self,
        engine: Engine | str | None = None,
        accelerator: Accelerator | str = "DEFAULT",
        threads: int = 0,
        precision: str = "float32",
        fallback: bool = False,
    ) -> Self:
        """Loads the network. Returns the service itself.

        Args:
            engine: what runs the network; None for the best that is here for the model's framework.
            accelerator: what it runs on; "DEFAULT" for the engine's own choice.
            threads: threads inside the engine; 0 leaves it to the engine.
            precision: the least precision that the engine may calculate with, where it has lower ones: "float32",
                "float16", "bfloat16". A lower one than "float32" changes results.
            fallback: whether the next engine may be taken when one is not here or can't load the model; see
                `engine_reason` for what came of it.

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
            input_shape=recipe.shape,
            precision=precision.lower(),
            parameters=self._config.parameters,
        )
        files = ModelFiles(weights, model_file(self._config, "config_file"))
        backend, reason = backend_table.load_best(
            self._config.framework,
            files,
            options,
            _name(engine) if engine else None,
            fallback,
            lambda candidate: self._try(candidate, options),
        )
        backend = with_size_given(backend)
        where = str(self._config.folder / FILE_NAME)
        try:
            recipe = fitted_recipe(recipe, backend.inputs, where, backend.capabilities.layout)
            preprocessor = Preprocessor(recipe)
            self._prepare()
        except BaseException:
            backend.close()
            raise
        with self._lock:
            # In one step: a thread that is waiting to run finds the old network or the new one.
            before, self._backend = self._backend, backend
            self._reason = "; ".join(filter(None, (reason, getattr(backend, "accelerator_reason", ""))))
            self._recipe, self._preprocessor = recipe, preprocessor
            self._size, self._input, self._together = recipe.size, backend.inputs[0].name, True
            if before is not None:
                before.close()
        return self

    def _try(self, candidate: Candidate, options: LoadOptions) -> None:
        """Raises when the engine dies of the model's files; see `trial`. Other faults show in the loading here."""
        runtime = (candidate.engine, candidate.runtime, options.accelerator, options.precision)
        if candidate.engine in _NOT_TRIED or not trial.is_wanted(self._config, runtime):
            return
        try:
            trial.try_model(self._config, candidate.engine, options.accelerator, options.threads, options.precision)
        except trial.RuntimeDied:
            raise
        except AaiError:
            return
        trial.remember(self._config, runtime)

    @property
    def recipe(self) -> InputRecipe:
        """The pre-processing in use, with what the configuration leaves open taken from the network; after `load`."""
        self._loaded()
        return self._recipe

    def use_recipe(self, recipe: InputRecipe) -> None:
        """Takes another pre-processing than the configured one for the network that is loaded, until the next `load`.

        Raises:
            UsageError: the model is not loaded, or the network wants another shape than the recipe makes.
        """
        network = self._loaded()
        where = str(self._config.folder / FILE_NAME)
        fitted = fitted_recipe(recipe, network.inputs, where, network.capabilities.layout)
        preprocessor = Preprocessor(fitted)
        with self._lock:
            self._recipe, self._preprocessor, self._size = fitted, preprocessor, fitted.size

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
    def engine_reason(self) -> str:
        """Why this engine runs the network, and on this accelerator; "" before `load`."""
        return self._reason if self._backend else ""

    @property
    def accelerator(self) -> str:
        """What the network runs on; "" before `load`."""
        return self._backend.accelerator if self._backend else ""

    def run(self, image: Any, confidence_level: float = 0.3, overlap_threshold: float = 0.3) -> Any:
        """The results for an image, by whatever call the purpose has; they have `as_dict()`.

        Args:
            image: (H, W, 3) uint8 BGR; grey, BGRA and 16-bit images are converted.
            confidence_level: the least confidence, in 0..1, where the purpose has one.
            overlap_threshold: IoU over which the worse of two boxes of a class is dropped, where the purpose has boxes.
        """
        raise AssertionError("each purpose has its own")

    def draw(self, image: Array, results: Any) -> Array:
        """A copy of `image`, (H, W, 3) uint8 BGR, with the results of `run` drawn in."""
        raise AssertionError("each purpose has its own")

    def outputs(self, image: Any) -> dict[str, Array]:
        """What the network gives for an image, by output, as copies: before any decoding, for checks of the network."""
        frame = as_bgr(image)
        with np.errstate(over="ignore", invalid="ignore"), self._lock:
            return {name: np.array(array) for name, array in self._outputs(frame)[0].items()}

    def _prepare(self) -> None:
        """Checks what the decoding needs; called while loading."""
        raise AssertionError("each purpose has its own")

    def _outputs(self, image: Array) -> tuple[Outputs, Placement]:
        """The network's outputs for one frame, and where the frame lies in its input; to be called with the lock held.

        The arrays may be overwritten by the next call.
        """
        backend = self._loaded()
        tensor, placement = self._tensor(image)
        with _blaming("pre_process" if self._pre_process else ""):
            return one_by_one(backend, self._input, tensor), placement

    def _outputs_of_batch(self, images: Sequence[Array]) -> list[tuple[Outputs, Placement]]:
        """`_outputs` for several frames, in as few runs as the network's batch axis allows; the arrays are copies."""
        backend = self._loaded()
        placements = []
        tensors: Sequence[Array] | Array
        if self._pre_process_batch is not None:
            tensors = np.asarray(self._pre_process_batch(images=list(images), size=self._size))
            placements = [stretched(image.shape, self._size) for image in images]
        else:
            tensors = []
            for image in images:
                tensor, placement = self._tensor(image)
                tensors.append(tensor[0].copy())
                placements.append(placement)
        with _blaming("pre_process_batch" if self._pre_process_batch else "pre_process" if self._pre_process else ""):
            outputs, self._together = infer_batch(backend, self._input, np.asarray(tensors), self._together)
        if len(outputs) != len(images):
            raise UsageError(
                f"pre_process_batch returned {len(outputs)} tensors for {len(images)} images",
                "pre_process_batch",
                "return one for each image",
            )
        return list(zip(outputs, placements))

    def _tensor(self, image: Array) -> tuple[Array, Placement]:
        if self._pre_process is None:
            return self._preprocessor(image)
        tensor = np.asarray(self._pre_process(image=image, size=self._size))
        # The reference's TensorRT hook gives it flat.
        shape = self._recipe.shape
        fits = tensor.size == int(np.prod(shape))
        return (tensor.reshape(shape) if fits else tensor), stretched(image.shape, self._size)

    def _loaded(self) -> Backend:
        if self._backend is None:
            raise UsageError(
                f"the model {self._model_id} is not loaded",
                None,
                f"call load() first: {type(self).__name__}(...).load()",
            )
        return self._backend


@contextmanager
def _blaming(hook: str) -> Iterator[None]:
    """Has the engine's refusal of a tensor name the hook that made it; "" for none."""
    try:
        yield
    except AaiError as error:
        if not hook:
            raise
        raise UsageError(error.what, hook, "return the tensor that the network takes") from error


def parts_of_hook(given: Any, *names: str) -> tuple[Any, ...]:
    """What a post_process hook returned, taken apart.

    Args:
        given: what it returned.
        names: of the parts, in order.

    Raises:
        UsageError: it is not that many parts.
    """
    if not isinstance(given, (tuple, list)) or len(given) != len(names):
        some = f"{len(given)} parts" if isinstance(given, (tuple, list)) else f"a {type(given).__name__}"
        raise UsageError(
            f"post_process returned {some}, where {len(names)} parts belong",
            "post_process",
            f"return ({', '.join(names)})",
        )
    return tuple(given)


def check_share(name: str, value: float) -> None:
    """Refuses a threshold outside of 0..1, with a UsageError that names it."""
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is {value}, where a number from 0 to 1 belongs", name, f"{name}=0.3 is the default")


def _wrong_purpose(config: ModelConfig, wanted: str) -> UsageError:
    return UsageError(
        f"the model is for {config.purpose}, and {wanted} was asked for",
        str(config.folder / FILE_NAME),
        f"use aai.{config.purpose}",
    )


def _name(choice: Engine | Accelerator | str) -> str:
    return str(choice).upper()
