"""Whether a converted variant still is what its model would be converted to now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aai.package.digest import package_file

if TYPE_CHECKING:
    from aai.core.model_config import ModelConfig

SOURCE = "converted_from"
"""Entry of a variant's `aai` section: what its model was when it was converted."""
_SETTINGS = ("size", "mean", "scalefactor", "swaprb", "crop", "purpose")


def source_of(config: ModelConfig) -> dict[str, Any]:
    """What a variant remembers of the model that it is made from: digest of the weights, and the settings in force."""
    weights = config.file("model_file")
    settings = {name: config.value(name) for name in _SETTINGS}
    there = weights is not None and weights.is_file()
    return {**settings, "weights": package_file("weights", weights).digest if weights and there else None}


def changed_since(config: ModelConfig, variant: ModelConfig) -> list[str]:
    """What of a model is not as it was when `variant` was made from it; empty when all is, or nobody converted it."""
    then = variant.aai.get(SOURCE)
    if not isinstance(then, dict):
        return []
    now = source_of(config)
    return [name for name in (*_SETTINGS, "weights") if name in then and then[name] != now[name]]
