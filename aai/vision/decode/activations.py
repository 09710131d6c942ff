"""Logits and probabilities, in full precision and without overflow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from aai.vision.image import Array

_MARGIN = 1e-3
"""Logits this far below the bound are looked at too: the last digit of a probability is decided by the probability."""


def sigmoid(logits: Array) -> Array:
    """1 / (1 + exp(-x)) as float32, in 0..1 for every number."""
    # By way of tanh, which has no value that overflows.
    powers: Array = np.tanh(logits.astype(np.float32) * np.float32(0.5))
    powers += 1
    powers *= np.float32(0.5)
    return powers


def softmax(logits: Array) -> Array:
    """exp(x) / sum(exp(x)) over the last axis, as float32."""
    full = logits.astype(np.float32)
    powers = np.exp(full - full.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def least_logit(confidence: float) -> float:
    """A logit below which no probability is `confidence` or more: a cheap first look at many."""
    if confidence <= 0:
        return -math.inf
    # Of 1, which the probability of any large logit is rounded to.
    share = min(confidence, 1 - 1e-6)
    return math.log(share / (1 - share)) - _MARGIN
