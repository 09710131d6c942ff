"""A configured Darknet model as a variant in ONNX, which runs without OpenCV 4 and is the way to TensorRT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai.convert.darknet_onnx import convert_darknet
from aai.convert.variant import write_variant
from aai.core.inspect.darknet import inspect_darknet
from aai.errors import UsageError

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig

KEY = "onnx"


def darknet_to_onnx(config: ModelConfig, key: str = KEY) -> ModelConfig:
    """The configuration of the variant `variants/<key>/`, which holds the network as ONNX.

    Pre-processing, labels and decoder stay; the decoder gets the anchors of the heads, which are left raw.

    Raises:
        UsageError: not a Darknet model, or it names no cfg.
        BadWeights: the files have errors, or the network a layer that is not converted.
        BackendUnavailable: the package onnx is not installed.
    """
    weights, cfg = config.file("model_file"), config.file("config_file")
    if config.framework != "darknet" or weights is None or cfg is None:
        raise UsageError(
            f"only Darknet models are converted to ONNX, and this one is for {config.framework or 'nothing known'}",
            str(config.folder),
            "export other models to ONNX where they were trained",
        )
    name = f"{weights.stem}.onnx"
    decoder = inspect_darknet(weights, cfg).facts.get("decoder")
    section = {"decoder": {**config.decoder, **decoder.value}} if decoder else {}
    parameters = {"framework_type": "onnx", "model_file": name, "config_file": "", "output_layer_names": []}
    return write_variant(config, key, {name: convert_darknet(cfg, weights)}, parameters, section)
